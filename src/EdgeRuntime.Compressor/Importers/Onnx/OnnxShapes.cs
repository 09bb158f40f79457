using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Constants, and the operators that move elements without changing them.</summary>
internal static class OnnxShapes
{
    /// <summary>Constant, in each of its forms.</summary>
    public static ValueInfo Constant(OnnxNode node)
    {
        Tensor tensor = node.TensorOf("value")
            ?? (node.Has("value_float") ? Tensor.From<float>(TensorShape.Scalar, [node.Float("value_float", 0)]) : null)
            ?? (node.Has("value_int") ? Tensor.From<long>(TensorShape.Scalar, [node.Int("value_int", 0)]) : null)
            ?? (node.Floats("value_floats") is { } floats ? Tensor.Vector<float>(floats) : null)
            ?? (node.Ints("value_ints") is { } ints ? Tensor.Vector<long>(Array.ConvertAll(ints, i => (long)i)) : null)
            ?? throw OnnxNode.Unsupported("a constant that is neither a tensor nor numbers");
        return node.Builder.Constant(tensor);
    }

    /// <summary>Reshape: 0 keeps a dimension (unless allowzero), -1 takes what is left.</summary>
    public static ValueInfo Reshape(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        int[] shape = node.Constant(1, "the new shape").ToInts();
        if (shape.Length > TensorShape.MaxRank) throw OnnxNode.Unsupported($"rank {shape.Length}");
        bool zeroKeeps = node.Int("allowzero", 0) == 0;
        int open = -1;
        long rest = 1;
        for (int i = 0; i < shape.Length; i++)
        {
            if (shape[i] == 0 && zeroKeeps) shape[i] = i < x.Shape.Rank ? x.Shape[i] : throw OnnxNode.Damaged($"dimension {i} of {x.Shape} can't be kept");
            if (shape[i] == -1 && open < 0) open = i;
            else if (shape[i] < 0) throw OnnxNode.Damaged($"the new shape is [{string.Join(",", shape)}]");
            else rest = checked(rest * shape[i]);
        }
        if (open >= 0) shape[open] = rest == 0 ? 0 : checked((int)(x.Shape.ElementCount / rest));
        return node.Builder.Reshape(x, new TensorShape(shape));
    }

    /// <summary>Flatten to two dimensions.</summary>
    public static ValueInfo Flatten(OnnxNode node)
    {
        TensorShape s = node.Input(0).Shape;
        int axis = node.Int("axis", 1);
        if (axis != s.Rank) axis = OnnxNode.Axis(axis, s.Rank);
        return node.Builder.Reshape(node.Input(0), new TensorShape(checked((int)s.CountOf(0, axis)), checked((int)s.CountOf(axis, s.Rank))));
    }

    /// <summary>Squeeze; axes are an attribute until operator set 12, then an input.</summary>
    public static ValueInfo Squeeze(OnnxNode node)
    {
        TensorShape s = node.Input(0).Shape;
        int[]? axes = Axes(node, 13)?.Select(a => OnnxNode.Axis(a, s.Rank)).ToArray();
        List<int> kept = [];
        for (int i = 0; i < s.Rank; i++)
        {
            bool drop = axes?.Contains(i) ?? s[i] == 1;
            if (drop && s[i] != 1) throw OnnxNode.Damaged($"dimension {i} of {s} is not 1");
            if (!drop) kept.Add(s[i]);
        }
        return node.Builder.Reshape(node.Input(0), new TensorShape([.. kept]));
    }

    /// <summary>Unsqueeze; axes are an attribute until operator set 12, then an input.</summary>
    public static ValueInfo Unsqueeze(OnnxNode node)
    {
        TensorShape s = node.Input(0).Shape;
        int[] axes = Axes(node, 13) ?? throw OnnxNode.Damaged("the axes are missing");
        int rank = s.Rank + axes.Length;
        if (rank > TensorShape.MaxRank) throw OnnxNode.Unsupported($"rank {rank}");
        HashSet<int> added = [.. axes.Select(a => OnnxNode.Axis(a, rank))];
        if (added.Count != axes.Length) throw OnnxNode.Damaged($"an axis stands twice in [{string.Join(",", axes)}]");
        int[] result = new int[rank];
        for (int i = 0, from = 0; i < rank; i++) result[i] = added.Contains(i) ? 1 : s[from++];
        return node.Builder.Reshape(node.Input(0), new TensorShape(result));
    }

    /// <summary>Transpose; without perm the axes are reversed.</summary>
    public static ValueInfo Transpose(OnnxNode node) => node.Builder.Transpose(node.Input(0),
        node.Ints("perm") ?? [.. Enumerable.Range(0, node.Input(0).Shape.Rank).Reverse()]);

