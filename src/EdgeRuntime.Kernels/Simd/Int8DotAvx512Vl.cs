using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Pairs of int16: VPMADDWD and VPADDD on 256 bits with the 32 registers of AVX-512: where 512-bit instructions are executed as halves, the
/// additions of these find their ports better. Weights are doubled when packed.</summary>
public readonly unsafe struct Int8DotAvx512Vl : IInt8Dot<Vector256<int>>
{
    /// <inheritdoc/>
    public static string Name => "avx512vl";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.Avx512;

    /// <inheritdoc/>
    public static (double ProductsPerCycle, double RequantizeCycles) Cost => (24.2, 5);

    /// <inheritdoc/>
    public static int Step => 2;

    /// <inheritdoc/>
    public static int Lanes => Vector256<int>.Count;

    /// <inheritdoc/>
    public static int Vectors => 4;

    /// <inheritdoc/>
    public static bool IsDoubled => true;

    /// <inheritdoc/>
    public static bool AllowsWeightZeroPoints => true;

    /// <inheritdoc/>
    public static int InputOffset(int zeroPoint) => -zeroPoint;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(void* source) => Vector256.Load((int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(void* source) => Vector256.Create(*(int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> input, Vector256<int> weights) =>
        sum + Avx2.MultiplyAddAdjacent(input.AsInt16(), weights.AsInt16());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ref Vector256<int> sum0, ref Vector256<int> sum1, Vector256<int> input, Vector256<int> weights0, Vector256<int> weights1)
    {
        sum0 = MultiplyAdd(sum0, input, weights0);
        sum1 = MultiplyAdd(sum1, input, weights1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector256<int> sum) => sum.Store(destination);

    /// <inheritdoc/>
    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToInt16(source, (short*)destination, count, zeroPoint);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => RequantizeAvx512.Tile(tile, call);
}
