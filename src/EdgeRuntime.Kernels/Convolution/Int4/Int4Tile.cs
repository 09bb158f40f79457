namespace EdgeRuntime.Kernels;

/// <summary>
/// Register tiles over nibble panels: 1 row × 4 vectors, 2 × 2 or 4 × 1. In a panel, each lane's 4 bytes hold elements k to k+3
/// of its channel in the low nibbles and k+4 to k+7 in the high ones.
/// </summary>
internal static unsafe class Int4Tile<TDot, TVector> where TDot : struct, IInt4Dot<TVector> where TVector : unmanaged
{
    private const int StepBytes = 4 * Int4Block.Columns;

    /// <summary>All rows of the block.</summary>
    public static void Multiply(in Int4Block block)
    {
        int row = 0, vectors = StepBytes / sizeof(TVector);
        for (; row + 4 <= block.RowCount; row += 4)
            for (int v = 0; v < vectors; v++) Rows4(block, row, v);
        for (; row + 2 <= block.RowCount; row += 2)
            for (int v = 0; v < vectors; v += 2) Rows2(block, row, v);
        for (; row < block.RowCount; row++)
            for (int v = 0; v < vectors; v += 4) Rows1(block, row, v);
    }

    private static void Rows1(in Int4Block block, int row, int vector)
    {
        TVector t0 = default, t1 = t0, t2 = t0, t3 = t0;
        byte* w = block.Panel + vector * sizeof(TVector);
        int* start = block.Starts + (long)row * block.Chunks;
        bool grouped = block.IsGrouped;
        int planes = block.IsBytes ? 2 : 1;
        for (int outer = 0; outer < block.OuterCount; outer++)
            for (int inner = 0; inner < block.InnerCount; inner++)
            {
                sbyte* x = block.Rows[row] + (nint)outer * block.OuterStride + inner * block.InnerStride;
                for (sbyte* end = x + block.Segment; x < end; x += Int4Block.Chunk, start++)
                    for (int plane = 0; plane < planes; plane++)
                    {
                        TVector s0 = TDot.Broadcast(start), s1 = s0, s2 = s0, s3 = s0;
                        for (int k = 0; k < Int4Block.Chunk; k += 8, w += StepBytes)
                        {
                            TVector low = TDot.Broadcast(x + k), high = TDot.Broadcast(x + k + 4);
                            TVector v0 = TDot.Load(w), v1 = TDot.Load(w + sizeof(TVector)), v2 = TDot.Load(w + 2 * sizeof(TVector)), v3 = TDot.Load(w + 3 * sizeof(TVector));
                            s0 = TDot.MultiplyAdd(TDot.MultiplyAdd(s0, TDot.Low(v0), low), TDot.High(v0), high);
                            s1 = TDot.MultiplyAdd(TDot.MultiplyAdd(s1, TDot.Low(v1), low), TDot.High(v1), high);
                            s2 = TDot.MultiplyAdd(TDot.MultiplyAdd(s2, TDot.Low(v2), low), TDot.High(v2), high);
                            s3 = TDot.MultiplyAdd(TDot.MultiplyAdd(s3, TDot.Low(v3), low), TDot.High(v3), high);
                        }
                        if (grouped)
                        {
                            byte* m = w - vector * (sizeof(TVector) - sizeof(TVector) / 4);
                            t0 = TDot.Finish(t0, s0, TDot.Multipliers(m));
                            t1 = TDot.Finish(t1, s1, TDot.Multipliers(m + sizeof(TVector) / 4));
                            t2 = TDot.Finish(t2, s2, TDot.Multipliers(m + 2 * (sizeof(TVector) / 4)));
                            t3 = TDot.Finish(t3, s3, TDot.Multipliers(m + 3 * (sizeof(TVector) / 4)));
                            w += Int4Block.Columns;
                            continue;
                        }
                        TVector factor = TDot.Multiplier(planes == 2 && plane == 0 ? 16 : 1);
                        t0 = TDot.Finish(t0, s0, factor);
                        t1 = TDot.Finish(t1, s1, factor);
                        t2 = TDot.Finish(t2, s2, factor);
                        t3 = TDot.Finish(t3, s3, factor);
                    }
            }
        int* sums = block.Sums + row * Int4Block.Columns + vector * (sizeof(TVector) / sizeof(int));
        TDot.Store(sums, t0);
        TDot.Store(sums + sizeof(TVector) / sizeof(int), t1);
        TDot.Store(sums + 2 * (sizeof(TVector) / sizeof(int)), t2);
        TDot.Store(sums + 3 * (sizeof(TVector) / sizeof(int)), t3);
    }

