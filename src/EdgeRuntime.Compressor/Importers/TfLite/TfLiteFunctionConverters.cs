using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Operators on single elements and over axes. What has no integer kernel is computed in float between a Dequantize and a
/// Quantize, which the optimiser removes where it can.
/// </summary>
internal static class TfLiteFunctionConverters
{
    /// <summary>A function of each element.</summary>
    public static void Function(TfLiteOperator op, TfLiteGraphBuilder g, OperatorType type, AttributeSet? attributes = null)
    {
        ValueInfo x = TfLiteConverters.Input(op, g, 0), y = TfLiteConverters.Output(op, g);
        TfLiteConverters.RequireReals(g, x, y);
        g.Add(type, [x], y, attributes);
    }

    /// <summary>x where positive, alpha · x elsewhere.</summary>
    public static void LeakyRelu(TfLiteOperator op, TfLiteGraphBuilder g) => Function(op, g, OperatorType.LeakyRelu,
        new AttributeSet().Set("alpha", TfLiteConverters.Options(op, g, TfLiteOptions.LeakyRelu)?.Scalar<float>(0) ?? 0));

    /// <summary>max(x, 0) + slope · min(x, 0).</summary>
    public static void PRelu(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) =>
        b.Emit(OperatorType.Add, Clip(b, x[0], "min"), b.Emit(OperatorType.Mul, Clip(b, x[0], "max"), x[1])));

    /// <summary>max(x, 0) + e^min(x, 0) − 1.</summary>
    public static void Elu(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) =>
        b.Emit(OperatorType.Add, Clip(b, x[0], "min"), b.Emit(OperatorType.Sub, b.Emit(OperatorType.Exp, Clip(b, x[0], "max")), b.Constant(1))));

    /// <summary>Operators that are a formula of one or two others.</summary>
    public static void Formula(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) => op.Code switch
    {
        TfLiteOperatorCode.Neg => b.Emit(OperatorType.Mul, x[0], b.Constant(-1)),
        TfLiteOperatorCode.Square => b.Emit(OperatorType.Mul, x[0], x[0]),
        TfLiteOperatorCode.Rsqrt => b.Emit(OperatorType.Div, b.Constant(1), b.Emit(OperatorType.Sqrt, x[0])),
        TfLiteOperatorCode.SquaredDifference => b.Emit(OperatorType.Sub, x[0], x[1]) is var d ? b.Emit(OperatorType.Mul, d, d) : d,
        TfLiteOperatorCode.Maximum => b.Emit(OperatorType.Maximum, x[0], x[1]),
        _ => b.Emit(OperatorType.Minimum, x[0], x[1]),
    });

    /// <summary>SUM, REDUCE_MAX and REDUCE_MIN.</summary>
    public static void Reduce(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        int[] axes = g.Integers(TfLiteConverters.InputIndex(op, g, 1));
        bool keep = TfLiteConverters.Options(op, g, TfLiteOptions.Reducer)?.Flag(0) == true;
        InFloat(op, g, (b, x) =>
        {
            TensorShape s = x[0].Shape;
            long count = axes.Select(a => (a + s.Rank) % s.Rank).Distinct().Aggregate(1L, (product, a) => product * s[a]);
            if (op.Code == TfLiteOperatorCode.Sum) return b.Emit(OperatorType.Mul, b.Emit(OperatorType.ReduceMean, [x[0]], MeanOver(axes, keep)), b.Constant(count));
            ValueInfo sign = b.Constant(-1), y = op.Code == TfLiteOperatorCode.ReduceMin ? b.Emit(OperatorType.Mul, x[0], sign) : x[0];
            foreach (int axis in axes) y = Largest(b, y, (axis + s.Rank) % s.Rank);
            if (op.Code == TfLiteOperatorCode.ReduceMin) y = b.Emit(OperatorType.Mul, y, sign);
            return b.Reshape(y, TfLiteConverters.Output(op, g).Shape);
        }, operands: 1);
    }

    /// <summary>x / √max(Σ x², 1e-6) over the innermost axis.</summary>
    public static void Normalize(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) =>
    {
        ValueInfo sum = b.Emit(OperatorType.Mul, b.Emit(OperatorType.ReduceMean, [b.Emit(OperatorType.Mul, x[0], x[0])], MeanOver([-1], true)), b.Constant(x[0].Shape[-1]));
        return b.Emit(OperatorType.Div, x[0], b.Emit(OperatorType.Sqrt, b.Emit(OperatorType.Clip, [sum], new AttributeSet().Set("min", 1e-6f))));
    });

    /// <summary>x − m − ln Σ exp(x − m) over the innermost axis, with its largest element m.</summary>
    public static void LogSoftmax(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) =>
    {
        TensorShape s = x[0].Shape;
        ValueInfo shifted = b.Emit(OperatorType.Sub, x[0], Largest(b, x[0], s.Rank - 1));
        ValueInfo mean = b.Emit(OperatorType.ReduceMean, [b.Emit(OperatorType.Exp, shifted)], MeanOver([-1], true));
        return b.Emit(OperatorType.Sub, shifted, b.Emit(OperatorType.Log, b.Emit(OperatorType.Mul, mean, b.Constant(s[-1]))));
    });

    /// <summary>RESIZE_BILINEAR: between two elements of each axis, weighted.</summary>
    public static void ResizeBilinear(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = TfLiteConverters.Options(op, g, TfLiteOptions.ResizeBilinear);
        TensorShape size = TfLiteConverters.Output(op, g).Shape;
        InFloat(op, g, (b, x) =>
        {
            ValueInfo y = x[0];
            for (int axis = 1; axis < 3; axis++)
            {
                int to = size[axis], most = y.Shape[axis] - 1;
                float[] places = [.. Enumerable.Range(0, to).Select(i => Math.Clamp(Place(i, most + 1, to, options?.Flag(2) == true, options?.Flag(3) == true), 0, most))];
                int[] low = Array.ConvertAll(places, p => (int)p), high = Array.ConvertAll(low, i => Math.Min(i + 1, most));
                ValueInfo first = b.Gather(y, axis, low), step = b.Emit(OperatorType.Sub, b.Gather(y, axis, high), first);
                Tensor weights = Tensor.From<float>(new TensorShape([to, .. Enumerable.Repeat(1, 3 - axis)]), [.. places.Select((p, i) => p - low[i])]);
                y = b.Emit(OperatorType.Add, first, b.Emit(OperatorType.Mul, step, b.Constant(weights)));
            }
            return y;
        }, operands: 1);
    }

    /// <summary>Where element <paramref name="i"/> of <paramref name="to"/> lies among <paramref name="from"/>.</summary>
    public static float Place(int i, int from, int to, bool alignCorners, bool halfPixelCenters)
    {
        float scale = alignCorners && to > 1 ? (from - 1f) / (to - 1f) : from / (float)to;
        return halfPixelCenters ? (i + 0.5f) * scale - 0.5f : i * scale;
    }

    /// <summary>The largest elements along an axis, which stays with the length 1: a pool, of which a window is the whole axis.</summary>
    private static ValueInfo Largest(TfLiteFloatNodes b, ValueInfo x, int axis)
    {
        TensorShape s = x.Shape;
        ValueInfo map = b.Reshape(x, new TensorShape(checked((int)s.CountOf(0, axis)), s[axis], 1, checked((int)s.CountOf(axis + 1, s.Rank))));
        return b.Reshape(b.Emit(OperatorType.MaxPool, [map], new AttributeSet().Set("kernel", s[axis], 1).Set("strides", 1, 1).Set("pads", 0, 0, 0, 0)), s.With(axis, 1));
    }

    private static AttributeSet MeanOver(int[] axes, bool keep) => new AttributeSet().Set("axes", axes).Set("keepdims", keep ? 1 : 0);

    private static ValueInfo Clip(TfLiteFloatNodes b, ValueInfo x, string bound) => b.Emit(OperatorType.Clip, [x], new AttributeSet().Set(bound, 0f));

    /// <summary>Emits <paramref name="formula"/> of the operands as floats, and its result as the operator's output.</summary>
    private static void InFloat(TfLiteOperator op, TfLiteGraphBuilder g, Func<TfLiteFloatNodes, ValueInfo[], ValueInfo> formula, int operands = 2)
    {
        ValueInfo y = TfLiteConverters.Output(op, g);
        ValueInfo[] inputs = [.. Enumerable.Range(0, Math.Min(op.Inputs.Length, operands)).Select(i => TfLiteConverters.Input(op, g, i))];
        TfLiteConverters.RequireReals(g, [.. inputs, y]);
        TfLiteFloatNodes nodes = new(g, y.Name);
        ValueInfo result = formula(nodes, [.. inputs.Select(nodes.Real)]);
        if (y.Type == ElementType.Float32) nodes.Becomes(result, y);
        else g.Add(OperatorType.Quantize, [result], y);
    }
}
