using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Copies graphs; constants' contents, which never change, are shared.</summary>
public static class GraphCopy
{
    /// <summary>A graph that can be changed without changing <paramref name="graph"/>.</summary>
    public static Graph Of(Graph graph)
    {
        Dictionary<ValueInfo, ValueInfo> values = graph.Values().ToDictionary(v => v,
            v => new ValueInfo(v.Name, v.Type, v.Shape, v.Quantization) { Constant = v.Constant, Sparsity = v.Sparsity });
        Graph copy = new(graph.Name);
        copy.Inputs.AddRange(graph.Inputs.Select(v => values[v]));
        copy.Outputs.AddRange(graph.Outputs.Select(v => values[v]));
        foreach (Node n in graph.Nodes)
            copy.Nodes.Add(new Node(n.Type, n.Name, n.Inputs.Select(v => v is null ? null : values[v]), n.Outputs.Select(v => values[v]), n.Attributes.Clone()));
        foreach (var (key, value) in graph.Metadata) copy.Metadata[key] = value;
        return copy;
    }
}
