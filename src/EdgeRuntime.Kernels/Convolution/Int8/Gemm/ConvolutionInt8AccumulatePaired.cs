namespace EdgeRuntime.Kernels;

/// <summary>
/// The inner loop of <see cref="ConvolutionInt8PairedGemm{TDot, TVector}"/>: up to 4 positions × 4 vectors of accumulators, two
/// steps at a time by one product (see <see cref="IInt16Dot{TVector}"/>), an odd last step of a segment by itself.
/// </summary>
internal static unsafe class ConvolutionInt8AccumulatePaired<TDot, TVector, TRows, TVectors>
    where TDot : struct, IInt16Dot<TVector>
    where TVector : unmanaged
    where TRows : struct, ICount
    where TVectors : struct, ICount
{
    /// <summary>accumulators[row][column] = bias[column] + row term + Σ paired products, doubled; sums may wrap, the result does not.</summary>
    public static void Run(in ConvolutionInt8Tile tile)
    {
        int lanes = sizeof(TVector) / sizeof(int);
        int* bias = tile.Bias, terms = tile.RowTerms;
        int t1 = TRows.Value > 1 ? terms[1] : 0, t2 = TRows.Value > 2 ? terms[2] : 0, t3 = TRows.Value > 3 ? terms[3] : 0;
        TVector c30 = TDot.Load(bias), c00 = TDot.Add(c30, terms[0]), c10 = TDot.Add(c30, t1), c20 = TDot.Add(c30, t2);
        TVector c31 = TVectors.Value > 1 ? TDot.Load(bias + 1 * lanes) : default, c01 = TDot.Add(c31, terms[0]), c11 = TDot.Add(c31, t1), c21 = TDot.Add(c31, t2);
        TVector c32 = TVectors.Value > 2 ? TDot.Load(bias + 2 * lanes) : default, c02 = TDot.Add(c32, terms[0]), c12 = TDot.Add(c32, t1), c22 = TDot.Add(c32, t2);
        TVector c33 = TVectors.Value > 3 ? TDot.Load(bias + 3 * lanes) : default, c03 = TDot.Add(c33, terms[0]), c13 = TDot.Add(c33, t1), c23 = TDot.Add(c33, t2);
        c30 = TDot.Add(c30, t3); c31 = TDot.Add(c31, t3); c32 = TDot.Add(c32, t3); c33 = TDot.Add(c33, t3);
        byte* w = tile.Weights;
        for (int s = 0; s < tile.Segments; s++)
        {
            nint offset = tile.SegmentOffsets[s];
            byte* p0 = tile.Windows[0] + offset, p1 = TRows.Value > 1 ? tile.Windows[1] + offset : null, p2 = TRows.Value > 2 ? tile.Windows[2] + offset : null, p3 = TRows.Value > 3 ? tile.Windows[3] + offset : null;
            nint end = (nint)tile.SegmentSteps * 4, i = 0;
            for (; i + 8 <= end; i += 8, w += 2 * TVectors.Value * sizeof(TVector))
            {
                byte* next = w + TVectors.Value * sizeof(TVector);
                TVector w00 = TDot.Load(w), w10 = TDot.Load(next);
                TVector w01 = TVectors.Value > 1 ? TDot.Load(w + 1 * sizeof(TVector)) : default, w11 = TVectors.Value > 1 ? TDot.Load(next + 1 * sizeof(TVector)) : default;
                TVector w02 = TVectors.Value > 2 ? TDot.Load(w + 2 * sizeof(TVector)) : default, w12 = TVectors.Value > 2 ? TDot.Load(next + 2 * sizeof(TVector)) : default;
                TVector w03 = TVectors.Value > 3 ? TDot.Load(w + 3 * sizeof(TVector)) : default, w13 = TVectors.Value > 3 ? TDot.Load(next + 3 * sizeof(TVector)) : default;
                TVector x0 = TDot.Broadcast(p0 + i), y0 = TDot.Broadcast(p0 + i + 4);
                c00 = TDot.MultiplyPair(c00, x0, y0, w00, w10);
                if (TVectors.Value > 1) c01 = TDot.MultiplyPair(c01, x0, y0, w01, w11);
                if (TVectors.Value > 2) c02 = TDot.MultiplyPair(c02, x0, y0, w02, w12);
                if (TVectors.Value > 3) c03 = TDot.MultiplyPair(c03, x0, y0, w03, w13);
                if (TRows.Value > 1)
                {
                    TVector x1 = TDot.Broadcast(p1 + i), y1 = TDot.Broadcast(p1 + i + 4);
                    c10 = TDot.MultiplyPair(c10, x1, y1, w00, w10);
                    if (TVectors.Value > 1) c11 = TDot.MultiplyPair(c11, x1, y1, w01, w11);
                    if (TVectors.Value > 2) c12 = TDot.MultiplyPair(c12, x1, y1, w02, w12);
                    if (TVectors.Value > 3) c13 = TDot.MultiplyPair(c13, x1, y1, w03, w13);
                }
                if (TRows.Value > 2)
                {
                    TVector x2 = TDot.Broadcast(p2 + i), y2 = TDot.Broadcast(p2 + i + 4);
                    c20 = TDot.MultiplyPair(c20, x2, y2, w00, w10);
                    if (TVectors.Value > 1) c21 = TDot.MultiplyPair(c21, x2, y2, w01, w11);
                    if (TVectors.Value > 2) c22 = TDot.MultiplyPair(c22, x2, y2, w02, w12);
                    if (TVectors.Value > 3) c23 = TDot.MultiplyPair(c23, x2, y2, w03, w13);
                }
                if (TRows.Value > 3)
                {
                    TVector x3 = TDot.Broadcast(p3 + i), y3 = TDot.Broadcast(p3 + i + 4);
                    c30 = TDot.MultiplyPair(c30, x3, y3, w00, w10);
                    if (TVectors.Value > 1) c31 = TDot.MultiplyPair(c31, x3, y3, w01, w11);
                    if (TVectors.Value > 2) c32 = TDot.MultiplyPair(c32, x3, y3, w02, w12);
                    if (TVectors.Value > 3) c33 = TDot.MultiplyPair(c33, x3, y3, w03, w13);
                }
            }
            if (i == end) continue;
            TVector l0 = TDot.Load(w);
            TVector l1 = TVectors.Value > 1 ? TDot.Load(w + 1 * sizeof(TVector)) : default;
            TVector l2 = TVectors.Value > 2 ? TDot.Load(w + 2 * sizeof(TVector)) : default;
            TVector l3 = TVectors.Value > 3 ? TDot.Load(w + 3 * sizeof(TVector)) : default;
            w += TVectors.Value * sizeof(TVector);
            TVector z0 = TDot.Broadcast(p0 + i);
            c00 = TDot.MultiplyAdd(c00, z0, l0);
            if (TVectors.Value > 1) c01 = TDot.MultiplyAdd(c01, z0, l1);
            if (TVectors.Value > 2) c02 = TDot.MultiplyAdd(c02, z0, l2);
            if (TVectors.Value > 3) c03 = TDot.MultiplyAdd(c03, z0, l3);
            if (TRows.Value > 1)
            {
                TVector z1 = TDot.Broadcast(p1 + i);
                c10 = TDot.MultiplyAdd(c10, z1, l0);
                if (TVectors.Value > 1) c11 = TDot.MultiplyAdd(c11, z1, l1);
                if (TVectors.Value > 2) c12 = TDot.MultiplyAdd(c12, z1, l2);
                if (TVectors.Value > 3) c13 = TDot.MultiplyAdd(c13, z1, l3);
            }
            if (TRows.Value > 2)
            {
                TVector z2 = TDot.Broadcast(p2 + i);
                c20 = TDot.MultiplyAdd(c20, z2, l0);
                if (TVectors.Value > 1) c21 = TDot.MultiplyAdd(c21, z2, l1);
                if (TVectors.Value > 2) c22 = TDot.MultiplyAdd(c22, z2, l2);
                if (TVectors.Value > 3) c23 = TDot.MultiplyAdd(c23, z2, l3);
            }
            if (TRows.Value > 3)
            {
                TVector z3 = TDot.Broadcast(p3 + i);
                c30 = TDot.MultiplyAdd(c30, z3, l0);
                if (TVectors.Value > 1) c31 = TDot.MultiplyAdd(c31, z3, l1);
                if (TVectors.Value > 2) c32 = TDot.MultiplyAdd(c32, z3, l2);
                if (TVectors.Value > 3) c33 = TDot.MultiplyAdd(c33, z3, l3);
            }
        }
        int* a = tile.Accumulators;
        TDot.Store(a + (0 * TVectors.Value + 0) * lanes, c00);
        if (TVectors.Value > 1) TDot.Store(a + (0 * TVectors.Value + 1) * lanes, c01);
        if (TVectors.Value > 2) TDot.Store(a + (0 * TVectors.Value + 2) * lanes, c02);
        if (TVectors.Value > 3) TDot.Store(a + (0 * TVectors.Value + 3) * lanes, c03);
        if (TRows.Value > 1) TDot.Store(a + (1 * TVectors.Value + 0) * lanes, c10);
        if (TRows.Value > 1 && TVectors.Value > 1) TDot.Store(a + (1 * TVectors.Value + 1) * lanes, c11);
        if (TRows.Value > 1 && TVectors.Value > 2) TDot.Store(a + (1 * TVectors.Value + 2) * lanes, c12);
        if (TRows.Value > 1 && TVectors.Value > 3) TDot.Store(a + (1 * TVectors.Value + 3) * lanes, c13);
        if (TRows.Value > 2) TDot.Store(a + (2 * TVectors.Value + 0) * lanes, c20);
        if (TRows.Value > 2 && TVectors.Value > 1) TDot.Store(a + (2 * TVectors.Value + 1) * lanes, c21);
        if (TRows.Value > 2 && TVectors.Value > 2) TDot.Store(a + (2 * TVectors.Value + 2) * lanes, c22);
        if (TRows.Value > 2 && TVectors.Value > 3) TDot.Store(a + (2 * TVectors.Value + 3) * lanes, c23);
        if (TRows.Value > 3) TDot.Store(a + (3 * TVectors.Value + 0) * lanes, c30);
        if (TRows.Value > 3 && TVectors.Value > 1) TDot.Store(a + (3 * TVectors.Value + 1) * lanes, c31);
        if (TRows.Value > 3 && TVectors.Value > 2) TDot.Store(a + (3 * TVectors.Value + 2) * lanes, c32);
        if (TRows.Value > 3 && TVectors.Value > 3) TDot.Store(a + (3 * TVectors.Value + 3) * lanes, c33);
    }
}
