using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;
using static System.Runtime.Intrinsics.Arm.Dp;

namespace EdgeRuntime.Kernels;

/// <summary>Blocks of eight channels, one behind the other, of some consecutive quads.</summary>
internal unsafe struct DotDepthwiseStrip
{
    /// <summary>The first quad's first column.</summary>
    public sbyte* Input;

    /// <summary>The first output row.</summary>
    public sbyte* Output;

    /// <summary>Of the first block: biases twice, multipliers, weights.</summary>
    public byte* Packed;

    /// <summary>Blocks, and what their constants take.</summary>
    public int Blocks, BlockBytes;

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
    /// <summary>Bytes before the weights: biases twice, multipliers.</summary>
    public const int ScalesBytes = 96;

    /// <summary>Bytes of a block's weights: 3 columns × upper and lower row × 8 channels × 4 rows.</summary>
    public const int WeightBytes = 192;

    /// <summary>Two output rows of a quad, three columns a turn.</summary>
    public static void Stride1<TFinish, TBeyond>(in DotDepthwiseStrip t) where TFinish : struct, ICount where TBeyond : struct, ICount
    {
        nint channels = t.Channels, step = t.Step, pitch = t.Pitch, two = 2 * t.OutputPitch;
        int turns = t.Width / 3, tail = t.Width - 3 * turns;
        sbyte* first = t.Input, lower = t.Output + t.OutputPitch;
        byte* scales = t.Packed;
        for (int blocks = t.Blocks; blocks > 0; blocks--, first += 32, lower += 8, scales += t.BlockBytes)
        {
            int* packed = (int*)scales;
            Weights w = new(packed, 0), v = new(packed, 32);
            Epilogue e = new(t, packed);
            nint above = -t.OutputPitch;
            // y is the lower row's place; of a last quad with one row the upper one's.
            sbyte* input = first, output = lower;
            int quads = t.Quads;
            if (t.IsSingle) quads--;
            for (bool isSingle = t.IsSingle; ;)
            {
                for (; quads != 0; quads--)
                {
                    sbyte* z = input, y = output;
                    (Vector128<sbyte> a0, Vector128<sbyte> a1) = LoadPairVector128(z);
                    (Vector128<sbyte> b0, Vector128<sbyte> b1) = LoadPairVector128(z += step);
                    Vector128<sbyte> c0, c1;
                    for (int n = turns; n != 0; n--)
                    {
                        (c0, c1) = LoadPairVector128(z += step);
                        Pair<TFinish, TBeyond>(e, w, v, packed, y, above, a0, a1, b0, b1, c0, c1);
                        y += channels;
                        (a0, a1) = LoadPairVector128(z += step);
                        Pair<TFinish, TBeyond>(e, w, v, packed, y, above, b0, b1, c0, c1, a0, a1);
                        y += channels;
                        (b0, b1) = LoadPairVector128(z += step);
                        Pair<TFinish, TBeyond>(e, w, v, packed, y, above, c0, c1, a0, a1, b0, b1);
                        y += channels;
                    }
                    if (tail != 0)
                    {
                        (c0, c1) = LoadPairVector128(z += step);
                        Pair<TFinish, TBeyond>(e, w, v, packed, y, above, a0, a1, b0, b1, c0, c1);
                        if (tail != 1)
                        {
                            y += channels;
                            (a0, a1) = LoadPairVector128(z += step);
                            Pair<TFinish, TBeyond>(e, w, v, packed, y, above, b0, b1, c0, c1, a0, a1);
                        }
                    }
                    input += pitch;
                    output += two;
                }
                if (!isSingle) break;
                isSingle = false;
                quads = 1;
                output += above;
                above = 0;
            }
        }
    }

    /// <summary>One output row of a quad, one block: two outputs a turn share a column, the next turn its last.</summary>
    public static void Stride2<TFinish, TBeyond>(in DotDepthwiseStrip t) where TFinish : struct, ICount where TBeyond : struct, ICount
    {
        int* packed = (int*)t.Packed;
        Weights w = new(packed, 0);
        Epilogue e = new(t, packed);
        nint before = -t.Channels, two = 2 * t.Channels, step = t.Step, pitch = t.Pitch, outputPitch = t.OutputPitch;
        int width = t.Width;
        // y is the second output's place.
        sbyte* input = t.Input, output = t.Output - before;
        for (int quads = t.Quads; quads > 0; quads--, input += pitch, output += outputPitch)
        {
            sbyte* z = input, y = output;
            (Vector128<sbyte> a0, Vector128<sbyte> a1) = LoadPairVector128(z);
            Vector128<int> p0, p1, q0, q1;
            Vector128<sbyte> b0, b1, c0, c1;
            int left = width;
            for (; left >= 2; left -= 2, y += two)
            {
                // Not by one LD1 of four: .NET 10's compiler lets its registers wrap from 31 to 0 here, and then moves a wrong one.
                (p0, p1) = LoadPairVector128(packed);
                (q0, q1) = LoadPairVector128(packed);
                (b0, b1) = LoadPairVector128(z += step);
                (c0, c1) = LoadPairVector128(z += step);
                Single<TBeyond>(w, packed, ref p0, ref p1, a0, a1, b0, b1, c0, c1);
                (b0, b1) = LoadPairVector128(z += step);
                (a0, a1) = LoadPairVector128(z += step);
                Single<TBeyond>(w, packed, ref q0, ref q1, c0, c1, b0, b1, a0, a1);
                e.Store<TFinish>(y, before, p0, p1, q0, q1);
            }
            if (left == 0) continue;
            (p0, p1) = LoadPairVector128(packed);
            (b0, b1) = LoadPairVector128(z += step);
            (c0, c1) = LoadPairVector128(z += step);
            Single<TBeyond>(w, packed, ref p0, ref p1, a0, a1, b0, b1, c0, c1);
            // The first of two, and the same once more in its place.
            e.Store<TFinish>(y + before, 0, p0, p1, p0, p1);
        }
    }

