using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The inner loops of <see cref="ConvolutionInt8Runs"/>: up to 3 positions × 2 vectors of accumulators, and as many 16-bit sums of
/// a run. The unused ones vanish in compilation. Each length of run has a method of its own, so that the compiler inlines all of it.
/// </summary>
internal static unsafe class ConvolutionInt8AccumulateRuns<TRows, TVectors>
    where TRows : struct, ICount
    where TVectors : struct, ICount
{
    /// <summary>accumulators[row][column] = bias[column] + 2 · Σ window[row] · weights[column], from <paramref name="first"/> on.</summary>
    public static void Run(in ConvolutionInt8Tile tile, int first)
    {
        byte** windows = tile.Windows + first;
        int* sums = tile.Accumulators + first * TVectors.Value * 8, counts = (int*)tile.Weights, offset = counts + ConvolutionInt8Runs.PanelHeader;
        for (int r = 0; r < TRows.Value; r++)
        {
            Vector256.Load(tile.Bias).Store(sums + r * TVectors.Value * 8);
            if (TVectors.Value > 1) Vector256.Load(tile.Bias + 8).Store(sums + r * TVectors.Value * 8 + 8);
        }
        byte* w = tile.Weights + counts[Int8Runs.Longest];
        if (counts[3] > 0) Runs<N4>(windows, ref offset, ref w, counts[3], sums);
        if (counts[2] > 0) Runs<N3>(windows, ref offset, ref w, counts[2], sums);
        if (counts[1] > 0) Runs<N2>(windows, ref offset, ref w, counts[1], sums);
        if (counts[0] > 0) Runs<N1>(windows, ref offset, ref w, counts[0], sums);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Runs<TSteps>(byte** windows, ref int* offsets, ref byte* weights, int count, int* sums) where TSteps : struct, ICount
    {
        byte* p0 = windows[0], p1 = TRows.Value > 1 ? windows[1] : null, p2 = TRows.Value > 2 ? windows[2] : null, w = weights;
        int* offset = offsets;
        Vector256<int> s0 = Vector256.Load(sums), s1 = Load(sums, 1, TVectors.Value > 1), s2 = Load(sums, TVectors.Value, TRows.Value > 1);
        Vector256<int> s3 = Load(sums, TVectors.Value + 1, TRows.Value > 1 && TVectors.Value > 1), s4 = Load(sums, 2 * TVectors.Value, TRows.Value > 2);
        Vector256<int> s5 = Load(sums, 2 * TVectors.Value + 1, TRows.Value > 2 && TVectors.Value > 1);
        for (; count > 0; count--, offset += TSteps.Value, w += TSteps.Value * TVectors.Value * 32)
        {
            Vector256<short> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
            Step<N0>(p0, p1, p2, offset[0], w, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
            if (TSteps.Value > 1) Step<N1>(p0, p1, p2, offset[1], w + TVectors.Value * 32, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
            if (TSteps.Value > 2) Step<N1>(p0, p1, p2, offset[2], w + 2 * TVectors.Value * 32, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
            if (TSteps.Value > 3) Step<N1>(p0, p1, p2, offset[3], w + 3 * TVectors.Value * 32, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
            s0 = Widen(s0, a0);
            if (TVectors.Value > 1) s1 = Widen(s1, a1);
            if (TRows.Value > 1) s2 = Widen(s2, b0);
            if (TRows.Value > 1 && TVectors.Value > 1) s3 = Widen(s3, b1);
            if (TRows.Value > 2) s4 = Widen(s4, c0);
            if (TRows.Value > 2 && TVectors.Value > 1) s5 = Widen(s5, c1);
        }
        s0.Store(sums);
        if (TVectors.Value > 1) s1.Store(sums + 8);
        if (TRows.Value > 1) s2.Store(sums + TVectors.Value * 8);
        if (TRows.Value > 1 && TVectors.Value > 1) s3.Store(sums + TVectors.Value * 8 + 8);
        if (TRows.Value > 2) s4.Store(sums + 2 * TVectors.Value * 8);
        if (TRows.Value > 2 && TVectors.Value > 1) s5.Store(sums + 2 * TVectors.Value * 8 + 8);
        offsets = offset;
        weights = w;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Load(int* sums, int vector, bool isUsed) => isUsed ? Vector256.Load(sums + vector * 8) : default;

    /// <summary>Adds one step's products, or, with TAdd 0, starts with them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TAdd>(byte* p0, byte* p1, byte* p2, nint offset, byte* w, ref Vector256<short> a0, ref Vector256<short> a1,
        ref Vector256<short> b0, ref Vector256<short> b1, ref Vector256<short> c0, ref Vector256<short> c1) where TAdd : struct, ICount
    {
        Vector256<sbyte> w0 = Vector256.Load((sbyte*)w), w1 = TVectors.Value > 1 ? Vector256.Load((sbyte*)w + 32) : default;
        Row<TAdd>(p0 + offset, w0, w1, ref a0, ref a1);
        if (TRows.Value > 1) Row<TAdd>(p1 + offset, w0, w1, ref b0, ref b1);
        if (TRows.Value > 2) Row<TAdd>(p2 + offset, w0, w1, ref c0, ref c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row<TAdd>(byte* p, Vector256<sbyte> w0, Vector256<sbyte> w1, ref Vector256<short> s0, ref Vector256<short> s1) where TAdd : struct, ICount
    {
        Vector256<byte> x = Vector256.Create(*(int*)p).AsByte();
        // Both products before the sums: so fewer additions take the multipliers' ports.
        Vector256<short> product0 = Avx2.MultiplyAddAdjacent(x, w0), product1 = TVectors.Value > 1 ? Avx2.MultiplyAddAdjacent(x, w1) : default;
        s0 = TAdd.Value == 0 ? product0 : s0 + product0;
        if (TVectors.Value > 1) s1 = TAdd.Value == 0 ? product1 : s1 + product1;
    }

    /// <summary>sum + 2 · the pairs' sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(Vector256<int> sum, Vector256<short> part) => sum + Avx2.MultiplyAddAdjacent(part, Vector256.Create((short)2));
}