    private static void Rows2(in Int4Block block, int row, int vector)
    {
        TVector t0 = default, t1 = t0, u0 = t0, u1 = t0;
        byte* w = block.Panel + vector * sizeof(TVector);
        int* start = block.Starts + (long)row * block.Chunks;
        bool grouped = block.IsGrouped;
        int planes = block.IsBytes ? 2 : 1;
        for (int outer = 0; outer < block.OuterCount; outer++)
            for (int inner = 0; inner < block.InnerCount; inner++)
            {
                nint offset = (nint)outer * block.OuterStride + inner * block.InnerStride;
                sbyte* x = block.Rows[row] + offset, y = block.Rows[row + 1] + offset;
                for (sbyte* end = x + block.Segment; x < end; x += Int4Block.Chunk, y += Int4Block.Chunk, start++)
                    for (int plane = 0; plane < planes; plane++)
                    {
                        TVector s0 = TDot.Broadcast(start), s1 = s0, r0 = TDot.Broadcast(start + block.Chunks), r1 = r0;
                        for (int k = 0; k < Int4Block.Chunk; k += 8, w += StepBytes)
                        {
                            TVector v0 = TDot.Load(w), v1 = TDot.Load(w + sizeof(TVector));
                            TVector l0 = TDot.Low(v0), l1 = TDot.Low(v1), h0 = TDot.High(v0), h1 = TDot.High(v1);
                            TVector low = TDot.Broadcast(x + k), high = TDot.Broadcast(x + k + 4);
                            s0 = TDot.MultiplyAdd(TDot.MultiplyAdd(s0, l0, low), h0, high);
                            s1 = TDot.MultiplyAdd(TDot.MultiplyAdd(s1, l1, low), h1, high);
                            low = TDot.Broadcast(y + k);
                            high = TDot.Broadcast(y + k + 4);
                            r0 = TDot.MultiplyAdd(TDot.MultiplyAdd(r0, l0, low), h0, high);
                            r1 = TDot.MultiplyAdd(TDot.MultiplyAdd(r1, l1, low), h1, high);
                        }
                        TVector m0 = TDot.Multiplier(planes == 2 && plane == 0 ? 16 : 1), m1 = m0;
                        if (grouped)
                        {
                            byte* m = w - vector * (sizeof(TVector) - sizeof(TVector) / 4);
                            m0 = TDot.Multipliers(m);
                            m1 = TDot.Multipliers(m + sizeof(TVector) / 4);
                            w += Int4Block.Columns;
                        }
                        t0 = TDot.Finish(t0, s0, m0);
                        t1 = TDot.Finish(t1, s1, m1);
                        u0 = TDot.Finish(u0, r0, m0);
                        u1 = TDot.Finish(u1, r1, m1);
                    }
            }
        int* sums = block.Sums + row * Int4Block.Columns + vector * (sizeof(TVector) / sizeof(int));
        TDot.Store(sums, t0);
        TDot.Store(sums + sizeof(TVector) / sizeof(int), t1);
        TDot.Store(sums + Int4Block.Columns, u0);
        TDot.Store(sums + Int4Block.Columns + sizeof(TVector) / sizeof(int), u1);
    }

    private static void Rows4(in Int4Block block, int row, int vector)
    {
        TVector t0 = default, t1 = t0, t2 = t0, t3 = t0;
        byte* w = block.Panel + vector * sizeof(TVector);
        int* start = block.Starts + (long)row * block.Chunks;
        int next = block.Chunks;
        bool grouped = block.IsGrouped;
        int planes = block.IsBytes ? 2 : 1;
        for (int outer = 0; outer < block.OuterCount; outer++)
            for (int inner = 0; inner < block.InnerCount; inner++)
            {
                nint offset = (nint)outer * block.OuterStride + inner * block.InnerStride;
                sbyte* x0 = block.Rows[row] + offset, x1 = block.Rows[row + 1] + offset, x2 = block.Rows[row + 2] + offset, x3 = block.Rows[row + 3] + offset;
                for (sbyte* end = x0 + block.Segment; x0 < end; x0 += Int4Block.Chunk, x1 += Int4Block.Chunk, x2 += Int4Block.Chunk, x3 += Int4Block.Chunk, start++)
                    for (int plane = 0; plane < planes; plane++)
                    {
                        TVector s0 = TDot.Broadcast(start), s1 = TDot.Broadcast(start + next), s2 = TDot.Broadcast(start + 2 * next), s3 = TDot.Broadcast(start + 3 * next);
                        for (int k = 0; k < Int4Block.Chunk; k += 8, w += StepBytes)
                        {
                            TVector v = TDot.Load(w), low = TDot.Low(v), high = TDot.High(v);
                            s0 = TDot.MultiplyAdd(TDot.MultiplyAdd(s0, low, TDot.Broadcast(x0 + k)), high, TDot.Broadcast(x0 + k + 4));
                            s1 = TDot.MultiplyAdd(TDot.MultiplyAdd(s1, low, TDot.Broadcast(x1 + k)), high, TDot.Broadcast(x1 + k + 4));
                            s2 = TDot.MultiplyAdd(TDot.MultiplyAdd(s2, low, TDot.Broadcast(x2 + k)), high, TDot.Broadcast(x2 + k + 4));
                            s3 = TDot.MultiplyAdd(TDot.MultiplyAdd(s3, low, TDot.Broadcast(x3 + k)), high, TDot.Broadcast(x3 + k + 4));
                        }
                        TVector factor = TDot.Multiplier(planes == 2 && plane == 0 ? 16 : 1);
                        if (grouped)
                        {
                            factor = TDot.Multipliers(w - vector * (sizeof(TVector) - sizeof(TVector) / 4));
                            w += Int4Block.Columns;
                        }
                        t0 = TDot.Finish(t0, s0, factor);
                        t1 = TDot.Finish(t1, s1, factor);
                        t2 = TDot.Finish(t2, s2, factor);
                        t3 = TDot.Finish(t3, s3, factor);
                    }
            }
        int* sums = block.Sums + row * Int4Block.Columns + vector * (sizeof(TVector) / sizeof(int));
        TDot.Store(sums, t0);
        TDot.Store(sums + Int4Block.Columns, t1);
        TDot.Store(sums + 2 * Int4Block.Columns, t2);
        TDot.Store(sums + 3 * Int4Block.Columns, t3);
    }
}
