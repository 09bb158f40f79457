using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// The operators on [N,C,D,H,W], by those on images: a window over depth, height and width meets kD slices of the input along depth. Side by
/// side as channels they make a convolution in two dimensions, over N·D′ images; maxima and means are taken over the plane, then over depth.
/// </summary>
internal static class OnnxVolumes
{
    public const int Rank = 5;

    private const int MostSlices = 1024;

    /// <summary>The convolution with constant <paramref name="weights"/> [O,C/group,kD,kH,kW].</summary>
    public static ValueInfo Convolve(OnnxNode node, ValueInfo x, ValueInfo weights, ValueInfo? bias)
    {
        OnnxGraphBuilder b = node.Builder;
        TensorShape w = weights.Shape;
        ValueInfo volume = ToChannelsLast(b, x);
        (OnnxWindow depth, OnnxWindow plane) = OnnxWindow.ReadVolume(node, volume.Shape, [w[2], w[3], w[4]]);
        int group = node.Int("group", 1);
        if (group < 1 || volume.Shape[4] != (long)group * w[1] || w[0] % group != 0) throw OnnxNode.Damaged($"weights {w} in {group} groups for an input {x.Shape}");
        ValueInfo slices = Slices(node, PadDepth(b, volume, depth), depth, group);
        ValueInfo images = b.Reshape(slices, new TensorShape(slices.Shape[0] * slices.Shape[1], slices.Shape[2], slices.Shape[3], slices.Shape[4]));
        // [O,C,kD,kH,kW] → [O,kH,kW,kD,C] → [O,kH,kW,kD·C], as the slices stand.
        ValueInfo turned = b.Reshape(b.Transpose(weights, 0, 3, 4, 2, 1), new TensorShape(w[0], w[3], w[4], w[2] * w[1]));
        AttributeSet attributes = plane.Attributes().Set("dilations", plane.Dilations).Set("group", group);
        return FromImages(b, b.Emit(OperatorType.Convolution, [images, turned, bias], attributes), slices.Shape[1]);
    }

    /// <summary>MaxPool or AveragePool: in the plane, then over depth, both with the same rule for padding.</summary>
    public static ValueInfo Pool(OnnxNode node, OperatorType type, int[] kernel)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = ToChannelsLast(b, node.Input(0));
        (OnnxWindow depth, OnnxWindow plane) = OnnxWindow.ReadVolume(node, x.Shape, kernel);
        if (depth.Dilations is not [1, 1] || plane.Dilations is not [1, 1]) throw OnnxNode.Unsupported("a dilated pooling window");
        int include = node.Int("count_include_pad", 0);
        if (type == OperatorType.AveragePool && include != 0 && node.Int("ceil_mode", 0) != 0) throw OnnxNode.Unsupported("ceil_mode with count_include_pad");
        ValueInfo Emit(ValueInfo on, OnnxWindow window)
        {
            AttributeSet attributes = window.Ceiling(node, on.Shape).Attributes().Set("kernel", window.Kernel);
            return b.Emit(type, [on], type == OperatorType.AveragePool ? attributes.Set("count_include_pad", include) : attributes);
        }
        TensorShape s = x.Shape;
        ValueInfo flat = Emit(b.Reshape(x, new TensorShape(s[0] * s[1], s[2], s[3], s[4])), plane);
        int height = flat.Shape[1], width = flat.Shape[2];
        ValueInfo deep = Emit(b.Reshape(flat, new TensorShape(s[0], s[1], height * width, s[4])), depth);
        return FromChannelsLast(b, b.Reshape(deep, new TensorShape(s[0], deep.Shape[1], height, width, s[4])));
    }

    public static ValueInfo ToChannelsLast(OnnxGraphBuilder b, ValueInfo x) => b.Transpose(x, 0, 2, 3, 4, 1);

    public static ValueInfo FromChannelsLast(OnnxGraphBuilder b, ValueInfo y) => b.Transpose(y, 0, 4, 1, 2, 3);

    private static ValueInfo FromImages(OnnxGraphBuilder b, ValueInfo y, int depth) =>
        FromChannelsLast(b, b.Reshape(y, new TensorShape(y.Shape[0] / depth, depth, y.Shape[1], y.Shape[2], y.Shape[3])));

    private static ValueInfo PadDepth(OnnxGraphBuilder b, ValueInfo x, OnnxWindow depth) => depth.Pads is [0, 0, 0, 0] ? x
        : b.Emit(OperatorType.Pad, [x], new AttributeSet().Set("pads", 0, depth.Pads[0], 0, 0, 0, 0, depth.Pads[2], 0, 0, 0).Set("value", 0f));

    // [N,D,H,W,C] → [N,D′,H,W,group·kD·C/group]: what each of the D′ windows meets, the channels of a group together.
    private static ValueInfo Slices(OnnxNode node, ValueInfo x, OnnxWindow depth, int group)
    {
        TensorShape s = x.Shape;
        int kernel = depth.Kernel[0], stride = depth.Strides[0], dilation = depth.Dilations[0], channels = s[4] / group;
        int outputs = (s[1] - (kernel - 1) * dilation - 1) / stride + 1;
        if (s[1] < (kernel - 1) * dilation + 1) throw OnnxNode.Damaged($"a window of depth {kernel} on an input of depth {s[1]}");
        if ((long)group * kernel > MostSlices) throw OnnxNode.Unsupported($"a convolution of depth {kernel} in {group} groups; {MostSlices} slices at most");
        List<ValueInfo> slices = [];
        for (int g = 0; g < group; g++)
            for (int k = 0; k < kernel; k++)
            {
                int first = k * dilation, end = first + (outputs - 1) * stride + 1;
                slices.Add(node.Builder.Emit(OperatorType.Slice, [x], new AttributeSet().Set("starts", 0, first, 0, 0, g * channels)
                    .Set("ends", s[0], end, s[2], s[3], (g + 1) * channels).Set("steps", 1, stride, 1, 1, 1)));
            }
        return slices.Count == 1 ? slices[0] : node.Builder.Emit(OperatorType.Concat, [.. slices], new AttributeSet().Set("axis", 4));
    }
}
