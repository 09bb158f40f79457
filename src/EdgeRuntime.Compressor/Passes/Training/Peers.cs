using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>Further students in the graph of the first, on the same input: what <see cref="MutualObjective"/> trains together.</summary>
internal static class Peers
{
    /// <summary>Adds copies of the network with random weights.</summary>
    /// <exception cref="ModelException">The network has several outputs.</exception>
    public static void Add(Graph graph, int count, int seed)
    {
        if (graph.Outputs.Count != 1) throw new ModelException(ModelErrorKind.Unsupported, graph.Name, $"networks that learn from each other have one output, this one has {graph.Outputs.Count}");
        Graph original = GraphCopy.Of(graph);
        for (int i = 1; i <= count; i++)
        {
            Graph peer = GraphCopy.Of(original);
            new TrainableNetwork(peer).Randomize(new RandomSource((ulong)seed + (ulong)i * 0x9EE5));
            foreach (ValueInfo value in peer.Values().Except(peer.Inputs)) value.Name += $".peer{i}";
            foreach (Node node in peer.Nodes)
            {
                for (int k = 0; k < node.Inputs.Count; k++)
                    if (node.Inputs[k] == peer.Inputs[0]) node.Inputs[k] = graph.Inputs[0];
                graph.Nodes.Add(new Node(node.Type, $"{node.Name}.peer{i}", node.Inputs, node.Outputs, node.Attributes));
            }
            graph.Outputs.Add(peer.Outputs[0]);
        }
    }

    /// <summary>Leaves the first alone.</summary>
    public static void Remove(Graph graph)
    {
        graph.Outputs.RemoveRange(1, graph.Outputs.Count - 1);
        GraphEditor.RemoveDeadNodes(graph);
    }
}
