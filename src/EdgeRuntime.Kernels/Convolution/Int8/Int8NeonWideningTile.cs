using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The tile of <see cref="ConvolutionInt8NeonWideningGemm"/>: two rows (or a single one) × one or two vectors of eight columns.
/// A lower half is taken after the last use of its whole vector: it is the same register then, and costs no move.
/// </summary>
internal static unsafe class Int8NeonWideningTile
{
    private const int HeaderBytes = 16 * ConvolutionInt8NeonWideningGemm.Nr;

    /// <summary>All rows of a block.</summary>
    public static void Run<TVectors>(in Int8NeonBlock block, int offsetBytes) where TVectors : struct, ICount
    {
        if (block.RowCount == 1) Run<N1, TVectors>(block, offsetBytes);
        else Run<N2, TVectors>(block, offsetBytes);
    }

    private static void Run<TRows, TVectors>(in Int8NeonBlock block, int offsetBytes) where TRows : struct, ICount where TVectors : struct, ICount
    {
        const int Nr = ConvolutionInt8NeonWideningGemm.Nr;
        int* sums = (int*)block.Edge;
        for (int at = 0; at < block.RowCount; at += TRows.Value)
        {
            // The last tile may reach back over a row that is done, and write the same values again.
            int row = Math.Min(at, block.RowCount - TRows.Value);
            sbyte** r = block.Rows + row;
            sbyte* p0 = r[0], p1 = TRows.Value > 1 ? r[1] : null;
            int* bias = (int*)block.Panel, counts = bias + 3 * Nr, start0 = bias, start1 = bias;
            if (counts[7] != 0)
            {
                Rest<TRows, TVectors>(p0, p1, block.Panel, offsetBytes, sums);
                start0 = sums;
                start1 = sums + Nr;
            }
            nint* s = (nint*)(block.Panel + HeaderBytes);
            sbyte* b = (sbyte*)s + offsetBytes;
            Vector128<int> c00 = LoadVector128(start0), c01 = LoadVector128(start0 + 4), c02 = default, c03 = default;
            if (TVectors.Value > 1) (c02, c03) = (LoadVector128(start0 + 8), LoadVector128(start0 + 12));
            Vector128<int> c10 = LoadVector128(start1), c11 = LoadVector128(start1 + 4), c12 = default, c13 = default;
            if (TVectors.Value > 1) (c12, c13) = (LoadVector128(start1 + 8), LoadVector128(start1 + 12));
            for (int n = counts[1]; n != 0; n--, s += 2, b += 128 * TVectors.Value)
                Block<N8, N4, TRows, TVectors>(p0, p1, s, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
            for (int n = counts[2]; n != 0; n--, s += 2, b += 128 * TVectors.Value)
                Block<N8, N3, TRows, TVectors>(p0, p1, s, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
            for (int n = counts[3]; n != 0; n--, s += 2, b += 128 * TVectors.Value)
                Block<N8, N2, TRows, TVectors>(p0, p1, s, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
            Store<TRows, TVectors>(block, row, c00, c01, c02, c03, c10, c11, c12, c13);
        }
    }

    /// <summary>Biases and the rarer kinds of blocks: apart, as the compiler inlines only so much into one method.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Rest<TRows, TVectors>(sbyte* p0, sbyte* p1, byte* panel, int offsetBytes, int* sums) where TRows : struct, ICount where TVectors : struct, ICount
    {
        const int Nr = ConvolutionInt8NeonWideningGemm.Nr;
        int* bias = (int*)panel, counts = bias + 3 * Nr;
        nint* s = (nint*)(panel + HeaderBytes) + counts[8];
        sbyte* b = (sbyte*)(panel + HeaderBytes) + offsetBytes + (nint)counts[8] * 64 * TVectors.Value;
        Vector128<int> c00 = LoadVector128(bias), c01 = LoadVector128(bias + 4), c02 = LoadVector128(bias + 8), c03 = LoadVector128(bias + 12);
        Vector128<int> c10 = c00, c11 = c01, c12 = c02, c13 = c03;
        for (int n = counts[0]; n != 0; n--, s += 2, b += 128 * TVectors.Value)
            Block<N8, N8, TRows, TVectors>(p0, p1, s, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
        for (int n = counts[4]; n != 0; n--, s++, b += 64 * TVectors.Value)
            Block<N4, N1, TRows, TVectors>(p0, p1, s, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
        if (counts[5] != 0) Block<N4, N2, TRows, TVectors>(p0, p1, s, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
        if (counts[6] != 0) Block<N4, N4, TRows, TVectors>(p0, p1, s, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
        Vector128.Store(c00, sums);
        Vector128.Store(c01, sums + 4);
        Vector128.Store(c02, sums + 8);
        Vector128.Store(c03, sums + 12);
        Vector128.Store(c10, sums + 16);
        Vector128.Store(c11, sums + 20);
        Vector128.Store(c12, sums + 24);
        Vector128.Store(c13, sums + 28);
    }

    /// <summary>
    /// TSteps pairs of the depth: two groups or one; sums are emptied after TChain pairs. Loads stand a step ahead of their use,
    /// as in-order cores need it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block<TSteps, TChain, TRows, TVectors>(sbyte* p0, sbyte* p1, nint* s, sbyte* b,
        ref Vector128<int> c00, ref Vector128<int> c01, ref Vector128<int> c02, ref Vector128<int> c03,
        ref Vector128<int> c10, ref Vector128<int> c11, ref Vector128<int> c12, ref Vector128<int> c13)
        where TSteps : struct, ICount where TChain : struct, ICount where TRows : struct, ICount where TVectors : struct, ICount
    {
        Vector128<short> t00 = default, t01 = default, t02 = default, t03 = default, t10 = default, t11 = default, t12 = default, t13 = default;
        Vector128<short> x0, x1, x2, x3, y0 = default, y1 = default, y2 = default, y3 = default;
        (x0, x1, x2, x3) = LoadAndReplicateToVector128x4((short*)(p0 + s[0]));
        if (TRows.Value > 1) (y0, y1, y2, y3) = LoadAndReplicateToVector128x4((short*)(p1 + s[0]));
        Vector128<sbyte> u0 = LoadVector128(b), v0 = TVectors.Value > 1 ? LoadVector128(b + 16) : default, u1, v1;
        Vector64<sbyte> xl0, xl1, xl2, xl3, yl0, yl1, yl2, yl3, ul, vl;
        u1 = LoadVector128(b + 16 * TVectors.Value); v1 = TVectors.Value > 1 ? LoadVector128(b + 48) : default;
        t01 = Upper<TChain>(0, t01, x0, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(0, t03, x0, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(0, t11, y0, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(0, t13, y0, v0);
        xl0 = x0.GetLower().AsSByte(); yl0 = y0.GetLower().AsSByte(); ul = u0.GetLower(); vl = v0.GetLower();
        t00 = Lower<TChain>(0, t00, xl0, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(0, t02, xl0, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(0, t10, yl0, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(0, t12, yl0, vl);
        if (1 % TChain.Value == 0)
        {
            c01 = AddPairwiseWideningAndAdd(c01, t01);
            if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
            if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
            if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
            c00 = AddPairwiseWideningAndAdd(c00, t00);
            if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
            if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
            if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
        }
        u0 = LoadVector128(b + 32 * TVectors.Value); v0 = TVectors.Value > 1 ? LoadVector128(b + 80) : default;
        t01 = Upper<TChain>(1, t01, x1, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(1, t03, x1, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(1, t11, y1, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(1, t13, y1, v1);
        xl1 = x1.GetLower().AsSByte(); yl1 = y1.GetLower().AsSByte(); ul = u1.GetLower(); vl = v1.GetLower();
        t00 = Lower<TChain>(1, t00, xl1, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(1, t02, xl1, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(1, t10, yl1, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(1, t12, yl1, vl);
        if (2 % TChain.Value == 0)
        {
            c01 = AddPairwiseWideningAndAdd(c01, t01);
            if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
            if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
            if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
            c00 = AddPairwiseWideningAndAdd(c00, t00);
            if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
            if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
            if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
        }
        u1 = LoadVector128(b + 48 * TVectors.Value); v1 = TVectors.Value > 1 ? LoadVector128(b + 112) : default;
        t01 = Upper<TChain>(2, t01, x2, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(2, t03, x2, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(2, t11, y2, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(2, t13, y2, v0);
        xl2 = x2.GetLower().AsSByte(); yl2 = y2.GetLower().AsSByte(); ul = u0.GetLower(); vl = v0.GetLower();
        t00 = Lower<TChain>(2, t00, xl2, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(2, t02, xl2, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(2, t10, yl2, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(2, t12, yl2, vl);
        if (3 % TChain.Value == 0)
        {
            c01 = AddPairwiseWideningAndAdd(c01, t01);
            if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
            if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
            if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
            c00 = AddPairwiseWideningAndAdd(c00, t00);
            if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
            if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
            if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
        }
        if (TSteps.Value > 4)
        {
            u0 = LoadVector128(b + 64 * TVectors.Value);
            if (TVectors.Value > 1) v0 = LoadVector128(b + 144);
        }
        t01 = Upper<TChain>(3, t01, x3, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(3, t03, x3, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(3, t11, y3, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(3, t13, y3, v1);
        xl3 = x3.GetLower().AsSByte(); yl3 = y3.GetLower().AsSByte(); ul = u1.GetLower(); vl = v1.GetLower();
        t00 = Lower<TChain>(3, t00, xl3, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(3, t02, xl3, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(3, t10, yl3, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(3, t12, yl3, vl);
        if (TSteps.Value > 4)
        {
            (x0, x1, x2, x3) = LoadAndReplicateToVector128x4((short*)(p0 + s[1]));
            if (TRows.Value > 1) (y0, y1, y2, y3) = LoadAndReplicateToVector128x4((short*)(p1 + s[1]));
        }
        if (4 % TChain.Value == 0)
        {
            c01 = AddPairwiseWideningAndAdd(c01, t01);
            if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
            if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
            if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
            c00 = AddPairwiseWideningAndAdd(c00, t00);
            if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
            if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
            if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
        }
        if (TSteps.Value == 4) return;
        u1 = LoadVector128(b + 80 * TVectors.Value); v1 = TVectors.Value > 1 ? LoadVector128(b + 176) : default;
        t01 = Upper<TChain>(4, t01, x0, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(4, t03, x0, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(4, t11, y0, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(4, t13, y0, v0);
        xl0 = x0.GetLower().AsSByte(); yl0 = y0.GetLower().AsSByte(); ul = u0.GetLower(); vl = v0.GetLower();
        t00 = Lower<TChain>(4, t00, xl0, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(4, t02, xl0, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(4, t10, yl0, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(4, t12, yl0, vl);
        if (5 % TChain.Value == 0)
        {
            c01 = AddPairwiseWideningAndAdd(c01, t01);
            if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
            if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
            if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
            c00 = AddPairwiseWideningAndAdd(c00, t00);
            if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
            if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
            if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
        }
        u0 = LoadVector128(b + 96 * TVectors.Value); v0 = TVectors.Value > 1 ? LoadVector128(b + 208) : default;
        t01 = Upper<TChain>(5, t01, x1, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(5, t03, x1, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(5, t11, y1, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(5, t13, y1, v1);
        xl1 = x1.GetLower().AsSByte(); yl1 = y1.GetLower().AsSByte(); ul = u1.GetLower(); vl = v1.GetLower();
        t00 = Lower<TChain>(5, t00, xl1, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(5, t02, xl1, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(5, t10, yl1, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(5, t12, yl1, vl);
        if (6 % TChain.Value == 0)
        {
            c01 = AddPairwiseWideningAndAdd(c01, t01);
            if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
            if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
            if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
            c00 = AddPairwiseWideningAndAdd(c00, t00);
            if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
            if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
            if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
        }
        u1 = LoadVector128(b + 112 * TVectors.Value); v1 = TVectors.Value > 1 ? LoadVector128(b + 240) : default;
        t01 = Upper<TChain>(6, t01, x2, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(6, t03, x2, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(6, t11, y2, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(6, t13, y2, v0);
        xl2 = x2.GetLower().AsSByte(); yl2 = y2.GetLower().AsSByte(); ul = u0.GetLower(); vl = v0.GetLower();
        t00 = Lower<TChain>(6, t00, xl2, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(6, t02, xl2, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(6, t10, yl2, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(6, t12, yl2, vl);
        if (7 % TChain.Value == 0)
        {
            c01 = AddPairwiseWideningAndAdd(c01, t01);
            if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
            if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
            if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
            c00 = AddPairwiseWideningAndAdd(c00, t00);
            if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
            if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
            if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
        }
        t01 = Upper<TChain>(7, t01, x3, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(7, t03, x3, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(7, t11, y3, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(7, t13, y3, v1);
        xl3 = x3.GetLower().AsSByte(); yl3 = y3.GetLower().AsSByte(); ul = u1.GetLower(); vl = v1.GetLower();
        t00 = Lower<TChain>(7, t00, xl3, ul);
        if (TVectors.Value > 1) t02 = Lower<TChain>(7, t02, xl3, vl);
        if (TRows.Value > 1) t10 = Lower<TChain>(7, t10, yl3, ul);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(7, t12, yl3, vl);
        c01 = AddPairwiseWideningAndAdd(c01, t01);
        if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
        if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
        if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
        c00 = AddPairwiseWideningAndAdd(c00, t00);
        if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
        if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
        if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
    }

    /// <summary>The first product of a chain does not add.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Upper<TChain>(int i, Vector128<short> t, Vector128<short> x, Vector128<sbyte> w) where TChain : struct, ICount =>
        i % TChain.Value == 0 ? MultiplyWideningUpper(x.AsSByte(), w) : MultiplyWideningUpperAndAdd(t, x.AsSByte(), w);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Lower<TChain>(int i, Vector128<short> t, Vector64<sbyte> x, Vector64<sbyte> w) where TChain : struct, ICount =>
        i % TChain.Value == 0 ? MultiplyWideningLower(x, w) : MultiplyWideningLowerAndAdd(t, x, w);

    /// <summary>Requantises and stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TRows, TVectors>(in Int8NeonBlock block, int row, Vector128<int> c00, Vector128<int> c01, Vector128<int> c02, Vector128<int> c03,
        Vector128<int> c10, Vector128<int> c11, Vector128<int> c12, Vector128<int> c13) where TRows : struct, ICount where TVectors : struct, ICount
    {
        const int Nr = ConvolutionInt8NeonWideningGemm.Nr;
        int* m = (int*)block.Panel + Nr;
        if (block.Sums != null)
        {
            int* zero = m + Nr;
            Subtract<TVectors>(zero, block.Sums[row], ref c00, ref c01, ref c02, ref c03);
            if (TRows.Value > 1) Subtract<TVectors>(zero, block.Sums[row + 1], ref c10, ref c11, ref c12, ref c13);
        }
        if (block.Shift != 0)
        {
            Vector128<int> shift = Vector128.Create(block.Shift);
            (c00, c01, c02, c03) = (ShiftArithmeticSaturate(c00, shift), ShiftArithmeticSaturate(c01, shift), ShiftArithmeticSaturate(c02, shift), ShiftArithmeticSaturate(c03, shift));
            (c10, c11, c12, c13) = (ShiftArithmeticSaturate(c10, shift), ShiftArithmeticSaturate(c11, shift), ShiftArithmeticSaturate(c12, shift), ShiftArithmeticSaturate(c13, shift));
        }
        Vector128<int> m0 = LoadVector128(m), m1 = LoadVector128(m + 4), m2 = TVectors.Value > 1 ? LoadVector128(m + 8) : default, m3 = TVectors.Value > 1 ? LoadVector128(m + 12) : default;
        Vector128<short> zeroPoint = block.ZeroPoint;
        Vector128<sbyte> min = block.Min, max = block.Max;
        bool whole = block.Columns == 8 * TVectors.Value;
        nint pitch = whole ? (nint)block.OutputPitch : Nr;
        sbyte* y = whole ? block.Output + row * block.OutputPitch : block.Edge;
        Store<TVectors>(y, c00, c01, c02, c03, m0, m1, m2, m3, zeroPoint, min, max);
        if (TRows.Value > 1) Store<TVectors>(y + pitch, c10, c11, c12, c13, m0, m1, m2, m3, zeroPoint, min, max);
        if (!whole) block.CopyEdge(row, TRows.Value, Nr);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Subtract<TVectors>(int* zero, int sum, ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3)
        where TVectors : struct, ICount
    {
        Vector128<int> s = Vector128.Create(sum);
        c0 = MultiplySubtract(c0, LoadVector128(zero), s);
        c1 = MultiplySubtract(c1, LoadVector128(zero + 4), s);
        if (TVectors.Value == 1) return;
        c2 = MultiplySubtract(c2, LoadVector128(zero + 8), s);
        c3 = MultiplySubtract(c3, LoadVector128(zero + 12), s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(sbyte* y, Vector128<int> c0, Vector128<int> c1, Vector128<int> c2, Vector128<int> c3,
        Vector128<int> m0, Vector128<int> m1, Vector128<int> m2, Vector128<int> m3, Vector128<short> zeroPoint, Vector128<sbyte> min, Vector128<sbyte> max)
        where TVectors : struct, ICount
    {
        Vector64<sbyte> first = NeonRequantize.Narrow(MultiplyRoundedDoublingSaturateHigh(c0, m0), MultiplyRoundedDoublingSaturateHigh(c1, m1), zeroPoint);
        if (TVectors.Value == 1)
        {
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, NeonRequantize.Clamp(first.ToVector128Unsafe(), min, max).GetLower());
            return;
        }
        System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, NeonRequantize.Clamp(NeonRequantize.NarrowUpper(first,
            MultiplyRoundedDoublingSaturateHigh(c2, m2), MultiplyRoundedDoublingSaturateHigh(c3, m3), zeroPoint), min, max));
    }
}
