using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// The operators on [N,C,D,H,W], by those on images: convolutions by <see cref="DepthSlices"/>; maxima and means are taken over the plane, then
/// over depth.
/// </summary>
internal static class OnnxVolumes
{
    public const int Rank = 5;

    /// <summary>The convolution with constant <paramref name="weights"/> [O,C/group,kD,kH,kW].</summary>
    public static ValueInfo Convolve(OnnxNode node, ValueInfo x, ValueInfo weights, ValueInfo? bias)
    {
        OnnxGraphBuilder b = node.Builder;
        TensorShape w = weights.Shape;
        ValueInfo volume = ToChannelsLast(b, x);
        (OnnxWindow depth, OnnxWindow plane) = OnnxWindow.ReadVolume(node, volume.Shape, [w[2], w[3], w[4]]);
        int group = node.Int("group", 1);
        if (group < 1 || volume.Shape[4] != (long)group * w[1] || w[0] % group != 0) throw OnnxNode.Damaged($"weights {w} in {group} groups for an input {x.Shape}");
        DepthWindow window = new(depth.Kernel[0], depth.Strides[0], depth.Dilations[0], depth.Pads[0], depth.Pads[2]);
        ValueInfo slices = DepthSlices.SideBySide(volume, window, group, (type, inputs, options) => b.Emit(type, inputs, options), OnnxNode.Damaged);
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
}
