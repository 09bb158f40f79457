using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Concatenations that only lead to float outputs, as those at the ends of detectors, which join boxes with scores. One scale for
/// both would leave scores no steps; as the outputs become float anyway, the parts do so before they are joined.
/// </summary>
internal static class OutputJoins
{
    /// <summary>Those concatenations, and what only moves elements behind them.</summary>
    public static HashSet<Node> Of(Graph graph)
    {
        GraphIndex index = new(graph);
        HashSet<Node> ends = [], joins = [];
        foreach (Node node in Enumerable.Reverse(graph.Nodes))
            if (IsMover(node) && index.Consumers(node.Output).All(ends.Contains)) ends.Add(node);
        foreach (Node node in graph.Nodes.Where(ends.Contains))
            if (node.Type == OperatorType.Concat || joins.Contains(index.Producer(node.Input(0))!)) joins.Add(node);
        return joins;
    }

    private static bool IsMover(Node node) => node.Type is OperatorType.Concat or OperatorType.Reshape or OperatorType.Transpose or OperatorType.Slice or OperatorType.Gather;
}
