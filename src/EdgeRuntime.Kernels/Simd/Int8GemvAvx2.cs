using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// |x| · (w with x's sign) by VPMADDUBSW: two products are at most 2 · 128 · 127 &lt; 2^15, so that nothing saturates. Only
/// w = −128 has no opposite; panels that hold one are multiplied as int16.
/// </summary>
public readonly struct Int8GemvAvx2 : IInt8Gemv
{
    /// <inheritdoc/>
    public static string Name => "avx2";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2;

    /// <inheritdoc/>
    public static double WeightsPerCycle => 20;

    /// <inheritdoc/>
    public static int InputOffset => 0;

    /// <inheritdoc/>
    public static bool IsWideForMinimum => true;

    /// <inheritdoc/>
    public static bool HasShortSums => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Unsigned(Vector256<sbyte> x) => Avx2.Abs(x);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<sbyte> x, Vector256<byte> u, Vector256<sbyte> w) =>
        sum + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(u, Avx2.Sign(w, x)), Vector256.Create((short)1));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAddWide(Vector256<int> sum, Vector256<sbyte> x, Vector256<byte> u, Vector256<sbyte> w) =>
        sum + Avx2.MultiplyAddAdjacent(x.AsInt16() << 8 >> 8, w.AsInt16() << 8 >> 8) + Avx2.MultiplyAddAdjacent(x.AsInt16() >> 8, w.AsInt16() >> 8);
}
