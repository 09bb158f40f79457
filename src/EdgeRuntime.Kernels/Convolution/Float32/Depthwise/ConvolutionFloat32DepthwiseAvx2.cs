using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Depthwise convolutions over eight channels at a time.</summary>
internal sealed class ConvolutionFloat32DepthwiseAvx2 : ConvolutionFloat32Depthwise<Avx2Float, Vector256<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-depthwise-avx2", "convolution-f32", CpuFeature.Avx2, "depthwise, 8 channels × up to 8 neighbouring outputs; at least 8 channels");

    private protected override double CyclesPerTap => 0.55;
}
