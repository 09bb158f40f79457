using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;
using static System.Runtime.Intrinsics.Arm.Dp;

namespace EdgeRuntime.Kernels;

/// <summary>Eight channels of some consecutive quads.</summary>
internal unsafe struct DotDepthwiseStrip
{
    /// <summary>The first quad's first column.</summary>
    public sbyte* Input;

    /// <summary>The first output row.</summary>
    public sbyte* Output;

    /// <summary>Biases, multipliers, weights.</summary>
    public byte* Packed;

    /// <summary>Bytes from quad to quad, from column to column, and from one output row to the next.</summary>
    public nint Pitch, Step, OutputPitch;

    /// <summary>Whether the last quad has an upper row only; the lower one is computed too, and overwritten.</summary>
    public bool IsSingle;

    public int Channels, Width, Quads, OutputZeroPoint, Min, Max;
}

/// <summary>
/// The loops of <see cref="ConvolutionInt8NeonDotDepthwise"/>. TFinish is that of the sums, TBeyond 1 if weights are beyond int8.
/// Columns take turns in the same registers, so that none is moved.
/// </summary>
internal static unsafe class DotDepthwiseTiles
{
    /// <summary>Two output rows of a quad, three columns a turn.</summary>
    public static void Stride1<TFinish, TBeyond>(in DotDepthwiseStrip t) where TFinish : struct, ICount where TBeyond : struct, ICount
    {
        int* packed = (int*)t.Packed;
        Weights w = new(packed, 0), v = new(packed, 32);
        Epilogue e = new(t);
        nint channels = t.Channels, step = t.Step, below = t.OutputPitch, pitch = t.Pitch, two = 2 * below;
        int width = t.Width;
        sbyte* input = t.Input, output = t.Output;
        for (int quads = t.Quads; quads > 0; quads--, input += pitch, output += two)
        {
            if (quads == 1 && t.IsSingle) below = 0;
            sbyte* z = input, y = output;
            (Vector128<sbyte> a0, Vector128<sbyte> a1) = LoadPairVector128(z);
            (Vector128<sbyte> b0, Vector128<sbyte> b1) = LoadPairVector128(z += step);
            Vector128<sbyte> c0, c1;
            int left = width;
            for (; left >= 3; left -= 3)
            {
                (c0, c1) = LoadPairVector128(z += step);
                Pair<TFinish, TBeyond>(e, w, v, packed, y, below, a0, a1, b0, b1, c0, c1);
                y += channels;
                (a0, a1) = LoadPairVector128(z += step);
                Pair<TFinish, TBeyond>(e, w, v, packed, y, below, b0, b1, c0, c1, a0, a1);
                y += channels;
                (b0, b1) = LoadPairVector128(z += step);
                Pair<TFinish, TBeyond>(e, w, v, packed, y, below, c0, c1, a0, a1, b0, b1);
                y += channels;
            }
            if (left == 0) continue;
            (c0, c1) = LoadPairVector128(z += step);
            Pair<TFinish, TBeyond>(e, w, v, packed, y, below, a0, a1, b0, b1, c0, c1);
            if (left == 1) continue;
            y += channels;
            (a0, a1) = LoadPairVector128(z += step);
            Pair<TFinish, TBeyond>(e, w, v, packed, y, below, b0, b1, c0, c1, a0, a1);
        }
    }

