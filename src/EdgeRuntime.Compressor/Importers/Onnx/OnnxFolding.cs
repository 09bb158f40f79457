using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Computes what a graph computes of its own shapes: the operators that exporters chain between a Shape and a Reshape,
/// on constants. Shapes are all known, so that none of it is left for run time.
/// </summary>
internal static class OnnxFolding
{
    /// <summary>Elements of the largest constant that is computed: small files can ask for large ones.</summary>
    private const long MaxElements = 1 << 26;

    /// <summary>Shape of a value, cut to [start, end).</summary>
    public static ValueInfo Shape(OnnxNode node)
    {
        int[] dims = node.Input(0).Shape.Dimensions.ToArray();
        int start = Clamp(node.Int("start", 0), dims.Length, 0), end = Clamp(node.Int("end", dims.Length), dims.Length, 0);
        return node.Builder.Constant(Tensor.Vector<long>([.. dims[start..Math.Max(start, end)].Select(d => (long)d)]));
    }

    /// <summary>Number of elements of a value.</summary>
    public static ValueInfo Size(OnnxNode node) =>
        node.Builder.Constant(Tensor.From<long>(TensorShape.Scalar, [node.Input(0).Shape.ElementCount]));

    /// <summary>For operators that are known on constants only.</summary>
    public static ValueInfo Only(OnnxNode node) => throw OnnxNode.Unsupported($"{node.Type} of values that are computed while the network runs");

    /// <summary>The node's result, where all its inputs are constants and it is one of the operators that are folded; else null.</summary>
    public static Tensor? TryFold(OnnxNode node)
    {
        if (node.InputCount == 0 || node.Present.Any(v => v.Constant is null || v.Quantization is not null || v.Type.Bits() < 8)) return null;
        Tensor x = node.Input(0).Constant!;
        return node.Type switch
        {
            "Sign" when x.Type == ElementType.Float32 => Tensor.From<float>(x.Shape, Array.ConvertAll(x.ToFloats(), v => v >= 0 ? 1f : -1f)),
            "Cast" => Cast(x, OnnxTensors.ElementTypeOf(node.Int("to", 0))),
            "Gather" => Gather(x, node.Input(1).Constant!, OnnxNode.Axis(node.Int("axis", 0), x.Shape.Rank)),
            "Slice" => Slice(node, x),
            "Equal" => Equal(x, node.Input(1).Constant!),
            "Floor" when x.Type == ElementType.Float32 => Tensor.From<float>(x.Shape, Array.ConvertAll(x.ToFloats(), MathF.Floor)),
            "Ceil" when x.Type == ElementType.Float32 => Tensor.From<float>(x.Shape, Array.ConvertAll(x.ToFloats(), MathF.Ceiling)),
            "Neg" when x.Type == ElementType.Int64 => Tensor.From<long>(x.Shape, Array.ConvertAll(x.AsSpan<long>().ToArray(), v => -v)),
            "Not" => Tensor.From<bool>(x.Shape, Array.ConvertAll(x.ToInts(), v => v == 0)),
            "Expand" => Expand(x, new TensorShape(node.Input(1).Constant!.ToInts())),
            "Concat" => Concat(node, x),
            "ConstantOfShape" => Fill(node, x),
            "Add" or "Sub" or "Mul" or "Div" when x.Type is ElementType.Int64 or ElementType.Int32 => Arithmetic(node, x),
            "Add" or "Sub" or "Mul" or "Div" when node.Present.All(v => v.Type == ElementType.Float32) => FloatArithmetic(node),
            _ => null,
        };
    }

    // Weights are often made of signs and scales.
    private static Tensor FloatArithmetic(OnnxNode node)
    {
        ValueInfo result = new("folded", ElementType.Float32, TensorShape.Scalar);
        Node operation = new(Enum.Parse<OperatorType>(node.Type), node.Type, [node.Input(0), node.Input(1)], [result]);
        result.Shape = ShapeInference.Infer(operation);
        if (result.Shape.ElementCount > MaxElements) throw OnnxNode.Unsupported($"a computed constant of shape {result.Shape}");
        return HostEvaluator.Evaluate(operation, v => v.Constant!);
    }

