namespace EdgeRuntime.Kernels;

/// <summary>The list of int8 convolution kernels. A new kernel is one line here.</summary>
public static class ConvolutionInt8Kernels
{
    /// <summary>All kernels; which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<ConvolutionInt8Kernel> All { get; } =
    [
        new ConvolutionInt8Reference(),
        new ConvolutionInt8NeonWideningGemm(),
        new ConvolutionInt8NeonDotGemm(),
        new ConvolutionInt8NeonDepthwise(),
    ];
}
