using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 products for ARMv8.0, which has no dot products: SMULL and SMLAL make sums of two products in 16 bits,
/// <code>x[k]·w[k] + x[k + 8]·w[k + 8],   |sum| ≤ 128·127 + 128·128 &lt; 2^15 unless both weights are −128,</code>
/// SADALP adds neighbouring sums into 32 bits. Each accumulator belongs to one row and one column, so that both
/// operands are read as they lie; the four partial sums are added at the end. A panel in which w[k] = w[k + 8] = −128
/// occurs is marked when packed and takes the tile that adds each product by itself.
/// Panel: per 16 k of a segment 4 columns × 16, then for the last 8 of a segment 4 columns × 8.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonWideningGemm : ConvolutionInt8NeonGemm
{
    private const int HeaderBytes = 16 * 4;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-gemm-neon-4x4", "convolution-s8", CpuFeature.Neon, "SMULL, SMLAL and SADALP, 4×4 tiles, rows read in place or from a padded copy");

    /// <inheritdoc/>
    protected override int PanelColumns => 4;

    /// <inheritdoc/>
    protected override int DepthUnit => 8;

    /// <inheritdoc/>
    protected override int WeightIndex(int k, int column, int segment) =>
        k < (segment & ~15) ? k / 16 * 64 + column * 16 + k % 16 : (segment & ~15) * 4 + column * 8 + k % 8;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => NeonGemmCost.Widening(shape);

    /// <inheritdoc/>
    protected override bool NeedsCare(ReadOnlySpan<sbyte> panel, int segment)
    {
        for (int start = 0; start < panel.Length; start += segment * 4)
            for (int i = start; i < start + (segment & ~15) * 4; i += 16)
                for (int k = i; k < i + 8; k++)
                    if (panel[k] == -128 && panel[k + 8] == -128) return true;
        return false;
    }

    internal override void Multiply(in Int8NeonBlock block)
    {
        int rows = block.RowCount, row = rows & ~3;
        // The last tile may reach back over rows that are done, and write the same values again.
        if (rows - row > 1 && rows > 4) row += 4;
        if (((int*)block.Panel)[12] != 0) CarefulTiles4(block, row);
        else Tiles4(block, row);
        for (; row < rows; row++) Tile1(block, row);
    }

    /// <summary>
    /// 4 rows × 4 columns. The sums of a column are added up while the next column's are made, the last column's in the next
    /// turn: in-order cores wait 4 to 6 cycles for a product.
    /// </summary>
    private static void Tiles4(in Int8NeonBlock block, int stop)
    {
        for (int at = 0; at < stop; at += 4)
        {
            int row = Math.Min(at, block.RowCount - 4);
            sbyte** r = block.Rows + row;
            sbyte* p0 = r[0], p1 = r[1], p2 = r[2], p3 = r[3], b = (sbyte*)block.Panel + HeaderBytes;
            Vector128<int> c00 = default, c01 = default, c02 = default, c03 = default;
            Vector128<int> c10 = default, c11 = default, c12 = default, c13 = default;
            Vector128<int> c20 = default, c21 = default, c22 = default, c23 = default;
            Vector128<int> c30 = default, c31 = default, c32 = default, c33 = default;
            Vector128<short> t0 = default, t1 = default, t2 = default, t3 = default;
            for (int outer = 0; outer < block.OuterCount; outer++)
                for (int inner = 0; inner < block.InnerCount; inner++)
                {
                    nint k = outer * block.OuterStride + inner * block.InnerStride, end = k + block.Segment;
                    for (; k <= end - 16; k += 16, b += 64)
                    {
                        nint k8 = k + 8;
                        Vector64<sbyte> u = LoadVector64(b), v = LoadVector64(b + 8), w;
                        Vector64<sbyte> l0 = LoadVector64(p0 + k);
                        Vector64<sbyte> l1 = LoadVector64(p1 + k);
                        Vector64<sbyte> l2 = LoadVector64(p2 + k);
                        Vector64<sbyte> l3 = LoadVector64(p3 + k);
                        Vector64<sbyte> h0 = LoadVector64(p0 + k8);
                        Vector64<sbyte> h1 = LoadVector64(p1 + k8);
                        Vector64<sbyte> h2 = LoadVector64(p2 + k8);
                        Vector64<sbyte> h3 = LoadVector64(p3 + k8);
                        c03 = AddPairwiseWideningAndAdd(c03, t0); t0 = MultiplyWideningLower(l0, u);
                        c13 = AddPairwiseWideningAndAdd(c13, t1); t1 = MultiplyWideningLower(l1, u);
                        c23 = AddPairwiseWideningAndAdd(c23, t2); t2 = MultiplyWideningLower(l2, u);
                        c33 = AddPairwiseWideningAndAdd(c33, t3); t3 = MultiplyWideningLower(l3, u);
                        t0 = MultiplyWideningLowerAndAdd(t0, h0, v); t1 = MultiplyWideningLowerAndAdd(t1, h1, v);
                        u = LoadVector64(b + 16); w = LoadVector64(b + 24);
                        t2 = MultiplyWideningLowerAndAdd(t2, h2, v); t3 = MultiplyWideningLowerAndAdd(t3, h3, v);
                        c00 = AddPairwiseWideningAndAdd(c00, t0); t0 = MultiplyWideningLower(l0, u);
                        c10 = AddPairwiseWideningAndAdd(c10, t1); t1 = MultiplyWideningLower(l1, u);
                        c20 = AddPairwiseWideningAndAdd(c20, t2); t2 = MultiplyWideningLower(l2, u);
                        c30 = AddPairwiseWideningAndAdd(c30, t3); t3 = MultiplyWideningLower(l3, u);
                        t0 = MultiplyWideningLowerAndAdd(t0, h0, w); t1 = MultiplyWideningLowerAndAdd(t1, h1, w);
                        u = LoadVector64(b + 32); v = LoadVector64(b + 40);
                        t2 = MultiplyWideningLowerAndAdd(t2, h2, w); t3 = MultiplyWideningLowerAndAdd(t3, h3, w);
                        c01 = AddPairwiseWideningAndAdd(c01, t0); t0 = MultiplyWideningLower(l0, u);
                        c11 = AddPairwiseWideningAndAdd(c11, t1); t1 = MultiplyWideningLower(l1, u);
                        c21 = AddPairwiseWideningAndAdd(c21, t2); t2 = MultiplyWideningLower(l2, u);
                        c31 = AddPairwiseWideningAndAdd(c31, t3); t3 = MultiplyWideningLower(l3, u);
                        t0 = MultiplyWideningLowerAndAdd(t0, h0, v); t1 = MultiplyWideningLowerAndAdd(t1, h1, v);
                        u = LoadVector64(b + 48); w = LoadVector64(b + 56);
                        t2 = MultiplyWideningLowerAndAdd(t2, h2, v); t3 = MultiplyWideningLowerAndAdd(t3, h3, v);
                        c02 = AddPairwiseWideningAndAdd(c02, t0); t0 = MultiplyWideningLower(l0, u);
                        c12 = AddPairwiseWideningAndAdd(c12, t1); t1 = MultiplyWideningLower(l1, u);
                        c22 = AddPairwiseWideningAndAdd(c22, t2); t2 = MultiplyWideningLower(l2, u);
                        c32 = AddPairwiseWideningAndAdd(c32, t3); t3 = MultiplyWideningLower(l3, u);
                        t0 = MultiplyWideningLowerAndAdd(t0, h0, w); t1 = MultiplyWideningLowerAndAdd(t1, h1, w);
                        t2 = MultiplyWideningLowerAndAdd(t2, h2, w); t3 = MultiplyWideningLowerAndAdd(t3, h3, w);
                    }
                    if (k == end) continue;
                    Vector64<sbyte> x0 = LoadVector64(p0 + k), x1 = LoadVector64(p1 + k), x2 = LoadVector64(p2 + k), x3 = LoadVector64(p3 + k), y;
                    y = LoadVector64(b);
                    c00 = AddPairwiseWideningAndAdd(c00, MultiplyWideningLower(x0, y)); c10 = AddPairwiseWideningAndAdd(c10, MultiplyWideningLower(x1, y)); c20 = AddPairwiseWideningAndAdd(c20, MultiplyWideningLower(x2, y)); c30 = AddPairwiseWideningAndAdd(c30, MultiplyWideningLower(x3, y));
                    y = LoadVector64(b + 8);
                    c01 = AddPairwiseWideningAndAdd(c01, MultiplyWideningLower(x0, y)); c11 = AddPairwiseWideningAndAdd(c11, MultiplyWideningLower(x1, y)); c21 = AddPairwiseWideningAndAdd(c21, MultiplyWideningLower(x2, y)); c31 = AddPairwiseWideningAndAdd(c31, MultiplyWideningLower(x3, y));
                    y = LoadVector64(b + 16);
                    c02 = AddPairwiseWideningAndAdd(c02, MultiplyWideningLower(x0, y)); c12 = AddPairwiseWideningAndAdd(c12, MultiplyWideningLower(x1, y)); c22 = AddPairwiseWideningAndAdd(c22, MultiplyWideningLower(x2, y)); c32 = AddPairwiseWideningAndAdd(c32, MultiplyWideningLower(x3, y));
                    y = LoadVector64(b + 24);
                    c03 = AddPairwiseWideningAndAdd(c03, MultiplyWideningLower(x0, y)); c13 = AddPairwiseWideningAndAdd(c13, MultiplyWideningLower(x1, y)); c23 = AddPairwiseWideningAndAdd(c23, MultiplyWideningLower(x2, y)); c33 = AddPairwiseWideningAndAdd(c33, MultiplyWideningLower(x3, y));
                    b += 32;
                }
            c03 = AddPairwiseWideningAndAdd(c03, t0); c13 = AddPairwiseWideningAndAdd(c13, t1); c23 = AddPairwiseWideningAndAdd(c23, t2); c33 = AddPairwiseWideningAndAdd(c33, t3);
            Finish4(block, row,
                Sum4(c00, c01, c02, c03), Sum4(c10, c11, c12, c13), Sum4(c20, c21, c22, c23), Sum4(c30, c31, c32, c33));
        }
    }

    /// <summary>4 rows × 4 columns, each product added by itself.</summary>
    private static void CarefulTiles4(in Int8NeonBlock block, int stop)
    {
        for (int at = 0; at < stop; at += 4)
        {
            int row = Math.Min(at, block.RowCount - 4);
            sbyte** r = block.Rows + row;
            sbyte* p0 = r[0], p1 = r[1], p2 = r[2], p3 = r[3], b = (sbyte*)block.Panel + HeaderBytes;
            Vector128<int> c00 = default, c01 = default, c02 = default, c03 = default;
            Vector128<int> c10 = default, c11 = default, c12 = default, c13 = default;
            Vector128<int> c20 = default, c21 = default, c22 = default, c23 = default;
            Vector128<int> c30 = default, c31 = default, c32 = default, c33 = default;
            for (int outer = 0; outer < block.OuterCount; outer++)
                for (int inner = 0; inner < block.InnerCount; inner++)
                {
                    nint k = outer * block.OuterStride + inner * block.InnerStride, end = k + block.Segment;
                    for (; k <= end - 16; k += 16, b += 64)
                    {
                        (Vector64<sbyte> l0, Vector64<sbyte> h0) = LoadPairVector64(p0 + k);
                        (Vector64<sbyte> l1, Vector64<sbyte> h1) = LoadPairVector64(p1 + k);
                        (Vector64<sbyte> l2, Vector64<sbyte> h2) = LoadPairVector64(p2 + k);
                        (Vector64<sbyte> l3, Vector64<sbyte> h3) = LoadPairVector64(p3 + k);
                        (Vector64<sbyte> u, Vector64<sbyte> v) = LoadPairVector64(b);
                        c00 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c00, MultiplyWideningLower(l0, u)), MultiplyWideningLower(h0, v));
                        c10 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c10, MultiplyWideningLower(l1, u)), MultiplyWideningLower(h1, v));
                        c20 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c20, MultiplyWideningLower(l2, u)), MultiplyWideningLower(h2, v));
                        c30 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c30, MultiplyWideningLower(l3, u)), MultiplyWideningLower(h3, v));
                        (u, v) = LoadPairVector64(b + 16);
                        c01 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c01, MultiplyWideningLower(l0, u)), MultiplyWideningLower(h0, v));
                        c11 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c11, MultiplyWideningLower(l1, u)), MultiplyWideningLower(h1, v));
                        c21 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c21, MultiplyWideningLower(l2, u)), MultiplyWideningLower(h2, v));
                        c31 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c31, MultiplyWideningLower(l3, u)), MultiplyWideningLower(h3, v));
                        (u, v) = LoadPairVector64(b + 32);
                        c02 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c02, MultiplyWideningLower(l0, u)), MultiplyWideningLower(h0, v));
                        c12 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c12, MultiplyWideningLower(l1, u)), MultiplyWideningLower(h1, v));
                        c22 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c22, MultiplyWideningLower(l2, u)), MultiplyWideningLower(h2, v));
                        c32 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c32, MultiplyWideningLower(l3, u)), MultiplyWideningLower(h3, v));
                        (u, v) = LoadPairVector64(b + 48);
                        c03 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c03, MultiplyWideningLower(l0, u)), MultiplyWideningLower(h0, v));
                        c13 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c13, MultiplyWideningLower(l1, u)), MultiplyWideningLower(h1, v));
                        c23 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c23, MultiplyWideningLower(l2, u)), MultiplyWideningLower(h2, v));
                        c33 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c33, MultiplyWideningLower(l3, u)), MultiplyWideningLower(h3, v));
                    }
                    if (k == end) continue;
                    Vector64<sbyte> x0 = LoadVector64(p0 + k), x1 = LoadVector64(p1 + k), x2 = LoadVector64(p2 + k), x3 = LoadVector64(p3 + k), y;
                    y = LoadVector64(b);
                    c00 = AddPairwiseWideningAndAdd(c00, MultiplyWideningLower(x0, y)); c10 = AddPairwiseWideningAndAdd(c10, MultiplyWideningLower(x1, y)); c20 = AddPairwiseWideningAndAdd(c20, MultiplyWideningLower(x2, y)); c30 = AddPairwiseWideningAndAdd(c30, MultiplyWideningLower(x3, y));
                    y = LoadVector64(b + 8);
                    c01 = AddPairwiseWideningAndAdd(c01, MultiplyWideningLower(x0, y)); c11 = AddPairwiseWideningAndAdd(c11, MultiplyWideningLower(x1, y)); c21 = AddPairwiseWideningAndAdd(c21, MultiplyWideningLower(x2, y)); c31 = AddPairwiseWideningAndAdd(c31, MultiplyWideningLower(x3, y));
                    y = LoadVector64(b + 16);
                    c02 = AddPairwiseWideningAndAdd(c02, MultiplyWideningLower(x0, y)); c12 = AddPairwiseWideningAndAdd(c12, MultiplyWideningLower(x1, y)); c22 = AddPairwiseWideningAndAdd(c22, MultiplyWideningLower(x2, y)); c32 = AddPairwiseWideningAndAdd(c32, MultiplyWideningLower(x3, y));
                    y = LoadVector64(b + 24);
                    c03 = AddPairwiseWideningAndAdd(c03, MultiplyWideningLower(x0, y)); c13 = AddPairwiseWideningAndAdd(c13, MultiplyWideningLower(x1, y)); c23 = AddPairwiseWideningAndAdd(c23, MultiplyWideningLower(x2, y)); c33 = AddPairwiseWideningAndAdd(c33, MultiplyWideningLower(x3, y));
                    b += 32;
                }
            Finish4(block, row,
                Sum4(c00, c01, c02, c03), Sum4(c10, c11, c12, c13), Sum4(c20, c21, c22, c23), Sum4(c30, c31, c32, c33));
        }
    }

    /// <summary>One row, always exact: the panel's loads, not the products, are the limit.</summary>
    private static void Tile1(in Int8NeonBlock block, int row)
    {
        sbyte* p = block.Rows[row], b = (sbyte*)block.Panel + HeaderBytes;
        Vector128<int> c0 = default, c1 = default, c2 = default, c3 = default;
        for (int outer = 0; outer < block.OuterCount; outer++)
            for (int inner = 0; inner < block.InnerCount; inner++)
            {
                sbyte* a = p + outer * block.OuterStride + inner * block.InnerStride, end = a + block.Segment;
                for (; a <= end - 16; a += 16, b += 64)
                {
                    (Vector64<sbyte> l, Vector64<sbyte> h) = LoadPairVector64(a);
                    (Vector64<sbyte> u0, Vector64<sbyte> v0) = LoadPairVector64(b);
                    (Vector64<sbyte> u1, Vector64<sbyte> v1) = LoadPairVector64(b + 16);
                    (Vector64<sbyte> u2, Vector64<sbyte> v2) = LoadPairVector64(b + 32);
                    (Vector64<sbyte> u3, Vector64<sbyte> v3) = LoadPairVector64(b + 48);
                    Vector128<short> s0 = MultiplyWideningLower(l, u0), s1 = MultiplyWideningLower(l, u1), s2 = MultiplyWideningLower(l, u2), s3 = MultiplyWideningLower(l, u3);
                    Vector128<short> t0 = MultiplyWideningLower(h, v0), t1 = MultiplyWideningLower(h, v1), t2 = MultiplyWideningLower(h, v2), t3 = MultiplyWideningLower(h, v3);
                    c0 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c0, s0), t0);
                    c1 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c1, s1), t1);
                    c2 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c2, s2), t2);
                    c3 = AddPairwiseWideningAndAdd(AddPairwiseWideningAndAdd(c3, s3), t3);
                }
                if (a == end) continue;
                Vector64<sbyte> x = LoadVector64(a);
                c0 = AddPairwiseWideningAndAdd(c0, MultiplyWideningLower(x, LoadVector64(b)));
                c1 = AddPairwiseWideningAndAdd(c1, MultiplyWideningLower(x, LoadVector64(b + 8)));
                c2 = AddPairwiseWideningAndAdd(c2, MultiplyWideningLower(x, LoadVector64(b + 16)));
                c3 = AddPairwiseWideningAndAdd(c3, MultiplyWideningLower(x, LoadVector64(b + 24)));
                b += 32;
            }
        Vector128<int> sum = Correct(block, Sum4(c0, c1, c2, c3), row), multiplier = LoadVector128((int*)block.Panel + 4), shift = Vector128.Create(block.Shift);
        sum = NeonRequantize.Scale(sum, multiplier, shift);
        Vector128<sbyte> bytes = NeonRequantize.Clamp(NeonRequantize.Narrow(sum, sum, Vector128.Create((short)block.OutputZeroPoint)).ToVector128Unsafe(),
            Vector128.Create((sbyte)block.Min), Vector128.Create((sbyte)block.Max));
        StoreSelectedScalar((uint*)block.Target(row, 4, out _), bytes.AsUInt32(), 0);
        if (block.Columns < 4) block.CopyEdge(row, 1, 4);
    }

    /// <summary>The sums of each operand's four elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Sum4(Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d) =>
        AddPairwise(AddPairwise(a, b), AddPairwise(c, d));

    /// <summary>Adds the bias and takes off the weights' zero points times the row's sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Correct(in Int8NeonBlock block, Vector128<int> sum, int row)
    {
        sum += LoadVector128((int*)block.Panel);
        return block.Sums == null ? sum : MultiplySubtract(sum, LoadVector128((int*)block.Panel + 8), Vector128.Create(block.Sums[row]));
    }

    /// <summary>Requantises and stores four rows of four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish4(in Int8NeonBlock block, int row, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
    {
        Vector128<int> multiplier = LoadVector128((int*)block.Panel + 4), bias = LoadVector128((int*)block.Panel);
        a += bias;
        b += bias;
        c += bias;
        d += bias;
        if (block.Sums != null)
        {
            Vector128<int> zero = LoadVector128((int*)block.Panel + 8);
            int* sums = block.Sums + row;
            a = MultiplySubtract(a, zero, Vector128.Create(sums[0]));
            b = MultiplySubtract(b, zero, Vector128.Create(sums[1]));
            c = MultiplySubtract(c, zero, Vector128.Create(sums[2]));
            d = MultiplySubtract(d, zero, Vector128.Create(sums[3]));
        }
        if (block.Shift != 0)
        {
            Vector128<int> shift = Vector128.Create(block.Shift);
            a = ShiftArithmeticSaturate(a, shift);
            b = ShiftArithmeticSaturate(b, shift);
            c = ShiftArithmeticSaturate(c, shift);
            d = ShiftArithmeticSaturate(d, shift);
        }
        Vector128<short> zeroPoint = Vector128.Create((short)block.OutputZeroPoint);
        Vector64<sbyte> first = NeonRequantize.Narrow(MultiplyRoundedDoublingSaturateHigh(a, multiplier), MultiplyRoundedDoublingSaturateHigh(b, multiplier), zeroPoint);
        Vector128<uint> words = NeonRequantize.Clamp(NeonRequantize.NarrowUpper(first,
            MultiplyRoundedDoublingSaturateHigh(c, multiplier), MultiplyRoundedDoublingSaturateHigh(d, multiplier), zeroPoint),
            Vector128.Create((sbyte)block.Min), Vector128.Create((sbyte)block.Max)).AsUInt32();
        sbyte* y = block.Target(row, 4, out nint pitch);
        StoreSelectedScalar((uint*)y, words, 0);
        StoreSelectedScalar((uint*)(y + pitch), words, 1);
        StoreSelectedScalar((uint*)(y + 2 * pitch), words, 2);
        StoreSelectedScalar((uint*)(y + 3 * pitch), words, 3);
        if (block.Columns < 4) block.CopyEdge(row, 4, 4);
    }
}
