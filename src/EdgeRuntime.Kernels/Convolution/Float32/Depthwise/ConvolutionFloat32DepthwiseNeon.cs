using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Depthwise convolutions over four channels at a time.</summary>
internal sealed class ConvolutionFloat32DepthwiseNeon : ConvolutionFloat32Depthwise<NeonFloat, Vector128<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-depthwise-neon", "convolution-f32", CpuFeature.Neon, "depthwise, 4 channels × up to 8 neighbouring outputs; at least 4 channels");

    private protected override double CyclesPerTap => 1.3;
}
