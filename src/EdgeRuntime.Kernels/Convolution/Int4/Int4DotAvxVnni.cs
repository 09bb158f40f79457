using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>VPDPBUSD: the nibbles are the unsigned operand, so that the input stays as it is.</summary>
public readonly unsafe struct Int4DotAvxVnni<TInstruction> : IInt4Dot<Vector256<int>> where TInstruction : struct, IDotUnsignedSigned
{
    /// <inheritdoc/>
    public static string Name => "avxvnni";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.AvxVnni;

    /// <inheritdoc/>
    public static (double PerCycle, double Finish) Cost(bool isRow) => (isRow ? 30 : 36, 80);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(void* source) => Int4DotAvx2.Load(source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Broadcast(void* source) => Int4DotAvx2.Broadcast(source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Low(Vector256<int> bytes) => Int4DotAvx2.Low(bytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> High(Vector256<int> bytes) => Int4DotAvx2.High(bytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> nibbles, Vector256<int> x) =>
        TInstruction.MultiplyAdd(sum, nibbles.AsByte(), x.AsSByte());

    /// <summary>The sum of 32 products fits 18 bits and the multiplier 8, so that VPMULLD is exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Finish(Vector256<int> total, Vector256<int> sum, Vector256<int> multiplier) => total + sum * multiplier;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Multipliers(byte* source) => Avx2.ConvertToVector256Int32(source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Multiplier(int value) => Vector256.Create(value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Start(sbyte* x)
    {
        int halves = Int4DotAvx2.Start(x);
        return (short)halves + (halves >> 16);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector256<int> totals) => totals.Store(destination);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => Int4Requantize.Avx2(tile, call);
}
