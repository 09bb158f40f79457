using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>
/// A layer with the geometry of a convolution that can compute any band of its rows, wherever input and output lie: what
/// <see cref="ChainOperator"/> is made of.
/// </summary>
internal abstract unsafe class LayerOperator(Node node, string kernelId, string reason, in ConvolutionShape shape) : Operator(node, kernelId, reason)
{
    /// <summary>The whole layer.</summary>
    public ConvolutionShape Shape { get; } = shape;

    /// <summary>Cycles that this layer's kernel is estimated to take for a band.</summary>
    public abstract double EstimateBand(in ConvolutionShape band);

    /// <summary>Bytes of scratch that a band needs, on one worker.</summary>
    public abstract long BandScratchBytes(in ConvolutionShape band);

    /// <summary>What the kernel derives from a band's shape, for <see cref="RunBand"/>; null if nothing worth keeping.</summary>
    public virtual object? PlanBand(in ConvolutionShape band) => null;

    /// <summary>The same layer and kernel with weights packed for <paramref name="band"/>, whose <see cref="ConvolutionShape.Packing()"/> differs.</summary>
    public abstract LayerOperator Repack(in ConvolutionShape band, PrepareContext context);

    /// <summary>Computes a band, all stages, on this thread. Its <see cref="ConvolutionShape.Packing()"/> is that of <see cref="Shape"/>.</summary>
    public abstract void RunBand(in ConvolutionShape band, object? plan, byte* input, byte* output, byte* scratch);
}
