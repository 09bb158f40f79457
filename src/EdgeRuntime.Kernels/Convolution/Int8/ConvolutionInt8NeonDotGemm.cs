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
        if (row > 0) Run<N8>(block, 0, row);
        if (rows - row > 1 && rows >= 4) Run<N4>(block, row, rows);
        else for (; row < rows; row++) Tile1(block, row);
    }

    private static void Run<TRows>(in Int8NeonBlock block, int first, int stop) where TRows : struct, ICount
    {
        if (block.Finish == Int8NeonFinish.Clamped) Tile<TRows, N1>(block, first, stop);
        else Tile<TRows, N0>(block, first, stop);
    }

    /// <summary>8 or 4 rows × 8 columns: 16 bytes of each row meet four k-groups of the panel.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tile<TRows, TClamped>(in Int8NeonBlock block, int first, int stop) where TRows : struct, ICount where TClamped : struct, ICount
    {
        int segments = block.OuterCount * block.InnerCount, sixteens = block.Segment >> 4, fours = (block.Segment & 15) >> 2;
        bool careful = block.Finish == Int8NeonFinish.Careful || block.Columns < 8;
        int* panel = (int*)block.Panel;
        nint pitch = (nint)block.OutputPitch;
        sbyte** end = block.Rows + Math.Min(stop, block.RowCount), last = block.Rows + block.RowCount - TRows.Value;
        sbyte* y = block.Output + first * pitch;
        for (sbyte** r = block.Rows + first; r < end; r += TRows.Value)
        {
            if (r > last)
            {
                y -= (r - last) * pitch;
                r = last;
            }
            sbyte* p0 = r[0], p1 = r[1], p2 = r[2], p3 = r[3];
            sbyte* p4 = TRows.Value > 4 ? r[4] : null, p5 = TRows.Value > 4 ? r[5] : null, p6 = TRows.Value > 4 ? r[6] : null, p7 = TRows.Value > 4 ? r[7] : null;
            sbyte* b = (sbyte*)panel + HeaderBytes;
            // Pairs of loads: as copies of the first the others would be moves, one for each register.
            (Vector128<int> c0, Vector128<int> d0) = LoadPairVector128(panel);
            (Vector128<int> c1, Vector128<int> d1) = LoadPairVector128(panel);
            (Vector128<int> c2, Vector128<int> d2) = LoadPairVector128(panel);
            (Vector128<int> c3, Vector128<int> d3) = LoadPairVector128(panel);
            Vector128<int> c4 = default, c5 = default, c6 = default, c7 = default, d4 = default, d5 = default, d6 = default, d7 = default;
            if (TRows.Value > 4) (c4, d4) = LoadPairVector128(panel);
            if (TRows.Value > 4) (c5, d5) = LoadPairVector128(panel);
            if (TRows.Value > 4) (c6, d6) = LoadPairVector128(panel);
            if (TRows.Value > 4) (c7, d7) = LoadPairVector128(panel);
            nint k = 0;
            for (int segment = 0; ;)
            {
                for (int n = sixteens; n != 0; n--, k += 16, b += 128)
                {
                    (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                    Vector128<sbyte> x0 = LoadVector128(p0 + k), x1 = LoadVector128(p1 + k), x2 = LoadVector128(p2 + k), x3 = LoadVector128(p3 + k), x4 = default, x5 = default, x6 = default, x7 = default;
                    if (TRows.Value > 4) (x4, x5, x6, x7) = (LoadVector128(p4 + k), LoadVector128(p5 + k), LoadVector128(p6 + k), LoadVector128(p7 + k));
                    (c0, d0) = (DotProductBySelectedQuadruplet(c0, u, x0, 0), DotProductBySelectedQuadruplet(d0, v, x0, 0));
                    (c1, d1) = (DotProductBySelectedQuadruplet(c1, u, x1, 0), DotProductBySelectedQuadruplet(d1, v, x1, 0));
                    (c2, d2) = (DotProductBySelectedQuadruplet(c2, u, x2, 0), DotProductBySelectedQuadruplet(d2, v, x2, 0));
                    (c3, d3) = (DotProductBySelectedQuadruplet(c3, u, x3, 0), DotProductBySelectedQuadruplet(d3, v, x3, 0));
                    if (TRows.Value > 4) (c4, d4) = (DotProductBySelectedQuadruplet(c4, u, x4, 0), DotProductBySelectedQuadruplet(d4, v, x4, 0));
                    if (TRows.Value > 4) (c5, d5) = (DotProductBySelectedQuadruplet(c5, u, x5, 0), DotProductBySelectedQuadruplet(d5, v, x5, 0));
                    if (TRows.Value > 4) (c6, d6) = (DotProductBySelectedQuadruplet(c6, u, x6, 0), DotProductBySelectedQuadruplet(d6, v, x6, 0));
                    if (TRows.Value > 4) (c7, d7) = (DotProductBySelectedQuadruplet(c7, u, x7, 0), DotProductBySelectedQuadruplet(d7, v, x7, 0));
                    (u, v) = (LoadVector128(b + 32), LoadVector128(b + 48));
                    (c0, d0) = (DotProductBySelectedQuadruplet(c0, u, x0, 1), DotProductBySelectedQuadruplet(d0, v, x0, 1));
                    (c1, d1) = (DotProductBySelectedQuadruplet(c1, u, x1, 1), DotProductBySelectedQuadruplet(d1, v, x1, 1));
                    (c2, d2) = (DotProductBySelectedQuadruplet(c2, u, x2, 1), DotProductBySelectedQuadruplet(d2, v, x2, 1));
                    (c3, d3) = (DotProductBySelectedQuadruplet(c3, u, x3, 1), DotProductBySelectedQuadruplet(d3, v, x3, 1));
                    if (TRows.Value > 4) (c4, d4) = (DotProductBySelectedQuadruplet(c4, u, x4, 1), DotProductBySelectedQuadruplet(d4, v, x4, 1));
                    if (TRows.Value > 4) (c5, d5) = (DotProductBySelectedQuadruplet(c5, u, x5, 1), DotProductBySelectedQuadruplet(d5, v, x5, 1));
                    if (TRows.Value > 4) (c6, d6) = (DotProductBySelectedQuadruplet(c6, u, x6, 1), DotProductBySelectedQuadruplet(d6, v, x6, 1));
                    if (TRows.Value > 4) (c7, d7) = (DotProductBySelectedQuadruplet(c7, u, x7, 1), DotProductBySelectedQuadruplet(d7, v, x7, 1));
                    (u, v) = (LoadVector128(b + 64), LoadVector128(b + 80));
                    (c0, d0) = (DotProductBySelectedQuadruplet(c0, u, x0, 2), DotProductBySelectedQuadruplet(d0, v, x0, 2));
                    (c1, d1) = (DotProductBySelectedQuadruplet(c1, u, x1, 2), DotProductBySelectedQuadruplet(d1, v, x1, 2));
                    (c2, d2) = (DotProductBySelectedQuadruplet(c2, u, x2, 2), DotProductBySelectedQuadruplet(d2, v, x2, 2));
                    (c3, d3) = (DotProductBySelectedQuadruplet(c3, u, x3, 2), DotProductBySelectedQuadruplet(d3, v, x3, 2));
                    if (TRows.Value > 4) (c4, d4) = (DotProductBySelectedQuadruplet(c4, u, x4, 2), DotProductBySelectedQuadruplet(d4, v, x4, 2));
                    if (TRows.Value > 4) (c5, d5) = (DotProductBySelectedQuadruplet(c5, u, x5, 2), DotProductBySelectedQuadruplet(d5, v, x5, 2));
                    if (TRows.Value > 4) (c6, d6) = (DotProductBySelectedQuadruplet(c6, u, x6, 2), DotProductBySelectedQuadruplet(d6, v, x6, 2));
                    if (TRows.Value > 4) (c7, d7) = (DotProductBySelectedQuadruplet(c7, u, x7, 2), DotProductBySelectedQuadruplet(d7, v, x7, 2));
                    (u, v) = (LoadVector128(b + 96), LoadVector128(b + 112));
                    (c0, d0) = (DotProductBySelectedQuadruplet(c0, u, x0, 3), DotProductBySelectedQuadruplet(d0, v, x0, 3));
                    (c1, d1) = (DotProductBySelectedQuadruplet(c1, u, x1, 3), DotProductBySelectedQuadruplet(d1, v, x1, 3));
                    (c2, d2) = (DotProductBySelectedQuadruplet(c2, u, x2, 3), DotProductBySelectedQuadruplet(d2, v, x2, 3));
                    (c3, d3) = (DotProductBySelectedQuadruplet(c3, u, x3, 3), DotProductBySelectedQuadruplet(d3, v, x3, 3));
                    if (TRows.Value > 4) (c4, d4) = (DotProductBySelectedQuadruplet(c4, u, x4, 3), DotProductBySelectedQuadruplet(d4, v, x4, 3));
                    if (TRows.Value > 4) (c5, d5) = (DotProductBySelectedQuadruplet(c5, u, x5, 3), DotProductBySelectedQuadruplet(d5, v, x5, 3));
                    if (TRows.Value > 4) (c6, d6) = (DotProductBySelectedQuadruplet(c6, u, x6, 3), DotProductBySelectedQuadruplet(d6, v, x6, 3));
                    if (TRows.Value > 4) (c7, d7) = (DotProductBySelectedQuadruplet(c7, u, x7, 3), DotProductBySelectedQuadruplet(d7, v, x7, 3));
                }
                for (int n = fours; n != 0; n--, k += 4, b += 32)
                {
                    (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                    Vector64<sbyte> x0 = Load4(p0 + k), x1 = Load4(p1 + k), x2 = Load4(p2 + k), x3 = Load4(p3 + k), x4 = default, x5 = default, x6 = default, x7 = default;
                    if (TRows.Value > 4) (x4, x5, x6, x7) = (Load4(p4 + k), Load4(p5 + k), Load4(p6 + k), Load4(p7 + k));
                    (c0, d0) = (DotProductBySelectedQuadruplet(c0, u, x0, 0), DotProductBySelectedQuadruplet(d0, v, x0, 0));
                    (c1, d1) = (DotProductBySelectedQuadruplet(c1, u, x1, 0), DotProductBySelectedQuadruplet(d1, v, x1, 0));
                    (c2, d2) = (DotProductBySelectedQuadruplet(c2, u, x2, 0), DotProductBySelectedQuadruplet(d2, v, x2, 0));
                    (c3, d3) = (DotProductBySelectedQuadruplet(c3, u, x3, 0), DotProductBySelectedQuadruplet(d3, v, x3, 0));
                    if (TRows.Value > 4) (c4, d4) = (DotProductBySelectedQuadruplet(c4, u, x4, 0), DotProductBySelectedQuadruplet(d4, v, x4, 0));
                    if (TRows.Value > 4) (c5, d5) = (DotProductBySelectedQuadruplet(c5, u, x5, 0), DotProductBySelectedQuadruplet(d5, v, x5, 0));
                    if (TRows.Value > 4) (c6, d6) = (DotProductBySelectedQuadruplet(c6, u, x6, 0), DotProductBySelectedQuadruplet(d6, v, x6, 0));
                    if (TRows.Value > 4) (c7, d7) = (DotProductBySelectedQuadruplet(c7, u, x7, 0), DotProductBySelectedQuadruplet(d7, v, x7, 0));
                }
                if (++segment == segments) break;
                k = (nint)(segment / block.InnerCount) * block.OuterStride + (nint)(segment % block.InnerCount) * block.InnerStride;
            }
            if (careful)
            {
                int* sums = (int*)block.Edge;
                Int8NeonEpilogue.Keep(sums, c0, d0, c1, d1, c2, d2, c3, d3);
                if (TRows.Value > 4) Int8NeonEpilogue.Keep(sums + 32, c4, d4, c5, d5, c6, d6, c7, d7);
                Int8NeonEpilogue.Careful(block, (int)(r - block.Rows), TRows.Value);
                y += TRows.Value * pitch;
                continue;
            }
            Int8NeonEpilogue e = new(block);
            y = e.Store<TClamped>(y, pitch, c0, d0, c1, d1);
            y = e.Store<TClamped>(y, pitch, c2, d2, c3, d3);
            if (TRows.Value == 4) continue;
            y = e.Store<TClamped>(y, pitch, c4, d4, c5, d5);
            y = e.Store<TClamped>(y, pitch, c6, d6, c7, d7);
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
        if (block.Finish != Int8NeonFinish.Careful && block.Columns == 8)
        {
            new Int8NeonEpilogue(block).Store(block.Output + row * block.OutputPitch, c0, d0);
            return;
        }
        int* sums = (int*)block.Edge;
        Vector128.Store(c0, sums);
        Vector128.Store(d0, sums + 4);
        Int8NeonEpilogue.Careful(block, row, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<sbyte> Load4(sbyte* p) => Vector64.CreateScalarUnsafe(*(float*)p).AsSByte();
}
