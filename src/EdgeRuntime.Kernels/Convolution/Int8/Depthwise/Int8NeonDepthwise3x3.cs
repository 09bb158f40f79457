using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>The loops of <see cref="ConvolutionInt8NeonDepthwise"/> for 3×3 windows, stride 1 or 2: eight channels along one output row, weights in registers, columns of the input read once.</summary>
internal static unsafe class Int8NeonDepthwise3x3
{
    /// <summary>Some output rows. TPlain is 1 if scaled sums fit 16 bits and the clamp is the type's, TTriple if three corners' products make a sum.</summary>
    public static void Run<TStride, TPlain, TTriple>(in Int8NeonDepthwiseRow t) where TStride : struct, ICount where TPlain : struct, ICount where TTriple : struct, ICount
    {
        Constants k = new(t);
        Rows x = new(t.Input, t.RowStep), second = new(t.Input + t.Channels, t.RowStep), third = new(t.Input + 2 * t.Channels, t.RowStep);
        nint at = 0;
        sbyte* y = t.Output;
        for (int row = t.Rows; row > 0; row--, at += t.InputPitch, y += t.OutputPitch)
            if (TStride.Value == 1) Stride1<TPlain, TTriple>(k, x, at, y, t.Width);
            else Stride2<TPlain, TTriple>(k, second, third, at, y, t.Width);
    }

    /// <summary>Four outputs a turn: two columns are known, and the third takes the first one's registers. One index serves input and output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Stride1<TPlain, TTriple>(in Constants k, in Rows x, nint at, sbyte* y, int width) where TPlain : struct, ICount where TTriple : struct, ICount
    {
        nint step = k.Channels, i = at + 2 * step;
        y -= i + 2 * step;
        State s = default;
        (Vector128<int> Even, Vector128<int> Odd) sum = default;
        Column a = new(x, at), b = new(x, at + step);
        Window<N1, TPlain, TTriple, N1>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
        i += step;
        if (width > 1)
        {
            Window<N1, TPlain, TTriple, N3>(k, ref s, ref sum, y + i, x, x, i, ref b, a);
            i += step;
            int left = width - 2;
            while (left >= 4)
            {
                left -= 4;
                Window<N1, TPlain, TTriple, N7>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
                i += step;
                Window<N1, TPlain, TTriple, N7>(k, ref s, ref sum, y + i, x, x, i, ref b, a);
                i += step;
                Window<N1, TPlain, TTriple, N7>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
                i += step;
                Window<N1, TPlain, TTriple, N7>(k, ref s, ref sum, y + i, x, x, i, ref b, a);
                i += step;
            }
            if (left > 1)
            {
                Window<N1, TPlain, TTriple, N7>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
                i += step;
                Window<N1, TPlain, TTriple, N7>(k, ref s, ref sum, y + i, x, x, i, ref b, a);
                i += step;
            }
            if (left % 2 > 0)
            {
                Window<N1, TPlain, TTriple, N7>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
                i += step;
            }
            Window<N1, TPlain, TTriple, N6>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
        }
        else Window<N1, TPlain, TTriple, N2>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
        i += step;
        Window<N1, TPlain, TTriple, N4>(k, ref s, ref sum, y + i, x, x, i, ref a, b);
    }

    /// <summary>The last column of an output is the first of the next. One index serves the other two, at addresses of their own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Stride2<TPlain, TTriple>(in Constants k, in Rows second, in Rows third, nint at, sbyte* y, int width) where TPlain : struct, ICount where TTriple : struct, ICount
    {
        nint step = k.Channels, step2 = 2 * step, i = at;
        y -= 2 * step;
        State s = default;
        (Vector128<int> Even, Vector128<int> Odd) sum = default;
        Column a = new(third, at - step2), b = default;
        Window<N2, TPlain, TTriple, N1>(k, ref s, ref sum, y, third, second, i, ref a, b);
        i += step2;
        y += step;
        if (width > 1)
        {
            Window<N2, TPlain, TTriple, N3>(k, ref s, ref sum, y, third, second, i, ref a, b);
            i += step2;
            y += step;
            int left = width - 2;
            while (left >= 4)
            {
                left -= 4;
                Window<N2, TPlain, TTriple, N7>(k, ref s, ref sum, y, third, second, i, ref a, b);
                i += step2;
                y += step;
                Window<N2, TPlain, TTriple, N7>(k, ref s, ref sum, y, third, second, i, ref a, b);
                i += step2;
                y += step;
                Window<N2, TPlain, TTriple, N7>(k, ref s, ref sum, y, third, second, i, ref a, b);
                i += step2;
                y += step;
                Window<N2, TPlain, TTriple, N7>(k, ref s, ref sum, y, third, second, i, ref a, b);
                i += step2;
                y += step;
            }
            while (left > 0)
            {
                left--;
                Window<N2, TPlain, TTriple, N7>(k, ref s, ref sum, y, third, second, i, ref a, b);
                i += step2;
                y += step;
            }
            Window<N2, TPlain, TTriple, N6>(k, ref s, ref sum, y, third, second, i, ref a, b);
        }
        else Window<N2, TPlain, TTriple, N2>(k, ref s, ref sum, y, third, second, i, ref a, b);
        y += step;
        Window<N2, TPlain, TTriple, N4>(k, ref s, ref sum, y, third, second, i, ref a, b);
    }

