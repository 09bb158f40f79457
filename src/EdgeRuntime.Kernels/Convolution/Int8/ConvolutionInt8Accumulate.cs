using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The inner loop of <see cref="ConvolutionInt8Gemm{TDot, TVector}"/>: up to 6 positions × 4 vectors of accumulators. The unused
/// ones vanish in compilation, as rows and vectors are constants of the instance; those in use stay in registers.
/// </summary>
internal static unsafe class ConvolutionInt8Accumulate<TDot, TVector, TSink, TRows, TVectors>
    where TDot : struct, IInt8Dot<TVector>
    where TSink : struct, IInt8Sink<TVector>
    where TVector : unmanaged
    where TRows : struct, ICount
    where TVectors : struct, ICount
{
    /// <summary>
    /// Hands bias[column] + Σ window[row] · weights[column] to the sink, two rows at a time; for <paramref name="count"/> tiles, whose
    /// windows lie <paramref name="step"/> bytes after those of the one before.
    /// </summary>
    public static void Run(in ConvolutionInt8Tile tile, int count = 1, nint step = 0)
    {
        byte* p0 = tile.Windows[0], p1 = TRows.Value > 1 ? tile.Windows[1] : null, p2 = TRows.Value > 2 ? tile.Windows[2] : null;
        byte* p3 = TRows.Value > 3 ? tile.Windows[3] : null, p4 = TRows.Value > 4 ? tile.Windows[4] : null, p5 = TRows.Value > 5 ? tile.Windows[5] : null;
        for (int row = 0; row < count * TRows.Value; row += TRows.Value)
        {
            int* bias = tile.Bias;
            int lanes = sizeof(TVector) / sizeof(int);
            TVector c00 = TDot.Load(bias), c10 = c00, c20 = c00, c30 = c00, c40 = c00, c50 = c00;
            TVector c01 = TVectors.Value > 1 ? TDot.Load(bias + 1 * lanes) : default, c11 = c01, c21 = c01, c31 = c01, c41 = c01, c51 = c01;
            TVector c02 = TVectors.Value > 2 ? TDot.Load(bias + 2 * lanes) : default, c12 = c02, c22 = c02, c32 = c02, c42 = c02, c52 = c02;
            TVector c03 = TVectors.Value > 3 ? TDot.Load(bias + 3 * lanes) : default, c13 = c03, c23 = c03, c33 = c03, c43 = c03, c53 = c03;
            byte* w = tile.Weights;
            for (int s = 0; s < tile.Segments; s++)
            {
                nint i = tile.SegmentOffsets[s], end = i + (nint)tile.SegmentSteps * 4;
                for (; i < end; i += 4, w += TVectors.Value * sizeof(TVector))
                {
                    TVector w0 = TDot.Load(w), w1 = TVectors.Value > 1 ? TDot.Load(w + 1 * sizeof(TVector)) : default, w2 = TVectors.Value > 2 ? TDot.Load(w + 2 * sizeof(TVector)) : default, w3 = TVectors.Value > 3 ? TDot.Load(w + 3 * sizeof(TVector)) : default;
                    TVector x0 = TDot.Broadcast(p0 + i);
                    c00 = TDot.MultiplyAdd(c00, x0, w0);
                    if (TVectors.Value > 1) c01 = TDot.MultiplyAdd(c01, x0, w1);
                    if (TVectors.Value > 2) c02 = TDot.MultiplyAdd(c02, x0, w2);
                    if (TVectors.Value > 3) c03 = TDot.MultiplyAdd(c03, x0, w3);
                    if (TRows.Value > 1)
                    {
                        TVector x1 = TDot.Broadcast(p1 + i);
                        c10 = TDot.MultiplyAdd(c10, x1, w0);
                        if (TVectors.Value > 1) c11 = TDot.MultiplyAdd(c11, x1, w1);
                        if (TVectors.Value > 2) c12 = TDot.MultiplyAdd(c12, x1, w2);
                        if (TVectors.Value > 3) c13 = TDot.MultiplyAdd(c13, x1, w3);
                    }
                    if (TRows.Value > 2)
                    {
                        TVector x2 = TDot.Broadcast(p2 + i);
                        c20 = TDot.MultiplyAdd(c20, x2, w0);
                        if (TVectors.Value > 1) c21 = TDot.MultiplyAdd(c21, x2, w1);
                        if (TVectors.Value > 2) c22 = TDot.MultiplyAdd(c22, x2, w2);
                        if (TVectors.Value > 3) c23 = TDot.MultiplyAdd(c23, x2, w3);
                    }
                    if (TRows.Value > 3)
                    {
                        TVector x3 = TDot.Broadcast(p3 + i);
                        c30 = TDot.MultiplyAdd(c30, x3, w0);
                        if (TVectors.Value > 1) c31 = TDot.MultiplyAdd(c31, x3, w1);
                        if (TVectors.Value > 2) c32 = TDot.MultiplyAdd(c32, x3, w2);
                        if (TVectors.Value > 3) c33 = TDot.MultiplyAdd(c33, x3, w3);
                    }
                    if (TRows.Value > 4)
                    {
                        TVector x4 = TDot.Broadcast(p4 + i);
                        c40 = TDot.MultiplyAdd(c40, x4, w0);
                        if (TVectors.Value > 1) c41 = TDot.MultiplyAdd(c41, x4, w1);
                        if (TVectors.Value > 2) c42 = TDot.MultiplyAdd(c42, x4, w2);
                        if (TVectors.Value > 3) c43 = TDot.MultiplyAdd(c43, x4, w3);
                    }
                    if (TRows.Value > 5)
                    {
                        TVector x5 = TDot.Broadcast(p5 + i);
                        c50 = TDot.MultiplyAdd(c50, x5, w0);
                        if (TVectors.Value > 1) c51 = TDot.MultiplyAdd(c51, x5, w1);
                        if (TVectors.Value > 2) c52 = TDot.MultiplyAdd(c52, x5, w2);
                        if (TVectors.Value > 3) c53 = TDot.MultiplyAdd(c53, x5, w3);
                    }
                }
            }
            TSink.Take<TVectors>(tile, row, TRows.Value > 1, c00, c01, c02, c03, c10, c11, c12, c13);
            if (TRows.Value > 2) TSink.Take<TVectors>(tile, row + 2, TRows.Value > 3, c20, c21, c22, c23, c30, c31, c32, c33);
            if (TRows.Value > 4) TSink.Take<TVectors>(tile, row + 4, TRows.Value > 5, c40, c41, c42, c43, c50, c51, c52, c53);
            p0 += step;
            p1 += step;
            p2 += step;
            p3 += step;
            p4 += step;
            p5 += step;
        }
    }
}

