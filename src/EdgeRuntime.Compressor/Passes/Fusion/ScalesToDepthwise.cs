using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Makes multiplications by per-channel constants that no neighbour's weights could take depthwise 1×1 convolutions:
/// these take the addition and the clamp that follow, and quantise per channel.
/// </summary>
internal sealed class ScalesToDepthwise : ICompressionPass
{
    public string Name => "scales-to-depthwise";

    public PassReport Apply(Graph graph, PassContext context) => new(Name, GraphIndex.Rewrite(graph, ToDepthwise));

    private static bool ToDepthwise(Node node, GraphIndex index)
    {
        TensorShape shape = node.Output.Shape;
        if (node.Type != OperatorType.Mul || shape.Rank != 4 || shape != node.Input(0).Shape || node.Input(1).Shape.ElementCount == 1) return false;
        if (Weights.PerChannel(node.Input(1), shape, 3, shape[3]) is not { } constants) return false;
        node.Type = OperatorType.Convolution;
        node.Attributes.Set("strides", 1, 1).Set("dilations", 1, 1).Set("pads", 0, 0, 0, 0).Set("group", shape[3]);
        node.Inputs[1] = index.Constant(node.Input(1), Tensor.From<float>(new TensorShape(shape[3], 1, 1, 1), constants));
        return true;
    }
}