    /// <summary>
    /// One turn of a pipeline of three stages, of which bits 1, 2 and 4 of TStages tell which there are: the nine products of a window with columns <paramref name="a"/>, <paramref name="b"/> and a third one, in three sums of two
    /// products and one of three, or of two and a single one; the additions in 32 bits of the window before; the requantisation of the one before that, stored at <paramref name="y"/>. The third column is loaded into <paramref name="a"/>,
    /// with stride 2 the second one into b.
    /// Two sums at a time are transposed and their pairs added to biases, even channels and odd ones: halves of vectors would cost moves, zipping three operations on a Cortex-A72. Biases are loaded for each window: copies would be moves.
    /// For in-order cores dependent instructions stand six or more apart. The order was searched by a model of a Cortex-A53 under conditions by which the compiler needs no moves: no value lives longer than a turn,
    /// no more than 29 at once, and what starts as a pair of biases stays in its two variables to the end.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Window<TStride, TPlain, TTriple, TStages>(in Constants k, ref State s, ref (Vector128<int> Even, Vector128<int> Odd) sum, sbyte* y, in Rows third, in Rows second, nint at, ref Column a, Column b)
        where TStride : struct, ICount where TPlain : struct, ICount where TTriple : struct, ICount where TStages : struct, ICount
    {
        Vector128<short> z0 = default, z1 = default, y0 = default, y1 = default, whole = default;
        Vector128<int> p0 = default, p1 = default, shifted = default;
        Vector64<sbyte> bytes = default;
        if (TStages.Value > 3)
        {
            p1 = MultiplyRoundedDoublingSaturateHigh(sum.Odd, k.OddMultiplier);
            p0 = MultiplyRoundedDoublingSaturateHigh(sum.Even, k.EvenMultiplier);
        }
        if (TStages.Value / 2 % 2 > 0)
        {
            y0 = Arm64.TransposeEven(s.S2, s.S3);
            sum = Arm64.Load2xVector128(k.Bias);
            z0 = Arm64.TransposeEven(s.S0, s.S1);
            z1 = Arm64.TransposeOdd(s.S0, s.S1);
            y1 = Arm64.TransposeOdd(s.S2, s.S3);
        }
        if (TStages.Value % 2 > 0) s.S3 = MultiplyWideningLower(a.V2, k.W6);
        if (TStages.Value % 2 > 0 && TStride.Value == 2) b.V2 = LoadVector64(second.R2 + at);
        if (TStages.Value > 3) whole = TPlain.Value > 0 ? Arm64.TransposeEven(p0.AsInt16(), p1.AsInt16()) : Arm64.TransposeOdd(ShiftLeftLogicalSaturate(p0, 16).AsInt16(), ShiftLeftLogicalSaturate(p1, 16).AsInt16());
        if (TStages.Value % 2 > 0 && TStride.Value == 2) b.V0 = LoadVector64(second.R0 + at);
        if (TStages.Value / 2 % 2 > 0 && TTriple.Value == 0) shifted = s.S4.AsInt32() << 16;
        if (TStages.Value % 2 > 0)
        {
            s.S0 = MultiplyWideningLower(a.V0, k.W0);
            a.V0 = LoadVector64(third.R0 + at);
        }
        if (TStages.Value / 2 % 2 > 0)
        {
            sum.Odd = AddPairwiseWideningAndAdd(sum.Odd, z1);
            sum.Even = AddPairwiseWideningAndAdd(sum.Even, z0);
        }
        if (TStages.Value % 2 > 0) s.S2 = MultiplyWideningLower(b.V2, k.W7);
        if (TStages.Value > 3) whole = AddSaturate(whole, k.ZeroPoint);
        if (TStages.Value % 2 > 0)
        {
            s.S3 = MultiplyWideningLowerAndAdd(s.S3, a.V0, k.W2);
            a.V2 = LoadVector64(third.R2 + at);
        }
        if (TStages.Value / 2 % 2 > 0 && TTriple.Value == 0) sum.Odd = ShiftRightArithmeticAdd(sum.Odd, s.S4.AsInt32(), 16);
        if (TStages.Value % 2 > 0) s.S0 = MultiplyWideningLowerAndAdd(s.S0, a.V1, k.W3);
        if (TStages.Value / 2 % 2 > 0 && TTriple.Value == 0) sum.Even = ShiftRightArithmeticAdd(sum.Even, shifted, 16);
        if (TStages.Value % 2 > 0)
        {
            a.V1 = LoadVector64(third.R1 + at);
            s.S1 = MultiplyWideningLower(b.V0, k.W1);
        }
        if (TStages.Value > 3) bytes = ExtractNarrowingSaturateLower(whole);
        if (TStages.Value % 2 > 0 && TStride.Value == 2) b.V1 = LoadVector64(second.R1 + at);
        if (TStages.Value / 2 % 2 > 0) sum.Odd = AddPairwiseWideningAndAdd(sum.Odd, y1);
        if (TStages.Value % 2 > 0)
        {
            if (TTriple.Value > 0) s.S3 = MultiplyWideningLowerAndAdd(s.S3, a.V2, k.W8);
            else s.S4 = MultiplyWideningLower(a.V2, k.W8);
        }
        if (TStages.Value / 2 % 2 > 0) sum.Even = AddPairwiseWideningAndAdd(sum.Even, y0);
        if (TStages.Value % 2 > 0)
        {
            s.S2 = MultiplyWideningLowerAndAdd(s.S2, a.V1, k.W5);
            s.S1 = MultiplyWideningLowerAndAdd(s.S1, b.V1, k.W4);
        }
        if (TStages.Value > 3)
        {
            if (TPlain.Value == 0) bytes = Min(Max(bytes, k.Min), k.Max);
            Store(y, bytes);
        }
    }

