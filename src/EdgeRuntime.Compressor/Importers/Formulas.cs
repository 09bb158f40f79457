using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>What <see cref="Formulas"/> are built with: an importer's graph.</summary>
internal interface IFormulaBuilder
{
    /// <summary>A new node's result.</summary>
    ValueInfo Emit(OperatorType type, ReadOnlySpan<ValueInfo?> inputs, AttributeSet? attributes = null);

    /// <summary>Numbers.</summary>
    ValueInfo Constant(Tensor value);

    /// <summary>The same elements under another shape.</summary>
    ValueInfo Reshape(ValueInfo x, TensorShape shape);
}

/// <summary>Operators of both source formats that have none of their own here, by those that define them. All on floats; axes count from the outermost, 0.</summary>
internal static class Formulas
{
    /// <summary>A number.</summary>
    public static ValueInfo Number(IFormulaBuilder b, float value) => b.Constant(Tensor.From<float>(TensorShape.Scalar, [value]));

    /// <summary>max(x, 0).</summary>
    public static ValueInfo Positive(IFormulaBuilder b, ValueInfo x) => b.Emit(OperatorType.Clip, [x], new AttributeSet().Set("min", 0f));

    /// <summary>min(x, 0).</summary>
    public static ValueInfo Negative(IFormulaBuilder b, ValueInfo x) => b.Emit(OperatorType.Clip, [x], new AttributeSet().Set("max", 0f));

    /// <summary>−x.</summary>
    public static ValueInfo Negate(IFormulaBuilder b, ValueInfo x) => b.Emit(OperatorType.Mul, [x, Number(b, -1)]);

    /// <summary>max(x, 0) + slope · min(x, 0).</summary>
    public static ValueInfo PRelu(IFormulaBuilder b, ValueInfo x, ValueInfo slope) =>
        b.Emit(OperatorType.Add, [Positive(b, x), b.Emit(OperatorType.Mul, [Negative(b, x), slope])]);

    /// <summary>max(x, 0) + alpha · (exp(min(x, 0) / scale) − 1).</summary>
    public static ValueInfo Elu(IFormulaBuilder b, ValueInfo x, float alpha = 1, float scale = 1)
    {
        ValueInfo low = Negative(b, x);
        if (scale != 1) low = b.Emit(OperatorType.Mul, [low, Number(b, 1 / scale)]);
        ValueInfo curve = b.Emit(OperatorType.Sub, [b.Emit(OperatorType.Exp, [low]), Number(b, 1)]);
        if (alpha != 1) curve = b.Emit(OperatorType.Mul, [curve, Number(b, alpha)]);
        return b.Emit(OperatorType.Add, [Positive(b, x), curve]);
    }

    /// <summary>The mean over axes.</summary>
    public static ValueInfo Mean(IFormulaBuilder b, ValueInfo x, int[] axes, bool keep) =>
        b.Emit(OperatorType.ReduceMean, [x], new AttributeSet().Set("axes", axes).Set("keepdims", keep ? 1 : 0));

    /// <summary>The sum over axes.</summary>
    public static ValueInfo Sum(IFormulaBuilder b, ValueInfo x, int[] axes, bool keep)
    {
        long count = axes.Aggregate(1L, (product, axis) => product * x.Shape[axis]);
        ValueInfo mean = Mean(b, x, axes, keep);
        return count == 1 ? mean : b.Emit(OperatorType.Mul, [mean, Number(b, count)]);
    }

    /// <summary>The largest elements along an axis, which stays with the length 1: a pool, of which a window is the whole axis.</summary>
    public static ValueInfo Largest(IFormulaBuilder b, ValueInfo x, int axis)
    {
        TensorShape s = x.Shape;
        if (s[axis] == 1) return x;
        ValueInfo map = b.Reshape(x, new TensorShape(checked((int)s.CountOf(0, axis)), s[axis], 1, checked((int)s.CountOf(axis + 1, s.Rank))));
        return b.Reshape(b.Emit(OperatorType.MaxPool, [map], new AttributeSet().Set("kernel", s[axis], 1).Set("strides", 1, 1).Set("pads", 0, 0, 0, 0)), s.With(axis, 1));
    }

    /// <summary>The largest or, with signs turned, the smallest elements over axes, which stay with the length 1.</summary>
    public static ValueInfo Extreme(IFormulaBuilder b, ValueInfo x, int[] axes, bool isMin)
    {
        if (isMin) x = Negate(b, x);
        foreach (int axis in axes) x = Largest(b, x, axis);
        return isMin ? Negate(b, x) : x;
    }

    /// <summary>x − m − ln Σ exp(x − m) over one axis, with its largest element m.</summary>
    public static ValueInfo LogSoftmax(IFormulaBuilder b, ValueInfo x, int axis)
    {
        ValueInfo shifted = b.Emit(OperatorType.Sub, [x, Largest(b, x, axis)]);
        return b.Emit(OperatorType.Sub, [shifted, b.Emit(OperatorType.Log, [Sum(b, b.Emit(OperatorType.Exp, [shifted]), [axis], keep: true)])]);
    }

    /// <summary>Elements of one axis; all in their order are the value itself.</summary>
    public static ValueInfo Gather(IFormulaBuilder b, ValueInfo x, int axis, int[] indices) =>
        indices.Length == x.Shape[axis] && indices.SequenceEqual(Enumerable.Range(0, indices.Length)) ? x
            : b.Emit(OperatorType.Gather, [x], new AttributeSet().Set("axis", axis).Set("indices", indices));

    /// <summary>Between two elements of one axis, weighted: low + weight · (high − low) at each of <paramref name="places"/>, beyond the ends the ends.</summary>
    public static ValueInfo Interpolate(IFormulaBuilder b, ValueInfo x, int axis, double[] places)
    {
        int last = x.Shape[axis] - 1;
        double[] inside = Array.ConvertAll(places, p => Math.Clamp(p, 0, last));
        int[] low = Array.ConvertAll(inside, p => (int)p), high = Array.ConvertAll(low, i => Math.Min(i + 1, last));
        float[] weights = [.. inside.Select((p, i) => (float)(p - low[i]))];
        ValueInfo first = Gather(b, x, axis, low);
        if (weights.All(w => w == 0)) return first;
        TensorShape along = new([places.Length, .. Enumerable.Repeat(1, x.Shape.Rank - 1 - axis)]);
        ValueInfo step = b.Emit(OperatorType.Sub, [Gather(b, x, axis, high), first]);
        return b.Emit(OperatorType.Add, [first, b.Emit(OperatorType.Mul, [step, b.Constant(Tensor.From<float>(along, weights))])]);
    }
}
