using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Winograd's 3×3 convolution over sixteen channels at a time.</summary>
internal sealed class ConvolutionFloat32WinogradAvx512() : ConvolutionFloat32Winograd<Avx512Float, Vector512<float>>(new ConvolutionFloat32GemmAvx512())
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-f32-winograd-avx512", "convolution-f32", CpuFeature.Avx512, "Winograd F(2×2, 3×3); dense 3×3 of stride 1 with multiples of 16 channels");

    private protected override double CyclesPerOperation => 1.0;
}