    private static Tensor? Cast(Tensor x, ElementType to)
    {
        if (x.Type == to) return x;
        if (to == ElementType.Float32) return Tensor.From<float>(x.Shape, x.ToFloats());
        double[] values = x.Type == ElementType.Int64 ? [.. x.AsSpan<long>().ToArray()] : Array.ConvertAll(x.ToFloats(), f => (double)f);
        return to switch
        {
            ElementType.Int64 => Tensor.From<long>(x.Shape, Array.ConvertAll(values, v => checked((long)v))),
            ElementType.Int32 => Tensor.From<int>(x.Shape, Array.ConvertAll(values, v => checked((int)v))),
            ElementType.Bool => Tensor.From<bool>(x.Shape, Array.ConvertAll(values, v => v != 0)),
            _ => null,
        };
    }

    private static Tensor Gather(Tensor x, Tensor indices, int axis)
    {
        int size = x.Shape[axis];
        int[] from = Array.ConvertAll(indices.ToInts(), i => i >= -size && i < size ? (i + size) % size : throw OnnxNode.Damaged($"index {i} of axis {axis} of {x.Shape}"));
        return Pick(x, axis, from, new TensorShape([.. x.Shape.Dimensions[..axis], .. indices.Shape.Dimensions, .. x.Shape.Dimensions[(axis + 1)..]]));
    }

    /// <summary>Slice; starts, ends and axes are attributes until operator set 9, then inputs.</summary>
    private static Tensor Slice(OnnxNode node, Tensor x)
    {
        foreach ((int axis, int first, int last, int step) in SliceRanges(node, x.Shape))
        {
            List<int> picked = [];
            for (long at = first; step > 0 ? at < last : at > last; at += step) picked.Add((int)at);
            x = Pick(x, axis, [.. picked], x.Shape.With(axis, picked.Count));
        }
        return x;
    }