/// <summary>What is done with a tile's sums while they are in registers.</summary>
internal unsafe interface IInt8Sink<TVector> where TVector : unmanaged
{
    /// <summary>Up to 4 vectors of sums of rows <paramref name="row"/> and, if <paramref name="both"/>, of the next.</summary>
    static abstract void Take<TVectors>(in ConvolutionInt8Tile tile, int row, bool both, TVector a0, TVector a1, TVector a2, TVector a3,
        TVector b0, TVector b1, TVector b2, TVector b3) where TVectors : struct, ICount;
}

/// <summary>Sums go to the tile's accumulators, doubled.</summary>
internal readonly unsafe struct Int8StoredSums<TDot, TVector> : IInt8Sink<TVector>
    where TDot : struct, IInt8Dot<TVector>
    where TVector : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Take<TVectors>(in ConvolutionInt8Tile tile, int row, bool both, TVector a0, TVector a1, TVector a2, TVector a3,
        TVector b0, TVector b1, TVector b2, TVector b3) where TVectors : struct, ICount
    {
        int columns = TVectors.Value * sizeof(TVector) / sizeof(int);
        StoreRow<TVectors>(tile.Accumulators + row * columns, a0, a1, a2, a3);
        if (both) StoreRow<TVectors>(tile.Accumulators + (row + 1) * columns, b0, b1, b2, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TVectors>(int* a, TVector c0, TVector c1, TVector c2, TVector c3) where TVectors : struct, ICount
    {
        int lanes = sizeof(TVector) / sizeof(int);
        TDot.Store(a, c0);
        if (TVectors.Value > 1) TDot.Store(a + lanes, c1);
        if (TVectors.Value > 2) TDot.Store(a + 2 * lanes, c2);
        if (TVectors.Value > 3) TDot.Store(a + 3 * lanes, c3);
    }
}
