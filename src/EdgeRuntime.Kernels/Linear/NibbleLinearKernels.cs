using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The list of kernels for float rows and nibble weights.</summary>
public static class NibbleLinearKernels
{
    /// <summary>All kernels; which one runs is decided by <see cref="KernelCatalog"/>.</summary>
    public static IReadOnlyList<NibbleLinearKernel> All { get; } =
    [
        new NibbleLinearReference(),
        new NibbleLinearGemv<Avx2Float, Vector256<float>>("avx2", CpuFeature.Avx2, 9),
        new NibbleLinearGemv<NeonFloat, Vector128<float>>("neon", CpuFeature.Neon, 2.5),
    ];
}
