using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The loops of <see cref="ConvolutionInt8NeonDepthwise"/> for any window: 16 channels × 4 neighbouring outputs. A run is up to three taps, side by side in a window's row, whose products add in 16 bits:
/// <code>|Σ x·w| ≤ 128 · Σ|w| ≤ 128 · 255 &lt; 2^15</code>
/// SMULL and SMLAL make the sum, SADDW adds it to 32 bits. What int8 does not hold of a weight less its zero point (255 at most) makes runs of its own at the same place.
/// A block: 16 biases, 16 multipliers, how many runs of three, two and one taps follow, where in the window the first one lies, and the runs: where the next one lies (int64), and at byte 16 the weights of the taps.
/// </summary>
internal static unsafe class Int8NeonDepthwiseRuns
{
    /// <summary>Channels of a block, and outputs of a tile.</summary>
    public const int Lanes = 16, Outputs = 4;

    private const int MultipliersAt = 4 * Lanes, CountsAt = 8 * Lanes, FirstAt = CountsAt + 16, RunsAt = FirstAt + 16, RunHeader = 16, MaxTaps = 3, LaneLimit = 255;

    /// <summary>Bytes of a block of so many taps, at most.</summary>
    public static int BlockBytes(int taps, bool asymmetric) => RunsAt + taps * (RunHeader + Lanes) * (asymmetric ? 3 : 1);

    /// <summary>Packs 16 channels from <paramref name="first"/> on. Biases and multipliers are known.</summary>
    public static void Pack(in ConvolutionShape s, ReadOnlySpan<sbyte> weights, ReadOnlySpan<int> zeros, int first, ReadOnlySpan<int> biases, ReadOnlySpan<int> multipliers, Span<byte> block)
    {
        biases.CopyTo(MemoryMarshal.Cast<byte, int>(block));
        multipliers.CopyTo(MemoryMarshal.Cast<byte, int>(block[MultipliersAt..]));
        int taps = s.Depth;
        int[] left = new int[taps * Lanes];
        for (int i = 0; i < left.Length; i++) left[i] = weights[(first + i % Lanes) * taps + i / Lanes] - (zeros.Length == 0 ? 0 : zeros[first + i % Lanes]);
        List<(int Taps, long Offset, sbyte[] Weights, int At)> runs = [];
        while (left.AsSpan().ContainsAnyExcept(0))
        {
            sbyte[] held = Array.ConvertAll(left, weight => (sbyte)Math.Clamp(weight, sbyte.MinValue, sbyte.MaxValue));
            for (int i = 0; i < left.Length; i++) left[i] -= held[i];
            AddRuns(s, held, runs);
        }
        runs = [.. runs.OrderByDescending(r => r.Taps)];
        Span<int> counts = MemoryMarshal.Cast<byte, int>(block[CountsAt..]);
        int at = RunsAt;
        for (int i = 0; i < runs.Count; at += RunHeader + runs[i++].Taps * Lanes)
        {
            counts[MaxTaps - runs[i].Taps]++;
            if (i == 0) MemoryMarshal.Write(block[FirstAt..], runs[i].Offset);
            if (i + 1 < runs.Count) MemoryMarshal.Write(block[at..], runs[i + 1].Offset);
            MemoryMarshal.AsBytes(runs[i].Weights.AsSpan(runs[i].At * Lanes, runs[i].Taps * Lanes)).CopyTo(block[(at + RunHeader)..]);
        }
    }

    /// <summary>The runs of a window, weights being [tap][16 channels]: as long as they can be, beginning at a tap that is not 0.</summary>
    private static void AddRuns(in ConvolutionShape s, sbyte[] weights, List<(int Taps, long Offset, sbyte[] Weights, int At)> runs)
    {
        for (int row = 0; row < s.KernelHeight; row++)
            for (int column = 0, taps; column < s.KernelWidth; column += taps)
            {
                int at = row * s.KernelWidth + column;
                taps = 1;
                if (!weights.AsSpan(at * Lanes, Lanes).ContainsAnyExcept((sbyte)0)) continue;
                while (taps < MaxTaps && column + taps < s.KernelWidth && Fits(weights, at, taps + 1)) taps++;
                runs.Add((taps, ((long)row * s.DilationY * PaddedInput.Pitch(s)) + ((long)column * s.DilationX * s.Channels), weights, at));
            }
    }

