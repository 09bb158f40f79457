using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Compressor.TfLiteConverters;

namespace EdgeRuntime.Compressor;

/// <summary>
/// CONV_3D on [N,D,H,W,C] with weights [kD,kH,kW,C,O]: the kD slices that a window meets, side by side as channels, make a convolution in two
/// dimensions over N·D′ images.
/// </summary>
internal static class TfLiteVolumes
{
    private const int Rank = 5, MostSlices = 1024;

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
        ValueInfo slices = Slices(g, PadDepth(g, x, pads[0]), w[0], strides[0], dilations[0]);
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

    private static ValueInfo PadDepth(TfLiteGraphBuilder g, ValueInfo x, int[] pads)
    {
        if (pads is [0, 0]) return x;
        ValueInfo padded = g.Fresh(x.Name, x.Type, x.Shape.With(1, x.Shape[1] + pads[0] + pads[1]), null);
        g.Add(OperatorType.Pad, [x], padded, new AttributeSet().Set("pads", 0, pads[0], 0, 0, 0, 0, pads[1], 0, 0, 0).Set("value", 0f));
        return padded;
    }

    // [N,D,H,W,C] → [N,D′,H,W,kD·C].
    private static ValueInfo Slices(TfLiteGraphBuilder g, ValueInfo x, int kernel, int stride, int dilation)
    {
        TensorShape s = x.Shape;
        int outputs = (s[1] - (kernel - 1) * dilation - 1) / stride + 1;
        if (s[1] < (kernel - 1L) * dilation + 1) throw g.Invalid(x.Name, $"a window of depth {kernel} on an input of depth {s[1]}");
        if (kernel > MostSlices) throw g.Unsupported($"a convolution of depth {kernel}; {MostSlices} at most");
        ValueInfo[] slices = new ValueInfo[kernel];
        for (int k = 0; k < kernel; k++)
        {
            slices[k] = g.Fresh(x.Name, x.Type, s.With(1, outputs), null);
            int first = k * dilation;
            g.Add(OperatorType.Slice, [x], slices[k], new AttributeSet().Set("starts", 0, first, 0, 0, 0).Set("ends", s[0], first + (outputs - 1) * stride + 1, s[2], s[3], s[4]).Set("steps", 1, stride, 1, 1, 1));
        }
        if (kernel == 1) return slices[0];
        ValueInfo joined = g.Fresh(x.Name, x.Type, slices[0].Shape.With(4, kernel * s[4]), null);
        g.Add(OperatorType.Concat, slices, joined, new AttributeSet().Set("axis", 4));
        return joined;
    }
}
