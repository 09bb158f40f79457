using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// The operators on [N,C,L] and [N,C,H,W]: each becomes Transpose to channels-last, our operator, Transpose back.
/// One-dimensional ones get H = 1; those on volumes are <see cref="OnnxVolumes"/>.
/// </summary>
internal static class OnnxSpatial
{
    /// <summary>Conv: x, weights [O,C/group,(kH,)kW], bias optional.</summary>
    public static ValueInfo Convolution(OnnxNode node) => Convolve(node, node.Input(0), node.Input(1), node.Optional(2));

    /// <summary>The convolution of float values that <paramref name="node"/>'s attributes describe.</summary>
    public static ValueInfo Convolve(OnnxNode node, ValueInfo x, ValueInfo weights, ValueInfo? bias)
    {
        OnnxGraphBuilder b = node.Builder;
        int rank = x.Shape.Rank;
        if (!b.IsConstant(weights)) throw OnnxNode.Unsupported($"weights ({weights.Name}) that are computed while the network runs");
        if (bias is not null && !b.IsConstant(bias)) throw OnnxNode.Unsupported($"a bias ({bias.Name}) that is computed while the network runs");
        if (weights.Shape.Rank != rank) throw OnnxNode.Damaged($"weights {weights.Shape} for an input {x.Shape}");
        TensorShape w = weights.Shape;
        if (node.Ints("kernel_shape") is { } kernel && !w.Dimensions[2..].SequenceEqual(kernel))
            throw OnnxNode.Damaged($"kernel_shape [{string.Join(",", kernel)}] for weights {w}");
        if (rank == OnnxVolumes.Rank) return OnnxVolumes.Convolve(node, x, weights, bias);
        ValueInfo nhwc = ToChannelsLast(b, x);
        if (rank == 3) w = new TensorShape(w[0], w[1], 1, w[2]);
        OnnxWindow window = OnnxWindow.Read(node, nhwc.Shape, [w[2], w[3]], rank - 2);
        ValueInfo turned = b.Transpose(b.Reshape(weights, w), 0, 2, 3, 1);
        AttributeSet attributes = window.Attributes().Set("dilations", window.Dilations).Set("group", node.Int("group", 1));
        return FromChannelsLast(b, b.Emit(OperatorType.Convolution, [nhwc, turned, bias], attributes), rank);
    }

    /// <summary>MaxPool, on floats or integers.</summary>
    public static ValueInfo MaxPool(OnnxNode node)
    {
        if (node.Input(0).Shape.Rank == OnnxVolumes.Rank) return OnnxVolumes.Pool(node, OperatorType.MaxPool, Kernel(node));
        ValueInfo nhwc = ToChannelsLast(node.Builder, node.Input(0));
        OnnxWindow window = OnnxWindow.Read(node, nhwc.Shape, Kernel(node), node.Input(0).Shape.Rank - 2);
        if (window.Dilations is not [1, 1]) throw OnnxNode.Unsupported("a dilated pooling window");
        window = window.Ceiling(node, nhwc.Shape);
        return FromChannelsLast(node.Builder, node.Builder.Emit(OperatorType.MaxPool, [nhwc], window.Attributes().Set("kernel", window.Kernel)), node.Input(0).Shape.Rank);
    }

    /// <summary>AveragePool.</summary>
    public static ValueInfo AveragePool(OnnxNode node) => AveragePool(node, node.Input(0), channelsLast: false);

    /// <summary>The average pooling of float values that <paramref name="node"/>'s attributes describe.</summary>
    public static ValueInfo AveragePool(OnnxNode node, ValueInfo x, bool channelsLast)
    {
        OnnxGraphBuilder b = node.Builder;
        if (x.Shape.Rank == OnnxVolumes.Rank && !channelsLast) return OnnxVolumes.Pool(node, OperatorType.AveragePool, Kernel(node));
        ValueInfo nhwc = channelsLast ? x : ToChannelsLast(b, x);
        OnnxWindow window = OnnxWindow.Read(node, nhwc.Shape, Kernel(node), x.Shape.Rank - 2);
        if (window.Dilations is not [1, 1]) throw OnnxNode.Unsupported("a dilated pooling window");
        int include = node.Int("count_include_pad", 0);
        OnnxWindow whole = window.Ceiling(node, nhwc.Shape);
        if (include != 0 && !whole.Pads.SequenceEqual(window.Pads))
            throw OnnxNode.Unsupported("ceil_mode with count_include_pad where the last window is cut off");
        AttributeSet attributes = whole.Attributes().Set("kernel", window.Kernel).Set("count_include_pad", include);
        ValueInfo y = b.Emit(OperatorType.AveragePool, [nhwc], attributes);
        return channelsLast ? y : FromChannelsLast(b, y, x.Shape.Rank);
    }

