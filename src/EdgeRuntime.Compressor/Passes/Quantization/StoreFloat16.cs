using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Stores the float weights of convolutions, fully connected and recurrent layers in half precision; the runtime widens them when it
/// packs them. Weights beyond half precision's 65,504 stay as they are.
/// </summary>
internal sealed class StoreFloat16 : ICompressionPass
{
    public string Name => "store-fp16";

    public PassReport Apply(Graph graph, PassContext context)
    {
        List<string> notes = [];
        int changes = 0;
        foreach (var (node, input) in graph.Nodes.SelectMany(n => WeightMatrix.Inputs(n.Type).Select(i => (n, i))))
        {
            if (node.OptionalInput(input) is not { Constant: { Type: ElementType.Float32 } constant } stored) continue;
            Half[] halves = Array.ConvertAll(constant.ToFloats(), v => (Half)v);
            if (!halves.All(Half.IsFinite))
            {
                notes.Add($"{node} has weights beyond half precision");
                continue;
            }
            node.Inputs[input] = new ValueInfo(GraphEditor.UniqueName(graph, stored.Name + ".fp16"), Tensor.From<Half>(stored.Shape, halves)) { Sparsity = stored.Sparsity };
            changes++;
        }
        return new PassReport(Name, changes) { Notes = notes };
    }
}