    /// <summary>What a Slice takes of each of its axes: from first on in steps, up to but without last.</summary>
    public static List<(int Axis, int First, int Last, int Step)> SliceRanges(OnnxNode node, TensorShape shape)
    {
        bool inputs = node.Opset >= 10;
        long[] starts = Bounds(node, 1, "starts", inputs), ends = Bounds(node, 2, "ends", inputs);
        int[] axes = (inputs ? node.OptionalConstant(3, "the axes")?.ToInts() : node.Ints("axes")) ?? [.. Enumerable.Range(0, starts.Length)];
        int[] steps = (inputs ? node.OptionalConstant(4, "the steps")?.ToInts() : null) ?? [.. Enumerable.Repeat(1, starts.Length)];
        if (ends.Length != starts.Length || axes.Length != starts.Length || steps.Length != starts.Length)
            throw OnnxNode.Damaged("starts, ends, axes and steps differ in number");
        List<(int Axis, int First, int Last, int Step)> ranges = [];
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = OnnxNode.Axis(axes[i], shape.Rank), size = shape[axis], step = steps[i];
            if (step == 0) throw OnnxNode.Damaged("a step of 0");
            int first = Clamp(starts[i], step > 0 ? size : size - 1, 0, size), last = Clamp(ends[i], size, step > 0 ? 0 : -1, size);
            ranges.Add((axis, first, last, step));
        }
        return ranges;
    }

    /// <summary>Zeros, where <paramref name="node"/> multiplies integers by constant zeros: exporters keep an input alive so.</summary>
    public static Tensor? ZeroProduct(OnnxNode node, OperatorType type)
    {
        ValueInfo a = node.Input(0), b = node.Input(1);
        if (type != OperatorType.Mul || a.Type != b.Type || a.Type is not (ElementType.Int32 or ElementType.Int64)) return null;
        if (!IsZero(a) && !IsZero(b)) return null;
        TensorShape shape = ShapeInference.Broadcast(new Node(type, "", [a, b], []), a.Shape, b.Shape);
        return new Tensor(a.Type, shape, new byte[a.Type.ByteCount(shape.ElementCount)]);
    }

    private static bool IsZero(ValueInfo v) => v.Constant is { } c && !c.Data.Span.ContainsAnyExcept((byte)0);

    private static Tensor? Equal(Tensor a, Tensor b)
    {
        if (a.Type != b.Type || (a.Count != 1 && b.Count != 1 && a.Shape != b.Shape)) return null;
        TensorShape shape = a.Count == 1 && b.Shape.Rank >= a.Shape.Rank ? b.Shape : a.Shape;
        float[] x = a.ToFloats(), y = b.ToFloats();
        return Tensor.From<bool>(shape, [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => x[x.Length == 1 ? 0 : i] == y[y.Length == 1 ? 0 : i])]);
    }

    /// <summary>One element under any shape; others are left.</summary>
    private static Tensor? Expand(Tensor x, TensorShape shape) =>
        x.Count == 1 ? Pick(x.Reshape(new TensorShape(1)), 0, new int[Math.Min(shape.ElementCount, MaxElements)], shape) : null;

    private static long[] Bounds(OnnxNode node, int input, string name, bool inputs)
    {
        if (!inputs) return node.Longs(name) ?? throw OnnxNode.Damaged($"attribute {name} is missing");
        Tensor t = node.Constant(input, name);
        return t.Type == ElementType.Int64 ? t.AsSpan<long>().ToArray() : Array.ConvertAll(t.ToInts(), v => (long)v);
    }

    private static Tensor Concat(OnnxNode node, Tensor first)
    {
        if (!node.Has("axis")) throw OnnxNode.Damaged("attribute axis is missing");
        int axis = OnnxNode.Axis(node.Int("axis", 0), first.Shape.Rank), total = 0;
        Tensor[] parts = [.. node.Present.Select(v => v.Constant!)];
        foreach (Tensor p in parts)
        {
            if (p.Type != first.Type || p.Shape.Rank != first.Shape.Rank || p.Shape.With(axis, 0) != first.Shape.With(axis, 0))
                throw OnnxNode.Damaged($"{p} can't be joined to {first} on axis {axis}");
            total = checked(total + p.Shape[axis]);
        }
        using MemoryStream joined = new();
        for (int outer = 0; outer < first.Shape.CountOf(0, axis); outer++)
            foreach (Tensor p in parts)
            {
                int run = checked((int)(p.Shape.CountOf(axis, p.Shape.Rank) * p.Type.Bits() / 8));
                joined.Write(p.Data.Span.Slice(outer * run, run));
            }
        return new Tensor(first.Type, first.Shape.With(axis, total), joined.ToArray());
    }

    private static Tensor Fill(OnnxNode node, Tensor shape)
    {
        TensorShape s = new(shape.ToInts());
        Tensor value = node.TensorOf("value") ?? Tensor.Vector(0f);
        if (value.Count != 1) throw OnnxNode.Damaged($"its value has {value.Count} elements, not 1");
        return Pick(value.Reshape(new TensorShape(1)), 0, new int[Math.Min(s.ElementCount, MaxElements)], s);
    }

    private static Tensor Arithmetic(OnnxNode node, Tensor a)
    {
        Tensor b = node.Input(1).Constant!;
        if (b.Type != a.Type) throw OnnxNode.Damaged($"operands of types {a.Type} and {b.Type}");
        if (a.Count != 1 && b.Count != 1 && a.Shape != b.Shape) throw OnnxNode.Unsupported($"integers {a.Shape} and {b.Shape}");
        TensorShape shape = a.Count == 1 && b.Shape.Rank >= a.Shape.Rank ? b.Shape : a.Shape;
        int[] x = a.ToInts(), y = b.ToInts();
        long[] result = new long[shape.ElementCount];
        for (int i = 0; i < result.Length; i++)
        {
            long p = x[x.Length == 1 ? 0 : i], q = y[y.Length == 1 ? 0 : i];
            result[i] = node.Type switch
            {
                "Add" => p + q,
                "Sub" => p - q,
                "Mul" => p * q,
                _ => q != 0 ? p / q : throw OnnxNode.Damaged("integers divided by 0"),
            };
        }
        return a.Type == ElementType.Int64 ? Tensor.From<long>(shape, result) : Tensor.From<int>(shape, Array.ConvertAll(result, v => checked((int)v)));
    }

    /// <summary>The given indices of one axis, under a shape that holds as many elements.</summary>
    private static Tensor Pick(Tensor x, int axis, int[] indices, TensorShape shape)
    {
        if (shape.ElementCount > MaxElements) throw OnnxNode.Unsupported($"a computed constant of shape {shape}");
        int run = checked((int)(x.Shape.CountOf(axis + 1, x.Shape.Rank) * x.Type.Bits() / 8)), size = x.Shape[axis];
        byte[] result = new byte[x.Type.ByteCount(shape.ElementCount)];
        int at = 0;
        for (int outer = 0; outer < x.Shape.CountOf(0, axis); outer++)
            foreach (int i in indices)
            {
                x.Data.Span.Slice((outer * size + i) * run, run).CopyTo(result.AsSpan(at));
                at += run;
            }
        return new Tensor(x.Type, shape, result);
    }

    /// <summary>An end of a range, counted from the back where negative, clamped to [<paramref name="least"/>, <paramref name="most"/>].</summary>
    private static int Clamp(long value, int most, int least, int? size = null) =>
        (int)Math.Clamp(value < 0 ? value + (size ?? most) : value, least, Math.Max(most, least));
}
