using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>
/// ARMv8.0: SMLAL of 8 channels' nibbles with one element of a row, 16 products in an int16 lane, where int8 weights allow two.
/// A chunk of a panel is [k/2][32 channels], the even k in the low nibbles. What is said of the wrapping sums in
/// <see cref="Int4DotAvx2"/> holds here, too: a chunk's word of starts has one int16 for each half of 16 elements.
/// </summary>
internal sealed unsafe class ConvolutionInt4Neon : ConvolutionInt4Kernel
{
    private const int Half = 16;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8s4-gemm-neon", "convolution-s8", CpuFeature.Neon, "SMLAL of nibble weights, per channel or per group, 16 products in an int16; 1 row × 32 channels");

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        GemmGeometry g = Geometry(shape);
        double rows = (double)g.Rows * g.Groups;
        return 400 + rows * (g.Panels * (Int4Block.Columns * g.Depth * (parameters.WeightBits / 4) / 6.5 + 60) + g.Depth / 2.0);
    }

    internal override int NibbleIndex(int k, int column) => (k / 2 * Int4Block.Columns + column) * 2 + k % 2;

    internal override int Start(sbyte* x) => (ushort)Sum(x) | Sum(x + Half) << 16;

    internal override void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => Int4Requantize.Neon(tile, call);

    internal override void Multiply(in Int4Block block)
    {
        for (int row = 0; row < block.RowCount; row++) Row(block, row);
    }

    private static int Sum(sbyte* x) => -8 * Arm64.AddAcross(AddPairwiseWidening(LoadVector128(x))).ToScalar();

    private static void Row(in Int4Block block, int row)
    {
        Vector128<int> t0 = default, t1 = t0, t2 = t0, t3 = t0, t4 = t0, t5 = t0, t6 = t0, t7 = t0;
        byte* w = block.Panel;
        short* start = (short*)(block.Starts + (long)row * block.Chunks);
        int planes = block.IsBytes ? 2 : 1;
        Vector64<sbyte> mask = Vector64.Create((sbyte)15);
        for (int outer = 0; outer < block.OuterCount; outer++)
            for (int inner = 0; inner < block.InnerCount; inner++)
            {
                sbyte* x = block.Rows[row] + (nint)outer * block.OuterStride + inner * block.InnerStride;
                for (sbyte* end = x + block.Segment; x < end; x += Int4Block.Chunk, start += 2)
                    for (int plane = 0; plane < planes; plane++)
                    {
                        byte* multipliers = w + Int4Block.ChunkBytes;
                        for (int half = 0; half < 2; half++)
                        {
                            Vector128<short> s0 = LoadAndReplicateToVector128(start + half), s1 = s0, s2 = s0, s3 = s0;
                            sbyte* p = x + half * Half;
                            for (int k = 0; k < Half; k += 2, w += Int4Block.Columns)
                            {
                                (Vector64<sbyte> v0, Vector64<sbyte> v1) = Arm64.LoadPairVector64((sbyte*)w);
                                (Vector64<sbyte> v2, Vector64<sbyte> v3) = Arm64.LoadPairVector64((sbyte*)w + 16);
                                Vector64<sbyte> even = LoadAndReplicateToVector64(p + k), odd = LoadAndReplicateToVector64(p + k + 1);
                                Vector64<sbyte> l0 = v0 & mask, l1 = v1 & mask, l2 = v2 & mask, l3 = v3 & mask;
                                Vector64<sbyte> h0 = High(v0), h1 = High(v1), h2 = High(v2), h3 = High(v3);
                                s0 = MultiplyWideningLowerAndAdd(s0, l0, even);
                                s1 = MultiplyWideningLowerAndAdd(s1, l1, even);
                                s2 = MultiplyWideningLowerAndAdd(s2, l2, even);
                                s3 = MultiplyWideningLowerAndAdd(s3, l3, even);
                                s0 = MultiplyWideningLowerAndAdd(s0, h0, odd);
                                s1 = MultiplyWideningLowerAndAdd(s1, h1, odd);
                                s2 = MultiplyWideningLowerAndAdd(s2, h2, odd);
                                s3 = MultiplyWideningLowerAndAdd(s3, h3, odd);
                            }
                            Vector128<short> m0 = Vector128.Create((short)(planes == 2 && plane == 0 ? 16 : 1)), m1 = m0, m2 = m0, m3 = m0;
                            if (block.IsGrouped)
                            {
                                Vector128<byte> low = LoadVector128(multipliers), high = LoadVector128(multipliers + 16);
                                m0 = ZeroExtendWideningLower(low.GetLower()).AsInt16();
                                m1 = ZeroExtendWideningUpper(low).AsInt16();
                                m2 = ZeroExtendWideningLower(high.GetLower()).AsInt16();
                                m3 = ZeroExtendWideningUpper(high).AsInt16();
                            }
                            t0 = MultiplyWideningLowerAndAdd(t0, s0.GetLower(), m0.GetLower());
                            t1 = MultiplyWideningUpperAndAdd(t1, s0, m0);
                            t2 = MultiplyWideningLowerAndAdd(t2, s1.GetLower(), m1.GetLower());
                            t3 = MultiplyWideningUpperAndAdd(t3, s1, m1);
                            t4 = MultiplyWideningLowerAndAdd(t4, s2.GetLower(), m2.GetLower());
                            t5 = MultiplyWideningUpperAndAdd(t5, s2, m2);
                            t6 = MultiplyWideningLowerAndAdd(t6, s3.GetLower(), m3.GetLower());
                            t7 = MultiplyWideningUpperAndAdd(t7, s3, m3);
                        }
                        if (block.IsGrouped) w += Int4Block.Columns;
                    }
            }
        int* sums = block.Sums + row * Int4Block.Columns;
        Store(sums, t0);
        Store(sums + 4, t1);
        Store(sums + 8, t2);
        Store(sums + 12, t3);
        Store(sums + 16, t4);
        Store(sums + 20, t5);
        Store(sums + 24, t6);
        Store(sums + 28, t7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<sbyte> High(Vector64<sbyte> bytes) => ShiftRightLogical(bytes.AsByte(), 4).AsSByte();
}
