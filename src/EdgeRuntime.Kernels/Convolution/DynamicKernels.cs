namespace EdgeRuntime.Kernels;

/// <summary>The list of kernels for layers whose input is quantised while running.</summary>
public static class DynamicKernels
{
    /// <summary>All kernels; the first is the reference. Which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<IDynamicKernel> All { get; } =
    [
        .. ConvolutionInt4Kernels.All,
        new DynamicLinear<CellProductNeon>(),
        new DynamicLinear<CellProductNeonDot>(),
        new DynamicLinear<CellProductAvx2>(),
        new DynamicLinear<CellProductAvxVnni<AvxVnniInstruction>>(),
    ];
}