    private static bool Fits(sbyte[] weights, int at, int taps)
    {
        for (int lane = 0; lane < Lanes; lane++)
        {
            int sum = 0;
            for (int tap = at; tap < at + taps; tap++) sum += Math.Abs((int)weights[tap * Lanes + lane]);
            if (sum > LaneLimit) return false;
        }
        return true;
    }

    /// <summary>16 channels of some output rows.</summary>
    public static void Run<TPlain>(in Int8NeonDepthwiseRow t) where TPlain : struct, ICount
    {
        if (t.Width < Outputs) Singles<TPlain>(t);
        else if (t.ColumnStep == (nint)t.StrideX * t.Channels) Rows<TPlain, N1>(t);
        else Rows<TPlain, N0>(t);
    }

    /// <summary>TShared is 1 if the next tap of an output is the same one of the next output.</summary>
    private static void Rows<TPlain, TShared>(in Int8NeonDepthwiseRow t) where TPlain : struct, ICount where TShared : struct, ICount
    {
        nint step = (nint)t.StrideX * t.Channels, step2 = 2 * step, step3 = 3 * step, tap = t.ColumnStep;
        int* bias = (int*)t.Packed, counts = (int*)(t.Packed + CountsAt);
        for (int line = 0; line < t.Rows; line++)
        {
            sbyte* x = t.Input + line * t.InputPitch, y = t.Output + line * t.OutputPitch;
            for (int left = t.Width; left > 0; left -= Outputs, x += Outputs * step, y += Outputs * t.Channels)
            {
                if (left < Outputs)
                {
                    // The last tile reaches back over outputs that are done, and writes the same values again.
                    x -= (Outputs - left) * step;
                    y -= (Outputs - left) * t.Channels;
                }
                // Each from memory: a copy would be a move.
                (Vector128<int> a0, Vector128<int> a1) = LoadPairVector128(bias);
                (Vector128<int> a2, Vector128<int> a3) = LoadPairVector128(bias + 8);
                (Vector128<int> b0, Vector128<int> b1) = LoadPairVector128(bias);
                (Vector128<int> b2, Vector128<int> b3) = LoadPairVector128(bias + 8);
                (Vector128<int> c0, Vector128<int> c1) = LoadPairVector128(bias);
                (Vector128<int> c2, Vector128<int> c3) = LoadPairVector128(bias + 8);
                (Vector128<int> d0, Vector128<int> d1) = LoadPairVector128(bias);
                (Vector128<int> d2, Vector128<int> d3) = LoadPairVector128(bias + 8);
                sbyte* w = (sbyte*)t.Packed + RunsAt + RunHeader, p = x + *(nint*)(t.Packed + FirstAt), q = p + step3;
                // Counted down before the products: behind them only a branch is left to wait for the last ones.
                if (TShared.Value > 0)
                {
                    for (int n = counts[0]; n != 0;)
                    {
                        n--;
                        Three(ref w, x, ref p, ref q, step, step2, step3, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
                    }
                    for (int n = counts[1]; n != 0;)
                    {
                        n--;
                        Two(ref w, x, ref p, ref q, step, step2, step3, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
                    }
                    for (int n = counts[2]; n != 0;)
                    {
                        n--;
                        One(ref w, x, ref p, step, step2, step3, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
                    }
                }
                else
                {
                    for (int taps = MaxTaps; taps > 0; taps--)
                        for (int n = counts[MaxTaps - taps]; n > 0; n--)
                            Taps(taps, ref w, x, ref p, tap, step, step2, step3, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1, ref b2, ref b3, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
                }
                int* m = bias + Lanes;
                Vector128<int> m0 = LoadVector128(m), m1 = LoadVector128(m + 4), m2 = LoadVector128(m + 8), m3 = LoadVector128(m + 12);
                Finish<TPlain>(t, y, a0, a1, a2, a3, m0, m1, m2, m3);
                Finish<TPlain>(t, y + t.Channels, b0, b1, b2, b3, m0, m1, m2, m3);
                Finish<TPlain>(t, y + 2 * t.Channels, c0, c1, c2, c3, m0, m1, m2, m3);
                Finish<TPlain>(t, y + 3 * t.Channels, d0, d1, d2, d3, m0, m1, m2, m3);
            }
        }
    }

    /// <summary>One output after the other, of rows shorter than a tile.</summary>
    private static void Singles<TPlain>(in Int8NeonDepthwiseRow t) where TPlain : struct, ICount
    {
        int* bias = (int*)t.Packed, m = bias + Lanes, counts = (int*)(t.Packed + CountsAt);
        for (int i = 0; i < t.Rows * t.Width; i++)
        {
            int line = i / t.Width, column = i - line * t.Width;
            sbyte* x = t.Input + line * t.InputPitch + column * (nint)t.StrideX * t.Channels, p = x + *(nint*)(t.Packed + FirstAt);
            Vector128<int> a0 = LoadVector128(bias), a1 = LoadVector128(bias + 4), a2 = LoadVector128(bias + 8), a3 = LoadVector128(bias + 12);
            byte* w = t.Packed + RunsAt;
            for (int taps = MaxTaps; taps > 0; taps--)
                for (int left = counts[MaxTaps - taps]; left > 0; left--)
                {
                    nint next = *(nint*)w;
                    w += RunHeader;
                    Vector128<sbyte> weights = LoadVector128((sbyte*)w), v = LoadVector128(p);
                    Vector128<short> high = MultiplyWideningUpper(v, weights), low = MultiplyWideningLower(v.GetLower(), weights.GetLower());
                    w += Lanes;
                    for (int tap = taps; tap > 1; tap--, w += Lanes)
                    {
                        weights = LoadVector128((sbyte*)w);
                        v = LoadVector128(p += t.ColumnStep);
                        high = MultiplyWideningUpperAndAdd(high, v, weights);
                        low = MultiplyWideningLowerAndAdd(low, v.GetLower(), weights.GetLower());
                    }
                    Add(low, ref a0, ref a1);
                    Add(high, ref a2, ref a3);
                    p = x + next;
                }
            Finish<TPlain>(t, t.Output + line * t.OutputPitch + column * t.Channels, a0, a1, a2, a3, LoadVector128(m), LoadVector128(m + 4), LoadVector128(m + 8), LoadVector128(m + 12));
        }
    }

    /// <summary>
    /// Three taps of outputs that share columns: all upper halves before the lower ones, as a half that is taken after the last use of the whole is the same register and costs no move.
    /// For in-order cores dependent instructions stand six or more apart, the slowest load, that of the weights, comes first, and addresses of the next turn stand beside loads or wait for the end.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Three(ref sbyte* weights, sbyte* x, ref sbyte* p, ref sbyte* q, nint step, nint step2, nint step3,
        ref Vector128<int> a0, ref Vector128<int> a1, ref Vector128<int> a2, ref Vector128<int> a3, ref Vector128<int> b0, ref Vector128<int> b1, ref Vector128<int> b2, ref Vector128<int> b3,
        ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3, ref Vector128<int> d0, ref Vector128<int> d1, ref Vector128<int> d2, ref Vector128<int> d3)
    {
        (Vector128<sbyte> w0, Vector128<sbyte> w1, Vector128<sbyte> w2) = Load3xVector128(weights);
        nint next = *(nint*)(weights - RunHeader);
        weights += RunHeader + 3 * Lanes;
        Vector128<sbyte> x0 = LoadVector128(p), x1 = LoadVector128(p + step), x2 = LoadVector128(p + step2);
        p = x + next;
        Vector128<sbyte> x3 = LoadVector128(q), x4 = LoadVector128(q + step), x5 = LoadVector128(q + step2);
        Vector128<short> u0 = MultiplyWideningUpper(x0, w0), u1 = MultiplyWideningUpper(x1, w0), u2 = MultiplyWideningUpper(x2, w0), u3 = MultiplyWideningUpper(x3, w0);
        Vector64<sbyte> v0 = w0.GetLower();
        Vector128<short> s0 = MultiplyWideningLower(x0.GetLower(), v0);
        u0 = MultiplyWideningUpperAndAdd(u0, x1, w1);
        u1 = MultiplyWideningUpperAndAdd(u1, x2, w1);
        u2 = MultiplyWideningUpperAndAdd(u2, x3, w1);
        u3 = MultiplyWideningUpperAndAdd(u3, x4, w1);
        Vector64<sbyte> l1 = x1.GetLower(), v1 = w1.GetLower();
        Vector128<short> r0 = MultiplyWideningLowerAndAdd(s0, l1, v1), s1 = MultiplyWideningLower(l1, v0);
        u0 = MultiplyWideningUpperAndAdd(u0, x2, w2);
        u1 = MultiplyWideningUpperAndAdd(u1, x3, w2);
        u2 = MultiplyWideningUpperAndAdd(u2, x4, w2);
        u3 = MultiplyWideningUpperAndAdd(u3, x5, w2);
        Vector64<sbyte> l2 = x2.GetLower(), l3 = x3.GetLower(), l4 = x4.GetLower(), v2 = w2.GetLower();
        r0 = MultiplyWideningLowerAndAdd(r0, l2, v2);
        s1 = MultiplyWideningLowerAndAdd(s1, l2, v1);
        s0 = MultiplyWideningLower(l2, v0);
        Vector128<short> s3 = MultiplyWideningLower(l3, v0);
        AddUpper(u0, u1, u2, u3, ref a3, ref b3, ref c3, ref d3);
        s1 = MultiplyWideningLowerAndAdd(s1, l3, v2);
        s3 = MultiplyWideningLowerAndAdd(s3, l4, v1);
        Vector64<short> t0 = u0.GetLower(), t1 = u1.GetLower(), t2 = u2.GetLower(), t3 = u3.GetLower();
        a2 = AddWideningLower(a2, t0);
        b2 = AddWideningLower(b2, t1);
        c2 = AddWideningLower(c2, t2);
        s0 = MultiplyWideningLowerAndAdd(s0, l3, v1);
        s3 = MultiplyWideningLowerAndAdd(s3, x5.GetLower(), v2);
        a1 = AddWideningUpper(a1, r0);
        b1 = AddWideningUpper(b1, s1);
        d2 = AddWideningLower(d2, t3);
        s0 = MultiplyWideningLowerAndAdd(s0, l4, v2);
        d1 = AddWideningUpper(d1, s3);
        Vector64<short> t4 = r0.GetLower(), t5 = s1.GetLower(), t7 = s3.GetLower();
        c1 = AddWideningUpper(c1, s0);
        Vector64<short> t6 = s0.GetLower();
        a0 = AddWideningLower(a0, t4);
        b0 = AddWideningLower(b0, t5);
        d0 = AddWideningLower(d0, t7);
        c0 = AddWideningLower(c0, t6);
        q = p + step3;
    }

    /// <summary>As <see cref="Three"/>, two taps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Two(ref sbyte* weights, sbyte* x, ref sbyte* p, ref sbyte* q, nint step, nint step2, nint step3,
        ref Vector128<int> a0, ref Vector128<int> a1, ref Vector128<int> a2, ref Vector128<int> a3, ref Vector128<int> b0, ref Vector128<int> b1, ref Vector128<int> b2, ref Vector128<int> b3,
        ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3, ref Vector128<int> d0, ref Vector128<int> d1, ref Vector128<int> d2, ref Vector128<int> d3)
    {
        (Vector128<sbyte> w0, Vector128<sbyte> w1) = Load2xVector128(weights);
        nint next = *(nint*)(weights - RunHeader);
        weights += RunHeader + 2 * Lanes;
        Vector128<sbyte> x0 = LoadVector128(p), x1 = LoadVector128(p + step), x2 = LoadVector128(p + step2);
        p = x + next;
        Vector128<sbyte> x3 = LoadVector128(q), x4 = LoadVector128(q + step);
        Vector128<short> u0 = MultiplyWideningUpper(x0, w0), u1 = MultiplyWideningUpper(x1, w0), u2 = MultiplyWideningUpper(x2, w0), u3 = MultiplyWideningUpper(x3, w0);
        Vector64<sbyte> l0 = x0.GetLower(), v0 = w0.GetLower();
        Vector128<short> s0 = MultiplyWideningLower(l0, v0);
        u0 = MultiplyWideningUpperAndAdd(u0, x1, w1);
        u1 = MultiplyWideningUpperAndAdd(u1, x2, w1);
        u2 = MultiplyWideningUpperAndAdd(u2, x3, w1);
        u3 = MultiplyWideningUpperAndAdd(u3, x4, w1);
        Vector64<sbyte> l1 = x1.GetLower(), l2 = x2.GetLower(), l3 = x3.GetLower(), l4 = x4.GetLower(), v1 = w1.GetLower();
        s0 = MultiplyWideningLowerAndAdd(s0, l1, v1);
        Vector128<short> s1 = MultiplyWideningLower(l1, v0);
        AddUpper(u0, u1, u2, u3, ref a3, ref b3, ref c3, ref d3);
        s1 = MultiplyWideningLowerAndAdd(s1, l2, v1);
        Vector128<short> s2 = MultiplyWideningLower(l2, v0), s3 = MultiplyWideningLower(l3, v0);
        Vector64<short> t0 = u0.GetLower(), t1 = u1.GetLower(), t2 = u2.GetLower(), t3 = u3.GetLower();
        a2 = AddWideningLower(a2, t0);
        b2 = AddWideningLower(b2, t1);
        c2 = AddWideningLower(c2, t2);
        d2 = AddWideningLower(d2, t3);
        s2 = MultiplyWideningLowerAndAdd(s2, l3, v1);
        s3 = MultiplyWideningLowerAndAdd(s3, l4, v1);
        a1 = AddWideningUpper(a1, s0);
        b1 = AddWideningUpper(b1, s1);
        c1 = AddWideningUpper(c1, s2);
        d1 = AddWideningUpper(d1, s3);
        Vector64<short> t4 = s0.GetLower(), t5 = s1.GetLower(), t6 = s2.GetLower(), t7 = s3.GetLower();
        a0 = AddWideningLower(a0, t4);
        b0 = AddWideningLower(b0, t5);
        c0 = AddWideningLower(c0, t6);
        d0 = AddWideningLower(d0, t7);
        q = p + step3;
    }

    /// <summary>As <see cref="Three"/>, one tap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void One(ref sbyte* weights, sbyte* x, ref sbyte* p, nint step, nint step2, nint step3,
        ref Vector128<int> a0, ref Vector128<int> a1, ref Vector128<int> a2, ref Vector128<int> a3, ref Vector128<int> b0, ref Vector128<int> b1, ref Vector128<int> b2, ref Vector128<int> b3,
        ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3, ref Vector128<int> d0, ref Vector128<int> d1, ref Vector128<int> d2, ref Vector128<int> d3)
    {
        nint next = *(nint*)(weights - RunHeader);
        Vector128<sbyte> w = LoadVector128(weights), x0 = LoadVector128(p), x1 = LoadVector128(p + step), x2 = LoadVector128(p + step2);
        weights += RunHeader + Lanes;
        Vector128<sbyte> x3 = LoadVector128(p + step3);
        p = x + next;
        Vector128<short> u0 = MultiplyWideningUpper(x0, w), u1 = MultiplyWideningUpper(x1, w), u2 = MultiplyWideningUpper(x2, w), u3 = MultiplyWideningUpper(x3, w);
        Vector64<sbyte> v = w.GetLower(), l0 = x0.GetLower(), l1 = x1.GetLower(), l2 = x2.GetLower(), l3 = x3.GetLower();
        Vector128<short> s0 = MultiplyWideningLower(l0, v), s1 = MultiplyWideningLower(l1, v), s2 = MultiplyWideningLower(l2, v), s3 = MultiplyWideningLower(l3, v);
        AddUpper(u0, u1, u2, u3, ref a3, ref b3, ref c3, ref d3);
        AddLower(u0, u1, u2, u3, ref a2, ref b2, ref c2, ref d2);
        AddUpper(s0, s1, s2, s3, ref a1, ref b1, ref c1, ref d1);
        AddLower(s0, s1, s2, s3, ref a0, ref b0, ref c0, ref d0);
    }

    /// <summary>Some taps of outputs that share nothing: tap after tap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Taps(int taps, ref sbyte* weights, sbyte* x, ref sbyte* p, nint tap, nint step, nint step2, nint step3,
        ref Vector128<int> a0, ref Vector128<int> a1, ref Vector128<int> a2, ref Vector128<int> a3, ref Vector128<int> b0, ref Vector128<int> b1, ref Vector128<int> b2, ref Vector128<int> b3,
        ref Vector128<int> c0, ref Vector128<int> c1, ref Vector128<int> c2, ref Vector128<int> c3, ref Vector128<int> d0, ref Vector128<int> d1, ref Vector128<int> d2, ref Vector128<int> d3)
    {
        nint next = *(nint*)(weights - RunHeader);
        Vector128<short> u0 = default, u1 = default, u2 = default, u3 = default, s0 = default, s1 = default, s2 = default, s3 = default;
        Tap<N0>(weights, p, step, step2, step3, ref u0, ref u1, ref u2, ref u3, ref s0, ref s1, ref s2, ref s3);
        for (; taps > 1; taps--)
        {
            weights += Lanes;
            p += tap;
            Tap<N1>(weights, p, step, step2, step3, ref u0, ref u1, ref u2, ref u3, ref s0, ref s1, ref s2, ref s3);
        }
        weights += RunHeader + Lanes;
        p = x + next;
        AddUpper(u0, u1, u2, u3, ref a3, ref b3, ref c3, ref d3);
        AddLower(u0, u1, u2, u3, ref a2, ref b2, ref c2, ref d2);
        AddUpper(s0, s1, s2, s3, ref a1, ref b1, ref c1, ref d1);
        AddLower(s0, s1, s2, s3, ref a0, ref b0, ref c0, ref d0);
    }

