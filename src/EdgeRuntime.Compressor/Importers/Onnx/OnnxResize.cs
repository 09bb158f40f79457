using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Resize and Upsample, axis by axis: the nearest element is gathered; between two elements, both are gathered and
/// weighted. Sizes are constant, so that all places are known.
/// </summary>
internal static class OnnxResize
{
    /// <summary>Resize, and Upsample (operator sets 7 to 9), nearest or linear.</summary>
    public static ValueInfo Resize(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        string mode = node.Text("mode", "nearest");
        if (mode is not ("nearest" or "linear")) throw OnnxNode.Unsupported($"resizing by {mode}; nearest and linear are");
        if (node.Int("antialias", 0) != 0) throw OnnxNode.Unsupported("resizing with antialias");
        int[] axes = node.Ints("axes")?.Select(a => OnnxNode.Axis(a, x.Shape.Rank)).ToArray() ?? [.. Enumerable.Range(0, x.Shape.Rank)];
        (int[] sizes, float[] scales) = Sizes(node, x.Shape, axes);
        for (int i = 0; i < axes.Length; i++)
        {
            double[] places = Places(node, x.Shape[axes[i]], sizes[i], scales[i]);
            x = mode == "nearest" ? Formulas.Gather(node.Builder, x, axes[i], Nearest(node, places, x.Shape[axes[i]])) : Formulas.Interpolate(node.Builder, x, axes[i], places);
        }
        return x;
    }

    private static (int[] Sizes, float[] Scales) Sizes(OnnxNode node, TensorShape shape, int[] axes)
    {
        int scalesInput = node.Type == "Upsample" || node.Opset < 11 ? 1 : 2;
        float[]? scales = node.Floats("scales") ?? node.OptionalConstant(scalesInput, "the scales")?.ToFloats();
        if (scales is { Length: > 0 })
        {
            if (scales.Length != axes.Length || scales.Any(s => !(s > 0 && float.IsFinite(s)))) throw OnnxNode.Damaged($"scales [{string.Join(",", scales)}] of {shape}");
            return ([.. axes.Select((axis, i) => checked((int)Math.Floor((double)shape[axis] * scales[i])))], scales);
        }
        int[] sizes = node.OptionalConstant(3, "the sizes")?.ToInts() ?? throw OnnxNode.Damaged("neither scales nor sizes are given");
        if (sizes.Length != axes.Length || sizes.Any(s => s < 1)) throw OnnxNode.Damaged($"sizes [{string.Join(",", sizes)}] of {shape}");
        if (node.Text("keep_aspect_ratio_policy", "stretch") is not "stretch" and var policy) throw OnnxNode.Unsupported($"keep_aspect_ratio_policy {policy}");
        return (sizes, [.. axes.Select((axis, i) => sizes[i] / (float)shape[axis])]);
    }

    /// <summary>Where each element of the result lies among those of x.</summary>
    private static double[] Places(OnnxNode node, int from, int to, float scale)
    {
        string how = node.Type == "Upsample" || node.Opset < 11 ? "asymmetric" : node.Text("coordinate_transformation_mode", "half_pixel");
        return [.. Enumerable.Range(0, to).Select(i => how switch
        {
            "half_pixel" => (i + 0.5) / scale - 0.5,
            "pytorch_half_pixel" => to > 1 ? (i + 0.5) / scale - 0.5 : 0,
            "asymmetric" => i / (double)scale,
            "align_corners" => to > 1 ? i * (from - 1.0) / (to - 1) : 0,
            "half_pixel_symmetric" => from / 2.0 * (1 - to / ((double)scale * from)) + (i + 0.5) / scale - 0.5,
            "tf_half_pixel_for_nn" => (i + 0.5) / scale,
            _ => throw OnnxNode.Unsupported($"coordinate_transformation_mode {how}"),
        })];
    }

    private static int[] Nearest(OnnxNode node, double[] places, int size)
    {
        string how = node.Type == "Upsample" || node.Opset < 11 ? "floor" : node.Text("nearest_mode", "round_prefer_floor");
        return Array.ConvertAll(places, p => (int)Math.Clamp(how switch
        {
            "round_prefer_floor" => Math.Ceiling(p - 0.5),
            "round_prefer_ceil" => Math.Floor(p + 0.5),
            "floor" => Math.Floor(p),
            "ceil" => Math.Ceiling(p),
            _ => throw OnnxNode.Unsupported($"nearest_mode {how}"),
        }, 0, size - 1));
    }
}
