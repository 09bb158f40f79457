using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Operators that pick elements of values that are computed while the network runs, by constant indices: as Slice or Gather.</summary>
internal static class OnnxPicking
{
    /// <summary>Slice; backwards as Gather.</summary>
    public static ValueInfo Slice(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        (int[] starts, int[] ends, int[] steps) = Whole(x.Shape);
        foreach ((int axis, int first, int last, int step) in OnnxFolding.SliceRanges(node, x.Shape))
        {
            if (step < 0)
            {
                x = Formulas.Gather(node.Builder, x, axis, [.. Enumerable.Range(0, Math.Max(0, (first - last - step - 1) / -step)).Select(i => first + i * step)]);
                ends[axis] = x.Shape[axis];
                continue;
            }
            (starts[axis], ends[axis], steps[axis]) = (Math.Min(first, last), last, step);
        }
        return Emit(node, x, starts, ends, steps);
    }

    /// <summary>Gather by constant indices: as a slice where they are even.</summary>
    public static ValueInfo Gather(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        int axis = OnnxNode.Axis(node.Int("axis", 0), x.Shape.Rank), size = x.Shape[axis];
        Tensor indices = node.Constant(1, "the indices");
        int[] from = Array.ConvertAll(indices.ToInts(), i => i >= -size && i < size ? (i + size) % size : throw OnnxNode.Damaged($"index {i} of axis {axis} of {x.Shape}"));
        TensorShape shape = new([.. x.Shape.Dimensions[..axis], .. indices.Shape.Dimensions, .. x.Shape.Dimensions[(axis + 1)..]]);
        int step = from.Length > 1 ? from[1] - from[0] : 1;
        bool even = from.Length > 0 && step > 0 && !Enumerable.Range(1, from.Length - 1).Any(i => from[i] - from[i - 1] != step);
        if (even) return node.Builder.Reshape(Part(node, x, axis, from[0], from[^1] + 1, step), shape);
        return node.Builder.Reshape(Formulas.Gather(node.Builder, x, axis, from), shape);
    }

    /// <summary>Copies side by side.</summary>
    public static ValueInfo Tile(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        int[] repeats = node.Constant(1, "the repeats").ToInts();
        if (repeats.Length != x.Shape.Rank || repeats.Any(r => r < 1)) throw OnnxNode.Damaged($"repeats [{string.Join(",", repeats)}] of {x.Shape}");
        for (int axis = 0; axis < repeats.Length; axis++)
        {
            int size = x.Shape[axis];
            x = Formulas.Gather(node.Builder, x, axis, [.. Enumerable.Range(0, checked(size * repeats[axis])).Select(i => i % size)]);
        }
        return x;
    }

    /// <summary>Split into equal parts, or by constant lengths (an attribute until operator set 12, then an input).</summary>
    public static ValueInfo Split(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        int axis = OnnxNode.Axis(node.Int("axis", 0), x.Shape.Rank), size = x.Shape[axis], count = node.Int("num_outputs", node.OutputCount);
        int[] parts = (node.Opset < 13 ? node.Ints("split") : node.OptionalConstant(1, "the lengths")?.ToInts())
            ?? [.. Enumerable.Range(0, count).Select(i => Math.Clamp(size - i * ((size + count - 1) / count), 0, (size + count - 1) / count))];
        if (parts.Sum() != size || parts.Length < node.OutputCount) throw OnnxNode.Damaged($"parts of {string.Join(", ", parts)} of {size} elements");
        int at = 0;
        ValueInfo[] results = [.. parts.Select(p => Part(node, x, axis, at, at += p, 1))];
        node.Others.AddRange(results[1..]);
        return results[0];
    }

    /// <summary>Expand of computed values: a product with ones.</summary>
    public static ValueInfo Expand(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        TensorShape shape = new(node.Constant(1, "the shape").ToInts());
        if (shape.Rank <= x.Shape.Rank && shape.Dimensions.ToArray().Reverse().Zip(x.Shape.Dimensions.ToArray().Reverse()).All(p => p.First == 1 || p.First == p.Second)) return x;
        float[] ones = new float[shape.ElementCount];
        Array.Fill(ones, 1);
        return node.Builder.Emit(OperatorType.Mul, [x, node.Builder.Constant(Tensor.From<float>(shape, ones))]);
    }

    private static ValueInfo Part(OnnxNode node, ValueInfo x, int axis, int start, int end, int step)
    {
        (int[] starts, int[] ends, int[] steps) = Whole(x.Shape);
        (starts[axis], ends[axis], steps[axis]) = (start, end, step);
        return Emit(node, x, starts, ends, steps);
    }

    private static (int[] Starts, int[] Ends, int[] Steps) Whole(TensorShape shape) =>
        (new int[shape.Rank], shape.Dimensions.ToArray(), [.. Enumerable.Repeat(1, shape.Rank)]);

    private static ValueInfo Emit(OnnxNode node, ValueInfo x, int[] starts, int[] ends, int[] steps) =>
        starts.All(s => s == 0) && steps.All(s => s == 1) && ends.AsSpan().SequenceEqual(x.Shape.Dimensions) ? x
            : node.Builder.Emit(OperatorType.Slice, [x], new AttributeSet().Set("starts", starts).Set("ends", ends).Set("steps", steps));
}
