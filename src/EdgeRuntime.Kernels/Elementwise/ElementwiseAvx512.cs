using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>What AVX-512 does faster than AVX2: byte look-ups and floats.</summary>
internal sealed unsafe class ElementwiseAvx512 : ElementwiseX86<Avx512Float, Vector512<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("elementwise-avx512vbmi", "elementwise", CpuFeature.Avx2 | CpuFeature.Avx512 | CpuFeature.Avx512Vbmi, "512-bit look-ups and float operators; the rest as AVX2");

    public override void Lookup(byte* table, byte* x, byte* y, long count) => LookupAvx512.Run(table, x, y, count);
}
