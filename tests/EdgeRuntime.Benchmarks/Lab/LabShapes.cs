using EdgeRuntime.Kernels;

namespace EdgeRuntime.Benchmarks;

/// <summary>The laboratory's lists of layers: the distinct ones of the networks, the products of recurrent cells, matrix × vector.</summary>
internal static class LabShapes
{
    /// <summary>Every list's name.</summary>
    public static readonly string[] Lists = ["mlperf-tiny", "mobilenet", "lstm", "gemv"];

    /// <summary>The layers of a list, each once: a name and the geometry.</summary>
    /// <exception cref="ArgumentException">There is no such list.</exception>
    public static IReadOnlyList<(string Name, ConvolutionShape Shape)> Of(string list) => list switch
    {
        "mlperf-tiny" => Distinct(n => !n.StartsWith("mobilenet", StringComparison.Ordinal)),
        "mobilenet" => Distinct(n => n.StartsWith("mobilenet", StringComparison.Ordinal)),
        // One step of a cell of n units over n inputs: the four gates of input and state are products with [4n, n].
        "lstm" => [Product(1, 128, 512), Product(16, 128, 512), Product(1, 256, 1024), Product(16, 256, 1024)],
        "gemv" => [Product(1, 1024, 1024), Product(1, 4096, 4096)],
        _ => throw new ArgumentException($"there is no list {list}; known: {string.Join(", ", Lists)}"),
    };

    private static (string, ConvolutionShape) Product(int rows, int inputs, int outputs)
    {
        ConvolutionShape shape = ConvolutionShape.FullyConnected(rows, inputs, outputs);
        return (Describe(shape), shape);
    }

    private static List<(string, ConvolutionShape)> Distinct(Func<string, bool> network)
    {
        HashSet<ConvolutionShape> seen = [];
        return [.. from n in Layers.All() where network(n.Network) from s in n.Shapes where seen.Add(s) select ($"{n.Network} {Describe(s)}", s)];
    }

    private static string Describe(in ConvolutionShape s) => LabGraphs.IsProduct(s) ? $"{s.Height}×{s.Channels}→{s.OutChannels}"
        : $"{s.Height}x{s.Width}x{s.Channels}→{s.OutChannels} {s.KernelHeight}x{s.KernelWidth}/{s.StrideY}" + (s.IsDepthwise ? " dw" : s.Group > 1 ? $" g{s.Group}" : "");
}
