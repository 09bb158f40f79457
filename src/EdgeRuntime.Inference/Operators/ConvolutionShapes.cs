using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Reads the kernels' geometry from a node.</summary>
public static class ConvolutionShapes
{
    /// <summary>The geometry of a <see cref="OperatorType.Convolution"/> or <see cref="OperatorType.FullyConnected"/> node.</summary>
    public static ConvolutionShape Of(Node node)
    {
        TensorShape x = node.Input(0).Shape, w = node.Input(1).Shape;
        if (node.Type == OperatorType.FullyConnected)
            return ConvolutionShape.FullyConnected(checked((int)x.CountOf(0, x.Rank - 1)), x[-1], w[0]);
        ReadOnlySpan<int> strides = node.Attributes.Ints("strides"), dilations = node.Attributes.Ints("dilations"), pads = node.Attributes.Ints("pads");
        return new ConvolutionShape(x[0], x[1], x[2], x[3], w[0], w[1], w[2], strides[0], strides[1], dilations[0], dilations[1],
            pads[0], pads[1], pads[2], pads[3], node.Attributes.Int("group"));
    }
}
