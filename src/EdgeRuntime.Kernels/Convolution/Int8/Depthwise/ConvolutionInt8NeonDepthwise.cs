using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>A block of channels of some output rows of a depthwise convolution.</summary>
internal unsafe struct Int8NeonDepthwiseRow
{
    /// <summary>The window of the first output, in the padded image.</summary>
    public sbyte* Input;

    public sbyte* Output;

    /// <summary>A block of channels: biases, multipliers (int32), weights.</summary>
    public byte* Packed;

    public int Rows, Width, Channels, KernelHeight, KernelWidth, StrideX;

    /// <summary>Elements from one window row, and column, to the next.</summary>
    public nint RowStep, ColumnStep;

    /// <summary>Elements from one output row's input, and output, to the next's.</summary>
    public nint InputPitch, OutputPitch;

    public int Shift, OutputZeroPoint, Min, Max;
}

/// <summary>
/// Depthwise convolutions on eight or 16 channels at a time. Three forms, chosen when the weights are packed:
/// <list type="bullet">
/// <item>3×3, stride 1 or 2, symmetric weights: SMULL and SMLAL make sums of two products in 16 bits, or of three where a block's weights
/// allow it, as in <see cref="ConvolutionInt8NeonWideningGemm"/>; weights stay in registers along a row, columns are read once.</item>
/// <item>any window and weights, 16 channels and more: <see cref="Int8NeonDepthwiseRuns"/>.</item>
/// <item>the same, fewer channels: 16-bit weights, SMLAL to 32 bits.</item>
/// </list>
/// If the channels are no multiple of a block's the last block overlaps the one before and computes the same values again.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonDepthwise : ConvolutionInt8Kernel
{
    private const int HeaderBytes = 64, StripBytes = 16384, TripleAt = 64 + 9 * 8;

    /// <summary>The forms, as the packed weights' header has them.</summary>
    private enum Form
    {
        Bytes3x3,
        Wide,
        Runs,
    }

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-depthwise-neon", "convolution-s8", CpuFeature.Neon, "depthwise: SMULL and SMLAL, 3×3 on eight channels with weights in registers, other windows on 16");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        shape.IsDepthwise && shape.OutPerGroup == 1 && shape.Channels >= 8;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        double output = Is3x3(shape) ? 18.0 * Blocks(shape, 8) : HasRuns(shape) ? (10 + 3.5 * shape.Depth) * Blocks(shape, Int8NeonDepthwiseRuns.Lanes) : (14.0 + 4 * shape.Depth) * Blocks(shape, 8);
        return 200 + shape.Positions * output + (shape.IsPadded ? PaddedInput.Rows(shape) * (20 + PaddedInput.Pitch(shape) / 16.0) : 0);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => HeaderBytes + (long)Math.Max(
        Is3x3(shape) || !HasRuns(shape) ? Blocks(shape, 8) * BlockBytes(shape) : 0,
        HasRuns(shape) ? Blocks(shape, Int8NeonDepthwiseRuns.Lanes) * Int8NeonDepthwiseRuns.BlockBytes(shape.Depth, IsAsymmetric(parameters)) : 0);

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => shape.IsPadded ? (long)PaddedInput.Rows(shape) * PaddedInput.Pitch(shape) : 0;

    /// <inheritdoc/>
    public override int Stages(in ConvolutionShape shape) => shape.IsPadded ? 2 : 1;

    /// <summary>One portion is one row, of the padded copy or of the output.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) =>
        stage < Stages(shape) - 1 ? PaddedInput.Rows(shape.Canonical()) : shape.Batch * shape.Canonical().OutHeight;

    /// <summary>
    /// Layout: a header (the form; 1 if scaled sums fit 16 bits; bytes of a block), then the blocks: those of <see cref="Int8NeonDepthwiseRuns"/>, or 8 biases, 8 multipliers, taps × 8 weights of 8 or 16 bits, and
    /// behind nine of 8 bits whether three corners make a sum; with these, biases and multipliers are those of even channels and then of odd ones.
    /// </summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        int taps = shape.Depth;
        bool bytes = Is3x3(shape) && parameters.Shift == 0 && !IsAsymmetric(parameters) && !HasExtremePair(weights);
        Form form = bytes ? Form.Bytes3x3 : HasRuns(shape) ? Form.Runs : Form.Wide;
        int lanes = form == Form.Runs ? Int8NeonDepthwiseRuns.Lanes : 8, blockBytes = form == Form.Runs ? Int8NeonDepthwiseRuns.BlockBytes(taps, IsAsymmetric(parameters)) : BlockBytes(shape);
        bool fits = true;
        Span<int> biases = stackalloc int[lanes], multipliers = stackalloc int[lanes];
        for (int block = 0; block < Blocks(shape, lanes); block++)
        {
            int first = Math.Min(block * lanes, shape.Channels - lanes);
            for (int lane = 0; lane < lanes; lane++) fits &= Constants(parameters, weights.Slice((first + lane) * taps, taps), first + lane, out biases[lane], out multipliers[lane]);
            Span<byte> target = destination.Slice(HeaderBytes + block * blockBytes, blockBytes);
            if (form == Form.Runs) Int8NeonDepthwiseRuns.Pack(shape.Canonical(), weights, parameters.WeightZeroPoints, first, biases, multipliers, target);
            else PackBlock(form, weights, parameters.WeightZeroPoints, taps, first, biases, multipliers, target);
        }
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination);
        (header[0], header[1], header[2]) = ((int)form, fits ? 1 : 0, blockBytes);
    }

    /// <summary>A channel's bias, less the input's zero point, and multiplier; whether its scaled sums fit 16 bits.</summary>
    private static bool Constants(ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, int channel, out int bias, out int multiplier)
    {
        int sum = 0, magnitudes = 0, zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[channel];
        foreach (sbyte weight in weights)
        {
            sum += weight - zero;
            magnitudes += Math.Abs(weight - zero);
        }
        bias = parameters.Bias[channel] - parameters.InputZeroPoint * sum;
        multiplier = parameters.Multipliers[channel];
        return NeonRequantize.Fits(bias, magnitudes, multiplier);
    }

    /// <summary>Eight channels of the forms that take them.</summary>
    private static void PackBlock(Form form, ReadOnlySpan<sbyte> weights, ReadOnlySpan<int> zeros, int taps, int first, ReadOnlySpan<int> biases, ReadOnlySpan<int> multipliers, Span<byte> target)
    {
        Span<int> integers = MemoryMarshal.Cast<byte, int>(target);
        Span<short> wide = MemoryMarshal.Cast<byte, short>(target[64..]);
        bool triple = form == Form.Bytes3x3;
        for (int lane = 0; lane < 8; lane++)
        {
            int place = form == Form.Bytes3x3 ? lane / 2 + lane % 2 * 4 : lane;
            (integers[place], integers[8 + place]) = (biases[lane], multipliers[lane]);
            ReadOnlySpan<sbyte> w = weights.Slice((first + lane) * taps, taps);
            if (form == Form.Wide)
            {
                for (int tap = 0; tap < taps; tap++) wide[tap * 8 + lane] = (short)(w[tap] - (zeros.Length == 0 ? 0 : zeros[first + lane]));
                continue;
            }
            for (int tap = 0; tap < taps; tap++) target[64 + tap * 8 + lane] = (byte)w[tap];
            triple &= Math.Abs((int)w[2]) + Math.Abs((int)w[6]) + Math.Abs((int)w[8]) < 256;
        }
        if (triple) target[TripleAt] = 1;
    }

    private static bool IsAsymmetric(ConvolutionInt8Parameters parameters) => parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

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
        Form form = (Form)((int*)call.Packed)[0];
        bool plain = ((int*)call.Packed)[1] != 0 && call.Shift == 0 && call.Min == sbyte.MinValue && call.Max == sbyte.MaxValue;
        int blockBytes = ((int*)call.Packed)[2], lanes = form == Form.Runs ? Int8NeonDepthwiseRuns.Lanes : 8;
        // The cache lines that a strip reads stay in the first-level cache until all blocks of channels that share them have passed.
        int strip = (int)Math.Max(1, (StripBytes / (pitch / s.Channels * Math.Min(s.Channels, 64)) - s.KernelHeight) / s.StrideY);
        for (int row = first; row < end; row += task.Rows)
        {
            int n = row / height, y = row - n * height;
            task.Rows = Math.Min(Math.Min(strip, end - row), height - y);
            sbyte* input = image + ((long)n * imageHeight + (long)y * s.StrideY) * pitch, output = call.Output + row * task.OutputPitch;
            task.Packed = call.Packed + HeaderBytes;
            for (int block = 0; block < s.Channels; block += lanes, task.Packed += blockBytes)
            {
                int channel = Math.Min(block, s.Channels - lanes);
                task.Input = input + channel;
                task.Output = output + channel;
                if (form == Form.Wide) Int8NeonDepthwiseWide.Run(task);
                else if (form == Form.Runs && plain) Int8NeonDepthwiseRuns.Run<N1>(task);
                else if (form == Form.Runs) Int8NeonDepthwiseRuns.Run<N0>(task);
                else if (plain) Run<N1>(task, s.StrideX);
                else Run<N0>(task, s.StrideX);
            }
        }
    }

    private static void Run<TPlain>(in Int8NeonDepthwiseRow task, int stride) where TPlain : struct, ICount
    {
        bool triple = task.Packed[TripleAt] != 0;
        if (stride == 2 && triple) Int8NeonDepthwise3x3.Run<N2, TPlain, N1>(task);
        else if (stride == 2) Int8NeonDepthwise3x3.Run<N2, TPlain, N0>(task);
        else if (triple) Int8NeonDepthwise3x3.Run<N1, TPlain, N1>(task);
        else Int8NeonDepthwise3x3.Run<N1, TPlain, N0>(task);
    }

    private static bool Is3x3(in ConvolutionShape s) => s.KernelHeight == 3 && s.KernelWidth == 3 && s.DilationX == 1 && s.StrideX <= 2;

    /// <summary>Whether the channels fill a block of <see cref="Int8NeonDepthwiseRuns"/>.</summary>
    private static bool HasRuns(in ConvolutionShape s) => s.Channels >= Int8NeonDepthwiseRuns.Lanes;

    private static int Blocks(in ConvolutionShape s, int lanes) => (s.Channels + lanes - 1) / lanes;

    private static int BlockBytes(in ConvolutionShape s) => (64 + 16 * s.Depth + 63) & ~63;
}
