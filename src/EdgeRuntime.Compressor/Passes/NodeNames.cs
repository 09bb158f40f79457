using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>The names of nodes in passes' options.</summary>
internal static class NodeNames
{
    /// <summary>Refuses names that no node has: the pass would quietly do to the layer that is meant what it was told not to.</summary>
    /// <exception cref="ModelException">A name is unknown.</exception>
    public static void Require(Graph graph, string pass, IEnumerable<string> names)
    {
        if (names.FirstOrDefault(name => !graph.Nodes.Exists(n => n.Name == name)) is { } unknown)
            throw new ModelException(ModelErrorKind.InvalidData, unknown, $"{pass} names it, but when that pass runs no node has this name; edge inspect lists those of a network");
    }
}
