using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Makes batch normalisation, which is x · k + b per channel, a Mul and an Add; <see cref="FoldScales"/> then moves both
/// into a neighbour's weights.
/// </summary>
internal sealed class FoldBatchNormalization : ICompressionPass
{
    public string Name => "fold-batch-normalization";

    public PassReport Apply(Graph graph, PassContext context) => new(Name, GraphIndex.Rewrite(graph, Split));

    private static bool Split(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.BatchNormalization) return false;
        if (node.Inputs.Skip(1).Any(v => v is not { Constant.Type: ElementType.Float32 })) return false;
        float[] scale = node.Input(1).Constant!.ToFloats(), bias = node.Input(2).Constant!.ToFloats();
        float[] mean = node.Input(3).Constant!.ToFloats(), variance = node.Input(4).Constant!.ToFloats();
        double epsilon = node.Attributes.Float("epsilon");
        for (int c = 0; c < scale.Length; c++)
        {
            double k = scale[c] / Math.Sqrt(variance[c] + epsilon);
            scale[c] = (float)k;
            bias[c] = (float)(bias[c] - mean[c] * k);
        }
        int rank = node.Output.Shape.Rank, axis = node.Attributes.Int("axis");
        TensorShape shape = new([scale.Length, .. Enumerable.Repeat(1, axis < 0 ? -axis - 1 : rank - axis - 1)]);
        ValueInfo scaled = index.Derive(node.Output, ".scaled");
        Node add = new(OperatorType.Add, node.Name, [scaled, index.Constant(node.Input(2), Tensor.From<float>(shape, bias))], [node.Output]);
        index.InsertAfter(node, add);
        index.InsertBefore(node, new Node(OperatorType.Mul, node.Name, [node.Input(0), index.Constant(node.Input(1), Tensor.From<float>(shape, scale))], [scaled]));
        index.Graph.Nodes.Remove(node);
        return true;
    }
}
