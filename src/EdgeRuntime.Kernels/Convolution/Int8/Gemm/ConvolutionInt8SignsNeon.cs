using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 inputs with weights of ±1 for ARMv8.0: with m = −1 for a negative weight, else 0, x·w = (x ^ m) − m. EOR and SADALP, which adds
/// pairs into 16 bits, take 16 products; 127 steps of at most 256 fit. The weights' −m go into the bias:
/// <code>Σ (x − z)·w + b = Σ (x ^ m) + (b − z · Σ w − Σ m)</code>
/// Panel: [16 k][4 columns][16 m]; only for segments of whole 16 elements, since no m makes x vanish.
/// </summary>
public sealed unsafe class ConvolutionInt8SignsNeon : ConvolutionInt8NeonGemm
{
    private const int HeaderBytes = 12 * 4, ChunkSteps = 127;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-signs-neon-4x4", "convolution-s8", CpuFeature.Neon, "weights ±1: EOR and SADALP, 4×4 tiles; segments of a multiple of 16 elements");

    /// <inheritdoc/>
    protected override int PanelColumns => 4;

    /// <inheritdoc/>
    protected override int DepthUnit => 16;

    private protected override long WeightBytes(in GemmGeometry g) => (long)g.Depth * PanelColumns;

    private protected override void PackWeights(in GemmGeometry g, in Int8NeonWeights weights, Span<byte> destination)
    {
        for (int i = 0; i < g.Depth; i++)
            for (int column = 0; column < weights.Columns; column++)
                destination[i / 16 * 64 + column * 16 + i % 16] = (byte)weights[column, i / g.Segment, i % g.Segment];
    }

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        if (parameters.WeightBits != 1 || parameters.WeightZeroPoints.Length > 0) return false;
        GemmGeometry g = new(shape, DepthUnit, PanelColumns, 1);
        return g.Segment == g.NaturalSegment;
    }

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => NeonGemmCost.Signs(shape);

    /// <inheritdoc/>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        sbyte[] masks = new sbyte[weights.Length];
        int[] bias = [.. parameters.Bias];
        int depth = shape.Depth;
        for (int i = 0; i < masks.Length; i++)
        {
            // What base.Pack folds is −z · Σ m; wanted is −z · Σ (1 + 2m) − Σ m.
            masks[i] = (sbyte)(weights[i] >> 1);
            bias[i / depth] -= parameters.InputZeroPoint * (1 + masks[i]) + masks[i];
        }
        base.Pack(shape, parameters with { Bias = bias }, masks, destination);
    }

    internal override void Multiply(in Int8NeonBlock block)
    {
        int row = 0;
        for (; row + 4 <= block.RowCount; row += 4) Tile4(block, row);
        for (; row < block.RowCount; row++) Tile1(block, row);
    }

    private static void Tile4(in Int8NeonBlock block, int row)
    {
        sbyte** r = block.Rows + row;
        sbyte* p0 = r[0], p1 = r[1], p2 = r[2], p3 = r[3], b = (sbyte*)block.Panel + HeaderBytes;
        Vector128<int> s0 = default, s1 = default, s2 = default, s3 = default;
        for (int segment = 0; segment < block.OuterCount * block.InnerCount; segment++)
        {
            nint k = segment / block.InnerCount * block.OuterStride + segment % block.InnerCount * block.InnerStride, last = k + block.Segment;
            while (k < last)
            {
                Vector128<short> c00 = default, c01 = default, c02 = default, c03 = default, c10 = default, c11 = default, c12 = default, c13 = default;
                Vector128<short> c20 = default, c21 = default, c22 = default, c23 = default, c30 = default, c31 = default, c32 = default, c33 = default;
                for (nint end = Math.Min(last, k + ChunkSteps * 16); k < end; k += 16, b += 64)
                {
                    Vector128<sbyte> x0 = LoadVector128(p0 + k), x1 = LoadVector128(p1 + k), x2 = LoadVector128(p2 + k), x3 = LoadVector128(p3 + k);
                    Vector128<sbyte> u = LoadVector128(b), v = LoadVector128(b + 16), y = LoadVector128(b + 32), z = LoadVector128(b + 48);
                    Add8(x0, x1, x2, x3, u, v, ref c00, ref c10, ref c20, ref c30, ref c01, ref c11, ref c21, ref c31);
                    Add8(x0, x1, x2, x3, y, z, ref c02, ref c12, ref c22, ref c32, ref c03, ref c13, ref c23, ref c33);
                }
                s0 += Sum4(c00, c01, c02, c03);
                s1 += Sum4(c10, c11, c12, c13);
                s2 += Sum4(c20, c21, c22, c23);
                s3 += Sum4(c30, c31, c32, c33);
            }
        }
        Finish4(block, row, s0, s1, s2, s3);
    }

    private static void Tile1(in Int8NeonBlock block, int row)
    {
        sbyte* p = block.Rows[row], b = (sbyte*)block.Panel + HeaderBytes;
        Vector128<int> sum = default;
        for (int segment = 0; segment < block.OuterCount * block.InnerCount; segment++)
        {
            nint k = segment / block.InnerCount * block.OuterStride + segment % block.InnerCount * block.InnerStride, last = k + block.Segment;
            while (k < last)
            {
                Vector128<short> c0 = default, c1 = default, c2 = default, c3 = default;
                for (nint end = Math.Min(last, k + ChunkSteps * 16); k < end; k += 16, b += 64)
                {
                    Vector128<sbyte> x = LoadVector128(p + k);
                    (Vector128<sbyte> u, Vector128<sbyte> v) = LoadPairVector128(b);
                    c0 = Add(c0, x, u); c1 = Add(c1, x, v);
                    (u, v) = LoadPairVector128(b + 32);
                    c2 = Add(c2, x, u); c3 = Add(c3, x, v);
                }
                sum += Sum4(c0, c1, c2, c3);
            }
        }
        Finish1(block, row, sum);
    }

    private static void Finish4(in Int8NeonBlock block, int row, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
    {
        sbyte* y = block.Target(row, 4, out nint pitch);
        Vector128<uint> first = Quantize(block, a, b), second = Quantize(block, c, d);
        StoreSelectedScalar((uint*)y, first, 0);
        StoreSelectedScalar((uint*)(y + pitch), first, 1);
        StoreSelectedScalar((uint*)(y + 2 * pitch), second, 0);
        StoreSelectedScalar((uint*)(y + 3 * pitch), second, 1);
        if (block.Columns < 4) block.CopyEdge(row, 4, 4);
    }

    private static void Finish1(in Int8NeonBlock block, int row, Vector128<int> sum)
    {
        StoreSelectedScalar((uint*)block.Target(row, 4, out _), Quantize(block, sum, sum), 0);
        if (block.Columns < 4) block.CopyEdge(row, 1, 4);
    }

    /// <summary>Two rows of four sums as bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Quantize(in Int8NeonBlock block, Vector128<int> a, Vector128<int> b)
    {
        Vector128<int> bias = LoadVector128((int*)block.Panel), multiplier = LoadVector128((int*)block.Panel + 4), shift = Vector128.Create(block.Shift);
        Vector64<sbyte> bytes = NeonRequantize.Narrow(NeonRequantize.Scale(a + bias, multiplier, shift), NeonRequantize.Scale(b + bias, multiplier, shift), block.ZeroPoint);
        return NeonRequantize.Clamp(bytes.ToVector128Unsafe(), block.Min, block.Max).AsUInt32();
    }

    /// <summary>Adds four rows' elements for two columns; eight side by side, as in-order cores wait for each step's result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add8(Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3, Vector128<sbyte> u, Vector128<sbyte> v,
        ref Vector128<short> c0, ref Vector128<short> c1, ref Vector128<short> c2, ref Vector128<short> c3,
        ref Vector128<short> d0, ref Vector128<short> d1, ref Vector128<short> d2, ref Vector128<short> d3)
    {
        Vector128<sbyte> t0 = x0 ^ u, t1 = x1 ^ u, t2 = x2 ^ u, t3 = x3 ^ u, t4 = x0 ^ v, t5 = x1 ^ v, t6 = x2 ^ v, t7 = x3 ^ v;
        c0 = AddPairwiseWideningAndAdd(c0, t0);
        c1 = AddPairwiseWideningAndAdd(c1, t1);
        c2 = AddPairwiseWideningAndAdd(c2, t2);
        c3 = AddPairwiseWideningAndAdd(c3, t3);
        d0 = AddPairwiseWideningAndAdd(d0, t4);
        d1 = AddPairwiseWideningAndAdd(d1, t5);
        d2 = AddPairwiseWideningAndAdd(d2, t6);
        d3 = AddPairwiseWideningAndAdd(d3, t7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Add(Vector128<short> sum, Vector128<sbyte> x, Vector128<sbyte> mask) => AddPairwiseWideningAndAdd(sum, x ^ mask);

    /// <summary>The sums of each operand's eight elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Sum4(Vector128<short> a, Vector128<short> b, Vector128<short> c, Vector128<short> d) =>
        AddPairwise(AddPairwise(AddPairwiseWidening(a), AddPairwiseWidening(b)), AddPairwise(AddPairwiseWidening(c), AddPairwiseWidening(d)));
}
