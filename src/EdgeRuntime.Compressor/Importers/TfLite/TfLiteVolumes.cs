using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Compressor.TfLiteConverters;

namespace EdgeRuntime.Compressor;

/// <summary>CONV_3D on [N,D,H,W,C] with weights [kD,kH,kW,C,O], by <see cref="DepthSlices"/>.</summary>
internal static class TfLiteVolumes
{
    private const int Rank = 5;

    /// <summary>Adds the nodes for <paramref name="op"/>.</summary>
    public static void Convolution(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = Options(op, g, TfLiteOptions.Conv3D);
        ValueInfo x = Input(op, g, 0), source = Input(op, g, 1), y = Output(op, g);
        ValueInfo? bias = OptionalInput(op, g, 2);
        if (x.Shape.Rank != Rank || source.Shape.Rank != Rank) throw g.Invalid(y.Name, $"input {x.Shape} and weights {source.Shape} must have rank 5");
        if (x.Type != ElementType.Float32 || y.Type != ElementType.Float32) throw g.Unsupported($"a volume of {x.Type}; TFLite computes them in float");
        TensorShape w = source.Shape;
        if (x.Shape[4] != w[3]) throw g.Invalid(y.Name, $"input {x.Shape} and weights {w} don't fit");
        if (bias is { Constant: not { Type: ElementType.Float32 } }) throw g.Unsupported($"bias {bias.Name} is no float constant");
        // [kD,kH,kW,C,O] → [O,kH,kW,kD,C], as the slices stand.
        Tensor turned = GraphEditor.Transpose(g.Reals(source), [4, 1, 2, 0, 3]);
        ValueInfo weights = g.FreshConstant(source.Name, turned.Reshape(new TensorShape(w[4], w[1], w[2], w[0] * w[3])));
        // Depth, height, width; the file has width before height.
        int[] strides = [Field(options, 1, 0), Field(options, 3, 0), Field(options, 2, 0)], dilations = [Field(options, 5, 1), Field(options, 7, 1), Field(options, 6, 1)];
        int[][] pads = [.. Enumerable.Range(0, 3).Select(i => TfLiteWindowConverters.Pads(g, x, i + 1, w[i], strides[i], dilations[i], options))];
        ValueInfo slices = DepthSlices.SideBySide(x, new(w[0], strides[0], dilations[0], pads[0][0], pads[0][1]), 1, (type, inputs, options) => Emit(g, type, inputs, options), message => g.Invalid(x.Name, message));
        TensorShape s = slices.Shape;
        ValueInfo images = g.Fresh(x.Name, x.Type, new TensorShape(s[0] * s[1], s[2], s[3], s[4]), null);
        g.Add(OperatorType.Reshape, [slices], images);
        AttributeSet attributes = new AttributeSet().Set("strides", strides[1], strides[2]).Set("pads", pads[1][0], pads[2][0], pads[1][1], pads[2][1])
            .Set("dilations", dilations[1], dilations[2]).Set("group", 1).Activate(g, (TfLiteActivation)(options?.Scalar<byte>(4) ?? 0));
        ValueInfo flat = g.Fresh(y.Name, y.Type, new TensorShape(s[0] * y.Shape[1], y.Shape[2], y.Shape[3], y.Shape[4]), null);
        g.Add(OperatorType.Convolution, [images, weights, bias], flat, attributes);
        g.Add(OperatorType.Reshape, [flat], y);
    }

    private static int Field(FlatTable? options, int field, int fallback) => options?.Scalar(field, fallback) ?? fallback;

    private static ValueInfo Emit(TfLiteGraphBuilder g, OperatorType type, ValueInfo[] inputs, AttributeSet attributes)
    {
        ValueInfo y = g.Fresh(inputs[0].Name, inputs[0].Type, default, null);
        g.Add(type, inputs, y, attributes);
        y.Shape = ShapeInference.Infer(g.Graph.Nodes[^1]);
        return y;
    }
}
