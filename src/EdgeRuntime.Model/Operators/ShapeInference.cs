using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Computes a node's output shape from its inputs, checking everything the computation relies on.</summary>
public static class ShapeInference
{
    private const long MaxElements = 1L << 31;

    /// <summary>The shape of the first output of <paramref name="node"/>.</summary>
    /// <exception cref="ModelException">Inputs or attributes don't fit the operator.</exception>
    public static TensorShape Infer(Node node) => InferAll(node)[0];

    /// <summary>The shapes of all outputs that <paramref name="node"/> has. Reshape keeps its output's own shape, which is checked.</summary>
    /// <exception cref="ModelException">Inputs or attributes don't fit the operator.</exception>
    public static TensorShape[] InferAll(Node node)
    {
        TensorShape[] shapes;
        try
        {
            shapes = ComputeAll(node);
            foreach (TensorShape shape in shapes)
                if (shape.ElementCount >= MaxElements) throw Bad(node, $"output {shape} has 2^31 elements or more");
        }
        catch (Exception e) when (e is OverflowException or ArgumentException)
        {
            throw new ModelException(ModelErrorKind.InvalidGraph, node.ToString(), "the output's size overflows: " + e.Message, e);
        }
        return shapes;
    }

    /// <summary>Output length of a sliding window over one axis: floor((in + before + after − dilated kernel) / stride) + 1.</summary>
    public static int WindowOutput(int input, int kernel, int stride, int dilation, int before, int after) =>
        checked((input + before + after - ((kernel - 1) * dilation + 1)) / stride + 1);

    /// <summary>The shape that two operands broadcast to by NumPy's rule.</summary>
    public static TensorShape Broadcast(Node node, TensorShape a, TensorShape b)
    {
        int rank = Math.Max(a.Rank, b.Rank);
        int[] result = new int[rank];
        for (int i = 1; i <= rank; i++)
        {
            int x = i <= a.Rank ? a[-i] : 1, y = i <= b.Rank ? b[-i] : 1;
            if (x != y && x != 1 && y != 1) throw Bad(node, $"shapes {a} and {b} don't broadcast");
            result[rank - i] = x == 1 ? y : x;
        }
        return new TensorShape(result);
    }

    /// <summary>Operators of several outputs stand here, the others in <see cref="Compute"/>.</summary>
    private static TensorShape[] ComputeAll(Node node) =>
        node.Type is OperatorType.Lstm or OperatorType.Gru ? RecurrentShape.Of(node).Outputs(node.Outputs.Count) : [Compute(node)];

    private static TensorShape Compute(Node node)
    {
        TensorShape x = node.Input(0).Shape;
        switch (node.Type)
        {
            case OperatorType.Convolution: return Convolution(node, x);
            case OperatorType.FullyConnected: return FullyConnected(node, x);
            case var type when type.IsPairwise(): return Broadcast(node, x, node.Input(1).Shape);
            case OperatorType.AveragePool or OperatorType.MaxPool: return Pool(node, x);
            case OperatorType.ReduceMean: return Reduce(node, x);
            case OperatorType.Softmax:
                Axis(node, node.Attributes.Int("axis"), x.Rank);
                return x;
            case OperatorType.Reshape:
                if (node.Output.Shape.ElementCount != x.ElementCount) throw Bad(node, $"{x} can't become {node.Output.Shape}");
                return node.Output.Shape;
            case OperatorType.Transpose: return Transpose(node, x);
            case OperatorType.Pad: return Pad(node, x);
            case OperatorType.ReflectPad: return ReflectPad(node, x);
            case OperatorType.Slice: return Slice(node, x);
            case OperatorType.Gather: return Gather(node, x);
            case OperatorType.Concat: return Concat(node, x);
            case OperatorType.BatchNormalization:
                int axis = Axis(node, node.Attributes.Int("axis"), x.Rank);
                for (int i = 1; i < 5; i++)
                    if (node.Input(i).Shape != new TensorShape(x[axis])) throw Bad(node, $"input {i} is {node.Input(i).Shape}, not [{x[axis]}]");
                return x;
            case OperatorType.Binarize:
                if (x.Rank == 0) throw Bad(node, "a scalar has no channels");
                if (node.OptionalInput(1) is { } t && t.Shape != new TensorShape(x[-1]) && t.Shape != new TensorShape(1))
                    throw Bad(node, $"thresholds are {t.Shape}, not [{x[-1]}]");
                return x;
            default: return x;
        }
    }

    private static TensorShape Convolution(Node node, TensorShape x)
    {
        TensorShape w = node.Input(1).Shape;
        if (x.Rank != 4 || w.Rank != 4) throw Bad(node, $"input {x} and weights {w} must have rank 4");
        int group = node.Attributes.Int("group");
        if (group < 1 || x[3] % group != 0 || w[0] % group != 0 || w[3] != x[3] / group)
            throw Bad(node, $"group {group} with input {x} and weights {w}: weights must be [O,kH,kW,C/group]");
        CheckBias(node, w[0]);
        ReadOnlySpan<int> strides = List(node, "strides", 2, 1), dilations = List(node, "dilations", 2, 1), pads = List(node, "pads", 4, 0);
        return new TensorShape(x[0], Window(node, x[1], w[1], strides[0], dilations[0], pads[0], pads[2]),
            Window(node, x[2], w[2], strides[1], dilations[1], pads[1], pads[3]), w[0]);
    }

    private static TensorShape FullyConnected(Node node, TensorShape x)
    {
        TensorShape w = node.Input(1).Shape;
        if (x.Rank < 1 || w.Rank != 2 || x[-1] != w[1]) throw Bad(node, $"input {x} and weights {w}: weights must be [N,K] with K = {(x.Rank > 0 ? x[-1] : 0)}");
        CheckBias(node, w[0]);
        return x.With(-1, w[0]);
    }

