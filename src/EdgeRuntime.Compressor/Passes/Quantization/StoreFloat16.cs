using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Stores the float weights of convolutions and fully connected layers in half precision; the runtime widens them when it packs
/// them. A layer with a weight beyond half precision's 65,504 keeps its own.
/// </summary>
internal sealed class StoreFloat16 : ICompressionPass
{
    public string Name => "store-fp16";

    public PassReport Apply(Graph graph, PassContext context)
    {
        List<string> notes = [];
        int changes = 0;
        GraphIndex index = new(graph);
        foreach (Node node in graph.Nodes)
        {
            if (Weights.Of(node) is not { } weights) continue;
            Half[] halves = Array.ConvertAll(weights.Values, v => (Half)v);
            if (halves.Any(h => !Half.IsFinite(h)))
            {
                notes.Add($"{node} has weights beyond half precision");
                continue;
            }
            ValueInfo stored = node.Input(1);
            node.Inputs[1] = new ValueInfo(GraphEditor.UniqueName(index.Graph, stored.Name + ".fp16"), Tensor.From<Half>(stored.Shape, halves));
            changes++;
        }
        return new PassReport(Name, changes) { Notes = notes };
    }
}
