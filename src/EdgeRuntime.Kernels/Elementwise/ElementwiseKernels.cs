namespace EdgeRuntime.Kernels;

/// <summary>The list of elementwise kernels, weakest instruction set first. A new one is one line here.</summary>
public static class ElementwiseKernels
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<ElementwiseKernel> All { get; } =
    [
        new ElementwiseReference(),
        new ElementwiseAvx2(),
        new ElementwiseNeon(),
        new ElementwiseAvx512(),
    ];
}
