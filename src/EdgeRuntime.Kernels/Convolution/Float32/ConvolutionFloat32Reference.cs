using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>The definition of a float convolution as plain loops, summed in binary64.</summary>
public sealed unsafe class ConvolutionFloat32Reference : ConvolutionFloat32Kernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-reference", "convolution-f32", CpuFeature.None, "plain loops in double precision; the definition, and the fallback of processors without vectors");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape) => true;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape) => 4.0 * shape.MultiplyAccumulates;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => shape.OutChannels * (1L + shape.Depth) * sizeof(float);

    /// <summary>Layout: bias [O], then the weights as they are.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination);
        packed[..shape.OutChannels].Clear();
        bias.CopyTo(packed);
        weights.CopyTo(packed[shape.OutChannels..]);
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => 0;

    /// <summary>One portion is one output row.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) => shape.Batch * shape.OutHeight;

    /// <inheritdoc/>
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        ConvolutionShape s = call.Shape;
        for (int row = first; row < end; row++)
            for (int x = 0; x < s.OutWidth; x++)
                for (int o = 0; o < s.OutChannels; o++)
                {
                    double sum = ((float*)call.Packed)[o] + Sum(call, row / s.OutHeight, row % s.OutHeight, x, o);
                    call.Output[((long)row * s.OutWidth + x) * s.OutChannels + o] = (float)Math.Min(Math.Max(sum, call.Min), call.Max);
                }
    }

    private static double Sum(in ConvolutionFloat32Call call, int n, int y, int x, int o)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int depth = s.ChannelsPerGroup;
        double sum = 0;
        float* weights = (float*)call.Packed + s.OutChannels + (long)o * s.Depth;
        int channel = o / s.OutPerGroup * depth;
        for (int ky = 0; ky < s.KernelHeight; ky++)
            for (int kx = 0; kx < s.KernelWidth; kx++, weights += depth)
            {
                int iy = y * s.StrideY - s.PadTop + ky * s.DilationY, ix = x * s.StrideX - s.PadLeft + kx * s.DilationX;
                if ((uint)iy >= (uint)s.Height || (uint)ix >= (uint)s.Width) continue;
                float* input = call.Input + (((long)n * s.Height + iy) * s.Width + ix) * s.Channels + channel;
                for (int c = 0; c < depth; c++) sum += (double)input[c] * weights[c];
            }
        return sum;
    }
}
