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
        double products = rows * g.Panels * (Int4Block.Columns * g.Depth * (parameters.WeightBits / 4) / 7.1 + 60);
        return 400 + WeightReading.Arm64.Cycles(products, PackedBytes(shape, parameters)) + rows * g.Depth / 2.0;
    }

    internal override int NibbleIndex(int k, int column) => (k / 2 * Int4Block.Columns + column) * 2 + k % 2;

    internal override int Start(sbyte* x) => (ushort)Sum(x) | Sum(x + Half) << 16;

    internal override void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => Int4Requantize.Neon(tile, call);

    internal override void Multiply(in Int4Block block)
    {
        for (int row = 0; row < block.RowCount; row++) Row(block, row);
    }

    private static int Sum(sbyte* x) => -8 * Arm64.AddAcross(AddPairwiseWidening(LoadVector128(x))).ToScalar();

    [MethodImpl(MethodImplOptions.NoInlining)]
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
                            for (sbyte* stop = p + Half; p != stop; p += 8, w += 4 * Int4Block.Columns) Products(ref s0, ref s1, ref s2, ref s3, mask, p, (sbyte*)w);
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

    /// <summary>
    /// Products of 8 k, of even and odd rows of nibbles in turn. In-order cores wait for each sum for as long as four products and two other
    /// instructions take: weights are taken apart in between.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Products(ref Vector128<short> s0, ref Vector128<short> s1, ref Vector128<short> s2, ref Vector128<short> s3, Vector128<sbyte> mask, sbyte* x, sbyte* w)
    {
        sbyte* next = x + 4, second = w + 64;
        Vector128<sbyte> v0 = LoadVector128(w), v1 = LoadVector128(w + 16), v2 = LoadVector128(w + 32), v3 = LoadVector128(w + 48);
        (Vector128<sbyte> x0, Vector128<sbyte> x1, Vector128<sbyte> x2, Vector128<sbyte> x3) = Arm64.LoadAndReplicateToVector128x4(x);
        Vector128<sbyte> l0 = v0 & mask, l1 = v1 & mask, h0 = High(v0), h1 = High(v1), l2 = v2 & mask, l3 = v3 & mask;
        Products(ref s0, ref s1, ref s2, ref s3, l0, l1, x0);
        Vector128<sbyte> h2 = High(v2), h3 = High(v3);
        Vector128<sbyte> u0 = LoadVector128(second), u1 = LoadVector128(second + 16), u2 = LoadVector128(second + 32), u3 = LoadVector128(second + 48);
        Products(ref s0, ref s1, ref s2, ref s3, h0, h1, x1);
        Vector128<sbyte> m0 = u0 & mask, m1 = u1 & mask;
        Products(ref s0, ref s1, ref s2, ref s3, l2, l3, x2);
        Vector128<sbyte> n0 = High(u0), n1 = High(u1);
        (Vector128<sbyte> x4, Vector128<sbyte> x5, Vector128<sbyte> x6, Vector128<sbyte> x7) = Arm64.LoadAndReplicateToVector128x4(next);
        Products(ref s0, ref s1, ref s2, ref s3, h2, h3, x3);
        Vector128<sbyte> m2 = u2 & mask, m3 = u3 & mask;
        Products(ref s0, ref s1, ref s2, ref s3, m0, m1, x4);
        Vector128<sbyte> n2 = High(u2), n3 = High(u3);
        Products(ref s0, ref s1, ref s2, ref s3, n0, n1, x5);
        Products(ref s0, ref s1, ref s2, ref s3, m2, m3, x6);
        Products(ref s0, ref s1, ref s2, ref s3, n2, n3, x7);
    }

    /// <summary>32 channels' products with one element. Upper halves first: a lower half is then its register's last use, and costs no move.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Products(ref Vector128<short> s0, ref Vector128<short> s1, ref Vector128<short> s2, ref Vector128<short> s3, Vector128<sbyte> w0, Vector128<sbyte> w1, Vector128<sbyte> x)
    {
        s1 = MultiplyWideningUpperAndAdd(s1, w0, x);
        s3 = MultiplyWideningUpperAndAdd(s3, w1, x);
        s0 = MultiplyWideningLowerAndAdd(s0, w0.GetLower(), x.GetLower());
        s2 = MultiplyWideningLowerAndAdd(s2, w1.GetLower(), x.GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> High(Vector128<sbyte> bytes) => ShiftRightLogical(bytes.AsByte(), 4).AsSByte();
}
