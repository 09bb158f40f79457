using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>The loops of <see cref="ConvolutionInt8NeonDepthwise"/>: eight channels along one output row.</summary>
internal static unsafe class Int8NeonDepthwiseTiles
{
    /// <summary>3×3, stride 1: three outputs a turn, so that the columns take turns in the same registers. One index serves input and output.</summary>
    public static void Stride1<TPlain, TTriple>(in Int8NeonDepthwiseRow t) where TPlain : struct, ICount where TTriple : struct, ICount
    {
        sbyte* w = (sbyte*)t.Packed + 64;
        Vector64<sbyte> w0 = LoadVector64(w), w1 = LoadVector64(w + 8), w2 = LoadVector64(w + 16);
        Vector64<sbyte> w3 = LoadVector64(w + 24), w4 = LoadVector64(w + 32), w5 = LoadVector64(w + 40);
        Vector64<sbyte> w6 = LoadVector64(w + 48), w7 = LoadVector64(w + 56), w8 = LoadVector64(w + 64);
        Epilogue e = new(t);
        nint channels = t.Channels;
        for (int row = 0; row < t.Rows; row++)
        {
            sbyte* x0 = t.Input + row * t.InputPitch, x1 = x0 + t.RowStep, x2 = x1 + t.RowStep, y = t.Output + row * t.OutputPitch - 3 * channels;
            nint i = 3 * channels, left = t.Width - 1;
            Vector64<sbyte> a0 = LoadVector64(x0), a1 = LoadVector64(x1), a2 = LoadVector64(x2);
            Vector64<sbyte> b0 = LoadVector64(x0 + channels), b1 = LoadVector64(x1 + channels), b2 = LoadVector64(x2 + channels);
            Vector64<sbyte> c0 = LoadVector64(x0 + 2 * channels), c1 = LoadVector64(x1 + 2 * channels), c2 = LoadVector64(x2 + 2 * channels);
            (Vector128<int> low, Vector128<int> high) = Sums<TTriple>(e, a0, a1, a2, b0, b1, b2, c0, c1, c2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
            for (; left >= 3; left -= 3)
            {
                Window<TPlain, TTriple>(e, y + i, x0 + i, x1 + i, x2 + i, ref low, ref high, b0, b1, b2, c0, c1, c2, out a0, out a1, out a2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
                i += channels;
                Window<TPlain, TTriple>(e, y + i, x0 + i, x1 + i, x2 + i, ref low, ref high, c0, c1, c2, a0, a1, a2, out b0, out b1, out b2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
                i += channels;
                Window<TPlain, TTriple>(e, y + i, x0 + i, x1 + i, x2 + i, ref low, ref high, a0, a1, a2, b0, b1, b2, out c0, out c1, out c2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
                i += channels;
            }
            if (left > 0)
            {
                Window<TPlain, TTriple>(e, y + i, x0 + i, x1 + i, x2 + i, ref low, ref high, b0, b1, b2, c0, c1, c2, out a0, out a1, out a2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
                i += channels;
            }
            if (left > 1)
            {
                Window<TPlain, TTriple>(e, y + i, x0 + i, x1 + i, x2 + i, ref low, ref high, c0, c1, c2, a0, a1, a2, out b0, out b1, out b2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
                i += channels;
            }
            e.Store<TPlain>(y + i, low, high);
        }
    }

    /// <summary>Any window, 16-bit weights, two outputs at a time; a last single one is computed twice.</summary>
    public static void General(in Int8NeonDepthwiseRow t)
    {
        Epilogue e = new(t);
        nint step = (nint)t.StrideX * t.Channels, columnStep = t.ColumnStep;
        int kernelWidth = t.KernelWidth;
        for (int line = 0; line < t.Rows; line++)
        {
            sbyte* x = t.Input + line * t.InputPitch, y = t.Output + line * t.OutputPitch;
            for (int left = t.Width; left > 0; left -= 2, x += 2 * step, y += 2 * t.Channels)
            {
                Vector128<int> low0 = e.Bias0, high0 = e.Bias1, low1 = e.Bias0, high1 = e.Bias1;
                short* w = (short*)(t.Packed + 64);
                nint next = left > 1 ? step : 0;
                for (int row = 0; row < t.KernelHeight; row++)
                {
                    sbyte* p = x + row * t.RowStep;
                    for (int column = kernelWidth; column > 0; column--, p += columnStep, w += 8)
                    {
                        Vector128<short> weights = LoadVector128(w), u = SignExtendWideningLower(LoadVector64(p)), v = SignExtendWideningLower(LoadVector64(p + next));
                        high0 = MultiplyWideningUpperAndAdd(high0, u, weights);
                        high1 = MultiplyWideningUpperAndAdd(high1, v, weights);
                        Vector64<short> lower = weights.GetLower();
                        low0 = MultiplyWideningLowerAndAdd(low0, u.GetLower(), lower);
                        low1 = MultiplyWideningLowerAndAdd(low1, v.GetLower(), lower);
                    }
                }
                e.Store<N0>(y, low0, high0);
                e.Store<N0>(left > 1 ? y + t.Channels : y, low1, high1);
            }
        }
    }

    /// <summary>
    /// The nine products of a window with rows a[0..2], b[0..2], c[0..2] as columns, added in 32 bits: three sums of two, and one of three
    /// corners if TTriple is 1, else one of two and a single one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<int> Low, Vector128<int> High) Sums<TTriple>(in Epilogue e,
        Vector64<sbyte> a0, Vector64<sbyte> a1, Vector64<sbyte> a2, Vector64<sbyte> b0, Vector64<sbyte> b1, Vector64<sbyte> b2,
        Vector64<sbyte> c0, Vector64<sbyte> c1, Vector64<sbyte> c2,
        Vector64<sbyte> w0, Vector64<sbyte> w1, Vector64<sbyte> w2, Vector64<sbyte> w3, Vector64<sbyte> w4, Vector64<sbyte> w5,
        Vector64<sbyte> w6, Vector64<sbyte> w7, Vector64<sbyte> w8) where TTriple : struct, ICount
    {
        Vector128<short> s0 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(a0, w0), a1, w3), s1 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(b0, w1), b1, w4);
        Vector128<short> s2 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(b2, w7), c1, w5), s3 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(a2, w6), c0, w2);
        Vector128<short> s4 = TTriple.Value == 0 ? MultiplyWideningLower(c2, w8) : default;
        if (TTriple.Value > 0) s3 = MultiplyWideningLowerAndAdd(s3, c2, w8);
        Vector128<int> high = AddWideningUpper(AddWideningUpper(AddWideningUpper(AddWideningUpper(e.Bias1, s0), s1), s2), s3);
        Vector128<int> low = AddWideningLower(AddWideningLower(AddWideningLower(AddWideningLower(e.Bias0, s0.GetLower()), s1.GetLower()), s2.GetLower()), s3.GetLower());
        return TTriple.Value > 0 ? (low, high) : (AddWideningLower(low, s4.GetLower()), AddWideningUpper(high, s4));
    }

    /// <summary>
    /// <see cref="Sums"/>, whose last column is loaded from <paramref name="x0"/>, x1 and x2, and between whose instructions the output before (<paramref name="low"/>, <paramref name="high"/>) is
    /// requantised and stored at <paramref name="y"/>: for in-order cores, dependent instructions stand six or more apart where there are others, and loads where those wait anyway.
    /// Lower halves have variables of their own, taken after the last use of their whole vector: they are the same register then, and cost no move.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Window<TPlain, TTriple>(in Epilogue e, sbyte* y, sbyte* x0, sbyte* x1, sbyte* x2, ref Vector128<int> low, ref Vector128<int> high,
        Vector64<sbyte> a0, Vector64<sbyte> a1, Vector64<sbyte> a2, Vector64<sbyte> b0, Vector64<sbyte> b1, Vector64<sbyte> b2,
        out Vector64<sbyte> c0, out Vector64<sbyte> c1, out Vector64<sbyte> c2,
        Vector64<sbyte> w0, Vector64<sbyte> w1, Vector64<sbyte> w2, Vector64<sbyte> w3, Vector64<sbyte> w4, Vector64<sbyte> w5,
        Vector64<sbyte> w6, Vector64<sbyte> w7, Vector64<sbyte> w8)
        where TPlain : struct, ICount where TTriple : struct, ICount
    {
        Vector128<short> s0 = MultiplyWideningLower(a0, w0), s1 = MultiplyWideningLower(b0, w1), s3 = MultiplyWideningLower(a2, w6), s2 = MultiplyWideningLower(b2, w7), s4 = default, whole;
        c0 = LoadVector64(x0);
        c1 = LoadVector64(x1);
        c2 = LoadVector64(x2);
        Vector128<int> p = MultiplyRoundedDoublingSaturateHigh(low, e.Multiplier0), q = MultiplyRoundedDoublingSaturateHigh(high, e.Multiplier1);
        s0 = MultiplyWideningLowerAndAdd(s0, a1, w3);
        s1 = MultiplyWideningLowerAndAdd(s1, b1, w4);
        s3 = MultiplyWideningLowerAndAdd(s3, c0, w2);
        s2 = MultiplyWideningLowerAndAdd(s2, c1, w5);
        if (TPlain.Value > 0) whole = Arm64.UnzipEven(p.AsInt16(), q.AsInt16());
        else whole = ExtractNarrowingSaturateUpper(ExtractNarrowingSaturateLower(p), q);
        high = AddWideningUpper(e.Bias1, s0);
        Vector64<short> l0 = s0.GetLower();
        low = AddWideningLower(e.Bias0, l0);
        if (TTriple.Value > 0) s3 = MultiplyWideningLowerAndAdd(s3, c2, w8);
        else s4 = MultiplyWideningLower(c2, w8);
        whole = AddSaturate(whole, e.ZeroPoint);
        high = AddWideningUpper(high, s1);
        Vector64<short> l1 = s1.GetLower();
        low = AddWideningLower(low, l1);
        Vector128<int> upper = AddWideningUpper(s2, s3);
        Vector64<short> l2 = s2.GetLower(), l3 = s3.GetLower();
        Vector128<int> lower = AddWideningLower(l2, l3);
        Vector64<sbyte> bytes = ExtractNarrowingSaturateLower(whole);
        if (TTriple.Value == 0)
        {
            upper = AddWideningUpper(upper, s4);
            Vector64<short> l4 = s4.GetLower();
            lower = AddWideningLower(lower, l4);
        }
        if (TPlain.Value == 0) bytes = Min(Max(bytes, e.Min), e.Max);
        high += upper;
        low += lower;
        Store(y, bytes);
    }