    /// <summary>GlobalAveragePool.</summary>
    public static ValueInfo GlobalAveragePool(OnnxNode node) => GlobalAveragePool(node, node.Input(0), channelsLast: false);

    /// <summary>The mean of float values over all places.</summary>
    public static ValueInfo GlobalAveragePool(OnnxNode node, ValueInfo x, bool channelsLast)
    {
        if (x.Shape.Rank == OnnxVolumes.Rank && !channelsLast)
        {
            AttributeSet all = new AttributeSet().Set("axes", 1, 2, 3).Set("keepdims", 1);
            return OnnxVolumes.FromChannelsLast(node.Builder, node.Builder.Emit(OperatorType.ReduceMean, [OnnxVolumes.ToChannelsLast(node.Builder, x)], all));
        }
        ValueInfo nhwc = channelsLast ? x : ToChannelsLast(node.Builder, x);
        ValueInfo mean = node.Builder.Emit(OperatorType.ReduceMean, [nhwc], new AttributeSet().Set("axes", 1, 2).Set("keepdims", 1));
        return channelsLast ? mean : FromChannelsLast(node.Builder, mean, x.Shape.Rank);
    }

    /// <summary>GlobalMaxPool.</summary>
    public static ValueInfo GlobalMaxPool(OnnxNode node)
    {
        ValueInfo nhwc = ToChannelsLast(node.Builder, node.Input(0));
        AttributeSet attributes = new AttributeSet().Set("kernel", nhwc.Shape[1], nhwc.Shape[2]).Set("strides", 1, 1).Set("pads", 0, 0, 0, 0);
        return FromChannelsLast(node.Builder, node.Builder.Emit(OperatorType.MaxPool, [nhwc], attributes), node.Input(0).Shape.Rank);
    }

    /// <summary>BatchNormalization, as inference computes it: x, scale, bias, mean, variance.</summary>
    public static ValueInfo BatchNormalization(OnnxNode node)
    {
        if (node.Int("training_mode", 0) != 0) throw OnnxNode.Unsupported("batch normalisation in training mode");
        if (node.Int("spatial", 1) == 0) throw OnnxNode.Unsupported("batch normalisation of every place on its own");
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = node.Input(0);
        int rank = x.Shape.Rank;
        ValueInfo Emit(ValueInfo on, int axis) => b.Emit(OperatorType.BatchNormalization, [on, node.Input(1), node.Input(2), node.Input(3), node.Input(4)],
            new AttributeSet().Set("epsilon", node.Float("epsilon", 1e-5f)).Set("axis", axis));
        for (int i = 1; i < 5; i++) node.Constant(i, "a parameter of the normalisation");
        if (rank == OnnxVolumes.Rank) return OnnxVolumes.FromChannelsLast(b, Emit(OnnxVolumes.ToChannelsLast(b, x), 4));
        return rank is 3 or 4 ? FromChannelsLast(b, Emit(ToChannelsLast(b, x), 3), rank) : Emit(x, 1);
    }

    private static int[] Kernel(OnnxNode node)
    {
        int[] kernel = node.Ints("kernel_shape") ?? throw OnnxNode.Damaged("attribute kernel_shape is missing");
        return kernel.Length == 1 && node.Input(0).Shape.Rank == 3 ? [1, kernel[0]] : kernel;
    }

    private static ValueInfo ToChannelsLast(OnnxGraphBuilder b, ValueInfo x)
    {
        if (x.Shape.Rank == 3) x = b.Reshape(x, new TensorShape(x.Shape[0], x.Shape[1], 1, x.Shape[2]));
        if (x.Shape.Rank != 4) throw OnnxNode.Unsupported($"an input of rank {x.Shape.Rank} ({x.Shape}); ranks 3, 4 and 5 are, for Conv, BatchNormalization, and pooling by MaxPool, AveragePool or GlobalAveragePool");
        return b.Transpose(x, 0, 2, 3, 1);
    }

    private static ValueInfo FromChannelsLast(OnnxGraphBuilder b, ValueInfo y, int rank)
    {
        ValueInfo turned = b.Transpose(y, 0, 3, 1, 2);
        return rank == 3 ? b.Reshape(turned, new TensorShape(turned.Shape[0], turned.Shape[1], turned.Shape[3])) : turned;
    }
}
