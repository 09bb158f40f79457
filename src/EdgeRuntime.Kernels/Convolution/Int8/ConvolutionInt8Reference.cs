using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>The definition of an int8 convolution as plain loops; every other kernel equals it bit for bit.</summary>
public sealed unsafe class ConvolutionInt8Reference : ConvolutionInt8Kernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-reference", "convolution-s8", CpuFeature.None, "plain loops; the definition, and the fallback of processors without vectors");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => true;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => 4.0 * shape.MultiplyAccumulates;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.OutChannels * (12L + shape.Depth);

    /// <summary>Layout: bias, multiplier, weight zero point (int32 each, [O]), then the weights as they are.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        int o = shape.OutChannels;
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination[..(12 * o)]);
        parameters.Bias.CopyTo(header);
        parameters.Multipliers.CopyTo(header[o..]);
        header[(2 * o)..].Clear();
        parameters.WeightZeroPoints.CopyTo(header[(2 * o)..]);
        MemoryMarshal.AsBytes(weights).CopyTo(destination[(12 * o)..]);
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => 0;

    /// <summary>One portion is one output row.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) => shape.Batch * shape.OutHeight;

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ConvolutionShape s = call.Shape;
        int* header = (int*)call.Packed;
        for (int row = first; row < end; row++)
            for (int x = 0; x < s.OutWidth; x++)
                for (int o = 0; o < s.OutChannels; o++)
                {
                    int sum = header[o] + Sum(call, row / s.OutHeight, row % s.OutHeight, x, o, header[2 * s.OutChannels + o]);
                    call.Output[((long)row * s.OutWidth + x) * s.OutChannels + o] = (sbyte)Requantize.Apply(
                        sum, header[s.OutChannels + o], call.Shift, call.OutputZeroPoint, call.Min, call.Max);
                }
    }

    private static int Sum(in ConvolutionInt8Call call, int n, int y, int x, int o, int weightZero)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int depth = s.ChannelsPerGroup, sum = 0;
        sbyte* weights = (sbyte*)call.Packed + 12L * s.OutChannels + (long)o * s.Depth;
        int channel = o / s.OutPerGroup * depth;
        for (int ky = 0; ky < s.KernelHeight; ky++)
            for (int kx = 0; kx < s.KernelWidth; kx++, weights += depth)
            {
                int iy = y * s.StrideY - s.PadTop + ky * s.DilationY, ix = x * s.StrideX - s.PadLeft + kx * s.DilationX;
                if ((uint)iy >= (uint)s.Height || (uint)ix >= (uint)s.Width) continue;
                sbyte* input = call.Input + (((long)n * s.Height + iy) * s.Width + ix) * s.Channels + channel;
                for (int c = 0; c < depth; c++) sum += (input[c] - call.InputZeroPoint) * (weights[c] - weightZero);
            }
        return sum;
    }
}
