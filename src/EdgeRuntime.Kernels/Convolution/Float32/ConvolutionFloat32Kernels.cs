namespace EdgeRuntime.Kernels;

/// <summary>The list of float convolution kernels. A new kernel is one line here.</summary>
public static class ConvolutionFloat32Kernels
{
    /// <summary>All kernels; which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<ConvolutionFloat32Kernel> All { get; } =
    [
        new ConvolutionFloat32Reference(),
        new ConvolutionFloat32GemmAvx2(),
        new ConvolutionFloat32GemmAvx512(),
        new ConvolutionFloat32DepthwiseAvx2(),
        new ConvolutionFloat32DepthwiseAvx512(),
        new ConvolutionFloat32GemmNeon(),
        new ConvolutionFloat32DepthwiseNeon(),
        new ConvolutionFloat32WinogradAvx2(),
        new ConvolutionFloat32WinogradAvx512(),
        .. SparseKernels.Float32,
    ];
}
