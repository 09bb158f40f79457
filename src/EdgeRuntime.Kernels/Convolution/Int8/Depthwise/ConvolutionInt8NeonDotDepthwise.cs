using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise 3×3 convolutions of stride 1 or 2 by SDOT over <see cref="DepthwiseQuads"/>: four input rows, two below the four before, with a column's four
/// elements side by side. With weights (w0, w1, w2, 0) one SDOT adds a column to four channels of an output row, and with (0, w0, w1, w2), for stride 1, to the
/// output row below: 12 SDOT for 16 outputs, one load for a column of eight channels. Each worker makes the quads of a few rows, then computes them.
/// What weights less their zero point have beyond int8 is multiplied once more, in the blocks that have such. Exact whatever the weights.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonDotDepthwise : ConvolutionInt8Kernel
{
    private const int HeaderBytes = 64, StripBytes = 24576;

    private const int ScalesBytes = DotDepthwiseTiles.ScalesBytes, PlainBytes = ScalesBytes + DotDepthwiseTiles.WeightBytes;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-depthwise-neondot-quads", "convolution-s8", CpuFeature.Neon | CpuFeature.NeonDot, "depthwise 3×3 of stride 1 and 2 by SDOT over four zipped rows");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        shape.IsDepthwise && shape.OutPerGroup == 1 && shape.Channels >= 8 && shape.KernelHeight == 3 && shape.KernelWidth == 3
        && shape.StrideX is 1 or 2 && shape.StrideY == shape.StrideX && shape.DilationX == 1 && shape.DilationY == 1
        // 127 less −128 is not twice int8.
        && parameters.Shift == 0 && !parameters.WeightZeroPoints.AsSpan().Contains(-128);

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        200 + (double)shape.Positions * Blocks(shape) * (shape.StrideX == 1 ? 10 : 14);

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => HeaderBytes + (long)Blocks(shape) * BlockBytes(parameters.WeightZeroPoints.Length > 0);

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => workers * new DepthwiseQuads(shape, StripBytes).Bytes;

    /// <summary>A portion is a quad: a pair of output rows, of stride 2 one.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) => shape.Batch * Quads(shape);

    /// <summary>
    /// Layout: a header (1 if scaled sums fit 16 bits; 1 if weights have zero points), then the blocks of eight channels, of which the last ends at the last channel: 8 biases
    /// twice, so that one load serves two output rows, 8 multipliers, <see cref="DotDepthwiseTiles.WeightBytes"/>; with zero points also whether weights are beyond int8, and what they have beyond it in as many bytes.
    /// </summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        bool fits = true, asymmetric = parameters.WeightZeroPoints.Length > 0;
        for (int block = 0; block < Blocks(shape); block++)
        {
            Span<byte> target = destination.Slice(HeaderBytes + block * BlockBytes(asymmetric), BlockBytes(asymmetric));
            Span<int> header = MemoryMarshal.Cast<byte, int>(target[..ScalesBytes]);
            for (int lane = 0; lane < 8; lane++)
            {
                int channel = Math.Min(block * 8, shape.Channels - 8) + lane, zero = asymmetric ? parameters.WeightZeroPoints[channel] : 0, sum = 0, magnitudes = 0;
                for (int tap = 0; tap < 9; tap++)
                {
                    int weight = weights[channel * 9 + tap] - zero, centred = Math.Clamp(weight, sbyte.MinValue, sbyte.MaxValue), at = ScalesBytes + tap % 3 * 64 + lane * 4 + tap / 3;
                    sum += weight;
                    magnitudes += Math.Abs(weight);
                    target[at] = target[at + 32 + 1] = (byte)centred;
                    if (weight == centred) continue;
                    target[PlainBytes] = 1;
                    target[at + PlainBytes] = target[at + PlainBytes + 32 + 1] = (byte)(weight - centred);
                }
                header[lane] = header[8 + lane] = parameters.Bias[channel] - parameters.InputZeroPoint * sum;
                header[16 + lane] = parameters.Multipliers[channel];
                fits &= NeonRequantize.Fits(header[lane], magnitudes, header[16 + lane]);
            }
        }
        Span<int> flags = MemoryMarshal.Cast<byte, int>(destination);
        (flags[0], flags[1]) = (fits ? 1 : 0, asymmetric ? 1 : 0);
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        DepthwiseQuads quads = new(s, StripBytes);
        sbyte* scratch = (sbyte*)call.Scratch + worker * quads.Bytes;
        quads.FillBorder(scratch, end - first, (sbyte)call.InputZeroPoint);
        nint outputPitch = (nint)s.OutWidth * s.Channels;
        int height = s.OutHeight, perImage = Quads(s), blockBytes = BlockBytes(((int*)call.Packed)[1] != 0);
        Int8NeonFinish finish = *(int*)call.Packed == 0 || call.Min > sbyte.MinValue || call.Max < sbyte.MaxValue ? Int8NeonFinish.Clamped
            : call.OutputZeroPoint == sbyte.MinValue ? Int8NeonFinish.Unsigned : Int8NeonFinish.Plain;
        for (int portion = first, count; portion < end; portion += count)
        {
            int n = portion / perImage, quad = portion - n * perImage, y = s.StrideX == 1 ? 2 * quad : quad;
            count = Math.Min(Math.Min(quads.Strip, end - portion), perImage - quad);
            quads.Zip(call.Input, n, quad, count, scratch);
            DotDepthwiseStrip strip = new()
            {
                Pitch = quads.Pitch,
                Step = 4 * s.Channels,
                OutputPitch = outputPitch,
                IsSingle = s.StrideX == 1 && y + 2 * count > height,
                Channels = s.Channels,
                Width = s.OutWidth,
                Quads = count,
                BlockBytes = blockBytes,
                OutputZeroPoint = call.OutputZeroPoint,
                Min = call.Min,
                Max = call.Max,
            };
            sbyte* output = call.Output + ((long)n * height + y) * outputPitch;
            byte* packed = call.Packed + HeaderBytes;
            for (int block = 0; block < Blocks(s); block += strip.Blocks, packed += strip.Blocks * blockBytes)
            {
                int channel = Math.Min(8 * block, s.Channels - 8);
                // One at a time where weights may be beyond int8, and where the last one reaches back.
                strip.Blocks = blockBytes > PlainBytes || channel < 8 * block ? 1 : s.Channels / 8 - block;
                if (s.StrideX == 2 && strip.Blocks > 1) strip.Blocks &= ~1;
                strip.Input = scratch + 4 * channel;
                strip.Output = output + channel;
                strip.Packed = packed;
                if (blockBytes > PlainBytes && packed[PlainBytes] != 0) Run<N1>(strip, s.StrideX, finish);
                else Run<N0>(strip, s.StrideX, finish);
            }
        }
    }

    private static void Run<TBeyond>(in DotDepthwiseStrip strip, int stride, Int8NeonFinish finish) where TBeyond : struct, ICount
    {
        if (stride == 1 && finish == Int8NeonFinish.Unsigned) DotDepthwiseTiles.Stride1<N2, TBeyond>(strip);
        else if (stride == 1 && finish == Int8NeonFinish.Plain) DotDepthwiseTiles.Stride1<N0, TBeyond>(strip);
        else if (stride == 1) DotDepthwiseTiles.Stride1<N1, TBeyond>(strip);
        else if (strip.Blocks > 1) Stride2Blocks(strip, finish);
        else if (finish == Int8NeonFinish.Unsigned) DotDepthwiseTiles.Stride2<N2, TBeyond>(strip);
        else if (finish == Int8NeonFinish.Plain) DotDepthwiseTiles.Stride2<N0, TBeyond>(strip);
        else DotDepthwiseTiles.Stride2<N1, TBeyond>(strip);
    }

    private static void Stride2Blocks(in DotDepthwiseStrip strip, Int8NeonFinish finish)
    {
        if (finish == Int8NeonFinish.Unsigned) DotDepthwiseTiles.Stride2Blocks<N2>(strip);
        else if (finish == Int8NeonFinish.Plain) DotDepthwiseTiles.Stride2Blocks<N0>(strip);
        else DotDepthwiseTiles.Stride2Blocks<N1>(strip);
    }

    private static int Quads(in ConvolutionShape s) => s.StrideX == 1 ? (s.OutHeight + 1) / 2 : s.OutHeight;

    private static int Blocks(in ConvolutionShape s) => (s.Channels + 7) / 8;

    private static int BlockBytes(bool asymmetric) => asymmetric ? 2 * PlainBytes : PlainBytes;
}
