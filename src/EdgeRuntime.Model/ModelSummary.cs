using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>The facts of a model that <c>inspect</c> shows, ready for a table or JSON.</summary>
/// <param name="Name">The network's name.</param>
/// <param name="File">Header and sections; null for a graph that comes from no packed file.</param>
/// <param name="Metadata">Free text by key.</param>
/// <param name="Inputs">Graph inputs, in order.</param>
/// <param name="Outputs">Graph outputs, in order.</param>
/// <param name="Layers">Nodes, in execution order.</param>
/// <param name="Totals">Sums over all layers.</param>
public sealed record ModelSummary(
    string Name, FileSummary? File, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<ValueSummary> Inputs,
    IReadOnlyList<ValueSummary> Outputs, IReadOnlyList<LayerSummary> Layers, TotalsSummary Totals)
{
    /// <summary>Summarises a packed file.</summary>
    public static ModelSummary Of(PackedModel model) => Of(model.Graph) with { File = FileSummary.Of(model) };

    /// <summary>Summarises a graph, which must be valid.</summary>
    public static ModelSummary Of(Graph graph)
    {
        LayerSummary[] layers = [.. graph.Nodes.Select(LayerSummary.Of)];
        ValueInfo[] constants = [.. graph.Values().Where(v => v.IsConstant)];
        TotalsSummary totals = new(layers.Length, constants.Sum(v => v.Shape.ElementCount), constants.Sum(v => v.StoredBytes),
            layers.Sum(l => l.MultiplyAccumulates));
        return new ModelSummary(graph.Name, null, graph.Metadata, [.. graph.Inputs.Select(ValueSummary.Of)],
            [.. graph.Outputs.Select(ValueSummary.Of)], layers, totals);
    }
}

/// <summary>Header and sections of a packed file.</summary>
/// <param name="Version">Format version it was written in.</param>
/// <param name="MinimumReader">Format version of the oldest reader that understands it.</param>
/// <param name="Bytes">Bytes of the file.</param>
/// <param name="Identity">SHA-256 over header and section table, hexadecimal.</param>
/// <param name="Sections">Sections, in file order.</param>
/// <param name="GoldenSamples">Samples for the health check.</param>
/// <param name="PrepackedKernels">Kernel ids that panels are there for, each once.</param>
public sealed record FileSummary(
    string Version, string MinimumReader, long Bytes, string Identity, IReadOnlyList<SectionSummary> Sections, int GoldenSamples,
    IReadOnlyList<string> PrepackedKernels)
{
    internal static FileSummary Of(PackedModel model) => new(
        model.Header.Version.ToString(), model.Header.MinimumReader.ToString(), model.FileSize, model.Header.Identity,
        [.. model.Header.Sections.Select(s => new SectionSummary(s.Id.ToString(), s.Flags.HasFlag(SectionFlags.Required), s.Offset, s.Length, s.Sha256))],
        model.Golden.Count, [.. model.Prepacked.Select(p => p.KernelId).Distinct()]);
}

/// <summary>One section of a packed file.</summary>
/// <param name="Name">Its kind.</param>
/// <param name="Required">Whether a reader must know it.</param>
/// <param name="Offset">First byte.</param>
/// <param name="Bytes">Bytes.</param>
/// <param name="Sha256">Hash, hexadecimal.</param>
public sealed record SectionSummary(string Name, bool Required, long Offset, long Bytes, string Sha256);

/// <summary>One value.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions, outermost first.</param>
/// <param name="Quantization">How integers stand for reals, in words; null where they don't.</param>
public sealed record ValueSummary(string Name, string Type, IReadOnlyList<int> Shape, string? Quantization)
{
    internal static ValueSummary Of(ValueInfo value) =>
        new(value.Name, value.Type.ToString(), value.Shape.Dimensions.ToArray(), value.Quantization?.ToString());
}

/// <summary>One node.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Operator">What it computes.</param>
/// <param name="Output">What it produces.</param>
/// <param name="WeightBits">Bits of an element of its largest constant; null where it has none.</param>
/// <param name="WeightStorage">How that constant is stored: its type, pattern of zeros and groups of a scale, for example <c>Int4 2:4, groups of 32</c>; null where it has none.</param>
/// <param name="WeightShape">Shape of its largest constant; null where it has none.</param>
/// <param name="WeightQuantization">How that constant's integers stand for reals; null where they don't.</param>
/// <param name="Parameters">Elements of its constants.</param>
/// <param name="ConstantBytes">Bytes that its constants take in a file; one that several nodes share counts for each.</param>
/// <param name="MultiplyAccumulates">By <see cref="OperatorCosts.MultiplyAccumulates"/>.</param>
public sealed record LayerSummary(
    string Name, string Operator, ValueSummary Output, int? WeightBits, string? WeightStorage, IReadOnlyList<int>? WeightShape, string? WeightQuantization,
    long Parameters, long ConstantBytes, long MultiplyAccumulates)
{
    internal static LayerSummary Of(Node node)
    {
        ValueInfo[] constants = [.. node.Inputs.OfType<ValueInfo>().Where(v => v.IsConstant).Distinct()];
        ValueInfo? weights = constants.MaxBy(v => v.Shape.ElementCount);
        return new LayerSummary(node.Name, node.Type.ToString(), ValueSummary.Of(node.Output), weights?.Type.Bits(), Storage(weights),
            weights?.Shape.Dimensions.ToArray(), weights?.Quantization?.ToString(), constants.Sum(v => v.Shape.ElementCount),
            constants.Sum(v => v.StoredBytes), OperatorCosts.MultiplyAccumulates(node));
    }

    private static string? Storage(ValueInfo? weights) => weights is null ? null
        : $"{weights.Type}" + (weights.Sparsity is { } zeros ? $" {zeros}" : "") + (weights.Quantization is { GroupSize: > 0 and int group } ? $", groups of {group}" : "");
}

/// <summary>Sums over a model.</summary>
/// <param name="Layers">Nodes.</param>
/// <param name="Parameters">Elements of all constants, each counted once.</param>
/// <param name="ConstantBytes">Their bytes.</param>
/// <param name="MultiplyAccumulates">Of one run.</param>
public sealed record TotalsSummary(int Layers, long Parameters, long ConstantBytes, long MultiplyAccumulates);
