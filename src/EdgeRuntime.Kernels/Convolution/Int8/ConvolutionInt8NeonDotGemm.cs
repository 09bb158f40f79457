using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;
using static System.Runtime.Intrinsics.Arm.Dp;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 products by SDOT: c[4 columns] += u[4 columns × 4 k] · x[4 k of one row], the row's quadruplet chosen by element, so
/// that one 16-byte load of a row serves four k-groups. The 8×8 tile has 16 accumulators: 64 SDOT for 12 loads.
/// Panel: [k/4][8 columns][4 k]. The products are exact: each SDOT adds four of at most 2^14 to 32 bits.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonDotGemm : ConvolutionInt8NeonGemm
{
    private const int HeaderBytes = 16 * 8;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-gemm-neondot-8x8", "convolution-s8", CpuFeature.Neon | CpuFeature.NeonDot, "SDOT by element, 8×8 tiles, rows read in place or from a padded copy");

    /// <inheritdoc/>
    protected override int PanelColumns => 8;

    /// <inheritdoc/>
    protected override int DepthUnit => 4;

    /// <inheritdoc/>
    private protected override long WeightBytes(in GemmGeometry g) => (4L + g.Depth) * 8;

    /// <inheritdoc/>
    private protected override void PackWeights(in GemmGeometry g, in Int8NeonWeights weights, Span<byte> destination)
    {
        for (int segment = 0; segment < g.OuterCount * g.InnerCount; segment++)
            for (int k = 0; k < g.Segment; k++)
                for (int column = 0; column < weights.Columns; column++)
                    destination[32 + (segment * g.Segment + k) / 4 * 32 + column * 4 + k % 4] = (byte)weights[column, segment, k];
    }

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => NeonGemmCost.Dot(shape);

    internal override void Multiply(in Int8NeonBlock block)
    {
        int rows = block.RowCount, row = rows & ~7;
        // The last tile may reach back over rows that are done, and write the same values again.
        if (rows - row > 4 && rows > 8) row += 8;
        Tiles8(block, 0, row);
        if (rows - row > 1 && rows >= 4)
        {
            Tiles4(block, row, rows);
            return;
        }
        for (; row < rows; row++) Tile1(block, row);
    }

    /// <summary>8 rows × 8 columns: 16 bytes of each row meet four k-groups of the panel.</summary>
    private static void Tiles8(in Int8NeonBlock block, int first, int stop)
    {
        for (int at = first; at < stop; at += 8)
        {
            int row = Math.Min(at, block.RowCount - 8);
            sbyte** r = block.Rows + row;
            sbyte* p0 = r[0], p1 = r[1], p2 = r[2], p3 = r[3], p4 = r[4], p5 = r[5], p6 = r[6], p7 = r[7];
            sbyte* b = (sbyte*)block.Panel + HeaderBytes;
            // Pairs of loads: as copies of the first the others would be moves, one for each register.
            (Vector128<int> c0, Vector128<int> d0) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c1, Vector128<int> d1) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c2, Vector128<int> d2) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c3, Vector128<int> d3) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c4, Vector128<int> d4) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c5, Vector128<int> d5) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c6, Vector128<int> d6) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c7, Vector128<int> d7) = LoadPairVector128((int*)block.Panel);
            nint k = 0, end = block.Segment;
            for (int outer = 0, inner = 0; ; k = (nint)outer * block.OuterStride + (nint)inner * block.InnerStride, end = k + block.Segment)
            {
                for (; k <= end - 16; k += 16, b += 128)
                {
                    (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                    Vector128<sbyte> x0 = LoadVector128(p0 + k), x1 = LoadVector128(p1 + k), x2 = LoadVector128(p2 + k), x3 = LoadVector128(p3 + k), x4 = LoadVector128(p4 + k), x5 = LoadVector128(p5 + k), x6 = LoadVector128(p6 + k), x7 = LoadVector128(p7 + k);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 0); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 0);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 0); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 0);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 0); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 0);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 0); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 0);
                    c4 = DotProductBySelectedQuadruplet(c4, u, x4, 0); d4 = DotProductBySelectedQuadruplet(d4, v, x4, 0);
                    c5 = DotProductBySelectedQuadruplet(c5, u, x5, 0); d5 = DotProductBySelectedQuadruplet(d5, v, x5, 0);
                    c6 = DotProductBySelectedQuadruplet(c6, u, x6, 0); d6 = DotProductBySelectedQuadruplet(d6, v, x6, 0);
                    c7 = DotProductBySelectedQuadruplet(c7, u, x7, 0); d7 = DotProductBySelectedQuadruplet(d7, v, x7, 0);
                    u = LoadVector128(b + 32); v = LoadVector128(b + 48);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 1); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 1);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 1); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 1);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 1); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 1);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 1); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 1);
                    c4 = DotProductBySelectedQuadruplet(c4, u, x4, 1); d4 = DotProductBySelectedQuadruplet(d4, v, x4, 1);
                    c5 = DotProductBySelectedQuadruplet(c5, u, x5, 1); d5 = DotProductBySelectedQuadruplet(d5, v, x5, 1);
                    c6 = DotProductBySelectedQuadruplet(c6, u, x6, 1); d6 = DotProductBySelectedQuadruplet(d6, v, x6, 1);
                    c7 = DotProductBySelectedQuadruplet(c7, u, x7, 1); d7 = DotProductBySelectedQuadruplet(d7, v, x7, 1);
                    u = LoadVector128(b + 64); v = LoadVector128(b + 80);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 2); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 2);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 2); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 2);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 2); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 2);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 2); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 2);
                    c4 = DotProductBySelectedQuadruplet(c4, u, x4, 2); d4 = DotProductBySelectedQuadruplet(d4, v, x4, 2);
                    c5 = DotProductBySelectedQuadruplet(c5, u, x5, 2); d5 = DotProductBySelectedQuadruplet(d5, v, x5, 2);
                    c6 = DotProductBySelectedQuadruplet(c6, u, x6, 2); d6 = DotProductBySelectedQuadruplet(d6, v, x6, 2);
                    c7 = DotProductBySelectedQuadruplet(c7, u, x7, 2); d7 = DotProductBySelectedQuadruplet(d7, v, x7, 2);
                    u = LoadVector128(b + 96); v = LoadVector128(b + 112);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 3); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 3);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 3); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 3);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 3); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 3);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 3); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 3);
                    c4 = DotProductBySelectedQuadruplet(c4, u, x4, 3); d4 = DotProductBySelectedQuadruplet(d4, v, x4, 3);
                    c5 = DotProductBySelectedQuadruplet(c5, u, x5, 3); d5 = DotProductBySelectedQuadruplet(d5, v, x5, 3);
                    c6 = DotProductBySelectedQuadruplet(c6, u, x6, 3); d6 = DotProductBySelectedQuadruplet(d6, v, x6, 3);
                    c7 = DotProductBySelectedQuadruplet(c7, u, x7, 3); d7 = DotProductBySelectedQuadruplet(d7, v, x7, 3);
                }
                for (; k < end; k += 4, b += 32)
                {
                    (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                    Vector64<sbyte> x0 = Load4(p0 + k);
                    Vector64<sbyte> x1 = Load4(p1 + k);
                    Vector64<sbyte> x2 = Load4(p2 + k);
                    Vector64<sbyte> x3 = Load4(p3 + k);
                    Vector64<sbyte> x4 = Load4(p4 + k);
                    Vector64<sbyte> x5 = Load4(p5 + k);
                    Vector64<sbyte> x6 = Load4(p6 + k);
                    Vector64<sbyte> x7 = Load4(p7 + k);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 0); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 0);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 0); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 0);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 0); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 0);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 0); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 0);
                    c4 = DotProductBySelectedQuadruplet(c4, u, x4, 0); d4 = DotProductBySelectedQuadruplet(d4, v, x4, 0);
                    c5 = DotProductBySelectedQuadruplet(c5, u, x5, 0); d5 = DotProductBySelectedQuadruplet(d5, v, x5, 0);
                    c6 = DotProductBySelectedQuadruplet(c6, u, x6, 0); d6 = DotProductBySelectedQuadruplet(d6, v, x6, 0);
                    c7 = DotProductBySelectedQuadruplet(c7, u, x7, 0); d7 = DotProductBySelectedQuadruplet(d7, v, x7, 0);
                }
                if (++inner < block.InnerCount) continue;
                inner = 0;
                if (++outer == block.OuterCount) break;
            }
            if (block.Sums != null)
            {
                Vector128<int> zero0 = LoadVector128((int*)block.Panel + 16), zero1 = LoadVector128((int*)block.Panel + 20);
                int* sums = block.Sums + row;
                c0 = Subtract(c0, zero0, sums[0]); d0 = Subtract(d0, zero1, sums[0]);
                c1 = Subtract(c1, zero0, sums[1]); d1 = Subtract(d1, zero1, sums[1]);
                c2 = Subtract(c2, zero0, sums[2]); d2 = Subtract(d2, zero1, sums[2]);
                c3 = Subtract(c3, zero0, sums[3]); d3 = Subtract(d3, zero1, sums[3]);
                c4 = Subtract(c4, zero0, sums[4]); d4 = Subtract(d4, zero1, sums[4]);
                c5 = Subtract(c5, zero0, sums[5]); d5 = Subtract(d5, zero1, sums[5]);
                c6 = Subtract(c6, zero0, sums[6]); d6 = Subtract(d6, zero1, sums[6]);
                c7 = Subtract(c7, zero0, sums[7]); d7 = Subtract(d7, zero1, sums[7]);
            }
            if (block.Shift != 0)
            {
                Vector128<int> shift = Vector128.Create(block.Shift);
                c0 = ShiftArithmeticSaturate(c0, shift); d0 = ShiftArithmeticSaturate(d0, shift);
                c1 = ShiftArithmeticSaturate(c1, shift); d1 = ShiftArithmeticSaturate(d1, shift);
                c2 = ShiftArithmeticSaturate(c2, shift); d2 = ShiftArithmeticSaturate(d2, shift);
                c3 = ShiftArithmeticSaturate(c3, shift); d3 = ShiftArithmeticSaturate(d3, shift);
                c4 = ShiftArithmeticSaturate(c4, shift); d4 = ShiftArithmeticSaturate(d4, shift);
                c5 = ShiftArithmeticSaturate(c5, shift); d5 = ShiftArithmeticSaturate(d5, shift);
                c6 = ShiftArithmeticSaturate(c6, shift); d6 = ShiftArithmeticSaturate(d6, shift);
                c7 = ShiftArithmeticSaturate(c7, shift); d7 = ShiftArithmeticSaturate(d7, shift);
            }
            Int8NeonEpilogue e = new(block);
            sbyte* y = block.Target(row, 8, out nint pitch);
            y = e.Store(y, pitch, c0, d0, c1, d1);
            y = e.Store(y, pitch, c2, d2, c3, d3);
            y = e.Store(y, pitch, c4, d4, c5, d5);
            e.Store(y, pitch, c6, d6, c7, d7);
            if (block.Columns < 8) block.CopyEdge(row, 8, 8);
        }
    }

    /// <summary>4 rows × 8 columns: 16 bytes of each row meet four k-groups of the panel.</summary>
    private static void Tiles4(in Int8NeonBlock block, int first, int stop)
    {
        for (int at = first; at < stop; at += 4)
        {
            int row = Math.Min(at, block.RowCount - 4);
            sbyte** r = block.Rows + row;
            sbyte* p0 = r[0], p1 = r[1], p2 = r[2], p3 = r[3];
            sbyte* b = (sbyte*)block.Panel + HeaderBytes;
            // Pairs of loads: as copies of the first the others would be moves, one for each register.
            (Vector128<int> c0, Vector128<int> d0) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c1, Vector128<int> d1) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c2, Vector128<int> d2) = LoadPairVector128((int*)block.Panel);
            (Vector128<int> c3, Vector128<int> d3) = LoadPairVector128((int*)block.Panel);
            nint k = 0, end = block.Segment;
            for (int outer = 0, inner = 0; ; k = (nint)outer * block.OuterStride + (nint)inner * block.InnerStride, end = k + block.Segment)
            {
                for (; k <= end - 16; k += 16, b += 128)
                {
                    (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                    Vector128<sbyte> x0 = LoadVector128(p0 + k), x1 = LoadVector128(p1 + k), x2 = LoadVector128(p2 + k), x3 = LoadVector128(p3 + k);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 0); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 0);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 0); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 0);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 0); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 0);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 0); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 0);
                    u = LoadVector128(b + 32); v = LoadVector128(b + 48);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 1); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 1);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 1); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 1);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 1); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 1);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 1); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 1);
                    u = LoadVector128(b + 64); v = LoadVector128(b + 80);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 2); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 2);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 2); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 2);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 2); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 2);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 2); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 2);
                    u = LoadVector128(b + 96); v = LoadVector128(b + 112);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 3); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 3);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 3); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 3);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 3); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 3);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 3); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 3);
                }
                for (; k < end; k += 4, b += 32)
                {
                    (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                    Vector64<sbyte> x0 = Load4(p0 + k);
                    Vector64<sbyte> x1 = Load4(p1 + k);
                    Vector64<sbyte> x2 = Load4(p2 + k);
                    Vector64<sbyte> x3 = Load4(p3 + k);
                    c0 = DotProductBySelectedQuadruplet(c0, u, x0, 0); d0 = DotProductBySelectedQuadruplet(d0, v, x0, 0);
                    c1 = DotProductBySelectedQuadruplet(c1, u, x1, 0); d1 = DotProductBySelectedQuadruplet(d1, v, x1, 0);
                    c2 = DotProductBySelectedQuadruplet(c2, u, x2, 0); d2 = DotProductBySelectedQuadruplet(d2, v, x2, 0);
                    c3 = DotProductBySelectedQuadruplet(c3, u, x3, 0); d3 = DotProductBySelectedQuadruplet(d3, v, x3, 0);
                }
                if (++inner < block.InnerCount) continue;
                inner = 0;
                if (++outer == block.OuterCount) break;
            }
            if (block.Sums != null)
            {
                Vector128<int> zero0 = LoadVector128((int*)block.Panel + 16), zero1 = LoadVector128((int*)block.Panel + 20);
                int* sums = block.Sums + row;
                c0 = Subtract(c0, zero0, sums[0]); d0 = Subtract(d0, zero1, sums[0]);
                c1 = Subtract(c1, zero0, sums[1]); d1 = Subtract(d1, zero1, sums[1]);
                c2 = Subtract(c2, zero0, sums[2]); d2 = Subtract(d2, zero1, sums[2]);
                c3 = Subtract(c3, zero0, sums[3]); d3 = Subtract(d3, zero1, sums[3]);
            }
            if (block.Shift != 0)
            {
                Vector128<int> shift = Vector128.Create(block.Shift);
                c0 = ShiftArithmeticSaturate(c0, shift); d0 = ShiftArithmeticSaturate(d0, shift);
                c1 = ShiftArithmeticSaturate(c1, shift); d1 = ShiftArithmeticSaturate(d1, shift);
                c2 = ShiftArithmeticSaturate(c2, shift); d2 = ShiftArithmeticSaturate(d2, shift);
                c3 = ShiftArithmeticSaturate(c3, shift); d3 = ShiftArithmeticSaturate(d3, shift);
            }
            Int8NeonEpilogue e = new(block);
            sbyte* y = block.Target(row, 8, out nint pitch);
            y = e.Store(y, pitch, c0, d0, c1, d1);
            e.Store(y, pitch, c2, d2, c3, d3);
            if (block.Columns < 8) block.CopyEdge(row, 4, 8);
        }
    }

    /// <summary>One row: eight accumulators, one per quarter of 16 k and four columns, hide the latency of the sums.</summary>
    private static void Tile1(in Int8NeonBlock block, int row)
    {
        sbyte* p = block.Rows[row], b = (sbyte*)block.Panel + HeaderBytes;
        Vector128<int> c0 = LoadVector128((int*)block.Panel), d0 = LoadVector128((int*)block.Panel + 4);
        Vector128<int> c1 = default, d1 = default, c2 = default, d2 = default, c3 = default, d3 = default;
        sbyte* a = p, end = p + block.Segment;
        for (int outer = 0, inner = 0; ; a = p + (nint)outer * block.OuterStride + (nint)inner * block.InnerStride, end = a + block.Segment)
        {
            for (; a <= end - 16; a += 16, b += 128)
            {
                Vector128<sbyte> x = LoadVector128(a);
                (Vector128<sbyte> u0, Vector128<sbyte> v0) = LoadPairVector128(b);
                Vector128<sbyte> u1 = LoadVector128(b + 32), v1 = LoadVector128(b + 48);
                Vector128<sbyte> u2 = LoadVector128(b + 64), v2 = LoadVector128(b + 80);
                Vector128<sbyte> u3 = LoadVector128(b + 96), v3 = LoadVector128(b + 112);
                c0 = DotProductBySelectedQuadruplet(c0, u0, x, 0); d0 = DotProductBySelectedQuadruplet(d0, v0, x, 0);
                c1 = DotProductBySelectedQuadruplet(c1, u1, x, 1); d1 = DotProductBySelectedQuadruplet(d1, v1, x, 1);
                c2 = DotProductBySelectedQuadruplet(c2, u2, x, 2); d2 = DotProductBySelectedQuadruplet(d2, v2, x, 2);
                c3 = DotProductBySelectedQuadruplet(c3, u3, x, 3); d3 = DotProductBySelectedQuadruplet(d3, v3, x, 3);
            }
            for (; a < end; a += 4, b += 32)
            {
                (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                Vector64<sbyte> x = Load4(a);
                c0 = DotProductBySelectedQuadruplet(c0, u, x, 0); d0 = DotProductBySelectedQuadruplet(d0, v, x, 0);
            }
            if (++inner < block.InnerCount) continue;
            inner = 0;
            if (++outer == block.OuterCount) break;
        }
        c0 = (c0 + c1) + (c2 + c3);
        d0 = (d0 + d1) + (d2 + d3);
        if (block.Sums != null)
        {
            c0 = Subtract(c0, LoadVector128((int*)block.Panel + 16), block.Sums[row]);
            d0 = Subtract(d0, LoadVector128((int*)block.Panel + 20), block.Sums[row]);
        }
        Vector128<int> shift = Vector128.Create(block.Shift);
        new Int8NeonEpilogue(block).Store(block.Target(row, 8, out _), ShiftArithmeticSaturate(c0, shift), ShiftArithmeticSaturate(d0, shift));
        if (block.Columns < 8) block.CopyEdge(row, 1, 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<sbyte> Load4(sbyte* p) => Vector64.CreateScalarUnsafe(*(float*)p).AsSByte();

    /// <summary>c − zero · sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Subtract(Vector128<int> c, Vector128<int> zero, int sum) => MultiplySubtract(c, zero, Vector128.Create(sum));
}
