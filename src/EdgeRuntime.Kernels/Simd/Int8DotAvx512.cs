using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Pairs of int16: VPMADDWD and VPADDD on 512 bits. Weights are doubled when packed.</summary>
public readonly unsafe struct Int8DotAvx512 : IInt16Dot<Vector512<int>>
{
    /// <inheritdoc/>
    public static string Name => "avx512";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.Avx512;

    /// <inheritdoc/>
    public static (double ProductsPerCycle, double RequantizeCycles) Cost => (22.8, 5);

    /// <inheritdoc/>
    public static int Step => 2;

    /// <inheritdoc/>
    public static int Lanes => Vector512<int>.Count;

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
    public static Vector512<int> Load(void* source) => Vector512.Load((int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Broadcast(void* source) => Vector512.Create(*(int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyAdd(Vector512<int> sum, Vector512<int> input, Vector512<int> weights) =>
        sum + Avx512BW.MultiplyAddAdjacent(input.AsInt16(), weights.AsInt16());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ref Vector512<int> sum0, ref Vector512<int> sum1, Vector512<int> input, Vector512<int> weights0, Vector512<int> weights1)
    {
        sum0 = MultiplyAdd(sum0, input, weights0);
        sum1 = MultiplyAdd(sum1, input, weights1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyPair(Vector512<int> sum, Vector512<int> x0, Vector512<int> x1, Vector512<int> w0, Vector512<int> w1) =>
        sum + Avx512BW.MultiplyAddAdjacent(x0.AsInt16() + w1.AsInt16(), x1.AsInt16() + w0.AsInt16());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> sum, int term) => sum + Vector512.Create(term);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(int* destination, Vector512<int> sum) => sum.Store(destination);

    /// <inheritdoc/>
    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToInt16(source, (short*)destination, count, zeroPoint);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => RequantizeAvx512.Tile(tile, call);
}