    /// <summary>Channels to places, by blocks: channels-first [N, C·b², H, W] to [N, C, H·b, W·b].</summary>
    public static ValueInfo DepthToSpace(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        TensorShape s = node.Input(0).Shape;
        int size = node.Int("blocksize", 0);
        if (s.Rank != 4 || size < 1 || s[1] % (size * size) != 0) throw OnnxNode.Damaged($"blocks of {size} channels of {s}");
        int channels = s[1] / (size * size);
        string mode = node.Text("mode", "DCR");
        if (mode is not ("DCR" or "CRD")) throw OnnxNode.Damaged($"mode {mode}");
        ValueInfo blocks = mode == "DCR" ? b.Transpose(b.Reshape(node.Input(0), new TensorShape(s[0], size, size, channels, s[2], s[3])), 0, 3, 4, 1, 5, 2)
            : b.Transpose(b.Reshape(node.Input(0), new TensorShape(s[0], channels, size, size, s[2], s[3])), 0, 1, 4, 2, 5, 3);
        return b.Reshape(blocks, new TensorShape(s[0], channels, s[2] * size, s[3] * size));
    }

    /// <summary>The inverse of DepthToSpace.</summary>
    public static ValueInfo SpaceToDepth(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        TensorShape s = node.Input(0).Shape;
        int size = node.Int("blocksize", 0);
        if (s.Rank != 4 || size < 1 || s[2] % size != 0 || s[3] % size != 0) throw OnnxNode.Damaged($"blocks of {size} places of {s}");
        ValueInfo blocks = b.Transpose(b.Reshape(node.Input(0), new TensorShape(s[0], s[1], s[2] / size, size, s[3] / size, size)), 0, 3, 5, 1, 2, 4);
        return b.Reshape(blocks, new TensorShape(s[0], s[1] * size * size, s[2] / size, s[3] / size));
    }

    /// <summary>Concat.</summary>
    public static ValueInfo Concat(OnnxNode node)
    {
        if (!node.Has("axis")) throw OnnxNode.Damaged("attribute axis is missing");
        ValueInfo first = node.Input(0);
        ValueInfo[] all = [.. Enumerable.Range(0, node.InputCount).Select(node.Input)];
        if (first.Type != ElementType.Float32 && all.Any(v => !Equals(v.Quantization, first.Quantization)))
            throw OnnxNode.Unsupported("integers of different quantisation joined");
        return node.Builder.Emit(OperatorType.Concat, all, new AttributeSet().Set("axis", OnnxNode.Axis(node.Int("axis", 0), first.Shape.Rank)));
    }

    /// <summary>Pad with a constant; pads and value are attributes until operator set 10, then inputs.</summary>
    public static ValueInfo Pad(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        string mode = node.Text("mode", "constant");
        if (mode is not ("constant" or "reflect" or "edge")) throw OnnxNode.Unsupported($"padding by {mode}");
        int[] given = node.Opset < 11 ? node.Ints("pads") ?? throw OnnxNode.Damaged("attribute pads is missing") : node.Constant(1, "the padding").ToInts();
        if (mode == "reflect") return node.Builder.Emit(OperatorType.ReflectPad, [x], new AttributeSet().Set("pads", OnAllAxes(node, given, x.Shape.Rank)));
        if (mode == "edge") return RepeatEdges(node.Builder, x, OnAllAxes(node, given, x.Shape.Rank));
        float value = node.Opset < 11 ? node.Float("value", 0)
            : node.OptionalConstant(2, "the padding's value") is { Count: > 0 } v ? v.ToFloats()[0] : 0;
        if (x.Type != ElementType.Float32)
        {
            if (x.Quantization is not { IsPerTensor: true } q) throw OnnxNode.Unsupported($"padding of {x.Type} values ({x.Name}) of unknown quantisation");
            value = q.Scale * (value - q.ZeroPoint);
        }
        return node.Builder.Emit(OperatorType.Pad, [x], new AttributeSet().Set("pads", OnAllAxes(node, given, x.Shape.Rank)).Set("value", value));
    }

    private static ValueInfo RepeatEdges(OnnxGraphBuilder b, ValueInfo x, int[] pads)
    {
        for (int axis = 0, rank = x.Shape.Rank; axis < rank; axis++)
        {
            int size = x.Shape[axis], before = pads[axis];
            x = Formulas.Gather(b, x, axis, [.. Enumerable.Range(0, before + size + pads[axis + rank]).Select(i => Math.Clamp(i - before, 0, size - 1))]);
        }
        return x;
    }

    /// <summary>Axes given by an attribute, or from operator set <paramref name="inputSince"/> on by input 1; null where left out.</summary>
    public static int[]? Axes(OnnxNode node, int inputSince) =>
        node.Opset < inputSince ? node.Ints("axes") : node.OptionalConstant(1, "the axes")?.ToInts();

    /// <summary>Pads of the named axes (input 3) spread over all axes.</summary>
    private static int[] OnAllAxes(OnnxNode node, int[] given, int rank)
    {
        int[] axes = node.OptionalConstant(3, "the axes")?.ToInts() ?? [.. Enumerable.Range(0, rank)];
        if (given.Length != 2 * axes.Length) throw OnnxNode.Damaged($"{given.Length} pads for {axes.Length} axes");
        if (given.Any(p => p < 0)) throw OnnxNode.Unsupported("negative padding");
        int[] pads = new int[2 * rank];
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = OnnxNode.Axis(axes[i], rank);
            pads[axis] = given[i];
            pads[axis + rank] = given[i + axes.Length];
        }
        return pads;
    }
}
