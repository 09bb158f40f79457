using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>Eight channels of some output rows of a depthwise convolution.</summary>
internal unsafe struct Int8NeonDepthwiseRow
{
    /// <summary>The window of the first output, in the padded image.</summary>
    public sbyte* Input;

    public sbyte* Output;

    /// <summary>Blocks of eight channels: biases, multipliers (int32 × 8 each), weights.</summary>
    public byte* Packed;

    public int Rows, Width, Channels, KernelHeight, KernelWidth, StrideX;

    /// <summary>Elements from one window row, and column, to the next.</summary>
    public nint RowStep, ColumnStep;

    /// <summary>Elements from one output row's input, and output, to the next's.</summary>
    public nint InputPitch, OutputPitch;

    public int Shift, OutputZeroPoint, Min, Max;
}

/// <summary>
/// Depthwise convolutions on eight channels at a time. Two forms, chosen when the weights are packed:
/// <list type="bullet">
/// <item>3×3, stride 1 or 2, symmetric weights: SMULL and SMLAL make sums of two products in 16 bits, or of three where a block's weights
/// allow it, as in <see cref="ConvolutionInt8NeonWideningGemm"/>; weights stay in registers along a row, columns are read once.</item>
/// <item>any window, factors of 1 and more, weights with zero points (w − v has 9 bits) or two −128 in one sum: 16-bit weights,
/// SMLAL to 32 bits.</item>
/// </list>
/// If the channels are no multiple of eight the last block overlaps the one before and computes the same values again.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonDepthwise : ConvolutionInt8Kernel
{
    private const int HeaderBytes = 64, StripBytes = 16384, TripleAt = 64 + 9 * 8, LongRow = 12;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-depthwise-neon", "convolution-s8", CpuFeature.Neon, "depthwise: SMULL and SMLAL on eight channels, 3×3 with weights in registers");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        shape.IsDepthwise && shape.OutPerGroup == 1 && shape.Channels >= 8;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        200 + (double)shape.Positions * Blocks(shape) * (Is3x3(shape) ? 18 : 14 + 4 * shape.Depth) + (shape.IsPadded ? PaddedInput.Rows(shape) * (20 + PaddedInput.Pitch(shape) / 16.0) : 0);

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => HeaderBytes + (long)Blocks(shape) * BlockBytes(shape);

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => shape.IsPadded ? (long)PaddedInput.Rows(shape) * PaddedInput.Pitch(shape) : 0;

    /// <inheritdoc/>
    public override int Stages(in ConvolutionShape shape) => shape.IsPadded ? 2 : 1;

    /// <summary>One portion is one row, of the padded copy or of the output.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) =>
        stage < Stages(shape) - 1 ? PaddedInput.Rows(shape.Canonical()) : shape.Batch * shape.Canonical().OutHeight;

    /// <summary>Layout: a header (1 for the 16-bit form; 1 if scaled sums fit 16 bits), then the blocks: 8 biases, 8 multipliers, taps × 8 weights of 8 or 16 bits, and behind nine of 8 bits whether three corners make a sum, and biases and multipliers in <see cref="Int8NeonDepthwisePairs"/>'s order.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        int taps = shape.Depth;
        bool wide = !Is3x3(shape) || parameters.Shift != 0 || parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0) || HasExtremePair(weights);
        MemoryMarshal.Cast<byte, int>(destination)[0] = wide ? 1 : 0;
        bool fits = true;
        for (int block = 0; block < Blocks(shape); block++)
        {
            Span<byte> target = destination.Slice(HeaderBytes + block * BlockBytes(shape), BlockBytes(shape));
            Span<int> header = MemoryMarshal.Cast<byte, int>(target[..64]);
            Span<short> wideWeights = MemoryMarshal.Cast<byte, short>(target[64..]);
            bool triple = !wide;
            for (int lane = 0; lane < 8; lane++)
            {
                int channel = Math.Min(block * 8, shape.Channels - 8) + lane, sum = 0, magnitudes = 0;
                int zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[channel];
                for (int tap = 0; tap < taps; tap++)
                {
                    int weight = weights[channel * taps + tap] - zero;
                    sum += weight;
                    magnitudes += Math.Abs(weight);
                    if (wide) wideWeights[tap * 8 + lane] = (short)weight;
                    else target[64 + tap * 8 + lane] = (byte)weight;
                }
                header[lane] = parameters.Bias[channel] - parameters.InputZeroPoint * sum;
                header[8 + lane] = parameters.Multipliers[channel];
                fits &= NeonRequantize.Fits(header[lane], magnitudes, header[8 + lane]);
                if (triple) triple = Math.Abs((int)weights[channel * 9 + 2]) + Math.Abs((int)weights[channel * 9 + 6]) + Math.Abs((int)weights[channel * 9 + 8]) < 256;
                if (wide) continue;
                int place = lane / 2 + lane % 2 * 4;
                Span<int> integers = MemoryMarshal.Cast<byte, int>(target);
                integers[Int8NeonDepthwisePairs.Bias + place] = integers[Int8NeonDepthwisePairs.SecondBias + place] = header[lane];
                integers[Int8NeonDepthwisePairs.Multiplier + place] = header[8 + lane];
            }
            if (triple) target[TripleAt] = 1;
        }
        MemoryMarshal.Cast<byte, int>(destination)[1] = fits ? 1 : 0;
    }

    /// <summary>Whether a channel has −128 twice, which may overflow a 16-bit sum.</summary>
    private static bool HasExtremePair(ReadOnlySpan<sbyte> weights)
    {
        for (int i = 0; i < weights.Length; i += 9)
            if (weights.Slice(i, 9).Count((sbyte)-128) > 1) return true;
        return false;
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ConvolutionShape s = call.Shape.Canonical();
        if (stage < Stages(s) - 1)
        {
            PaddedInput.Copy(s, call.Input, (sbyte*)call.Scratch, (sbyte)call.InputZeroPoint, first, end);
            return;
        }
        sbyte* image = s.IsPadded ? (sbyte*)call.Scratch : call.Input;
        nint pitch = PaddedInput.Pitch(s);
        int height = s.OutHeight, imageHeight = s.Height + s.PadTop + s.PadBottom;
        Int8NeonDepthwiseRow task = new()
        {
            Width = s.OutWidth,
            Channels = s.Channels,
            KernelHeight = s.KernelHeight,
            KernelWidth = s.KernelWidth,
            StrideX = s.StrideX,
            InputPitch = s.StrideY * pitch,
            OutputPitch = (nint)s.OutWidth * s.Channels,
            RowStep = s.DilationY * pitch,
            ColumnStep = (nint)s.DilationX * s.Channels,
            Shift = call.Shift,
            OutputZeroPoint = call.OutputZeroPoint,
            Min = call.Min,
            Max = call.Max,
        };
        bool wide = ((int*)call.Packed)[0] != 0, plain = ((int*)call.Packed)[1] != 0 && call.Min == sbyte.MinValue && call.Max == sbyte.MaxValue;
        // The cache lines that a strip reads stay in the first-level cache until all blocks of channels that share them have passed.
        int strip = (int)Math.Max(1, (StripBytes / (pitch / s.Channels * Math.Min(s.Channels, 64)) - s.KernelHeight) / s.StrideY);
        for (int row = first; row < end; row += task.Rows)
        {
            int n = row / height, y = row - n * height;
            task.Rows = Math.Min(Math.Min(strip, end - row), height - y);
            sbyte* input = image + ((long)n * imageHeight + (long)y * s.StrideY) * pitch, output = call.Output + row * task.OutputPitch;
            task.Packed = call.Packed + HeaderBytes;
            for (int block = 0; block < s.Channels; block += 8, task.Packed += BlockBytes(s))
            {
                int channel = Math.Min(block, s.Channels - 8);
                task.Input = input + channel;
                task.Output = output + channel;
                if (wide) Int8NeonDepthwiseTiles.General(task);
                else if (plain) Run<N1>(task, s.StrideX);
                else Run<N0>(task, s.StrideX);
            }
        }
    }

    private static void Run<TPlain>(in Int8NeonDepthwiseRow task, int stride) where TPlain : struct, ICount
    {
        bool triple = task.Packed[TripleAt] != 0;
        if (stride == 2 && triple) Int8NeonDepthwisePairs.Run<N2, TPlain, N1>(task);
        else if (stride == 2) Int8NeonDepthwisePairs.Run<N2, TPlain, N0>(task);
        else if (task.Width >= LongRow && triple) Int8NeonDepthwisePairs.Run<N1, TPlain, N1>(task);
        else if (task.Width >= LongRow) Int8NeonDepthwisePairs.Run<N1, TPlain, N0>(task);
        else if (triple) Int8NeonDepthwiseTiles.Stride1<TPlain, N1>(task);
        else Int8NeonDepthwiseTiles.Stride1<TPlain, N0>(task);
    }

    private static bool Is3x3(in ConvolutionShape s) => s.KernelHeight == 3 && s.KernelWidth == 3 && s.DilationX == 1 && s.StrideX <= 2;

    private static int Blocks(in ConvolutionShape s) => (s.Channels + 7) / 8;

    private static int BlockBytes(in ConvolutionShape s) => (64 + 16 * s.Depth + 63) & ~63;
}