    private static TensorShape Pool(Node node, TensorShape x)
    {
        if (x.Rank != 4) throw Bad(node, $"input {x} must have rank 4");
        ReadOnlySpan<int> kernel = List(node, "kernel", 2, 1), strides = List(node, "strides", 2, 1), pads = List(node, "pads", 4, 0);
        if (pads[0] >= kernel[0] || pads[2] >= kernel[0] || pads[1] >= kernel[1] || pads[3] >= kernel[1])
            throw Bad(node, "a padding is as large as the window, which could lie wholly in it");
        return new TensorShape(x[0], Window(node, x[1], kernel[0], strides[0], 1, pads[0], pads[2]),
            Window(node, x[2], kernel[1], strides[1], 1, pads[1], pads[3]), x[3]);
    }

    private static TensorShape Reduce(Node node, TensorShape x)
    {
        bool keep = node.Attributes.Int("keepdims") != 0;
        bool[] reduced = new bool[x.Rank];
        foreach (int axis in node.Attributes.Ints("axes")) reduced[Axis(node, axis, x.Rank)] = true;
        List<int> result = [];
        for (int i = 0; i < x.Rank; i++)
        {
            if (!reduced[i]) result.Add(x[i]);
            else if (x[i] == 0) throw Bad(node, $"mean over an empty axis of {x}");
            else if (keep) result.Add(1);
        }
        return new TensorShape([.. result]);
    }

    private static TensorShape Transpose(Node node, TensorShape x)
    {
        ReadOnlySpan<int> perm = node.Attributes.Ints("perm");
        if (!perm.ToArray().Order().SequenceEqual(Enumerable.Range(0, x.Rank)))
            throw Bad(node, $"perm [{string.Join(",", perm.ToArray())}] is no permutation of {x.Rank} axes");
        return x.Permute(perm);
    }

    private static TensorShape Pad(Node node, TensorShape x)
    {
        ReadOnlySpan<int> pads = List(node, "pads", 2 * x.Rank, 0);
        int[] result = x.Dimensions.ToArray();
        for (int i = 0; i < result.Length; i++) result[i] = checked(result[i] + pads[i] + pads[i + result.Length]);
        return new TensorShape(result);
    }

    private static TensorShape ReflectPad(Node node, TensorShape x)
    {
        ReadOnlySpan<int> pads = List(node, "pads", 2 * x.Rank, 0);
        for (int i = 0; i < pads.Length; i++)
            if (pads[i] > 0 && pads[i] >= x[i % x.Rank]) throw Bad(node, $"{pads[i]} elements can't be mirrored on axis {i % x.Rank} of {x}");
        return Pad(node, x);
    }

    private static TensorShape Slice(Node node, TensorShape x)
    {
        ReadOnlySpan<int> starts = List(node, "starts", x.Rank, 0), ends = List(node, "ends", x.Rank, 0), steps = List(node, "steps", x.Rank, 1);
        int[] result = new int[x.Rank];
        for (int i = 0; i < result.Length; i++)
        {
            if (starts[i] > ends[i] || ends[i] > x[i]) throw Bad(node, $"elements {starts[i]} to {ends[i]} of axis {i} of {x}");
            result[i] = checked(ends[i] - starts[i] + steps[i] - 1) / steps[i];
        }
        return new TensorShape(result);
    }

    private static TensorShape Gather(Node node, TensorShape x)
    {
        int axis = Axis(node, node.Attributes.Int("axis"), x.Rank);
        ReadOnlySpan<int> indices = node.Attributes.Ints("indices");
        foreach (int i in indices)
            if (i < 0 || i >= x[axis]) throw Bad(node, $"element {i} of axis {axis} of {x}");
        return x.With(axis, indices.Length);
    }

    private static TensorShape Concat(Node node, TensorShape x)
    {
        int axis = Axis(node, node.Attributes.Int("axis"), x.Rank), total = 0;
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            TensorShape s = node.Input(i).Shape;
            if (s.Rank != x.Rank || s.With(axis, 0) != x.With(axis, 0)) throw Bad(node, $"{s} can't be joined to {x} on axis {axis}");
            total = checked(total + s[axis]);
        }
        return x.With(axis, total);
    }

    private static int Window(Node node, int input, int kernel, int stride, int dilation, int before, int after)
    {
        if (kernel < 1) throw Bad(node, $"window of {kernel}");
        int span = checked((kernel - 1) * dilation + 1);
        if (checked(input + before + after) < span) throw Bad(node, $"a window of {span} doesn't fit {input} with padding {before}+{after}");
        return WindowOutput(input, kernel, stride, dilation, before, after);
    }

    private static void CheckBias(Node node, int channels)
    {
        if (node.OptionalInput(2) is { } bias && bias.Shape != new TensorShape(channels))
            throw Bad(node, $"bias is {bias.Shape}, not [{channels}]");
    }

    private static ReadOnlySpan<int> List(Node node, string name, int length, int least)
    {
        ReadOnlySpan<int> list = node.Attributes.Ints(name);
        if (list.Length != length) throw Bad(node, $"attribute {name} has {list.Length} numbers, not {length}");
        foreach (int v in list)
            if (v < least) throw Bad(node, $"attribute {name} holds {v}, below {least}");
        return list;
    }

    private static int Axis(Node node, int axis, int rank) => axis >= -rank && axis < rank ? (axis + rank) % rank
        : throw Bad(node, $"axis {axis} of a value of rank {rank}");

    private static ModelException Bad(Node node, string message) => new(ModelErrorKind.InvalidGraph, node.ToString(), message);
}
