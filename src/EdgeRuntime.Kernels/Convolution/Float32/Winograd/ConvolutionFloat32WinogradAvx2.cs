using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Winograd's 3×3 convolution over eight channels at a time.</summary>
internal sealed class ConvolutionFloat32WinogradAvx2() : ConvolutionFloat32Winograd<Avx2Float, Vector256<float>>(new ConvolutionFloat32GemmAvx2())
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-winograd-avx2", "convolution-f32", CpuFeature.Avx2, "Winograd F(2×2, 3×3); dense 3×3 of stride 1 with multiples of 8 channels");

    private protected override double CyclesPerOperation => 0.6;
}
