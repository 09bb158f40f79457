using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Depthwise convolutions over sixteen channels at a time.</summary>
internal sealed class ConvolutionFloat32DepthwiseAvx512 : ConvolutionFloat32Depthwise<Avx512Float, Vector512<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-depthwise-avx512", "convolution-f32", CpuFeature.Avx512, "depthwise, 16 channels × up to 8 neighbouring outputs; at least 16 channels");

    private protected override double CyclesPerTap => 1.1;
}
