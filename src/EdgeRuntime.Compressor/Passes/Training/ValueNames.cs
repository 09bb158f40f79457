using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Values by the names that recipes and options use: the value's own, or its node's.</summary>
internal static class ValueNames
{
    /// <summary>The value that <paramref name="name"/> means.</summary>
    /// <exception cref="ModelException">There is none; the message lists the nodes.</exception>
    public static ValueInfo Find(Graph graph, string name) =>
        graph.Values().FirstOrDefault(v => v.Name == name && !v.IsConstant) ?? graph.Nodes.Find(n => n.Name == name)?.Output
        ?? throw new ModelException(ModelErrorKind.InvalidData, graph.Name, $"no node {name}; there are {string.Join(", ", graph.Nodes.Select(n => n.Name))}");
}
