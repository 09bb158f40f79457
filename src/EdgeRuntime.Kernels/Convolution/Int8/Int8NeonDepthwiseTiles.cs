using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>The loops of <see cref="ConvolutionInt8NeonDepthwise"/>: eight channels along one output row.</summary>
internal static unsafe class Int8NeonDepthwiseTiles
{
    /// <summary>3×3, stride 1: three outputs a turn, so that the columns take turns in the same registers.</summary>
    public static void Stride1(in Int8NeonDepthwiseRow t)
    {
        sbyte* w = (sbyte*)t.Packed + 64;
        Vector128<int> bias0 = LoadVector128((int*)t.Packed), bias1 = LoadVector128((int*)t.Packed + 4);
        Vector64<sbyte> w0 = LoadVector64(w), w1 = LoadVector64(w + 8), w2 = LoadVector64(w + 16);
        Vector64<sbyte> w3 = LoadVector64(w + 24), w4 = LoadVector64(w + 32), w5 = LoadVector64(w + 40);
        Vector64<sbyte> w6 = LoadVector64(w + 48), w7 = LoadVector64(w + 56), w8 = LoadVector64(w + 64);
        Epilogue e = new(t);
        nint channels = t.Channels;
        for (int row = 0; row < t.Rows; row++)
        {
            sbyte* x0 = t.Input + row * t.InputPitch, x1 = x0 + t.RowStep, x2 = x1 + t.RowStep, y = t.Output + row * t.OutputPitch;
            nint left = t.Width;
            Vector64<sbyte> a0 = LoadVector64(x0), a1 = LoadVector64(x1), a2 = LoadVector64(x2);
            Vector64<sbyte> b0 = LoadVector64(x0 + channels), b1 = LoadVector64(x1 + channels), b2 = LoadVector64(x2 + channels);
            x0 += 2 * channels; x1 += 2 * channels; x2 += 2 * channels;
            Vector64<sbyte> c0, c1, c2;
            for (; left >= 3; left -= 3)
            {
                c0 = LoadVector64(x0); c1 = LoadVector64(x1); c2 = LoadVector64(x2); x0 += channels; x1 += channels; x2 += channels;
                Window(e, y, bias0, bias1, a0, a1, a2, b0, b1, b2, c0, c1, c2, w0, w1, w2, w3, w4, w5, w6, w7, w8); y += channels;
                a0 = LoadVector64(x0); a1 = LoadVector64(x1); a2 = LoadVector64(x2); x0 += channels; x1 += channels; x2 += channels;
                Window(e, y, bias0, bias1, b0, b1, b2, c0, c1, c2, a0, a1, a2, w0, w1, w2, w3, w4, w5, w6, w7, w8); y += channels;
                b0 = LoadVector64(x0); b1 = LoadVector64(x1); b2 = LoadVector64(x2); x0 += channels; x1 += channels; x2 += channels;
                Window(e, y, bias0, bias1, c0, c1, c2, a0, a1, a2, b0, b1, b2, w0, w1, w2, w3, w4, w5, w6, w7, w8); y += channels;
            }
            if (left == 0) continue;
            c0 = LoadVector64(x0); c1 = LoadVector64(x1); c2 = LoadVector64(x2);
            Window(e, y, bias0, bias1, a0, a1, a2, b0, b1, b2, c0, c1, c2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
            if (left == 1) continue;
            a0 = LoadVector64(x0 + channels); a1 = LoadVector64(x1 + channels); a2 = LoadVector64(x2 + channels);
            y += channels;
            Window(e, y, bias0, bias1, b0, b1, b2, c0, c1, c2, a0, a1, a2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
        }
    }

    /// <summary>3×3, stride 2: two outputs a turn share a column, the next turn its last.</summary>
    public static void Stride2(in Int8NeonDepthwiseRow t)
    {
        sbyte* w = (sbyte*)t.Packed + 64;
        Vector128<int> bias0 = LoadVector128((int*)t.Packed), bias1 = LoadVector128((int*)t.Packed + 4);
        Vector64<sbyte> w0 = LoadVector64(w), w1 = LoadVector64(w + 8), w2 = LoadVector64(w + 16);
        Vector64<sbyte> w3 = LoadVector64(w + 24), w4 = LoadVector64(w + 32), w5 = LoadVector64(w + 40);
        Vector64<sbyte> w6 = LoadVector64(w + 48), w7 = LoadVector64(w + 56), w8 = LoadVector64(w + 64);
        Epilogue e = new(t);
        nint channels = t.Channels;
        for (int row = 0; row < t.Rows; row++)
        {
            sbyte* x0 = t.Input + row * t.InputPitch, x1 = x0 + t.RowStep, x2 = x1 + t.RowStep, y = t.Output + row * t.OutputPitch;
            nint left = t.Width;
            Vector64<sbyte> a0 = LoadVector64(x0), a1 = LoadVector64(x1), a2 = LoadVector64(x2);
            x0 += channels; x1 += channels; x2 += channels;
            Vector64<sbyte> b0, b1, b2, c0, c1, c2;
            for (; left >= 2; left -= 2)
            {
                b0 = LoadVector64(x0); b1 = LoadVector64(x1); b2 = LoadVector64(x2); x0 += channels; x1 += channels; x2 += channels;
                c0 = LoadVector64(x0); c1 = LoadVector64(x1); c2 = LoadVector64(x2); x0 += channels; x1 += channels; x2 += channels;
                Window(e, y, bias0, bias1, a0, a1, a2, b0, b1, b2, c0, c1, c2, w0, w1, w2, w3, w4, w5, w6, w7, w8); y += channels;
                b0 = LoadVector64(x0); b1 = LoadVector64(x1); b2 = LoadVector64(x2); x0 += channels; x1 += channels; x2 += channels;
                a0 = LoadVector64(x0); a1 = LoadVector64(x1); a2 = LoadVector64(x2); x0 += channels; x1 += channels; x2 += channels;
                Window(e, y, bias0, bias1, c0, c1, c2, b0, b1, b2, a0, a1, a2, w0, w1, w2, w3, w4, w5, w6, w7, w8); y += channels;
            }
            if (left == 0) continue;
            b0 = LoadVector64(x0); b1 = LoadVector64(x1); b2 = LoadVector64(x2);
            c0 = LoadVector64(x0 + channels); c1 = LoadVector64(x1 + channels); c2 = LoadVector64(x2 + channels);
            Window(e, y, bias0, bias1, a0, a1, a2, b0, b1, b2, c0, c1, c2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
        }
    }

    /// <summary>Any window, 16-bit weights.</summary>
    public static void General(in Int8NeonDepthwiseRow t)
    {
        Vector128<int> bias0 = LoadVector128((int*)t.Packed), bias1 = LoadVector128((int*)t.Packed + 4);
        Epilogue e = new(t);
        for (int at = 0; at < t.Rows * t.Width; at++)
        {
            int line = at / t.Width, i = at - line * t.Width;
            sbyte* x = t.Input + line * t.InputPitch + (nint)i * t.StrideX * t.Channels, y = t.Output + line * t.OutputPitch + (nint)i * t.Channels;
            Vector128<int> low = bias0, high = bias1;
            short* w = (short*)(t.Packed + 64);
            for (int row = 0; row < t.KernelHeight; row++)
            {
                sbyte* p = x + row * t.RowStep;
                for (int column = 0; column < t.KernelWidth; column++, p += t.ColumnStep, w += 8)
                {
                    Vector128<short> v = SignExtendWideningLower(LoadVector64(p)), weights = LoadVector128(w);
                    high = MultiplyWideningUpperAndAdd(high, v, weights);
                    low = MultiplyWideningLowerAndAdd(low, v.GetLower(), weights.GetLower());
                }
            }
            e.Store(y, low, high);
        }
    }

    /// <summary>
    /// The nine products of a window with rows a[0..2], b[0..2], c[0..2] as columns: four sums of two and a single one, each
    /// then added to 32 bits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Window(in Epilogue e, sbyte* y, Vector128<int> bias0, Vector128<int> bias1,
        Vector64<sbyte> a0, Vector64<sbyte> a1, Vector64<sbyte> a2, Vector64<sbyte> b0, Vector64<sbyte> b1, Vector64<sbyte> b2,
        Vector64<sbyte> c0, Vector64<sbyte> c1, Vector64<sbyte> c2,
        Vector64<sbyte> w0, Vector64<sbyte> w1, Vector64<sbyte> w2, Vector64<sbyte> w3, Vector64<sbyte> w4, Vector64<sbyte> w5,
        Vector64<sbyte> w6, Vector64<sbyte> w7, Vector64<sbyte> w8)
    {
        Vector128<short> s0 = MultiplyWideningLower(a0, w0), s1 = MultiplyWideningLower(b0, w1);
        s0 = MultiplyWideningLowerAndAdd(s0, a1, w3);
        s1 = MultiplyWideningLowerAndAdd(s1, b1, w4);
        Vector128<short> s2 = MultiplyWideningLower(a2, w6), s3 = MultiplyWideningLower(c0, w2);
        // Upper halves first: then the lower half is the register's last use, and costs no move.
        Vector128<int> high = AddWideningUpper(bias1, s0), low = AddWideningLower(bias0, s0.GetLower());
        s2 = MultiplyWideningLowerAndAdd(s2, b2, w7);
        s3 = MultiplyWideningLowerAndAdd(s3, c1, w5);
        high = AddWideningUpper(high, s1);
        low = AddWideningLower(low, s1.GetLower());
        s0 = MultiplyWideningLower(c2, w8);
        high = AddWideningUpper(high, s2);
        low = AddWideningLower(low, s2.GetLower());
        high = AddWideningUpper(high, s3);
        low = AddWideningLower(low, s3.GetLower());
        high = AddWideningUpper(high, s0);
        low = AddWideningLower(low, s0.GetLower());
        e.StoreUnshifted(y, low, high);
    }

    /// <summary>Requantises and stores eight channels.</summary>
    private readonly struct Epilogue
    {
        private readonly Vector128<int> _multiplier0, _multiplier1, _shift;
        private readonly Vector128<short> _zeroPoint;
        private readonly Vector64<sbyte> _min, _max;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Epilogue(in Int8NeonDepthwiseRow t)
        {
            _multiplier0 = LoadVector128((int*)t.Packed + 8);
            _multiplier1 = LoadVector128((int*)t.Packed + 12);
            _shift = Vector128.Create(t.Shift);
            _zeroPoint = Vector128.Create((short)t.OutputZeroPoint);
            _min = Vector64.Create((sbyte)t.Min);
            _max = Vector64.Create((sbyte)t.Max);
        }

        /// <summary>For a shift of 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void StoreUnshifted(sbyte* y, Vector128<int> low, Vector128<int> high) =>
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, Min(Max(NeonRequantize.Narrow(
                MultiplyRoundedDoublingSaturateHigh(low, _multiplier0), MultiplyRoundedDoublingSaturateHigh(high, _multiplier1), _zeroPoint), _min), _max));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(sbyte* y, Vector128<int> low, Vector128<int> high) =>
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, Min(Max(NeonRequantize.Narrow(
                NeonRequantize.Scale(low, _multiplier0, _shift), NeonRequantize.Scale(high, _multiplier1, _shift), _zeroPoint), _min), _max));
    }
}
