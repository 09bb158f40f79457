using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Sums, means, maxima and norms over axes.</summary>
internal static class OnnxReductions
{
    /// <summary>ReduceMean; axes are an attribute until operator set 17, then an input.</summary>
    public static ValueInfo Mean(OnnxNode node) => Axes(node, 18) is { } axes ? Formulas.Mean(node.Builder, node.Input(0), axes, Keeps(node)) : node.Input(0);

    /// <summary>ReduceSum; axes are an attribute until operator set 12, then an input.</summary>
    public static ValueInfo Sum(OnnxNode node) => Axes(node, 13) is { } axes ? Sum(node, node.Input(0), axes) : node.Input(0);

    /// <summary>Σ x².</summary>
    public static ValueInfo SumOfSquares(OnnxNode node)
    {
        ValueInfo squares = node.Builder.Emit(OperatorType.Mul, [node.Input(0), node.Input(0)]);
        return Axes(node, 18) is { } axes ? Sum(node, squares, axes) : squares;
    }

    /// <summary>√Σ x².</summary>
    public static ValueInfo L2(OnnxNode node) => node.Builder.Emit(OperatorType.Sqrt, [SumOfSquares(node)]);

    /// <summary>Σ |x|.</summary>
    public static ValueInfo L1(OnnxNode node)
    {
        ValueInfo sizes = node.Builder.Emit(OperatorType.Abs, [node.Input(0)]);
        return Axes(node, 18) is { } axes ? Sum(node, sizes, axes) : sizes;
    }

    /// <summary>ReduceMax and, with signs turned, ReduceMin: a pool, of which a window is a whole axis.</summary>
    public static ValueInfo Extreme(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = node.Input(0);
        if (Axes(node, 18) is not { } axes) return x;
        x = Formulas.Extreme(b, x, axes, node.Type == "ReduceMin");
        return Keeps(node) ? x : b.Reshape(x, Without(x.Shape, axes));
    }

    /// <summary>x / (Σ |x|^p)^(1/p) over one axis, p 1 or 2.</summary>
    public static ValueInfo Normalize(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = node.Input(0);
        int[] axes = [OnnxNode.Axis(node.Int("axis", -1), x.Shape.Rank)];
        int p = node.Int("p", 2);
        if (p is not (1 or 2)) throw OnnxNode.Unsupported($"a norm with p = {p}; 1 and 2 are");
        ValueInfo powers = p == 2 ? b.Emit(OperatorType.Mul, [x, x]) : b.Emit(OperatorType.Abs, [x]);
        ValueInfo norm = Formulas.Sum(b, powers, axes, keep: true);
        return b.Emit(OperatorType.Div, [x, p == 2 ? b.Emit(OperatorType.Sqrt, [norm]) : norm]);
    }

    /// <summary>x − m − ln Σ exp(x − m) over one axis, with the maximum m; until operator set 12 over all axes from the given one on.</summary>
    public static ValueInfo LogSoftmax(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = node.Input(0);
        TensorShape shape = x.Shape;
        int axis = OnnxNode.Axis(node.Int("axis", node.Opset < 13 ? 1 : -1), shape.Rank);
        if (node.Opset < 13) (x, axis) = (b.Reshape(x, new TensorShape(checked((int)shape.CountOf(0, axis)), checked((int)shape.CountOf(axis, shape.Rank)))), 1);
        return b.Reshape(Formulas.LogSoftmax(b, x, axis), shape);
    }

    /// <summary>(x − mean) / √(variance + epsilon) · scale + bias, over all axes from <paramref name="first"/> on.</summary>
    public static ValueInfo Standardize(OnnxNode node, int first, ValueInfo scale, ValueInfo? bias)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = node.Input(0);
        int[] axes = [.. Enumerable.Range(first, x.Shape.Rank - first)];
        ValueInfo centred = b.Emit(OperatorType.Sub, [x, Formulas.Mean(b, x, axes, keep: true)]);
        ValueInfo variance = Formulas.Mean(b, b.Emit(OperatorType.Mul, [centred, centred]), axes, keep: true);
        ValueInfo deviation = b.Emit(OperatorType.Sqrt, [b.Emit(OperatorType.Add, [variance, b.Constant(node.Float("epsilon", 1e-5f))])]);
        ValueInfo y = b.Emit(OperatorType.Mul, [b.Emit(OperatorType.Div, [centred, deviation]), scale]);
        return bias is null ? y : b.Emit(OperatorType.Add, [y, bias]);
    }

    /// <summary>LayerNormalization.</summary>
    public static ValueInfo LayerNormalization(OnnxNode node) =>
        Standardize(node, OnnxNode.Axis(node.Int("axis", -1), node.Input(0).Shape.Rank), node.Input(1), node.Optional(2));

    /// <summary>InstanceNormalization: every channel of every sample by itself.</summary>
    public static ValueInfo InstanceNormalization(OnnxNode node)
    {
        int rank = node.Input(0).Shape.Rank;
        if (rank < 3) throw OnnxNode.Damaged($"{node.Input(0).Shape} has no axes behind its channels");
        TensorShape shape = new([node.Input(1).Shape[0], .. Enumerable.Repeat(1, rank - 2)]);
        return Standardize(node, 2, node.Builder.Reshape(node.Input(1), shape), node.Builder.Reshape(node.Input(2), shape));
    }

    private static ValueInfo Sum(OnnxNode node, ValueInfo x, int[] axes) => Formulas.Sum(node.Builder, x, axes, Keeps(node));

    private static bool Keeps(OnnxNode node) => node.Int("keepdims", 1) != 0;

    private static TensorShape Without(TensorShape shape, int[] axes) => new([.. shape.Dimensions.ToArray().Where((_, i) => !axes.Contains(i))]);

    /// <summary>The axes in ascending order, all where none are named; null where the node says that none then means none.</summary>
    private static int[]? Axes(OnnxNode node, int inputSince)
    {
        int rank = node.Input(0).Shape.Rank;
        int[] axes = OnnxShapes.Axes(node, inputSince) ?? [];
        if (axes.Length == 0) return node.Int("noop_with_empty_axes", 0) != 0 ? null : [.. Enumerable.Range(0, rank)];
        return [.. axes.Select(a => OnnxNode.Axis(a, rank)).Order()];
    }
}