    /// <summary>As <see cref="Stride2"/>, an even number of blocks, two at once and one output a turn: one store for both.</summary>
    public static void Stride2Blocks<TFinish>(in DotDepthwiseStrip t) where TFinish : struct, ICount
    {
        nint channels = t.Channels, step = t.Step, pitch = t.Pitch, outputPitch = t.OutputPitch;
        sbyte* first = t.Input, target = t.Output;
        byte* scales = t.Packed;
        for (int blocks = t.Blocks; blocks > 0; blocks -= 2, first += 64, target += 16, scales += 2 * t.BlockBytes)
        {
            int* packed = (int*)scales, other = (int*)(scales + t.BlockBytes);
            Weights w = new(packed, 0), v = new(other, 0);
            Epilogue e = new(t, packed), f = new(t, other);
            sbyte* input = first, output = target;
            for (int quads = t.Quads; quads > 0; quads--, input += pitch, output += outputPitch)
            {
                sbyte* z = input, y = output;
                (Vector128<sbyte> a0, Vector128<sbyte> a1) = LoadPairVector128(z);
                // The compiler joins these; a pair's address would have to be computed.
                Vector128<sbyte> a2 = LoadVector128(z + 32), a3 = LoadVector128(z + 48);
                for (int left = t.Width; left != 0; left--, y += channels)
                {
                    (Vector128<int> p0, Vector128<int> p1) = LoadPairVector128(packed);
                    (Vector128<int> q0, Vector128<int> q1) = LoadPairVector128(other);
                    p0 = DotProduct(p0, a0, w.A0); p1 = DotProduct(p1, a1, w.A1); q0 = DotProduct(q0, a2, v.A0); q1 = DotProduct(q1, a3, v.A1);
                    (a0, a1) = LoadPairVector128(z += step);
                    (a2, a3) = (LoadVector128(z + 32), LoadVector128(z + 48));
                    p0 = DotProduct(p0, a0, w.B0); p1 = DotProduct(p1, a1, w.B1); q0 = DotProduct(q0, a2, v.B0); q1 = DotProduct(q1, a3, v.B1);
                    (a0, a1) = LoadPairVector128(z += step);
                    (a2, a3) = (LoadVector128(z + 32), LoadVector128(z + 48));
                    p0 = DotProduct(p0, a0, w.C0); p1 = DotProduct(p1, a1, w.C1); q0 = DotProduct(q0, a2, v.C0); q1 = DotProduct(q1, a3, v.C1);
                    System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, e.Finish<TFinish>(p0, p1, f, q0, q1));
                }
            }
        }
    }

    /// <summary>Columns a, b, c for an output row, <paramref name="above"/> elements behind <paramref name="y"/>, and the one below there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair<TFinish, TBeyond>(in Epilogue e, in Weights w, in Weights v, int* packed, sbyte* y, nint above,
        Vector128<sbyte> a0, Vector128<sbyte> a1, Vector128<sbyte> b0, Vector128<sbyte> b1, Vector128<sbyte> c0, Vector128<sbyte> c1)
        where TFinish : struct, ICount where TBeyond : struct, ICount
    {
        (Vector128<int> p0, Vector128<int> p1, Vector128<int> q0, Vector128<int> q1) = Load4xVector128(packed);
        p0 = DotProduct(p0, a0, w.A0); p1 = DotProduct(p1, a1, w.A1); q0 = DotProduct(q0, a0, v.A0); q1 = DotProduct(q1, a1, v.A1);
        p0 = DotProduct(p0, b0, w.B0); p1 = DotProduct(p1, b1, w.B1); q0 = DotProduct(q0, b0, v.B0); q1 = DotProduct(q1, b1, v.B1);
        p0 = DotProduct(p0, c0, w.C0); p1 = DotProduct(p1, c1, w.C1); q0 = DotProduct(q0, c0, v.C0); q1 = DotProduct(q1, c1, v.C1);
        if (TBeyond.Value > 0)
        {
            Multiply(new Weights(packed, ScalesBytes + WeightBytes), ref p0, ref p1, a0, a1, b0, b1, c0, c1);
            Multiply(new Weights(packed, ScalesBytes + WeightBytes + 32), ref q0, ref q1, a0, a1, b0, b1, c0, c1);
        }
        e.Store<TFinish>(y, above, p0, p1, q0, q1);
    }

    /// <summary>Columns a, b, c for one output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Single<TBeyond>(in Weights w, int* packed, ref Vector128<int> p0, ref Vector128<int> p1,
        Vector128<sbyte> a0, Vector128<sbyte> a1, Vector128<sbyte> b0, Vector128<sbyte> b1, Vector128<sbyte> c0, Vector128<sbyte> c1) where TBeyond : struct, ICount
    {
        Multiply(w, ref p0, ref p1, a0, a1, b0, b1, c0, c1);
        if (TBeyond.Value > 0) Multiply(new Weights(packed, ScalesBytes + WeightBytes), ref p0, ref p1, a0, a1, b0, b1, c0, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(in Weights w, ref Vector128<int> p0, ref Vector128<int> p1,
        Vector128<sbyte> a0, Vector128<sbyte> a1, Vector128<sbyte> b0, Vector128<sbyte> b1, Vector128<sbyte> c0, Vector128<sbyte> c1)
    {
        p0 = DotProduct(p0, a0, w.A0); p1 = DotProduct(p1, a1, w.A1);
        p0 = DotProduct(p0, b0, w.B0); p1 = DotProduct(p1, b1, w.B1);
        p0 = DotProduct(p0, c0, w.C0); p1 = DotProduct(p1, c1, w.C1);
    }

    /// <summary>A row's weights for three columns of eight channels, <paramref name="at"/> bytes behind the first.</summary>
    [method: MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly struct Weights(int* packed, int at)
    {
        public readonly Vector128<sbyte> A0 = LoadVector128((sbyte*)packed + ScalesBytes + at), A1 = LoadVector128((sbyte*)packed + ScalesBytes + at + 16);
        public readonly Vector128<sbyte> B0 = LoadVector128((sbyte*)packed + ScalesBytes + at + 64), B1 = LoadVector128((sbyte*)packed + ScalesBytes + at + 80);
        public readonly Vector128<sbyte> C0 = LoadVector128((sbyte*)packed + ScalesBytes + at + 128), C1 = LoadVector128((sbyte*)packed + ScalesBytes + at + 144);
    }

    /// <summary>Requantises and stores two outputs of eight channels.</summary>
    private readonly struct Epilogue
    {
        private readonly Vector128<int> _multiplier0, _multiplier1;
        private readonly Vector128<short> _zeroPoint;
        private readonly Vector128<sbyte> _min, _max;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Epilogue(in DotDepthwiseStrip t, int* packed)
        {
            _multiplier0 = LoadVector128(packed + 16);
            _multiplier1 = LoadVector128(packed + 20);
            _zeroPoint = Vector128.Create((short)t.OutputZeroPoint);
            _min = Vector128.Create((sbyte)t.Min);
            _max = Vector128.Create((sbyte)t.Max);
        }

        /// <summary>Requantises the sums p, and q with the multipliers of <paramref name="other"/>.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector128<sbyte> Finish<TFinish>(Vector128<int> p0, Vector128<int> p1, in Epilogue other, Vector128<int> q0, Vector128<int> q1) where TFinish : struct, ICount
        {
            p0 = MultiplyRoundedDoublingSaturateHigh(p0, _multiplier0);
            p1 = MultiplyRoundedDoublingSaturateHigh(p1, _multiplier1);
            q0 = MultiplyRoundedDoublingSaturateHigh(q0, other._multiplier0);
            q1 = MultiplyRoundedDoublingSaturateHigh(q1, other._multiplier1);
            return TFinish.Value == (int)Int8NeonFinish.Unsigned ? NeonRequantize.NarrowUnsignedUpper(NeonRequantize.NarrowUnsigned(p0, p1), q0, q1).AsSByte() ^ _min
                : TFinish.Value == (int)Int8NeonFinish.Plain ? NeonRequantize.NarrowFittingUpper(NeonRequantize.NarrowFitting(p0, p1, _zeroPoint), q0, q1, _zeroPoint)
                : NeonRequantize.Clamp(NeonRequantize.NarrowUpper(NeonRequantize.Narrow(p0, p1, _zeroPoint), q0, q1, _zeroPoint), _min, _max);
        }

        /// <summary>The first <paramref name="at"/> elements behind <paramref name="y"/>, the second there: that one before, as they may have one place, and as the register is needed as a half last.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store<TFinish>(sbyte* y, nint at, Vector128<int> p0, Vector128<int> p1, Vector128<int> q0, Vector128<int> q1) where TFinish : struct, ICount
        {
            Vector128<sbyte> bytes = Finish<TFinish>(p0, p1, this, q0, q1);
            StoreSelectedScalar((ulong*)y, bytes.AsUInt64(), 1);
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(y + at, bytes.GetLower());
        }
    }
}
