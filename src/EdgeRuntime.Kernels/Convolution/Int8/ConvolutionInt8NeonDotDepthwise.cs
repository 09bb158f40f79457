using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;
using static System.Runtime.Intrinsics.Arm.Dp;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise 3×3 convolutions of stride 1 by SDOT, two output rows at a time. Four input rows of a column are zipped so that
/// each channel has its four rows together; with weights (w0, w1, w2, 0) one SDOT adds a column to four channels of the
/// upper output row, with (0, w0, w1, w2) to the lower one's. A zipped column serves three outputs of both rows: 12 SDOT,
/// 4 loads and 4 zips for 16 outputs. Exact whatever the weights.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonDotDepthwise : ConvolutionInt8Kernel
{
    /// <summary>8 biases, 8 multipliers, 3 columns × upper and lower row × 8 channels × 4 rows of weights.</summary>
    private const int BlockBytes = 64 + 192;

    private const int HeaderBytes = 64, StripBytes = 16384;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-depthwise-neondot", "convolution-s8", CpuFeature.Neon | CpuFeature.NeonDot, "depthwise 3×3 of stride 1 by SDOT over zipped rows");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        shape.IsDepthwise && shape.OutPerGroup == 1 && shape.Channels >= 8 && shape.KernelHeight == 3 && shape.KernelWidth == 3
        && shape.StrideX == 1 && shape.StrideY == 1 && shape.DilationX == 1 && shape.DilationY == 1
        && parameters.Shift == 0 && !parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        200 + (double)shape.Positions * Blocks(shape) * 11 + (shape.IsPadded ? PaddedInput.Rows(shape) * (20 + PaddedInput.Pitch(shape) / 16.0) : 0);

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => HeaderBytes + (long)Blocks(shape) * BlockBytes;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => shape.IsPadded ? (long)PaddedInput.Rows(shape) * PaddedInput.Pitch(shape) : 0;

    /// <inheritdoc/>
    public override int Stages(in ConvolutionShape shape) => shape.IsPadded ? 2 : 1;

    /// <summary>Rows of the padded copy; pairs of output rows.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) =>
        stage < Stages(shape) - 1 ? PaddedInput.Rows(shape) : shape.Batch * ((shape.OutHeight + 1) / 2);

    /// <summary>Layout: a header (1 if scaled sums fit 16 bits), then <see cref="BlockBytes"/> per eight channels; the last block ends at the last channel.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        bool fits = true;
        for (int block = 0; block < Blocks(shape); block++)
        {
            Span<byte> target = destination.Slice(HeaderBytes + block * BlockBytes, BlockBytes);
            Span<int> header = MemoryMarshal.Cast<byte, int>(target[..64]);
            for (int lane = 0; lane < 8; lane++)
            {
                int channel = Math.Min(block * 8, shape.Channels - 8) + lane, sum = 0, magnitudes = 0;
                for (int tap = 0; tap < 9; tap++)
                {
                    sbyte weight = weights[channel * 9 + tap];
                    sum += weight;
                    magnitudes += Math.Abs((int)weight);
                    int upper = 64 + tap % 3 * 64 + lane * 4 + tap / 3;
                    target[upper] = (byte)weight;
                    target[upper + 32 + 1] = (byte)weight;
                }
                header[lane] = parameters.Bias[channel] - parameters.InputZeroPoint * sum;
                header[8 + lane] = parameters.Multipliers[channel];
                fits &= NeonRequantize.Fits(header[lane], magnitudes, header[8 + lane]);
            }
        }
        MemoryMarshal.Cast<byte, int>(destination)[0] = fits ? 1 : 0;
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        if (stage < Stages(s) - 1)
        {
            PaddedInput.Copy(s, call.Input, (sbyte*)call.Scratch, (sbyte)call.InputZeroPoint, first, end);
            return;
        }
        sbyte* image = s.IsPadded ? (sbyte*)call.Scratch : call.Input;
        nint pitch = PaddedInput.Pitch(s), outputPitch = (nint)s.OutWidth * s.Channels;
        int height = s.OutHeight, pairs = (height + 1) / 2;
        bool plain = *(int*)call.Packed != 0 && call.Min == sbyte.MinValue && call.Max == sbyte.MaxValue;
        // The cache lines that a strip reads stay in the first-level cache until all blocks of channels that share them have passed.
        int strip = (int)Math.Max(1, (StripBytes / (pitch / s.Channels * Math.Min(s.Channels, 64)) - 2) / 2);
        for (int portion = first, count; portion < end; portion += count)
        {
            int n = portion / pairs, pair = portion - n * pairs, y = 2 * pair;
            // A single last row computes a lower row from row 2 in place of row 3, and overwrites it.
            bool single = y + 1 == height;
            count = single ? 1 : Math.Min(Math.Min(strip, end - portion), height / 2 - pair);
            sbyte* input = image + ((long)n * (height + 2) + y) * pitch, output = call.Output + ((long)n * height + y) * outputPitch;
            for (int block = 0; block < Blocks(s); block++)
            {
                int channel = Math.Min(block * 8, s.Channels - 8);
                byte* packed = call.Packed + HeaderBytes + block * BlockBytes;
                if (plain) RowPairs<N1>(call, packed, input + channel, pitch, single ? 2 * pitch : 3 * pitch, output + channel, single ? 0 : outputPitch, count);
                else RowPairs<N0>(call, packed, input + channel, pitch, single ? 2 * pitch : 3 * pitch, output + channel, single ? 0 : outputPitch, count);
            }
        }
    }

    /// <summary>
    /// Eight channels of pairs of output rows: three outputs a turn, so that the columns take turns in the same registers. One index
    /// serves input and output. TPlain is 1 if scaled sums fit 16 bits and the clamp is the type's.
    /// </summary>
    private static void RowPairs<TPlain>(in ConvolutionInt8Call call, byte* packed, sbyte* x0, nint pitch, nint lastRow, sbyte* upper, nint outputPitch, int pairs) where TPlain : struct, ICount
    {
        sbyte* w = (sbyte*)packed + 64;
        int* bias = (int*)packed;
        nint channels = call.Shape.Channels;
        int width = call.Shape.OutWidth;
        // Behind the third column the first output is due.
        upper -= 3 * channels;
        Vector128<sbyte> u0 = LoadVector128(w), u1 = LoadVector128(w + 16), v0 = LoadVector128(w + 32), v1 = LoadVector128(w + 48);
        Vector128<sbyte> u2 = LoadVector128(w + 64), u3 = LoadVector128(w + 80), v2 = LoadVector128(w + 96), v3 = LoadVector128(w + 112);
        Vector128<sbyte> u4 = LoadVector128(w + 128), u5 = LoadVector128(w + 144), v4 = LoadVector128(w + 160), v5 = LoadVector128(w + 176);
        Epilogue e = new(call, bias);
        for (; pairs > 0; pairs--, x0 += 2 * pitch, upper += 2 * outputPitch)
        {
            sbyte* x1 = x0 + pitch, x2 = x1 + pitch, x3 = x0 + lastRow, lower = upper + outputPitch;
            nint i = 0;
            int left = width;
            Zip(x0, x1, x2, x3, ref i, channels, out Vector128<sbyte> a0, out Vector128<sbyte> a1);
            Zip(x0, x1, x2, x3, ref i, channels, out Vector128<sbyte> b0, out Vector128<sbyte> b1);
            Vector128<sbyte> c0, c1;
            for (; left >= 3; left -= 3)
            {
                Zip(x0, x1, x2, x3, ref i, channels, out c0, out c1);
                Window<TPlain>(e, bias, upper, lower, i, a0, a1, b0, b1, c0, c1, u0, u1, u2, u3, u4, u5, v0, v1, v2, v3, v4, v5);
                Zip(x0, x1, x2, x3, ref i, channels, out a0, out a1);
                Window<TPlain>(e, bias, upper, lower, i, b0, b1, c0, c1, a0, a1, u0, u1, u2, u3, u4, u5, v0, v1, v2, v3, v4, v5);
                Zip(x0, x1, x2, x3, ref i, channels, out b0, out b1);
                Window<TPlain>(e, bias, upper, lower, i, c0, c1, a0, a1, b0, b1, u0, u1, u2, u3, u4, u5, v0, v1, v2, v3, v4, v5);
            }
            if (left == 0) continue;
            Zip(x0, x1, x2, x3, ref i, channels, out c0, out c1);
            Window<TPlain>(e, bias, upper, lower, i, a0, a1, b0, b1, c0, c1, u0, u1, u2, u3, u4, u5, v0, v1, v2, v3, v4, v5);
            if (left == 1) continue;
            Zip(x0, x1, x2, x3, ref i, channels, out a0, out a1);
            Window<TPlain>(e, bias, upper, lower, i, b0, b1, c0, c1, a0, a1, u0, u1, u2, u3, u4, u5, v0, v1, v2, v3, v4, v5);
        }
    }

    /// <summary>The next column: four rows of eight channels as two vectors of four channels × four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Zip(sbyte* x0, sbyte* x1, sbyte* x2, sbyte* x3, ref nint i, nint channels, out Vector128<sbyte> low, out Vector128<sbyte> high)
    {
        Vector128<short> upper = ZipLow(LoadVector64(x0 + i).ToVector128Unsafe(), LoadVector64(x1 + i).ToVector128Unsafe()).AsInt16();
        Vector128<short> lower = ZipLow(LoadVector64(x2 + i).ToVector128Unsafe(), LoadVector64(x3 + i).ToVector128Unsafe()).AsInt16();
        low = ZipLow(upper, lower).AsSByte();
        high = ZipHigh(upper, lower).AsSByte();
        i += channels;
    }

    /// <summary>Columns a, b, c with weights u (upper row) and v (lower row).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Window<TPlain>(in Epilogue e, int* bias, sbyte* upper, sbyte* lower, nint i,
        Vector128<sbyte> a0, Vector128<sbyte> a1, Vector128<sbyte> b0, Vector128<sbyte> b1, Vector128<sbyte> c0, Vector128<sbyte> c1,
        Vector128<sbyte> u0, Vector128<sbyte> u1, Vector128<sbyte> u2, Vector128<sbyte> u3, Vector128<sbyte> u4, Vector128<sbyte> u5,
        Vector128<sbyte> v0, Vector128<sbyte> v1, Vector128<sbyte> v2, Vector128<sbyte> v3, Vector128<sbyte> v4, Vector128<sbyte> v5)
        where TPlain : struct, ICount
    {
        // Pairs of loads: copies would be moves, one for each register.
        (Vector128<int> p0, Vector128<int> p1) = LoadPairVector128(bias);
        (Vector128<int> q0, Vector128<int> q1) = LoadPairVector128(bias);
        p0 = DotProduct(p0, a0, u0); p1 = DotProduct(p1, a1, u1); q0 = DotProduct(q0, a0, v0); q1 = DotProduct(q1, a1, v1);
        p0 = DotProduct(p0, b0, u2); p1 = DotProduct(p1, b1, u3); q0 = DotProduct(q0, b0, v2); q1 = DotProduct(q1, b1, v3);
        p0 = DotProduct(p0, c0, u4); p1 = DotProduct(p1, c1, u5); q0 = DotProduct(q0, c0, v4); q1 = DotProduct(q1, c1, v5);
        // The lower row first: it may be the upper one's place.
        e.Store<TPlain>(lower + i, q0, q1);
        e.Store<TPlain>(upper + i, p0, p1);
    }

    /// <summary>Requantises and stores eight channels.</summary>
    private readonly struct Epilogue
    {
        private readonly Vector128<int> _multiplier0, _multiplier1;
        private readonly Vector128<short> _zeroPoint;
        private readonly Vector64<sbyte> _min, _max;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Epilogue(in ConvolutionInt8Call call, int* bias)
        {
            _multiplier0 = LoadVector128(bias + 8);
            _multiplier1 = LoadVector128(bias + 12);
            _zeroPoint = Vector128.Create((short)call.OutputZeroPoint);
            _min = Vector64.Create((sbyte)call.Min);
            _max = Vector64.Create((sbyte)call.Max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store<TPlain>(sbyte* y, Vector128<int> low, Vector128<int> high) where TPlain : struct, ICount
        {
            low = MultiplyRoundedDoublingSaturateHigh(low, _multiplier0);
            high = MultiplyRoundedDoublingSaturateHigh(high, _multiplier1);
            System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, TPlain.Value > 0 ? NeonRequantize.NarrowFitting(low, high, _zeroPoint)
                : Min(Max(NeonRequantize.Narrow(low, high, _zeroPoint), _min), _max));
        }
    }

    private static int Blocks(in ConvolutionShape s) => (s.Channels + 7) / 8;
}
