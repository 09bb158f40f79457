using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Benchmarks;

/// <summary>What the laboratory must know of a family of kernels; one entry of <see cref="LabFamilies.All"/>.</summary>
/// <param name="Name">For <c>--family</c> and tables.</param>
/// <param name="KernelFamily">The <see cref="KernelDescriptor.Family"/> whose kernels are its variants.</param>
/// <param name="Build">A network of one such layer, or null where the family has no such layer.</param>
/// <param name="Peer">The same layer for ONNX Runtime in its nearest form, or null where it has none.</param>
/// <param name="WeightBits">Bits that a weight takes.</param>
/// <param name="Limit">The instruction that does the products of a kernel, as <see cref="MachineLimits"/> names it.</param>
internal sealed record LabFamily(string Name, string KernelFamily, Func<ConvolutionShape, Graph?> Build, Func<ConvolutionShape, byte[]?> Peer, double WeightBits,
    Func<KernelDescriptor, string> Limit);

/// <summary>Every family that the laboratory measures.</summary>
internal static class LabFamilies
{
    /// <summary>A new family is one entry here.</summary>
    public static readonly IReadOnlyList<LabFamily> All =
    [
        new("f32", "convolution-f32", LabGraphs.Float32, LabOnnx.Float32, 32, Fma),
        new("s8", "convolution-s8", LabGraphs.Int8, LabOnnx.Int8, 8, Int8Products),
        new("s4", "convolution-s8", s => LabInt4Graphs.Int8(s, 0), LabOnnx.Int8, 4, Int8Products),
        new("s4g32", "convolution-s8", s => LabInt4Graphs.Int8(s, 32), LabOnnx.Int8, 4.25, Int8Products),
        new("f32s4", "linear-f32s4", s => LabGraphs.IsProduct(s) && s.Height == 1 ? LabInt4Graphs.Float32(s, 0, false) : null, LabOnnx.Float32, 4, Fma),
        new("f32 half rank", "convolution-f32", LabGraphs.HalfRank, LabOnnx.Float32, 16, Fma),
        new("w1", "convolution-s8", LabGraphs.BinaryWeights, LabOnnx.Int8, 1, Int8Products),
        new("b1", "convolution-b1", LabGraphs.Binary, LabOnnx.Int8, 1, _ => MachineLimits.Bits),
    ];

    /// <summary>The family of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static LabFamily Find(string name) => All.FirstOrDefault(f => f.Name == name)
        ?? throw new ArgumentException($"there is no family {name}; known: {string.Join(", ", All.Select(f => f.Name))}");

    private static string Fma(KernelDescriptor d) => d.Requires.HasFlag(CpuFeature.Avx512) ? MachineLimits.Fma512 : MachineLimits.Fma;

    private static string Int8Products(KernelDescriptor d) => d.Requires switch
    {
        var r when (r & (CpuFeature.AvxVnni | CpuFeature.NeonDot)) != 0 => MachineLimits.Dot,
        var r when r.HasFlag(CpuFeature.Avx512Vnni) => MachineLimits.Dot512,
        _ when d.Id == "conv-s8s4-gemm-avx2" => MachineLimits.Int8Saturating,
        _ => MachineLimits.Int16,
    };
}
