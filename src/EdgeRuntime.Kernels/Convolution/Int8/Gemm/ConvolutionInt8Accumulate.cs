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
                    AddRow(p0 + i, w0, w1, w2, w3, ref c00, ref c01, ref c02, ref c03);
                    if (TRows.Value > 1) AddRow(p1 + i, w0, w1, w2, w3, ref c10, ref c11, ref c12, ref c13);
                    if (TRows.Value > 2) AddRow(p2 + i, w0, w1, w2, w3, ref c20, ref c21, ref c22, ref c23);
                    if (TRows.Value > 3) AddRow(p3 + i, w0, w1, w2, w3, ref c30, ref c31, ref c32, ref c33);
                    if (TRows.Value > 4) AddRow(p4 + i, w0, w1, w2, w3, ref c40, ref c41, ref c42, ref c43);
                    if (TRows.Value > 5) AddRow(p5 + i, w0, w1, w2, w3, ref c50, ref c51, ref c52, ref c53);
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow(byte* p, TVector w0, TVector w1, TVector w2, TVector w3, ref TVector c0, ref TVector c1, ref TVector c2, ref TVector c3)
    {
        TVector x = TDot.Broadcast(p);
        if (TVectors.Value == 1) c0 = TDot.MultiplyAdd(c0, x, w0);
        if (TVectors.Value > 1) TDot.MultiplyAdd(ref c0, ref c1, x, w0, w1);
        if (TVectors.Value == 3) c2 = TDot.MultiplyAdd(c2, x, w2);
        if (TVectors.Value > 3) TDot.MultiplyAdd(ref c2, ref c3, x, w2, w3);
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
