namespace EdgeRuntime.Kernels;

/// <summary>The list of kernels for layers whose input is quantised while running.</summary>
public static class DynamicKernels
{
    /// <summary>All kernels; the first is the reference. Which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<IDynamicKernel> All { get; } =
    [
        .. ConvolutionInt4Kernels.All,
        new ConvolutionDynamic<CellProductNeon>(),
        new ConvolutionDynamic<CellProductNeonDot>(),
        new ConvolutionDynamic<CellProductAvx2>(),
        new ConvolutionDynamic<CellProductAvxVnni<AvxVnniInstruction>>(),
        new ConvolutionDynamic<CellProductAvx512Vnni>(),
    ];
}
