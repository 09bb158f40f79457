namespace EdgeRuntime.Model;

/// <summary>
/// A network: nodes in execution order over values that they refer to directly. Spatial operators are channels-last
/// (NHWC); importers bring other layouts to it with explicit <see cref="OperatorType.Transpose"/> nodes, so that inputs
/// and outputs keep the source file's names, order and layout.
/// </summary>
public sealed class Graph
{
    /// <summary>Creates an empty graph.</summary>
    public Graph(string name) => Name = name;

    /// <summary>The network's name.</summary>
    public string Name { get; set; }

    /// <summary>Inputs, in the source's order; never constants.</summary>
    public List<ValueInfo> Inputs { get; } = [];

    /// <summary>Outputs, in the source's order.</summary>
    public List<ValueInfo> Outputs { get; } = [];

    /// <summary>Nodes, each after those that produce its inputs.</summary>
    public List<Node> Nodes { get; } = [];

    /// <summary>Free text by key: labels, preprocessing, provenance. Keys are listed in <see cref="MetadataKeys"/>.</summary>
    public SortedDictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Every value once: inputs, then by first use constants and products.</summary>
    public IReadOnlyList<ValueInfo> Values()
    {
        List<ValueInfo> all = [];
        HashSet<ValueInfo> seen = [];
        foreach (ValueInfo v in Inputs.Concat(Nodes.SelectMany(n => n.Inputs.OfType<ValueInfo>().Concat(n.Outputs))).Concat(Outputs))
            if (seen.Add(v)) all.Add(v);
        return all;
    }

    /// <summary>The node that produces each value.</summary>
    public Dictionary<ValueInfo, Node> Producers()
    {
        Dictionary<ValueInfo, Node> map = [];
        foreach (Node n in Nodes)
            foreach (ValueInfo v in n.Outputs) map[v] = n;
        return map;
    }

    /// <summary>The nodes that read each value, in execution order; graph outputs are not counted.</summary>
    public ILookup<ValueInfo, Node> Consumers() =>
        Nodes.SelectMany(n => n.Inputs.OfType<ValueInfo>().Distinct().Select(v => (v, n))).ToLookup(p => p.v, p => p.n);
}

/// <summary>Keys of <see cref="Graph.Metadata"/>.</summary>
public static class MetadataKeys
{
    /// <summary>Class names, one a line.</summary>
    public const string Labels = "labels";

    /// <summary>SHA-256 of the source file, hexadecimal.</summary>
    public const string SourceHash = "source.sha256";

    /// <summary>File name of the source.</summary>
    public const string SourceName = "source.name";

    /// <summary>The recipe applied, JSON.</summary>
    public const string Recipe = "recipe";

    /// <summary>How to make inputs from raw data, JSON.</summary>
    public const string Preprocessing = "preprocessing";
}