    /// <summary>Requantises and stores eight channels.</summary>
    internal readonly struct Epilogue
    {
        public readonly Vector128<int> Bias0, Bias1, Multiplier0, Multiplier1, Shift;
        public readonly Vector128<short> ZeroPoint;
        public readonly Vector64<sbyte> Min, Max;
        public readonly int* Packed;
        public readonly nint Channels;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Epilogue(in Int8NeonDepthwiseRow t)
        {
            Packed = (int*)t.Packed;
            Channels = t.Channels;
            Bias0 = LoadVector128((int*)t.Packed);
            Bias1 = LoadVector128((int*)t.Packed + 4);
            Multiplier0 = LoadVector128((int*)t.Packed + 8);
            Multiplier1 = LoadVector128((int*)t.Packed + 12);
            Shift = Vector128.Create(t.Shift);
            ZeroPoint = Vector128.Create((short)t.OutputZeroPoint);
            Min = Vector64.Create((sbyte)t.Min);
            Max = Vector64.Create((sbyte)t.Max);
        }

        /// <summary>TPlain is 1 if scaled sums fit 16 bits, the clamp is the type's and the shift 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store<TPlain>(sbyte* y, Vector128<int> low, Vector128<int> high) where TPlain : struct, ICount
        {
            if (TPlain.Value > 0)
                System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, NeonRequantize.NarrowFitting(MultiplyRoundedDoublingSaturateHigh(low, Multiplier0), MultiplyRoundedDoublingSaturateHigh(high, Multiplier1), ZeroPoint));
            else
                System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, System.Runtime.Intrinsics.Arm.AdvSimd.Min(System.Runtime.Intrinsics.Arm.AdvSimd.Max(
                    NeonRequantize.Narrow(NeonRequantize.Scale(low, Multiplier0, Shift), NeonRequantize.Scale(high, Multiplier1, Shift), ZeroPoint), Min), Max));
        }
    }
}