    /// <summary>One output row of a quad: two outputs a turn share a column, the next turn its last.</summary>
    public static void Stride2<TFinish, TBeyond>(in DotDepthwiseStrip t) where TFinish : struct, ICount where TBeyond : struct, ICount
    {
        int* packed = (int*)t.Packed;
        Weights w = new(packed, 0);
        Epilogue e = new(t);
        nint channels = t.Channels, step = t.Step, below = t.OutputPitch, pitch = t.Pitch;
        int width = t.Width;
        sbyte* input = t.Input, output = t.Output;
        for (int quads = t.Quads; quads > 0; quads--, input += pitch, output += below)
        {
            sbyte* z = input, y = output;
            (Vector128<sbyte> a0, Vector128<sbyte> a1) = LoadPairVector128(z);
            Vector128<sbyte> b0, b1, c0, c1;
            int left = width;
            for (; left >= 2; left -= 2)
            {
                (b0, b1) = LoadPairVector128(z += step);
                (c0, c1) = LoadPairVector128(z += step);
                Single<TFinish, TBeyond>(e, w, packed, y, a0, a1, b0, b1, c0, c1);
                y += channels;
                (b0, b1) = LoadPairVector128(z += step);
                (a0, a1) = LoadPairVector128(z += step);
                Single<TFinish, TBeyond>(e, w, packed, y, c0, c1, b0, b1, a0, a1);
                y += channels;
            }
            if (left == 0) continue;
            (b0, b1) = LoadPairVector128(z += step);
            (c0, c1) = LoadPairVector128(z += step);
            Single<TFinish, TBeyond>(e, w, packed, y, a0, a1, b0, b1, c0, c1);
        }
    }

