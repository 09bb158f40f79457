using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The product in Avx2 registers.</summary>
internal sealed class MatrixProductAvx2 : MatrixProductVector<Avx2Float, Vector256<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("matmul-f32-avx2-6x16", "matmul-f32", CpuFeature.Avx2, "panels of B in the cache, A in place, tiles of 6×16");
}
