using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The loop of <see cref="ConvolutionInt8NeonDepthwise"/> for 3×3 windows with stride 2 or long rows: eight channels along one output row, two outputs at a time. By the cores' models
/// it takes a fifth fewer cycles than <see cref="Int8NeonDepthwiseTiles.Stride1"/>, which takes fewer instructions in short rows.
/// </summary>
internal static unsafe class Int8NeonDepthwisePairs
{
    /// <summary>
    /// Where a block of a 3×3 window has, in integers, its biases, multipliers and biases again, of even channels and of odd ones. Biases twice, as two loads from one place would become one,
    /// and moves.
    /// </summary>
    public const int Bias = 40, Multiplier = 48, SecondBias = 56;

    /// <summary>
    /// 3×3, stride 1 or 2: a pair of outputs at a time. While a pair is summed the one before is requantised, so that in-order cores find instructions that do not wait for each other.
    /// The last column or two of a pair are the first of the next.
    /// </summary>
    public static void Run<TStride, TPlain, TTriple>(in Int8NeonDepthwiseRow t) where TStride : struct, ICount where TPlain : struct, ICount where TTriple : struct, ICount
    {
        sbyte* w = (sbyte*)t.Packed + 64;
        Vector64<sbyte> w0 = LoadVector64(w), w1 = LoadVector64(w + 8), w2 = LoadVector64(w + 16);
        Vector64<sbyte> w3 = LoadVector64(w + 24), w4 = LoadVector64(w + 32), w5 = LoadVector64(w + 40);
        Vector64<sbyte> w6 = LoadVector64(w + 48), w7 = LoadVector64(w + 56), w8 = LoadVector64(w + 64);
        Int8NeonDepthwiseTiles.Epilogue e = new(t);
        nint channels = t.Channels, pair = 2 * channels;
        for (int row = 0; row < t.Rows; row++)
        {
            sbyte* x0 = t.Input + row * t.InputPitch, x1 = x0 + t.RowStep, x2 = x1 + t.RowStep, y = t.Output + row * t.OutputPitch;
            int left = t.Width;
            nint i = channels;
            if (left > 1)
            {
                Vector64<sbyte> a0 = LoadVector64(x0), a1 = LoadVector64(x1), a2 = LoadVector64(x2), b0 = default, b1 = default, b2 = default, c0, c1, c2, d0, d1, d2;
                if (TStride.Value == 1)
                {
                    b0 = LoadVector64(x0 + i);
                    b1 = LoadVector64(x1 + i);
                    b2 = LoadVector64(x2 + i);
                    i += channels;
                }
                Vector128<int> low0 = default, high0 = default, low1 = default, high1 = default;
                // What the first turn stores for want of a pair before is overwritten by the second or behind the loop.
                // Counted down before each pair: behind it only a branch is left to wait for its last products.
                int pairs = left >> 1;
                for (nint next = 0; ; next = pair)
                {
                    pairs--;
                    Pair<TStride, TPlain, TTriple>(e, y, x0, x1, x2, ref i, ref low0, ref high0, ref low1, ref high1, a0, a1, a2, b0, b1, b2, out c0, out c1, out c2, out d0, out d1, out d2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
                    y += next;
                    if (pairs == 0) break;
                    pairs--;
                    Pair<TStride, TPlain, TTriple>(e, y, x0, x1, x2, ref i, ref low0, ref high0, ref low1, ref high1, c0, c1, c2, d0, d1, d2, out a0, out a1, out a2, out b0, out b1, out b2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
                    y += pair;
                    if (pairs == 0) break;
                }
                Finish<TPlain>(e, y, low0, high0);
                Finish<TPlain>(e, y + channels, low1, high1);
                // The corner of a last single output.
                if (TStride.Value == 1) i -= channels;
                y += pair;
            }
            i -= channels;
            if ((left & 1) != 0) Single<TPlain, TTriple>(t, x0 + i, x1 + i, x2 + i, y);
        }
    }

    /// <summary>
    /// The nine products of a window, added in 32 bits: three sums of two, and one of three corners if TTriple is 1, else one of two and a single one.
    /// Requantised and stored.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Single<TPlain, TTriple>(in Int8NeonDepthwiseRow t, sbyte* x0, sbyte* x1, sbyte* x2, sbyte* y) where TPlain : struct, ICount where TTriple : struct, ICount
    {
        Int8NeonDepthwiseTiles.Epilogue e = new(t);
        sbyte* w = (sbyte*)t.Packed + 64;
        nint second = t.Channels, third = 2 * second;
        Vector128<short> s0 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(LoadVector64(x0), LoadVector64(w)), LoadVector64(x1), LoadVector64(w + 24));
        Vector128<short> s1 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(LoadVector64(x0 + second), LoadVector64(w + 8)), LoadVector64(x1 + second), LoadVector64(w + 32));
        Vector128<short> s2 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(LoadVector64(x2 + second), LoadVector64(w + 56)), LoadVector64(x1 + third), LoadVector64(w + 40));
        Vector128<short> s3 = MultiplyWideningLowerAndAdd(MultiplyWideningLower(LoadVector64(x2), LoadVector64(w + 48)), LoadVector64(x0 + third), LoadVector64(w + 16));
        Vector64<sbyte> corner = LoadVector64(x2 + third), weight = LoadVector64(w + 64);
        Vector128<short> s4 = TTriple.Value == 0 ? MultiplyWideningLower(corner, weight) : default;
        if (TTriple.Value > 0) s3 = MultiplyWideningLowerAndAdd(s3, corner, weight);
        Vector128<int> high = AddWideningUpper(AddWideningUpper(e.Bias1, s0), s1) + AddWideningUpper(s2, s3);
        Vector128<int> low = AddWideningLower(AddWideningLower(e.Bias0, s0.GetLower()), s1.GetLower()) + AddWideningLower(s2.GetLower(), s3.GetLower());
        if (TTriple.Value == 0) (low, high) = (AddWideningLower(low, s4.GetLower()), AddWideningUpper(high, s4));
        e.Store<TPlain>(y, low, high);
    }

    /// <summary>
    /// As <see cref="Single"/>, of two windows whose new columns lie behind offset <paramref name="i"/>, the last column that is known; between the instructions the two outputs before are
    /// requantised and stored at <paramref name="y"/>. For in-order cores dependent instructions stand six or more apart.
    /// a, b: the known columns, with stride 2 only a; c, d: the known columns of the next pair. With stride 1 the windows are a, b, c and b, c, d; with 2 they are a, b, d and d, b, c, where b is loaded twice.
    /// Two sums at a time are transposed and their pairs added, even channels (low) and odd ones (high): halves of vectors would cost moves, zipping three operations on a Cortex-A72. The compiler inlines no more than 32 parameters and 32 variables.
    /// Biases and multipliers are loaded each time: there are not registers enough.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair<TStride, TPlain, TTriple>(in Int8NeonDepthwiseTiles.Epilogue e, sbyte* y, sbyte* x0, sbyte* x1, sbyte* x2, ref nint i,
        ref Vector128<int> low0, ref Vector128<int> high0, ref Vector128<int> low1, ref Vector128<int> high1,
        Vector64<sbyte> a0, Vector64<sbyte> a1, Vector64<sbyte> a2, Vector64<sbyte> b0, Vector64<sbyte> b1, Vector64<sbyte> b2,
        out Vector64<sbyte> c0, out Vector64<sbyte> c1, out Vector64<sbyte> c2, out Vector64<sbyte> d0, out Vector64<sbyte> d1, out Vector64<sbyte> d2,
        Vector64<sbyte> w0, Vector64<sbyte> w1, Vector64<sbyte> w2, Vector64<sbyte> w3, Vector64<sbyte> w4, Vector64<sbyte> w5,
        Vector64<sbyte> w6, Vector64<sbyte> w7, Vector64<sbyte> w8)
        where TStride : struct, ICount where TPlain : struct, ICount where TTriple : struct, ICount
    {
        nint first = i, second = first + e.Channels, third = second + e.Channels, fourth = third + e.Channels;
        if (TStride.Value == 2)
        {
            b0 = LoadVector64(x0 + first);
            b1 = LoadVector64(x1 + first);
            b2 = LoadVector64(x2 + first);
            first = second;
        }
        c0 = d0 = LoadVector64(x0 + first);
        c1 = d1 = LoadVector64(x1 + first);
        c2 = d2 = LoadVector64(x2 + first);
        i = TStride.Value == 1 ? third : fourth + e.Channels;
        Vector128<int> p0, p1 = LoadVector128(e.Packed + Multiplier), p2, p3 = LoadVector128(e.Packed + Multiplier + 4);
        Vector128<short> s3 = MultiplyWideningLower(a2, w6), s0 = MultiplyWideningLower(a0, w0), s1 = MultiplyWideningLower(b0, w1), s2 = MultiplyWideningLower(b2, w7);
        Vector128<short> t0 = MultiplyWideningLower(TStride.Value == 1 ? b0 : d0, w0), t3 = MultiplyWideningLower(TStride.Value == 1 ? b2 : d2, w6), s4 = default, t4 = default;
        p0 = MultiplyRoundedDoublingSaturateHigh(low0, p1);
        p2 = MultiplyRoundedDoublingSaturateHigh(low1, p1);
        p1 = MultiplyRoundedDoublingSaturateHigh(high0, p3);
        p3 = MultiplyRoundedDoublingSaturateHigh(high1, p3);
        s3 = MultiplyWideningLowerAndAdd(s3, c0, w2);
        s0 = MultiplyWideningLowerAndAdd(s0, a1, w3);
        s1 = MultiplyWideningLowerAndAdd(s1, b1, w4);
        s2 = MultiplyWideningLowerAndAdd(s2, c1, w5);
        t0 = MultiplyWideningLowerAndAdd(t0, TStride.Value == 1 ? b1 : d1, w3);
        if (TTriple.Value > 0) s3 = MultiplyWideningLowerAndAdd(s3, c2, w8);
        else s4 = MultiplyWideningLower(c2, w8);
        if (TStride.Value == 2)
        {
            b0 = LoadVector64(x0 + third);
            b1 = LoadVector64(x1 + third);
            b2 = LoadVector64(x2 + third);
            c0 = LoadVector64(x0 + fourth);
            c1 = LoadVector64(x1 + fourth);
            c2 = LoadVector64(x2 + fourth);
        }
        else
        {
            d0 = LoadVector64(x0 + second);
            d1 = LoadVector64(x1 + second);
            d2 = LoadVector64(x2 + second);
        }
        low0 = LoadVector128(e.Packed + Bias);
        high0 = LoadVector128(e.Packed + Bias + 4);
        low1 = LoadVector128(e.Packed + SecondBias);
        high1 = LoadVector128(e.Packed + SecondBias + 4);
        p0 = Interleave<TPlain>(p0, p1).AsInt32();
        p2 = Interleave<TPlain>(p2, p3).AsInt32();
        Vector128<short> t1 = MultiplyWideningLower(TStride.Value == 1 ? c0 : b0, w1), t2 = MultiplyWideningLower(TStride.Value == 1 ? c2 : b2, w7);
        t3 = MultiplyWideningLowerAndAdd(t3, TStride.Value == 1 ? d0 : c0, w2);
        p0 = AddSaturate(p0.AsInt16(), e.ZeroPoint).AsInt32();
        p2 = AddSaturate(p2.AsInt16(), e.ZeroPoint).AsInt32();
        Vector128<short> z = Arm64.TransposeEven(s0, s1);
        s1 = Arm64.TransposeOdd(s0, s1);
        t1 = MultiplyWideningLowerAndAdd(t1, TStride.Value == 1 ? c1 : b1, w4);
        t2 = MultiplyWideningLowerAndAdd(t2, TStride.Value == 1 ? d1 : c1, w5);
        if (TTriple.Value > 0) t3 = MultiplyWideningLowerAndAdd(t3, TStride.Value == 1 ? d2 : c2, w8);
        else t4 = MultiplyWideningLower(TStride.Value == 1 ? d2 : c2, w8);
        if (TTriple.Value == 0)
        {
            // An odd channel's product is the upper half of an integer, an even one's after a shift.
            high0 = ShiftRightArithmeticAdd(high0, s4.AsInt32(), 16);
            s4 = (s4.AsInt32() << 16).AsInt16();
        }
        s0 = Arm64.TransposeEven(s2, s3);
        s3 = Arm64.TransposeOdd(s2, s3);
        low0 = AddPairwiseWideningAndAdd(low0, z);
        high0 = AddPairwiseWideningAndAdd(high0, s1);
        z = Arm64.TransposeEven(t0, t1);
        t1 = Arm64.TransposeOdd(t0, t1);
        if (TTriple.Value == 0)
        {
            high1 = ShiftRightArithmeticAdd(high1, t4.AsInt32(), 16);
            t4 = (t4.AsInt32() << 16).AsInt16();
        }
        a0 = ExtractNarrowingSaturateLower(p0.AsInt16());
        a1 = ExtractNarrowingSaturateLower(p2.AsInt16());
        if (TTriple.Value == 0) low0 = ShiftRightArithmeticAdd(low0, s4.AsInt32(), 16);
        t0 = Arm64.TransposeEven(t2, t3);
        t3 = Arm64.TransposeOdd(t2, t3);
        if (TTriple.Value > 0) low1 = AddPairwiseWideningAndAdd(low1, z);
        else low1 = ShiftRightArithmeticAdd(low1, t4.AsInt32(), 16);
        high1 = AddPairwiseWideningAndAdd(high1, t1);
        high0 = AddPairwiseWideningAndAdd(high0, s3);
        low0 = AddPairwiseWideningAndAdd(low0, s0);
        if (TTriple.Value == 0) low1 = AddPairwiseWideningAndAdd(low1, z);
        if (TPlain.Value == 0)
        {
            a0 = Min(Max(a0, e.Min), e.Max);
            a1 = Min(Max(a1, e.Min), e.Max);
        }
        Store(y, a0);
        Store(y + e.Channels, a1);
        high1 = AddPairwiseWideningAndAdd(high1, t3);
        low1 = AddPairwiseWideningAndAdd(low1, t0);
    }

    /// <summary>Scaled sums of even and of odd channels as 16-bit ones of all, saturated if TPlain is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Interleave<TPlain>(Vector128<int> even, Vector128<int> odd) where TPlain : struct, ICount => TPlain.Value > 0
        ? Arm64.TransposeEven(even.AsInt16(), odd.AsInt16())
        : Arm64.TransposeOdd(ShiftLeftLogicalSaturate(even, 16).AsInt16(), ShiftLeftLogicalSaturate(odd, 16).AsInt16());

    /// <summary>Requantises and stores the last pair of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TPlain>(in Int8NeonDepthwiseTiles.Epilogue e, sbyte* y, Vector128<int> even, Vector128<int> odd) where TPlain : struct, ICount
    {
        Vector64<sbyte> bytes = ExtractNarrowingSaturateLower(AddSaturate(Interleave<TPlain>(MultiplyRoundedDoublingSaturateHigh(even, LoadVector128(e.Packed + Multiplier)),
            MultiplyRoundedDoublingSaturateHigh(odd, LoadVector128(e.Packed + Multiplier + 4))), e.ZeroPoint));
        Store(y, TPlain.Value > 0 ? bytes : Min(Max(bytes, e.Min), e.Max));
    }
}
