using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;
using static System.Runtime.Intrinsics.Arm.Dp;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 products by SDOT: c[4 columns] += u[4 columns × 4 k] · x[4 k of one row], the row's quadruplet chosen by element, so
/// that one 16-byte load of a row serves four k-groups. The 6×16 tile has 24 accumulators: 96 SDOT for 14 loads, and all 32 registers are in use.
/// Panel: [k/4][columns][4 k], 16 columns or, of a panel with 8 or fewer, 8; then the weights of <see cref="Int8NeonWeights.Extras"/>, whose number and offsets
/// stand before the panel's weights. The products are exact: each SDOT adds four of at most 2^14 to 32 bits.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonDotGemm : ConvolutionInt8NeonGemm
{
    internal const int Nr = 16;

    private const int HeaderBytes = 16 * Nr;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-gemm-neondot-6x16", "convolution-s8", CpuFeature.Neon | CpuFeature.NeonDot, "SDOT by element, 6×16 tiles, rows read in place or from a padded copy");

    /// <inheritdoc/>
    protected override int PanelColumns => Nr;

    /// <inheritdoc/>
    private protected override int TileRows => 6;

    /// <inheritdoc/>
    private protected override int MostPanels => int.MaxValue;

    /// <inheritdoc/>
    protected override int DepthUnit => 4;

    /// <inheritdoc/>
    private protected override long WeightBytes(in GemmGeometry g) => (4L + g.Depth) * Nr;

    /// <inheritdoc/>
    private protected override void PackWeights(in GemmGeometry g, in Int8NeonWeights weights, Span<byte> destination)
    {
        int columns = weights.Columns <= Nr / 2 ? Nr / 2 : Nr;
        Span<int> extras = MemoryMarshal.Cast<byte, int>(destination[..(4 * Nr)]);
        destination = destination[(4 * Nr)..];
        for (int column = 0; column < weights.Columns; column++)
        {
            for (int segment = 0; segment < g.OuterCount * g.InnerCount; segment++)
                for (int k = 0; k < g.Segment; k++)
                    destination[(segment * g.Segment + k) / 4 * 4 * columns + column * 4 + k % 4] = (byte)weights[column, segment, k];
            for (int i = 0; i < 4 * weights.Extras.Length; i++)
                destination[(g.Depth + i / 4 * 4) * columns + column * 4 + i % 4] = (byte)weights.Rest(column, 4 * weights.Extras[i / 4] + i % 4);
        }
        extras[0] = weights.Extras.Length;
        for (int i = 0; i < weights.Extras.Length; i++) extras[1 + i] = (int)g.OffsetOf(4 * weights.Extras[i]);
    }

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => NeonGemmCost.Dot(shape);

    internal override void Multiply(in Int8NeonBlock block)
    {
        if (block.Columns <= Nr / 2) Run<N1>(block);
        else Run<N2>(block);
    }

    private static void Run<TVectors>(in Int8NeonBlock block) where TVectors : struct, ICount
    {
        if (block.Finish == Int8NeonFinish.Careful || block.Columns < 8 * TVectors.Value) Run<TVectors, N3>(block);
        else if (block.Finish == Int8NeonFinish.Unsigned) Run<TVectors, N2>(block);
        else if (block.Finish == Int8NeonFinish.Clamped) Run<TVectors, N1>(block);
        else Run<TVectors, N0>(block);
    }

    private static void Run<TVectors, TFinish>(in Int8NeonBlock block) where TVectors : struct, ICount where TFinish : struct, ICount
    {
        int rows = block.RowCount, row = rows / 6 * 6;
        // The last tile may reach back over rows that are done, and write the same values again.
        if (rows - row > 4 && rows > 6) row += 6;
        if (row > 0) Tile<N6, TVectors, TFinish>(block, 0, row);
        if (rows - row > 1 && rows >= 4) Tile<N4, TVectors, TFinish>(block, row, rows);
        else for (; row < rows; row++) Tile1<TVectors>(block, row);
    }

    /// <summary>6 or 4 rows × 8 columns once or twice at a time, panel after panel.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tile<TRows, TVectors, TFinish>(in Int8NeonBlock block, int first, int stop)
        where TRows : struct, ICount where TVectors : struct, ICount where TFinish : struct, ICount
    {
        int* panel = (int*)block.Panel;
        int fours = block.Segment >> 6, segments = block.OuterCount * block.InnerCount, segment = 0;
        nint one = (nint)block.OutputPitch, two = 2 * one, three = 3 * one;
        sbyte** end = block.Rows + Math.Min(stop, block.RowCount), last = block.Rows + block.RowCount - TRows.Value, start = block.Rows + first;
        if (start > last) start = last;
        sbyte* output = block.Output + (start - block.Rows) * one;
        for (int panels = block.Panels; panels > 0; panels--, panel = (int*)((byte*)panel + block.PanelBytes), output += Nr)
        {
            // What follows the last 64 k of a segment: 32, 16, 8 and 4, and by bit 6 other segments or weights beyond int8.
            int rest = (block.Segment & 63) | (segments > 1 || panel[3 * Nr] > 0 ? 64 : 0);
            sbyte** r = start;
            for (sbyte* y = output; ;)
            {
                sbyte* p0 = r[0], p1 = r[1], p2 = r[2], p3 = r[3], p4 = TRows.Value > 4 ? r[4] : null, p5 = TRows.Value > 4 ? r[5] : null;
                // Loaded for each row: as copies of the first the others would be moves, one for each register.
                LoadBiases<TVectors>(panel, out Vector128<int> a0, out Vector128<int> b0, out Vector128<int> c0, out Vector128<int> d0);
                LoadBiases<TVectors>(panel, out Vector128<int> a1, out Vector128<int> b1, out Vector128<int> c1, out Vector128<int> d1);
                LoadBiases<TVectors>(panel, out Vector128<int> a2, out Vector128<int> b2, out Vector128<int> c2, out Vector128<int> d2);
                LoadBiases<TVectors>(panel, out Vector128<int> a3, out Vector128<int> b3, out Vector128<int> c3, out Vector128<int> d3);
                Vector128<int> a4 = default, b4 = default, c4 = default, d4 = default, a5 = default, b5 = default, c5 = default, d5 = default;
                if (TRows.Value > 4) LoadBiases<TVectors>(panel, out a4, out b4, out c4, out d4);
                if (TRows.Value > 4) LoadBiases<TVectors>(panel, out a5, out b5, out c5, out d5);
                sbyte* w = (sbyte*)panel + HeaderBytes;
                nint k = 0;
                for (; ; )
                {
                    // The compiler would compute an address for each row if quarters were at k + 16 and so on.
                    for (int n = fours; n != 0; n--, k += 16, w += 512 * TVectors.Value)
                    {
                        Sixteen<TRows, TVectors>(LoadVector128(p0 + k), LoadVector128(p1 + k), LoadVector128(p2 + k), LoadVector128(p3 + k), TRows.Value > 4 ? LoadVector128(p4 + k) : default, TRows.Value > 4 ? LoadVector128(p5 + k) : default, w, 0, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        k += 16;
                        Sixteen<TRows, TVectors>(LoadVector128(p0 + k), LoadVector128(p1 + k), LoadVector128(p2 + k), LoadVector128(p3 + k), TRows.Value > 4 ? LoadVector128(p4 + k) : default, TRows.Value > 4 ? LoadVector128(p5 + k) : default, w, 128 * TVectors.Value, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        k += 16;
                        Sixteen<TRows, TVectors>(LoadVector128(p0 + k), LoadVector128(p1 + k), LoadVector128(p2 + k), LoadVector128(p3 + k), TRows.Value > 4 ? LoadVector128(p4 + k) : default, TRows.Value > 4 ? LoadVector128(p5 + k) : default, w, 256 * TVectors.Value, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        k += 16;
                        Sixteen<TRows, TVectors>(LoadVector128(p0 + k), LoadVector128(p1 + k), LoadVector128(p2 + k), LoadVector128(p3 + k), TRows.Value > 4 ? LoadVector128(p4 + k) : default, TRows.Value > 4 ? LoadVector128(p5 + k) : default, w, 384 * TVectors.Value, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                    }
                    if (rest == 0) break;
                    if ((rest & 32) != 0)
                    {
                        Sixteen<TRows, TVectors>(LoadVector128(p0 + k), LoadVector128(p1 + k), LoadVector128(p2 + k), LoadVector128(p3 + k), TRows.Value > 4 ? LoadVector128(p4 + k) : default, TRows.Value > 4 ? LoadVector128(p5 + k) : default, w, 0, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        k += 16;
                        Sixteen<TRows, TVectors>(LoadVector128(p0 + k), LoadVector128(p1 + k), LoadVector128(p2 + k), LoadVector128(p3 + k), TRows.Value > 4 ? LoadVector128(p4 + k) : default, TRows.Value > 4 ? LoadVector128(p5 + k) : default, w, 128 * TVectors.Value, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        k += 16;
                        w += 256 * TVectors.Value;
                        if (rest == 32) break;
                    }
                    if ((rest & 16) != 0)
                    {
                        Sixteen<TRows, TVectors>(LoadVector128(p0 + k), LoadVector128(p1 + k), LoadVector128(p2 + k), LoadVector128(p3 + k), TRows.Value > 4 ? LoadVector128(p4 + k) : default, TRows.Value > 4 ? LoadVector128(p5 + k) : default, w, 0, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        k += 16;
                        w += 128 * TVectors.Value;
                    }
                    if ((rest & 8) != 0)
                    {
                        Eight<TRows, TVectors>(Load8(p0 + k), Load8(p1 + k), Load8(p2 + k), Load8(p3 + k), TRows.Value > 4 ? Load8(p4 + k) : default, TRows.Value > 4 ? Load8(p5 + k) : default, w, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        k += 8;
                        w += 64 * TVectors.Value;
                    }
                    if ((rest & 4) != 0)
                    {
                        Four<TRows, TVectors>(Load4(p0 + k), Load4(p1 + k), Load4(p2 + k), Load4(p3 + k), TRows.Value > 4 ? Load4(p4 + k) : default, TRows.Value > 4 ? Load4(p5 + k) : default, w, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        w += 32 * TVectors.Value;
                    }
                    if ((rest & 64) == 0) break;
                    if (++segment == segments)
                    {
                        segment = 0;
                        int* extras = panel + 3 * Nr;
                        for (int i = 1; i <= *extras; i++, w += 32 * TVectors.Value)
                        {
                            k = extras[i];
                            Four<TRows, TVectors>(Load4(p0 + k), Load4(p1 + k), Load4(p2 + k), Load4(p3 + k), TRows.Value > 4 ? Load4(p4 + k) : default, TRows.Value > 4 ? Load4(p5 + k) : default, w, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, ref a4, ref b4, ref c4, ref d4, ref a5, ref b5, ref c5, ref d5);
                        }
                        break;
                    }
                    k = (nint)(segment / block.InnerCount) * block.OuterStride + (nint)(segment % block.InnerCount) * block.InnerStride;
                }
                if (TFinish.Value == (int)Int8NeonFinish.Careful)
                {
                    int* sums = (int*)block.Edge;
                    Int8NeonEpilogue.Keep<TVectors>(sums, a0, b0, c0, d0, a1, b1, c1, d1);
                    Int8NeonEpilogue.Keep<TVectors>(sums + 2 * Nr, a2, b2, c2, d2, a3, b3, c3, d3);
                    if (TRows.Value > 4) Int8NeonEpilogue.Keep<TVectors>(sums + 4 * Nr, a4, b4, c4, d4, a5, b5, c5, d5);
                    Int8NeonEpilogue.Careful<TVectors>(block, (int)(r - block.Rows), TRows.Value);
                    y += TRows.Value * one;
                }
                else
                {
                    Int8NeonEpilogue e = Int8NeonEpilogue.Of<TVectors>(block, panel);
                    e.Store<TVectors, TFinish>(y, 0, a0, b0, c0, d0);
                    e.Store<TVectors, TFinish>(y, one, a1, b1, c1, d1);
                    e.Store<TVectors, TFinish>(y, two, a2, b2, c2, d2);
                    y += three;
                    e.Store<TVectors, TFinish>(y, 0, a3, b3, c3, d3);
                    if (TRows.Value > 4) e.Store<TVectors, TFinish>(y, one, a4, b4, c4, d4);
                    if (TRows.Value > 4) e.Store<TVectors, TFinish>(y, two, a5, b5, c5, d5);
                    y += TRows.Value > 4 ? three : one;
                }
                r += TRows.Value;
                if (r <= last) continue;
                if (r >= end) break;
                y -= (r - last) * one;
                r = last;
            }
        }
    }

    /// <summary>The panel's biases for a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadBiases<TVectors>(int* panel, out Vector128<int> a, out Vector128<int> b, out Vector128<int> c, out Vector128<int> d) where TVectors : struct, ICount
    {
        (c, d) = (default, default);
        if (TVectors.Value > 1) (a, b, c, d) = Load4xVector128(panel);
        else (a, b) = LoadPairVector128(panel);
    }

    /// <summary>16 k: 16 bytes of each row meet four k-groups, whose weights start <paramref name="at"/> bytes behind <paramref name="w"/>. The compiler inlines methods of up to 32 parameters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixteen<TRows, TVectors>(Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3, Vector128<sbyte> x4, Vector128<sbyte> x5, sbyte* w, int at,
        ref Vector128<int> a0, ref Vector128<int> b0, ref Vector128<int> c0, ref Vector128<int> d0, ref Vector128<int> a1, ref Vector128<int> b1, ref Vector128<int> c1, ref Vector128<int> d1,
        ref Vector128<int> a2, ref Vector128<int> b2, ref Vector128<int> c2, ref Vector128<int> d2, ref Vector128<int> a3, ref Vector128<int> b3, ref Vector128<int> c3, ref Vector128<int> d3,
        ref Vector128<int> a4, ref Vector128<int> b4, ref Vector128<int> c4, ref Vector128<int> d4, ref Vector128<int> a5, ref Vector128<int> b5, ref Vector128<int> c5, ref Vector128<int> d5) where TRows : struct, ICount where TVectors : struct, ICount
    {
        Step<TRows>(0, w, at, x0, x1, x2, x3, x4, x5, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3, ref a4, ref b4, ref a5, ref b5);
        if (TVectors.Value > 1) Step<TRows>(0, w, at + 32, x0, x1, x2, x3, x4, x5, ref c0, ref d0, ref c1, ref d1, ref c2, ref d2, ref c3, ref d3, ref c4, ref d4, ref c5, ref d5);
        Step<TRows>(1, w, at + 32 * TVectors.Value, x0, x1, x2, x3, x4, x5, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3, ref a4, ref b4, ref a5, ref b5);
        if (TVectors.Value > 1) Step<TRows>(1, w, at + 96, x0, x1, x2, x3, x4, x5, ref c0, ref d0, ref c1, ref d1, ref c2, ref d2, ref c3, ref d3, ref c4, ref d4, ref c5, ref d5);
        Step<TRows>(2, w, at + 64 * TVectors.Value, x0, x1, x2, x3, x4, x5, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3, ref a4, ref b4, ref a5, ref b5);
        if (TVectors.Value > 1) Step<TRows>(2, w, at + 160, x0, x1, x2, x3, x4, x5, ref c0, ref d0, ref c1, ref d1, ref c2, ref d2, ref c3, ref d3, ref c4, ref d4, ref c5, ref d5);
        Step<TRows>(3, w, at + 96 * TVectors.Value, x0, x1, x2, x3, x4, x5, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3, ref a4, ref b4, ref a5, ref b5);
        if (TVectors.Value > 1) Step<TRows>(3, w, at + 224, x0, x1, x2, x3, x4, x5, ref c0, ref d0, ref c1, ref d1, ref c2, ref d2, ref c3, ref d3, ref c4, ref d4, ref c5, ref d5);
    }

    /// <summary>8 k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Eight<TRows, TVectors>(Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3, Vector128<sbyte> x4, Vector128<sbyte> x5, sbyte* w,
        ref Vector128<int> a0, ref Vector128<int> b0, ref Vector128<int> c0, ref Vector128<int> d0, ref Vector128<int> a1, ref Vector128<int> b1, ref Vector128<int> c1, ref Vector128<int> d1,
        ref Vector128<int> a2, ref Vector128<int> b2, ref Vector128<int> c2, ref Vector128<int> d2, ref Vector128<int> a3, ref Vector128<int> b3, ref Vector128<int> c3, ref Vector128<int> d3,
        ref Vector128<int> a4, ref Vector128<int> b4, ref Vector128<int> c4, ref Vector128<int> d4, ref Vector128<int> a5, ref Vector128<int> b5, ref Vector128<int> c5, ref Vector128<int> d5) where TRows : struct, ICount where TVectors : struct, ICount
    {
        Step<TRows>(0, w, 0, x0, x1, x2, x3, x4, x5, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3, ref a4, ref b4, ref a5, ref b5);
        if (TVectors.Value > 1) Step<TRows>(0, w, 32, x0, x1, x2, x3, x4, x5, ref c0, ref d0, ref c1, ref d1, ref c2, ref d2, ref c3, ref d3, ref c4, ref d4, ref c5, ref d5);
        Step<TRows>(1, w, 32 * TVectors.Value, x0, x1, x2, x3, x4, x5, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3, ref a4, ref b4, ref a5, ref b5);
        if (TVectors.Value > 1) Step<TRows>(1, w, 96, x0, x1, x2, x3, x4, x5, ref c0, ref d0, ref c1, ref d1, ref c2, ref d2, ref c3, ref d3, ref c4, ref d4, ref c5, ref d5);
    }

    /// <summary>4 k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four<TRows, TVectors>(Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3, Vector128<sbyte> x4, Vector128<sbyte> x5, sbyte* w,
        ref Vector128<int> a0, ref Vector128<int> b0, ref Vector128<int> c0, ref Vector128<int> d0, ref Vector128<int> a1, ref Vector128<int> b1, ref Vector128<int> c1, ref Vector128<int> d1,
        ref Vector128<int> a2, ref Vector128<int> b2, ref Vector128<int> c2, ref Vector128<int> d2, ref Vector128<int> a3, ref Vector128<int> b3, ref Vector128<int> c3, ref Vector128<int> d3,
        ref Vector128<int> a4, ref Vector128<int> b4, ref Vector128<int> c4, ref Vector128<int> d4, ref Vector128<int> a5, ref Vector128<int> b5, ref Vector128<int> c5, ref Vector128<int> d5) where TRows : struct, ICount where TVectors : struct, ICount
    {
        Step<TRows>(0, w, 0, x0, x1, x2, x3, x4, x5, ref a0, ref b0, ref a1, ref b1, ref a2, ref b2, ref a3, ref b3, ref a4, ref b4, ref a5, ref b5);
        if (TVectors.Value > 1) Step<TRows>(0, w, 32, x0, x1, x2, x3, x4, x5, ref c0, ref d0, ref c1, ref d1, ref c2, ref d2, ref c3, ref d3, ref c4, ref d4, ref c5, ref d5);
    }

    /// <summary>Eight columns of a k-group for all rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TRows>([ConstantExpected(Max = (byte)15)] byte group, sbyte* w, int at, Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3, Vector128<sbyte> x4, Vector128<sbyte> x5,
        ref Vector128<int> a0, ref Vector128<int> b0, ref Vector128<int> a1, ref Vector128<int> b1, ref Vector128<int> a2, ref Vector128<int> b2,
        ref Vector128<int> a3, ref Vector128<int> b3, ref Vector128<int> a4, ref Vector128<int> b4, ref Vector128<int> a5, ref Vector128<int> b5) where TRows : struct, ICount
    {
        // Two loads, which the compiler joins: a pair's address would have to be computed.
        Vector128<sbyte> u = LoadVector128(w + at), v = LoadVector128(w + at + 16);
        a0 = DotProductBySelectedQuadruplet(a0, u, x0, group);
        b0 = DotProductBySelectedQuadruplet(b0, v, x0, group);
        a1 = DotProductBySelectedQuadruplet(a1, u, x1, group);
        b1 = DotProductBySelectedQuadruplet(b1, v, x1, group);
        a2 = DotProductBySelectedQuadruplet(a2, u, x2, group);
        b2 = DotProductBySelectedQuadruplet(b2, v, x2, group);
        a3 = DotProductBySelectedQuadruplet(a3, u, x3, group);
        b3 = DotProductBySelectedQuadruplet(b3, v, x3, group);
        if (TRows.Value == 4) return;
        a4 = DotProductBySelectedQuadruplet(a4, u, x4, group);
        b4 = DotProductBySelectedQuadruplet(b4, v, x4, group);
        a5 = DotProductBySelectedQuadruplet(a5, u, x5, group);
        b5 = DotProductBySelectedQuadruplet(b5, v, x5, group);
    }

    /// <summary>One row, panel after panel: the even and odd k-groups have accumulators of their own, which hides the latency of the sums.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Tile1<TVectors>(in Int8NeonBlock block, int row) where TVectors : struct, ICount
    {
        int* panel = (int*)block.Panel;
        sbyte* y = block.Output + row * (nint)block.OutputPitch;
        for (int panels = block.Panels; panels > 0; panels--, panel = (int*)((byte*)panel + block.PanelBytes), y += Nr)
        {
            sbyte* p = block.Rows[row], w = (sbyte*)panel + HeaderBytes;
            int* extras = panel + 3 * Nr;
            (Vector128<int> a0, Vector128<int> b0) = LoadPairVector128(panel);
            (Vector128<int> c0, Vector128<int> d0) = LoadPairVector128(panel + 8);
            Vector128<int> a1 = default, b1 = default, c1 = default, d1 = default;
            sbyte* a = p, end = p + block.Segment;
            for (int outer = 0, inner = 0; ; a = p + (nint)outer * block.OuterStride + (nint)inner * block.InnerStride, end = a + block.Segment)
            {
                for (; a <= end - 16; a += 16, w += 128 * TVectors.Value)
                {
                    Vector128<sbyte> x = LoadVector128(a);
                    Step1<TVectors>(0, w, 0, x, ref a0, ref b0, ref c0, ref d0);
                    Step1<TVectors>(1, w, 32 * TVectors.Value, x, ref a1, ref b1, ref c1, ref d1);
                    Step1<TVectors>(2, w, 64 * TVectors.Value, x, ref a0, ref b0, ref c0, ref d0);
                    Step1<TVectors>(3, w, 96 * TVectors.Value, x, ref a1, ref b1, ref c1, ref d1);
                }
                for (; a < end; a += 4, w += 32 * TVectors.Value) Step1<TVectors>(0, w, 0, Load4(a), ref a0, ref b0, ref c0, ref d0);
                if (++inner < block.InnerCount) continue;
                inner = 0;
                if (++outer == block.OuterCount) break;
            }
            for (int i = 1; i <= *extras; i++, w += 32 * TVectors.Value) Step1<TVectors>(0, w, 0, Load4(p + extras[i]), ref a0, ref b0, ref c0, ref d0);
            (a0, b0, c0, d0) = (a0 + a1, b0 + b1, c0 + c1, d0 + d1);
            if (block.Finish != Int8NeonFinish.Careful && block.Columns == 8 * TVectors.Value)
            {
                Int8NeonEpilogue.Of<TVectors>(block, panel).Store<TVectors, N1>(y, 0, a0, b0, c0, d0);
                continue;
            }
            Int8NeonEpilogue.Keep<TVectors>((int*)block.Edge, a0, b0, c0, d0, a0, b0, c0, d0);
            Int8NeonEpilogue.Careful<TVectors>(block, row, 1);
        }
    }

    /// <summary>All columns of a k-group for one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step1<TVectors>([ConstantExpected(Max = (byte)15)] byte group, sbyte* w, int at, Vector128<sbyte> x, ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d) where TVectors : struct, ICount
    {
        Vector128<sbyte> u = LoadVector128(w + at), v = LoadVector128(w + at + 16);
        a = DotProductBySelectedQuadruplet(a, u, x, group);
        b = DotProductBySelectedQuadruplet(b, v, x, group);
        if (TVectors.Value == 1) return;
        (u, v) = (LoadVector128(w + at + 32), LoadVector128(w + at + 48));
        c = DotProductBySelectedQuadruplet(c, u, x, group);
        d = DotProductBySelectedQuadruplet(d, v, x, group);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Load4(sbyte* p) => Vector128.CreateScalarUnsafe(*(float*)p).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Load8(sbyte* p) => Vector128.CreateScalarUnsafe(*(double*)p).AsSByte();
}