    /// <summary>Columns a, b, c for an output row and the one below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair<TFinish, TBeyond>(in Epilogue e, in Weights w, in Weights v, int* packed, sbyte* y, nint below,
        Vector128<sbyte> a0, Vector128<sbyte> a1, Vector128<sbyte> b0, Vector128<sbyte> b1, Vector128<sbyte> c0, Vector128<sbyte> c1)
        where TFinish : struct, ICount where TBeyond : struct, ICount
    {
        // Pairs of loads: copies would be moves, one for each register.
        (Vector128<int> p0, Vector128<int> p1) = LoadPairVector128(packed);
        (Vector128<int> q0, Vector128<int> q1) = LoadPairVector128(packed);
        p0 = DotProduct(p0, a0, w.A0); p1 = DotProduct(p1, a1, w.A1); q0 = DotProduct(q0, a0, v.A0); q1 = DotProduct(q1, a1, v.A1);
        p0 = DotProduct(p0, b0, w.B0); p1 = DotProduct(p1, b1, w.B1); q0 = DotProduct(q0, b0, v.B0); q1 = DotProduct(q1, b1, v.B1);
        p0 = DotProduct(p0, c0, w.C0); p1 = DotProduct(p1, c1, w.C1); q0 = DotProduct(q0, c0, v.C0); q1 = DotProduct(q1, c1, v.C1);
        if (TBeyond.Value > 0)
        {
            Beyond(new Weights(packed, 256), ref p0, ref p1, a0, a1, b0, b1, c0, c1);
            Beyond(new Weights(packed, 256 + 32), ref q0, ref q1, a0, a1, b0, b1, c0, c1);
        }
        // The lower row first: it may be the upper one's place.
        if (TFinish.Value == (int)Int8NeonFinish.Unsigned)
        {
            e.StoreUnsigned(y, below, q0, q1, p0, p1);
            return;
        }
        e.Store<TFinish>(y, below, q0, q1);
        e.Store<TFinish>(y, 0, p0, p1);
    }

    /// <summary>Columns a, b, c for one output row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Single<TFinish, TBeyond>(in Epilogue e, in Weights w, int* packed, sbyte* y,
        Vector128<sbyte> a0, Vector128<sbyte> a1, Vector128<sbyte> b0, Vector128<sbyte> b1, Vector128<sbyte> c0, Vector128<sbyte> c1)
        where TFinish : struct, ICount where TBeyond : struct, ICount
    {
        (Vector128<int> p0, Vector128<int> p1) = LoadPairVector128(packed);
        p0 = DotProduct(p0, a0, w.A0); p1 = DotProduct(p1, a1, w.A1);
        p0 = DotProduct(p0, b0, w.B0); p1 = DotProduct(p1, b1, w.B1);
        p0 = DotProduct(p0, c0, w.C0); p1 = DotProduct(p1, c1, w.C1);
        if (TBeyond.Value > 0) Beyond(new Weights(packed, 256), ref p0, ref p1, a0, a1, b0, b1, c0, c1);
        e.Store<TFinish>(y, 0, p0, p1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Beyond(in Weights w, ref Vector128<int> p0, ref Vector128<int> p1,
        Vector128<sbyte> a0, Vector128<sbyte> a1, Vector128<sbyte> b0, Vector128<sbyte> b1, Vector128<sbyte> c0, Vector128<sbyte> c1)
    {
        p0 = DotProduct(DotProduct(DotProduct(p0, a0, w.A0), b0, w.B0), c0, w.C0);
        p1 = DotProduct(DotProduct(DotProduct(p1, a1, w.A1), b1, w.B1), c1, w.C1);
    }

    /// <summary>A row's weights for three columns of eight channels.</summary>
    [method: MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly struct Weights(int* packed, int at)
    {
        public readonly Vector128<sbyte> A0 = LoadVector128((sbyte*)packed + at + 64), A1 = LoadVector128((sbyte*)packed + at + 80);
        public readonly Vector128<sbyte> B0 = LoadVector128((sbyte*)packed + at + 128), B1 = LoadVector128((sbyte*)packed + at + 144);
        public readonly Vector128<sbyte> C0 = LoadVector128((sbyte*)packed + at + 192), C1 = LoadVector128((sbyte*)packed + at + 208);
    }

    /// <summary>Requantises and stores eight channels.</summary>
    private readonly struct Epilogue
    {
        private readonly Vector128<int> _multiplier0, _multiplier1;
        private readonly Vector128<short> _zeroPoint;
        private readonly Vector128<sbyte> _min, _max;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Epilogue(in DotDepthwiseStrip t)
        {
            _multiplier0 = LoadVector128((int*)t.Packed + 8);
            _multiplier1 = LoadVector128((int*)t.Packed + 12);
            _zeroPoint = Vector128.Create((short)t.OutputZeroPoint);
            _min = Vector128.Create((sbyte)t.Min);
            _max = Vector128.Create((sbyte)t.Max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store<TFinish>(sbyte* y, nint at, Vector128<int> low, Vector128<int> high) where TFinish : struct, ICount
        {
            low = MultiplyRoundedDoublingSaturateHigh(low, _multiplier0);
            high = MultiplyRoundedDoublingSaturateHigh(high, _multiplier1);
            Vector64<sbyte> bytes = TFinish.Value == (int)Int8NeonFinish.Clamped ? Min(Max(NeonRequantize.Narrow(low, high, _zeroPoint), _min.GetLower()), _max.GetLower()) : NeonRequantize.NarrowFitting(low, high, _zeroPoint);
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(y + at, bytes);
        }

        /// <summary>Two rows of a zero point of −128, which is the least output too: the first <paramref name="at"/> elements behind <paramref name="y"/>, the second there.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void StoreUnsigned(sbyte* y, nint at, Vector128<int> low, Vector128<int> high, Vector128<int> nextLow, Vector128<int> nextHigh)
        {
            Vector64<byte> first = NeonRequantize.NarrowUnsigned(MultiplyRoundedDoublingSaturateHigh(low, _multiplier0), MultiplyRoundedDoublingSaturateHigh(high, _multiplier1));
            Vector128<byte> both = NeonRequantize.NarrowUnsignedUpper(first, MultiplyRoundedDoublingSaturateHigh(nextLow, _multiplier0), MultiplyRoundedDoublingSaturateHigh(nextHigh, _multiplier1))
                ^ _min.AsByte();
            System.Runtime.Intrinsics.Arm.AdvSimd.Store((byte*)(y + at), both.GetLower());
            StoreSelectedScalar((ulong*)y, both.AsUInt64(), 1);
        }
    }
}
