using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The elementwise kernels of AVX2.</summary>
internal sealed class ElementwiseAvx2 : ElementwiseX86<Avx2Float, Vector256<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("elementwise-avx2", "elementwise", CpuFeature.Avx2, "256-bit vectors; integers equal to the reference bit for bit");
}