    /// <summary>The products of one tap, added if TNext is 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tap<TNext>(sbyte* weights, sbyte* p, nint step, nint step2, nint step3,
        ref Vector128<short> u0, ref Vector128<short> u1, ref Vector128<short> u2, ref Vector128<short> u3, ref Vector128<short> s0, ref Vector128<short> s1, ref Vector128<short> s2, ref Vector128<short> s3)
        where TNext : struct, ICount
    {
        Vector128<sbyte> w = LoadVector128(weights), x0 = LoadVector128(p), x1 = LoadVector128(p + step), x2 = LoadVector128(p + step2), x3 = LoadVector128(p + step3);
        u0 = TNext.Value > 0 ? MultiplyWideningUpperAndAdd(u0, x0, w) : MultiplyWideningUpper(x0, w);
        u1 = TNext.Value > 0 ? MultiplyWideningUpperAndAdd(u1, x1, w) : MultiplyWideningUpper(x1, w);
        u2 = TNext.Value > 0 ? MultiplyWideningUpperAndAdd(u2, x2, w) : MultiplyWideningUpper(x2, w);
        u3 = TNext.Value > 0 ? MultiplyWideningUpperAndAdd(u3, x3, w) : MultiplyWideningUpper(x3, w);
        Vector64<sbyte> v = w.GetLower(), l0 = x0.GetLower(), l1 = x1.GetLower(), l2 = x2.GetLower(), l3 = x3.GetLower();
        s0 = TNext.Value > 0 ? MultiplyWideningLowerAndAdd(s0, l0, v) : MultiplyWideningLower(l0, v);
        s1 = TNext.Value > 0 ? MultiplyWideningLowerAndAdd(s1, l1, v) : MultiplyWideningLower(l1, v);
        s2 = TNext.Value > 0 ? MultiplyWideningLowerAndAdd(s2, l2, v) : MultiplyWideningLower(l2, v);
        s3 = TNext.Value > 0 ? MultiplyWideningLowerAndAdd(s3, l3, v) : MultiplyWideningLower(l3, v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddUpper(Vector128<short> s0, Vector128<short> s1, Vector128<short> s2, Vector128<short> s3, ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d)
    {
        a = AddWideningUpper(a, s0);
        b = AddWideningUpper(b, s1);
        c = AddWideningUpper(c, s2);
        d = AddWideningUpper(d, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddLower(Vector128<short> s0, Vector128<short> s1, Vector128<short> s2, Vector128<short> s3, ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d)
    {
        Vector64<short> l0 = s0.GetLower(), l1 = s1.GetLower(), l2 = s2.GetLower(), l3 = s3.GetLower();
        a = AddWideningLower(a, l0);
        b = AddWideningLower(b, l1);
        c = AddWideningLower(c, l2);
        d = AddWideningLower(d, l3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector128<short> s, ref Vector128<int> low, ref Vector128<int> high)
    {
        high = AddWideningUpper(high, s);
        Vector64<short> l = s.GetLower();
        low = AddWideningLower(low, l);
    }

    /// <summary>Requantises and stores an output. TPlain is 1 if scaled sums fit 16 bits, the clamp is the type's and the shift 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TPlain>(in Int8NeonDepthwiseRow t, sbyte* y, Vector128<int> c0, Vector128<int> c1, Vector128<int> c2, Vector128<int> c3,
        Vector128<int> m0, Vector128<int> m1, Vector128<int> m2, Vector128<int> m3) where TPlain : struct, ICount
    {
        Vector128<short> zeroPoint = Vector128.Create((short)t.OutputZeroPoint);
        if (TPlain.Value > 0)
        {
            Vector64<sbyte> first = NeonRequantize.NarrowFitting(MultiplyRoundedDoublingSaturateHigh(c0, m0), MultiplyRoundedDoublingSaturateHigh(c1, m1), zeroPoint);
            Store(y, NeonRequantize.NarrowFittingUpper(first, MultiplyRoundedDoublingSaturateHigh(c2, m2), MultiplyRoundedDoublingSaturateHigh(c3, m3), zeroPoint));
            return;
        }
        Vector128<int> shift = Vector128.Create(t.Shift);
        Vector64<sbyte> lower = NeonRequantize.Narrow(NeonRequantize.Scale(c0, m0, shift), NeonRequantize.Scale(c1, m1, shift), zeroPoint);
        Vector128<sbyte> bytes = NeonRequantize.NarrowUpper(lower, NeonRequantize.Scale(c2, m2, shift), NeonRequantize.Scale(c3, m3, shift), zeroPoint);
        Store(y, NeonRequantize.Clamp(bytes, Vector128.Create((sbyte)t.Min), Vector128.Create((sbyte)t.Max)));
    }
}
