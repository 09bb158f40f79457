using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The product in Avx512 registers.</summary>
internal sealed class MatrixProductAvx512 : MatrixProductVector<Avx512Float, Vector512<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("matmul-f32-avx512-6x32", "matmul-f32", CpuFeature.Avx2 | CpuFeature.Avx512, "panels of B in the cache, A in place, tiles of 6×32");
}
