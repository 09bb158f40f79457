namespace EdgeRuntime.Kernels;

/// <summary>The list of binary convolution kernels. A new kernel is one line here.</summary>
public static class ConvolutionBinaryKernels
{
    /// <summary>All kernels; which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<ConvolutionBinaryKernel> All { get; } =
    [
        new ConvolutionBinaryReference(),
        new ConvolutionBinaryWords(),
        new ConvolutionBinaryLookupAvx2(),
        new ConvolutionBinaryCountNeon(),
    ];
}
