using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The product in Neon registers.</summary>
internal sealed class MatrixProductNeon : MatrixProductVector<NeonFloat, Vector128<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("matmul-f32-neon-6x8", "matmul-f32", CpuFeature.Neon, "panels of B in the cache, A in place, tiles of 6×8");
}
