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
        Vector128<sbyte> mask = Vector128.Create((sbyte)15);
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
                            // Four k a turn: two of even rows of nibbles, two of odd ones. Upper halves first: a lower half is then its register's last use, and costs no move.
                            for (sbyte* stop = p + Half; p != stop; p += 4, w += 2 * Int4Block.Columns)
                            {
                                Vector128<sbyte> v0 = LoadVector128((sbyte*)w), v1 = LoadVector128((sbyte*)w + 16), v2 = LoadVector128((sbyte*)w + 32), v3 = LoadVector128((sbyte*)w + 48);
                                (Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3) = Arm64.LoadAndReplicateToVector128x4(p);
                                Vector128<sbyte> l0 = v0 & mask, l1 = v1 & mask, h0 = High(v0), h1 = High(v1);
                                Vector128<sbyte> l2 = v2 & mask, l3 = v3 & mask;
                                s1 = MultiplyWideningUpperAndAdd(s1, l0, x0);
                                s3 = MultiplyWideningUpperAndAdd(s3, l1, x0);
                                s0 = MultiplyWideningLowerAndAdd(s0, l0.GetLower(), x0.GetLower());
                                s2 = MultiplyWideningLowerAndAdd(s2, l1.GetLower(), x0.GetLower());
                                Vector128<sbyte> h2 = High(v2), h3 = High(v3);
                                s1 = MultiplyWideningUpperAndAdd(s1, h0, x1);
                                s3 = MultiplyWideningUpperAndAdd(s3, h1, x1);
                                s0 = MultiplyWideningLowerAndAdd(s0, h0.GetLower(), x1.GetLower());
                                s2 = MultiplyWideningLowerAndAdd(s2, h1.GetLower(), x1.GetLower());
                                s1 = MultiplyWideningUpperAndAdd(s1, l2, x2);
                                s3 = MultiplyWideningUpperAndAdd(s3, l3, x2);
                                s0 = MultiplyWideningLowerAndAdd(s0, l2.GetLower(), x2.GetLower());
                                s2 = MultiplyWideningLowerAndAdd(s2, l3.GetLower(), x2.GetLower());
                                s1 = MultiplyWideningUpperAndAdd(s1, h2, x3);
                                s3 = MultiplyWideningUpperAndAdd(s3, h3, x3);
                                s0 = MultiplyWideningLowerAndAdd(s0, h2.GetLower(), x3.GetLower());
                                s2 = MultiplyWideningLowerAndAdd(s2, h3.GetLower(), x3.GetLower());
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
    private static Vector128<sbyte> High(Vector128<sbyte> bytes) => ShiftRightLogical(bytes.AsByte(), 4).AsSByte();
}
