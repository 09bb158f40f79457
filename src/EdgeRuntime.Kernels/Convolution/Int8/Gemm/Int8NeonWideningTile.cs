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
    private const int Nr = ConvolutionInt8NeonWideningGemm.Nr;

    /// <summary>All rows of a block.</summary>
    public static void Run<TVectors>(in Int8NeonBlock block) where TVectors : struct, ICount
    {
        if (block.RowCount == 1) Run<N1, TVectors>(block);
        else Run<N2, TVectors>(block);
    }

    private static void Run<TRows, TVectors>(in Int8NeonBlock block) where TRows : struct, ICount where TVectors : struct, ICount
    {
        byte* panel = block.Panel;
        int* counts = (int*)panel + 3 * Nr;
        Int8NeonFinish finish = block.Columns == 8 * TVectors.Value ? block.Finish : Int8NeonFinish.Careful;
        sbyte** end = block.Rows + block.RowCount, last = end - TRows.Value;
        sbyte* y = block.Output;
        nint pitch = (nint)block.OutputPitch;
        for (sbyte** r = block.Rows; r < end; r += TRows.Value, y += TRows.Value * pitch)
        {
            if (TRows.Value > 1 && r > last)
            {
                // The last tile reaches back over a row that is done, and writes the same values again.
                r = last;
                y -= pitch;
            }
            sbyte* p0 = r[0], p1 = TRows.Value > 1 ? r[1] : null;
            sbyte* b = (sbyte*)panel + ConvolutionInt8NeonWideningGemm.HeaderBytes;
            Vector128<int> c00, c01, c02 = default, c03 = default, c10, c11, c12 = default, c13 = default;
            int* sums = (int*)block.Edge;
            if (counts[4] != 0) Rest<TRows, TVectors>(p0, p1, panel, sums);
            if (TRows.Value == 1 && TVectors.Value > 1) b = Int8NeonWideningRow.Run(p0, panel, counts[4] != 0 ? sums : (int*)panel, sums);
            if (counts[4] == 0 && (TRows.Value > 1 || TVectors.Value == 1))
            {
                (c00, c01) = LoadPairVector128((int*)panel);
                if (TVectors.Value > 1) (c02, c03) = LoadPairVector128((int*)panel + 8);
                (c10, c11) = LoadPairVector128((int*)panel);
                if (TVectors.Value > 1) (c12, c13) = LoadPairVector128((int*)panel + 8);
            }
            else
            {
                (c00, c01, c02, c03) = (LoadVector128(sums), LoadVector128(sums + 4), LoadVector128(sums + 8), LoadVector128(sums + 12));
                (c10, c11, c12, c13) = (LoadVector128(sums + Nr), LoadVector128(sums + Nr + 4), LoadVector128(sums + Nr + 8), LoadVector128(sums + Nr + 12));
            }
            if (TRows.Value > 1 || TVectors.Value == 1)
            {
                for (sbyte* stop = b + counts[0] * BlockBytes<N8, TVectors>(); b != stop; b += BlockBytes<N8, TVectors>())
                    Block<N8, N4, TRows, TVectors>(p0, p1, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
                for (sbyte* stop = b + counts[1] * BlockBytes<N8, TVectors>(); b != stop; b += BlockBytes<N8, TVectors>())
                    Block<N8, N3, TRows, TVectors>(p0, p1, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
                for (sbyte* stop = b + counts[2] * BlockBytes<N8, TVectors>(); b != stop; b += BlockBytes<N8, TVectors>())
                    Block<N8, N2, TRows, TVectors>(p0, p1, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
            }
            if (counts[3] != 0)
            {
                // Written out, not a Block: how much the compiler inlines into a method grows with its own length.
                nint offset = *(nint*)b;
                Vector128<short> x0, x1, x2, x3, y0 = default, y1 = default, y2 = default, y3 = default, t00, t01, t02 = default, t03 = default, t10 = default, t11 = default, t12 = default, t13 = default;
                (x0, x1, x2, x3) = LoadAndReplicateToVector128x4((short*)(p0 + offset));
                if (TRows.Value > 1) (y0, y1, y2, y3) = LoadAndReplicateToVector128x4((short*)(p1 + offset));
                Vector128<sbyte> u0 = LoadVector128(b + 16), v0 = TVectors.Value > 1 ? LoadVector128(b + 32) : default;
                t01 = MultiplyWideningUpper(x0.AsSByte(), u0);
                if (TVectors.Value > 1) t03 = MultiplyWideningUpper(x0.AsSByte(), v0);
                if (TRows.Value > 1) t11 = MultiplyWideningUpper(y0.AsSByte(), u0);
                if (TRows.Value > 1 && TVectors.Value > 1) t13 = MultiplyWideningUpper(y0.AsSByte(), v0);
                Vector64<sbyte> xl0 = x0.GetLower().AsSByte(), yl0 = y0.GetLower().AsSByte(), ul0 = u0.GetLower(), vl0 = v0.GetLower();
                t00 = MultiplyWideningLower(xl0, ul0);
                if (TVectors.Value > 1) t02 = MultiplyWideningLower(xl0, vl0);
                if (TRows.Value > 1) t10 = MultiplyWideningLower(yl0, ul0);
                if (TRows.Value > 1 && TVectors.Value > 1) t12 = MultiplyWideningLower(yl0, vl0);
                Vector128<sbyte> u1 = LoadVector128(b + 16 + 1 * 16 * TVectors.Value), v1 = TVectors.Value > 1 ? LoadVector128(b + 64) : default;
                t01 = MultiplyWideningUpperAndAdd(t01, x1.AsSByte(), u1);
                if (TVectors.Value > 1) t03 = MultiplyWideningUpperAndAdd(t03, x1.AsSByte(), v1);
                if (TRows.Value > 1) t11 = MultiplyWideningUpperAndAdd(t11, y1.AsSByte(), u1);
                if (TRows.Value > 1 && TVectors.Value > 1) t13 = MultiplyWideningUpperAndAdd(t13, y1.AsSByte(), v1);
                Vector64<sbyte> xl1 = x1.GetLower().AsSByte(), yl1 = y1.GetLower().AsSByte(), ul1 = u1.GetLower(), vl1 = v1.GetLower();
                t00 = MultiplyWideningLowerAndAdd(t00, xl1, ul1);
                if (TVectors.Value > 1) t02 = MultiplyWideningLowerAndAdd(t02, xl1, vl1);
                if (TRows.Value > 1) t10 = MultiplyWideningLowerAndAdd(t10, yl1, ul1);
                if (TRows.Value > 1 && TVectors.Value > 1) t12 = MultiplyWideningLowerAndAdd(t12, yl1, vl1);
                (c00, c01) = (AddPairwiseWideningAndAdd(c00, t00), AddPairwiseWideningAndAdd(c01, t01));
                if (TVectors.Value > 1) (c02, c03) = (AddPairwiseWideningAndAdd(c02, t02), AddPairwiseWideningAndAdd(c03, t03));
                if (TRows.Value > 1) (c10, c11) = (AddPairwiseWideningAndAdd(c10, t10), AddPairwiseWideningAndAdd(c11, t11));
                if (TRows.Value > 1 && TVectors.Value > 1) (c12, c13) = (AddPairwiseWideningAndAdd(c12, t12), AddPairwiseWideningAndAdd(c13, t13));
                Vector128<sbyte> u2 = LoadVector128(b + 16 + 2 * 16 * TVectors.Value), v2 = TVectors.Value > 1 ? LoadVector128(b + 96) : default;
                t01 = MultiplyWideningUpper(x2.AsSByte(), u2);
                if (TVectors.Value > 1) t03 = MultiplyWideningUpper(x2.AsSByte(), v2);
                if (TRows.Value > 1) t11 = MultiplyWideningUpper(y2.AsSByte(), u2);
                if (TRows.Value > 1 && TVectors.Value > 1) t13 = MultiplyWideningUpper(y2.AsSByte(), v2);
                Vector64<sbyte> xl2 = x2.GetLower().AsSByte(), yl2 = y2.GetLower().AsSByte(), ul2 = u2.GetLower(), vl2 = v2.GetLower();
                t00 = MultiplyWideningLower(xl2, ul2);
                if (TVectors.Value > 1) t02 = MultiplyWideningLower(xl2, vl2);
                if (TRows.Value > 1) t10 = MultiplyWideningLower(yl2, ul2);
                if (TRows.Value > 1 && TVectors.Value > 1) t12 = MultiplyWideningLower(yl2, vl2);
                Vector128<sbyte> u3 = LoadVector128(b + 16 + 3 * 16 * TVectors.Value), v3 = TVectors.Value > 1 ? LoadVector128(b + 128) : default;
                t01 = MultiplyWideningUpperAndAdd(t01, x3.AsSByte(), u3);
                if (TVectors.Value > 1) t03 = MultiplyWideningUpperAndAdd(t03, x3.AsSByte(), v3);
                if (TRows.Value > 1) t11 = MultiplyWideningUpperAndAdd(t11, y3.AsSByte(), u3);
                if (TRows.Value > 1 && TVectors.Value > 1) t13 = MultiplyWideningUpperAndAdd(t13, y3.AsSByte(), v3);
                Vector64<sbyte> xl3 = x3.GetLower().AsSByte(), yl3 = y3.GetLower().AsSByte(), ul3 = u3.GetLower(), vl3 = v3.GetLower();
                t00 = MultiplyWideningLowerAndAdd(t00, xl3, ul3);
                if (TVectors.Value > 1) t02 = MultiplyWideningLowerAndAdd(t02, xl3, vl3);
                if (TRows.Value > 1) t10 = MultiplyWideningLowerAndAdd(t10, yl3, ul3);
                if (TRows.Value > 1 && TVectors.Value > 1) t12 = MultiplyWideningLowerAndAdd(t12, yl3, vl3);
                (c00, c01) = (AddPairwiseWideningAndAdd(c00, t00), AddPairwiseWideningAndAdd(c01, t01));
                if (TVectors.Value > 1) (c02, c03) = (AddPairwiseWideningAndAdd(c02, t02), AddPairwiseWideningAndAdd(c03, t03));
                if (TRows.Value > 1) (c10, c11) = (AddPairwiseWideningAndAdd(c10, t10), AddPairwiseWideningAndAdd(c11, t11));
                if (TRows.Value > 1 && TVectors.Value > 1) (c12, c13) = (AddPairwiseWideningAndAdd(c12, t12), AddPairwiseWideningAndAdd(c13, t13));
            }
            int* m = (int*)panel + Nr;
            Vector128<int> m0 = LoadVector128(m), m1 = LoadVector128(m + 4), m2 = TVectors.Value > 1 ? LoadVector128(m + 8) : default, m3 = TVectors.Value > 1 ? LoadVector128(m + 12) : default;
            Vector128<short> zeroPoint = block.ZeroPoint;
            if (finish == Int8NeonFinish.Unsigned)
            {
                Store<TVectors>(y, UnsignedBytes<TVectors>(c00, c01, c02, c03, m0, m1, m2, m3) ^ block.Min);
                if (TRows.Value > 1) Store<TVectors>(y + pitch, UnsignedBytes<TVectors>(c10, c11, c12, c13, m0, m1, m2, m3) ^ block.Min);
            }
            else if (finish == Int8NeonFinish.Plain)
            {
                Store<TVectors>(y, Bytes<TVectors>(c00, c01, c02, c03, m0, m1, m2, m3, zeroPoint));
                if (TRows.Value > 1) Store<TVectors>(y + pitch, Bytes<TVectors>(c10, c11, c12, c13, m0, m1, m2, m3, zeroPoint));
            }
            else if (finish == Int8NeonFinish.Clamped)
            {
                Vector128<sbyte> min = block.Min, max = block.Max;
                Store<TVectors>(y, NeonRequantize.Clamp(Bytes<TVectors>(c00, c01, c02, c03, m0, m1, m2, m3, zeroPoint), min, max));
                if (TRows.Value > 1) Store<TVectors>(y + pitch, NeonRequantize.Clamp(Bytes<TVectors>(c10, c11, c12, c13, m0, m1, m2, m3, zeroPoint), min, max));
            }
            else
            {
                Keep((int*)block.Edge, c00, c01, c02, c03, c10, c11, c12, c13);
                Careful<TRows, TVectors>(block, (int)(r - block.Rows));
            }
        }
    }

    /// <summary>Biases and the rarer kinds of blocks: apart, as the compiler inlines only so much into one method.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Rest<TRows, TVectors>(sbyte* p0, sbyte* p1, byte* panel, int* sums) where TRows : struct, ICount where TVectors : struct, ICount
    {
        int* bias = (int*)panel, counts = bias + 3 * Nr;
        sbyte* b = (sbyte*)panel + counts[7];
        Vector128<int> c00 = LoadVector128(bias), c01 = LoadVector128(bias + 4), c02 = LoadVector128(bias + 8), c03 = LoadVector128(bias + 12);
        Vector128<int> c10 = c00, c11 = c01, c12 = c02, c13 = c03;
        for (int n = counts[5]; n != 0; n--, b += BlockBytes<N8, TVectors>())
            Block<N8, N8, TRows, TVectors>(p0, p1, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
        for (int n = counts[6]; n != 0; n--, b += BlockBytes<N4, TVectors>())
            Block<N4, N1, TRows, TVectors>(p0, p1, b, ref c00, ref c01, ref c02, ref c03, ref c10, ref c11, ref c12, ref c13);
        Keep(sums, c00, c01, c02, c03, c10, c11, c12, c13);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep(int* sums, Vector128<int> c00, Vector128<int> c01, Vector128<int> c02, Vector128<int> c03,
        Vector128<int> c10, Vector128<int> c11, Vector128<int> c12, Vector128<int> c13)
    {
        Vector128.Store(c00, sums);
        Vector128.Store(c01, sums + 4);
        Vector128.Store(c02, sums + 8);
        Vector128.Store(c03, sums + 12);
        Vector128.Store(c10, sums + Nr);
        Vector128.Store(c11, sums + Nr + 4);
        Vector128.Store(c12, sums + Nr + 8);
        Vector128.Store(c13, sums + Nr + 12);
    }

    /// <summary>
    /// TSteps pairs of the depth: two groups or one; sums are emptied after TChain pairs. Loads stand a step ahead of their use,
    /// as in-order cores need it. Lower halves have variables of their own, as sharing them costs moves, but the
    /// compiler inlines no method with more than 32 variables.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block<TSteps, TChain, TRows, TVectors>(sbyte* p0, sbyte* p1, sbyte* b,
        ref Vector128<int> c00, ref Vector128<int> c01, ref Vector128<int> c02, ref Vector128<int> c03,
        ref Vector128<int> c10, ref Vector128<int> c11, ref Vector128<int> c12, ref Vector128<int> c13)
        where TSteps : struct, ICount where TChain : struct, ICount where TRows : struct, ICount where TVectors : struct, ICount
    {
        Vector128<short> t00 = default, t01 = default, t02 = default, t03 = default, t10 = default, t11 = default, t12 = default, t13 = default;
        nint first = ((nint*)b)[0], second = ((nint*)b)[1];
        sbyte* r0 = p0 + first, r1 = TRows.Value > 1 ? p1 + first : null, s0 = p0 + second, s1 = TRows.Value > 1 ? p1 + second : null;
        (Vector128<short> K0, Vector128<short> K1, Vector128<short> K2, Vector128<short> K3) x = LoadAndReplicateToVector128x4((short*)r0), y = default;
        if (TRows.Value > 1) y = LoadAndReplicateToVector128x4((short*)r1);
        Vector128<sbyte> u0 = LoadVector128(b + 16), v0 = TVectors.Value > 1 ? LoadVector128(b + 32) : default;
        Vector128<sbyte> u1 = LoadVector128(b + 16 + 16 * TVectors.Value), v1 = TVectors.Value > 1 ? LoadVector128(b + 64) : default;
        Vector64<sbyte> xl0, xl1, xl2, xl3, yl0, yl1, yl2, yl3, ul0, ul1, vl0, vl1;
        t01 = Upper<TChain>(0, t01, x.K0, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(0, t03, x.K0, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(0, t11, y.K0, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(0, t13, y.K0, v0);
        xl0 = x.K0.GetLower().AsSByte(); yl0 = y.K0.GetLower().AsSByte(); ul0 = u0.GetLower(); vl0 = v0.GetLower();
        t00 = Lower<TChain>(0, t00, xl0, ul0);
        if (TVectors.Value > 1) t02 = Lower<TChain>(0, t02, xl0, vl0);
        if (TRows.Value > 1) t10 = Lower<TChain>(0, t10, yl0, ul0);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(0, t12, yl0, vl0);
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
        u0 = LoadVector128(b + 16 + 32 * TVectors.Value); v0 = TVectors.Value > 1 ? LoadVector128(b + 96) : default;
        t01 = Upper<TChain>(1, t01, x.K1, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(1, t03, x.K1, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(1, t11, y.K1, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(1, t13, y.K1, v1);
        xl1 = x.K1.GetLower().AsSByte(); yl1 = y.K1.GetLower().AsSByte(); ul1 = u1.GetLower(); vl1 = v1.GetLower();
        t00 = Lower<TChain>(1, t00, xl1, ul1);
        if (TVectors.Value > 1) t02 = Lower<TChain>(1, t02, xl1, vl1);
        if (TRows.Value > 1) t10 = Lower<TChain>(1, t10, yl1, ul1);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(1, t12, yl1, vl1);
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
        u1 = LoadVector128(b + 16 + 48 * TVectors.Value); v1 = TVectors.Value > 1 ? LoadVector128(b + 128) : default;
        t01 = Upper<TChain>(2, t01, x.K2, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(2, t03, x.K2, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(2, t11, y.K2, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(2, t13, y.K2, v0);
        xl2 = x.K2.GetLower().AsSByte(); yl2 = y.K2.GetLower().AsSByte(); ul0 = u0.GetLower(); vl0 = v0.GetLower();
        t00 = Lower<TChain>(2, t00, xl2, ul0);
        if (TVectors.Value > 1) t02 = Lower<TChain>(2, t02, xl2, vl0);
        if (TRows.Value > 1) t10 = Lower<TChain>(2, t10, yl2, ul0);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(2, t12, yl2, vl0);
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
            u0 = LoadVector128(b + 16 + 64 * TVectors.Value);
            if (TVectors.Value > 1) v0 = LoadVector128(b + 160);
        }
        t01 = Upper<TChain>(3, t01, x.K3, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(3, t03, x.K3, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(3, t11, y.K3, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(3, t13, y.K3, v1);
        xl3 = x.K3.GetLower().AsSByte(); yl3 = y.K3.GetLower().AsSByte(); ul1 = u1.GetLower(); vl1 = v1.GetLower();
        t00 = Lower<TChain>(3, t00, xl3, ul1);
        if (TVectors.Value > 1) t02 = Lower<TChain>(3, t02, xl3, vl1);
        if (TRows.Value > 1) t10 = Lower<TChain>(3, t10, yl3, ul1);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(3, t12, yl3, vl1);
        if (TSteps.Value > 4)
        {
            x = LoadAndReplicateToVector128x4((short*)s0);
            if (TRows.Value > 1) y = LoadAndReplicateToVector128x4((short*)s1);
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
        u1 = LoadVector128(b + 16 + 80 * TVectors.Value); v1 = TVectors.Value > 1 ? LoadVector128(b + 192) : default;
        t01 = Upper<TChain>(4, t01, x.K0, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(4, t03, x.K0, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(4, t11, y.K0, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(4, t13, y.K0, v0);
        xl0 = x.K0.GetLower().AsSByte(); yl0 = y.K0.GetLower().AsSByte(); ul0 = u0.GetLower(); vl0 = v0.GetLower();
        t00 = Lower<TChain>(4, t00, xl0, ul0);
        if (TVectors.Value > 1) t02 = Lower<TChain>(4, t02, xl0, vl0);
        if (TRows.Value > 1) t10 = Lower<TChain>(4, t10, yl0, ul0);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(4, t12, yl0, vl0);
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
        u0 = LoadVector128(b + 16 + 96 * TVectors.Value); v0 = TVectors.Value > 1 ? LoadVector128(b + 224) : default;
        t01 = Upper<TChain>(5, t01, x.K1, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(5, t03, x.K1, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(5, t11, y.K1, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(5, t13, y.K1, v1);
        xl1 = x.K1.GetLower().AsSByte(); yl1 = y.K1.GetLower().AsSByte(); ul1 = u1.GetLower(); vl1 = v1.GetLower();
        t00 = Lower<TChain>(5, t00, xl1, ul1);
        if (TVectors.Value > 1) t02 = Lower<TChain>(5, t02, xl1, vl1);
        if (TRows.Value > 1) t10 = Lower<TChain>(5, t10, yl1, ul1);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(5, t12, yl1, vl1);
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
        u1 = LoadVector128(b + 16 + 112 * TVectors.Value); v1 = TVectors.Value > 1 ? LoadVector128(b + 256) : default;
        t01 = Upper<TChain>(6, t01, x.K2, u0);
        if (TVectors.Value > 1) t03 = Upper<TChain>(6, t03, x.K2, v0);
        if (TRows.Value > 1) t11 = Upper<TChain>(6, t11, y.K2, u0);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(6, t13, y.K2, v0);
        xl2 = x.K2.GetLower().AsSByte(); yl2 = y.K2.GetLower().AsSByte(); ul0 = u0.GetLower(); vl0 = v0.GetLower();
        t00 = Lower<TChain>(6, t00, xl2, ul0);
        if (TVectors.Value > 1) t02 = Lower<TChain>(6, t02, xl2, vl0);
        if (TRows.Value > 1) t10 = Lower<TChain>(6, t10, yl2, ul0);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(6, t12, yl2, vl0);
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
        t01 = Upper<TChain>(7, t01, x.K3, u1);
        if (TVectors.Value > 1) t03 = Upper<TChain>(7, t03, x.K3, v1);
        if (TRows.Value > 1) t11 = Upper<TChain>(7, t11, y.K3, u1);
        if (TRows.Value > 1 && TVectors.Value > 1) t13 = Upper<TChain>(7, t13, y.K3, v1);
        xl3 = x.K3.GetLower().AsSByte(); yl3 = y.K3.GetLower().AsSByte(); ul1 = u1.GetLower(); vl1 = v1.GetLower();
        t00 = Lower<TChain>(7, t00, xl3, ul1);
        if (TVectors.Value > 1) t02 = Lower<TChain>(7, t02, xl3, vl1);
        if (TRows.Value > 1) t10 = Lower<TChain>(7, t10, yl3, ul1);
        if (TRows.Value > 1 && TVectors.Value > 1) t12 = Lower<TChain>(7, t12, yl3, vl1);
        c01 = AddPairwiseWideningAndAdd(c01, t01);
        if (TVectors.Value > 1) c03 = AddPairwiseWideningAndAdd(c03, t03);
        if (TRows.Value > 1) c11 = AddPairwiseWideningAndAdd(c11, t11);
        if (TRows.Value > 1 && TVectors.Value > 1) c13 = AddPairwiseWideningAndAdd(c13, t13);
        c00 = AddPairwiseWideningAndAdd(c00, t00);
        if (TVectors.Value > 1) c02 = AddPairwiseWideningAndAdd(c02, t02);
        if (TRows.Value > 1) c10 = AddPairwiseWideningAndAdd(c10, t10);
        if (TRows.Value > 1 && TVectors.Value > 1) c12 = AddPairwiseWideningAndAdd(c12, t12);
    }

    /// <summary>Bytes of a block: offsets and weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int BlockBytes<TSteps, TVectors>() where TSteps : struct, ICount where TVectors : struct, ICount => 16 + 16 * TSteps.Value * TVectors.Value;

    /// <summary>The first product of a chain does not add.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Upper<TChain>(int i, Vector128<short> t, Vector128<short> x, Vector128<sbyte> w) where TChain : struct, ICount =>
        i % TChain.Value == 0 ? MultiplyWideningUpper(x.AsSByte(), w) : MultiplyWideningUpperAndAdd(t, x.AsSByte(), w);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Lower<TChain>(int i, Vector128<short> t, Vector64<sbyte> x, Vector64<sbyte> w) where TChain : struct, ICount =>
        i % TChain.Value == 0 ? MultiplyWideningLower(x, w) : MultiplyWideningLowerAndAdd(t, x, w);

    /// <summary>Requantises and stores sums of weights with zero points, that are shifted, or of a panel with fewer columns.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Careful<TRows, TVectors>(in Int8NeonBlock block, int row) where TRows : struct, ICount where TVectors : struct, ICount
    {
        int* m = (int*)block.Panel + Nr, sums = (int*)block.Edge;
        Vector128<int> m0 = LoadVector128(m), m1 = LoadVector128(m + 4), m2 = LoadVector128(m + 8), m3 = LoadVector128(m + 12), shift = Vector128.Create(block.Shift);
        // The sums may lie where the results go.
        Vector128<int> d0 = LoadVector128(sums + Nr), d1 = LoadVector128(sums + Nr + 4), d2 = LoadVector128(sums + Nr + 8), d3 = LoadVector128(sums + Nr + 12);
        Vector128<int> c0 = LoadVector128(sums), c1 = LoadVector128(sums + 4), c2 = LoadVector128(sums + 8), c3 = LoadVector128(sums + 12);
        bool whole = block.Columns == 8 * TVectors.Value;
        nint pitch = whole ? (nint)block.OutputPitch : Nr;
        sbyte* y = whole ? block.Output + row * pitch : block.Edge;
        for (int i = 0; i < TRows.Value; i++, y += pitch)
        {
            if (block.Sums != null) Subtract<TVectors>(m + Nr, block.Sums[row + i], ref c0, ref c1, ref c2, ref c3);
            Vector64<sbyte> first = NeonRequantize.Narrow(NeonRequantize.Scale(c0, m0, shift), NeonRequantize.Scale(c1, m1, shift), block.ZeroPoint);
            Vector128<sbyte> bytes = TVectors.Value == 1 ? first.ToVector128Unsafe()
                : NeonRequantize.NarrowUpper(first, NeonRequantize.Scale(c2, m2, shift), NeonRequantize.Scale(c3, m3, shift), block.ZeroPoint);
            Store<TVectors>(y, NeonRequantize.Clamp(bytes, block.Min, block.Max));
            (c0, c1, c2, c3) = (d0, d1, d2, d3);
        }
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

    /// <summary>A row's sums, which fit 16 bits when scaled, requantised but not clamped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Bytes<TVectors>(Vector128<int> c0, Vector128<int> c1, Vector128<int> c2, Vector128<int> c3,
        Vector128<int> m0, Vector128<int> m1, Vector128<int> m2, Vector128<int> m3, Vector128<short> zeroPoint) where TVectors : struct, ICount
    {
        Vector64<sbyte> first = NeonRequantize.NarrowFitting(MultiplyRoundedDoublingSaturateHigh(c0, m0), MultiplyRoundedDoublingSaturateHigh(c1, m1), zeroPoint);
        return TVectors.Value == 1 ? first.ToVector128Unsafe()
            : NeonRequantize.NarrowFittingUpper(first, MultiplyRoundedDoublingSaturateHigh(c2, m2), MultiplyRoundedDoublingSaturateHigh(c3, m3), zeroPoint);
    }

    /// <summary>As <see cref="Bytes"/> for a zero point of −128, whose bit is still to be inverted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> UnsignedBytes<TVectors>(Vector128<int> c0, Vector128<int> c1, Vector128<int> c2, Vector128<int> c3,
        Vector128<int> m0, Vector128<int> m1, Vector128<int> m2, Vector128<int> m3) where TVectors : struct, ICount
    {
        Vector64<byte> first = NeonRequantize.NarrowUnsigned(MultiplyRoundedDoublingSaturateHigh(c0, m0), MultiplyRoundedDoublingSaturateHigh(c1, m1));
        return (TVectors.Value == 1 ? first.ToVector128Unsafe()
            : NeonRequantize.NarrowUnsignedUpper(first, MultiplyRoundedDoublingSaturateHigh(c2, m2), MultiplyRoundedDoublingSaturateHigh(c3, m3))).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(sbyte* y, Vector128<sbyte> bytes) where TVectors : struct, ICount
    {
        if (TVectors.Value > 1) System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, bytes);
        else System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, bytes.GetLower());
    }
}
