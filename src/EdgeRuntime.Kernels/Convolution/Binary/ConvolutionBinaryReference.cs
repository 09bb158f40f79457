using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>The definition of a binary convolution as plain loops over single bits.</summary>
public sealed unsafe class ConvolutionBinaryReference : ConvolutionBinaryKernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-b1-reference", "convolution-b1", CpuFeature.None, "plain loops over bits; the definition, and the fallback of groups that are no whole words");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, BinaryOutput output) => true;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape) => 8.0 * shape.MultiplyAccumulates;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) =>
        8L * shape.OutChannels + (long)shape.OutChannels * shape.KernelHeight * shape.KernelWidth * BitPacked.Words(shape.ChannelsPerGroup) * sizeof(ulong);

    /// <summary>Layout: two constants of each output channel (scale and offset, multiplier and bias, or 0 and bias), then the weights as they are.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionBinaryParameters parameters, ReadOnlySpan<ulong> weights, Span<byte> destination)
    {
        int o = shape.OutChannels;
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination[..(8 * o)]);
        header.Clear();
        MemoryMarshal.Cast<float, int>(parameters.Scales).CopyTo(header);
        MemoryMarshal.Cast<float, int>(parameters.Offsets).CopyTo(header[o..]);
        parameters.Multipliers.CopyTo(header);
        parameters.Bias.CopyTo(header[o..]);
        MemoryMarshal.AsBytes(weights).CopyTo(destination[(8 * o)..]);
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => 0;

    /// <summary>One portion is one output row.</summary>
    public override int Portions(in ConvolutionShape shape) => shape.Batch * shape.OutHeight;

    /// <inheritdoc/>
    public override void Run(in ConvolutionBinaryCall call, int first, int end, int worker)
    {
        ConvolutionShape s = call.Shape;
        for (int row = first; row < end; row++)
            for (int x = 0; x < s.OutWidth; x++)
            {
                long position = (long)row * s.OutWidth + x;
                if (call.OutputKind == BinaryOutput.Binary) new Span<ulong>((ulong*)call.Output + position * BitPacked.Words(s.OutChannels), BitPacked.Words(s.OutChannels)).Clear();
                for (int o = 0; o < s.OutChannels; o++) Store(call, position, o, Sum(call, row / s.OutHeight, row % s.OutHeight, x, o));
            }
    }

    private static void Store(in ConvolutionBinaryCall call, long position, int o, int sum)
    {
        int channels = call.Shape.OutChannels, first = ((int*)call.Packed)[o], second = ((int*)call.Packed)[channels + o];
        switch (call.OutputKind)
        {
            case BinaryOutput.Float32:
                float real = sum * BitConverter.Int32BitsToSingle(first);
                real += BitConverter.Int32BitsToSingle(second);
                ((float*)call.Output)[position * channels + o] = MathF.Min(MathF.Max(real, call.FloatMin), call.FloatMax);
                break;
            case BinaryOutput.Int8:
                ((sbyte*)call.Output)[position * channels + o] =
                    (sbyte)Requantize.Apply((sum << ConvolutionBinaryParameters.BiasBits) + second, first, call.Shift, call.OutputZeroPoint, call.Min, call.Max);
                break;
            default:
                if (sum + second >= 0) ((ulong*)call.Output)[position * BitPacked.Words(channels) + o / BitPacked.WordBits] |= 1UL << o;
                break;
        }
    }

    private static int Sum(in ConvolutionBinaryCall call, int n, int y, int x, int o)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int depth = s.ChannelsPerGroup, words = BitPacked.Words(depth), channel = o / s.OutPerGroup * depth, sum = 0;
        ulong* weights = (ulong*)(call.Packed + 8L * s.OutChannels) + (long)o * s.KernelHeight * s.KernelWidth * words;
        for (int ky = 0; ky < s.KernelHeight; ky++)
            for (int kx = 0; kx < s.KernelWidth; kx++, weights += words)
            {
                int iy = y * s.StrideY - s.PadTop + ky * s.DilationY, ix = x * s.StrideX - s.PadLeft + kx * s.DilationX;
                if ((uint)iy >= (uint)s.Height || (uint)ix >= (uint)s.Width) continue;
                ulong* input = call.Input + (((long)n * s.Height + iy) * s.Width + ix) * BitPacked.Words(s.Channels);
                for (int c = 0; c < depth; c++) sum += Bit(input, channel + c) == Bit(weights, c) ? 1 : -1;
            }
        return sum;
    }

    private static int Bit(ulong* row, int index) => (int)(row[index / BitPacked.WordBits] >> index) & 1;
}
