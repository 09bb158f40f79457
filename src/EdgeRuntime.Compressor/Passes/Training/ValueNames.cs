using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Values by the names that recipes and options use: a node's, for what it makes, or the value's own.</summary>
internal static class ValueNames
{
    /// <summary>The value that <paramref name="name"/> means.</summary>
    /// <exception cref="ModelException">There is none; the message lists the nodes.</exception>
    public static ValueInfo Find(Graph graph, string name) =>
        graph.Nodes.Find(n => n.Name == name)?.Output ?? graph.Values().FirstOrDefault(v => v.Name == name && !v.IsConstant)
        ?? throw new ModelException(ModelErrorKind.InvalidData, graph.Name, $"no node {name}; there are {string.Join(", ", graph.Nodes.Select(n => n.Name))}");
}
