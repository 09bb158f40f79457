namespace EdgeRuntime.Kernels;

/// <summary>The list of matrix product kernels, weakest instruction set first. A new one is one line here.</summary>
public static class MatrixProductKernels
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<MatrixProductKernel> All { get; } =
    [
        new MatrixProductReference(),
        new MatrixProductAvx2(),
        new MatrixProductNeon(),
        new MatrixProductAvx512(),
    ];
}