    /// <summary>Where three rows of the input begin.</summary>
    private readonly struct Rows(sbyte* first, nint step)
    {
        public readonly sbyte* R0 = first, R1 = first + step, R2 = first + 2 * step;
    }

    /// <summary>Three rows of a column of the input, eight channels.</summary>
    private struct Column
    {
        public Vector64<sbyte> V0, V1, V2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Column(in Rows x, nint at) => (V0, V1, V2) = (LoadVector64(x.R0 + at), LoadVector64(x.R1 + at), LoadVector64(x.R2 + at));
    }

    /// <summary>What one turn leaves to the next, besides the sums of all: 16-bit sums of products.</summary>
    private struct State
    {
        public Vector128<short> S0, S1, S2, S3, S4;
    }

    /// <summary>Weights, clamps and what requantises: multipliers of even channels and of odd ones, as the biases in memory are.</summary>
    private readonly struct Constants
    {
        public readonly Vector64<sbyte> W0, W1, W2, W3, W4, W5, W6, W7, W8, Min, Max;
        public readonly int* Bias;
        public readonly Vector128<int> EvenMultiplier, OddMultiplier;
        public readonly Vector128<short> ZeroPoint;
        public readonly nint Channels;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Constants(in Int8NeonDepthwiseRow t)
        {
            int* p = (int*)t.Packed;
            sbyte* w = (sbyte*)(p + 16);
            Bias = p;
            (EvenMultiplier, OddMultiplier) = (LoadVector128(p + 8), LoadVector128(p + 12));
            (W0, W1, W2) = (LoadVector64(w), LoadVector64(w + 8), LoadVector64(w + 16));
            (W3, W4, W5) = (LoadVector64(w + 24), LoadVector64(w + 32), LoadVector64(w + 40));
            (W6, W7, W8) = (LoadVector64(w + 48), LoadVector64(w + 56), LoadVector64(w + 64));
            (Min, Max) = (Vector64.Create((sbyte)t.Min), Vector64.Create((sbyte)t.Max));
            ZeroPoint = Vector128.Create((short)t.OutputZeroPoint);
            Channels = t.Channels;
        }
    }
}
