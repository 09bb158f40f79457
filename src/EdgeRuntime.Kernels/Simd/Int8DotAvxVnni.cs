using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>The one instruction sum + Σ u8 · s8 over 4 bytes (VPDPBUSD), so that tests can put an equal in its place.</summary>
public interface IDotUnsignedSigned
{
    /// <summary>sum + Σ input·weights, products of 4 neighbouring bytes, no saturation.</summary>
    static abstract Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<byte> input, Vector256<sbyte> weights);
}

/// <summary>The AVX-VNNI instruction.</summary>
public readonly struct AvxVnniInstruction : IDotUnsignedSigned
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
#pragma warning disable CA2252 // AvxVnni was a preview API before .NET 10
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<byte> input, Vector256<sbyte> weights) => AvxVnni.MultiplyWideningAndAdd(sum, input, weights);
#pragma warning restore CA2252
}

/// <summary>Quadruples of bytes: VPDPBUSD on 256 bits. Input is multiplied as x + 128, which the bias takes back.</summary>
public readonly unsafe struct Int8DotAvxVnni<TInstruction> : IInt8Dot<Vector256<int>> where TInstruction : struct, IDotUnsignedSigned
{
    /// <inheritdoc/>
    public static string Name => "avxvnni";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.AvxVnni;

    /// <inheritdoc/>
    public static (double ProductsPerCycle, double RequantizeCycles) Cost => (45, 9);

    /// <inheritdoc/>
    public static int Step => 4;

    /// <inheritdoc/>
    public static int Lanes => Vector256<int>.Count;

    /// <inheritdoc/>
    public static int Vectors => 2;

    /// <inheritdoc/>
    public static bool IsDoubled => false;

    /// <inheritdoc/>
    public static bool AllowsWeightZeroPoints => false;

    /// <inheritdoc/>
    public static int InputOffset(int zeroPoint) => 128;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(void* source) => Vector256.Load((int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(void* source) => Vector256.Create(*(int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> input, Vector256<int> weights) =>
        TInstruction.MultiplyAdd(sum, input.AsByte(), weights.AsSByte());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ref Vector256<int> sum0, ref Vector256<int> sum1, Vector256<int> input, Vector256<int> weights0, Vector256<int> weights1)
    {
        sum0 = MultiplyAdd(sum0, input, weights0);
        sum1 = MultiplyAdd(sum1, input, weights1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector256<int> sum) => (sum + sum).Store(destination);

    /// <inheritdoc/>
    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToUnsigned(source, destination, count);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => RequantizeAvx2.Tile(tile, call);
}
