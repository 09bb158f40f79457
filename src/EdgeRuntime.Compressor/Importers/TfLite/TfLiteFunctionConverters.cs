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
    public static void PRelu(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) => Formulas.PRelu(b, x[0], x[1]));

    /// <summary>max(x, 0) + e^min(x, 0) − 1.</summary>
    public static void Elu(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) => Formulas.Elu(b, x[0]));

    /// <summary>Operators that are a formula of one or two others.</summary>
    public static void Formula(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) => op.Code switch
    {
        TfLiteOperatorCode.Neg => Formulas.Negate(b, x[0]),
        TfLiteOperatorCode.Square => b.Emit(OperatorType.Mul, [x[0], x[0]]),
        TfLiteOperatorCode.Rsqrt => b.Emit(OperatorType.Div, [Formulas.Number(b, 1), b.Emit(OperatorType.Sqrt, [x[0]])]),
        TfLiteOperatorCode.SquaredDifference => b.Emit(OperatorType.Sub, [x[0], x[1]]) is var d ? b.Emit(OperatorType.Mul, [d, d]) : d,
        TfLiteOperatorCode.Maximum => b.Emit(OperatorType.Maximum, [x[0], x[1]]),
        _ => b.Emit(OperatorType.Minimum, [x[0], x[1]]),
    });

    /// <summary>SUM, REDUCE_MAX and REDUCE_MIN.</summary>
    public static void Reduce(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        int[] axes = g.Integers(TfLiteConverters.InputIndex(op, g, 1));
        bool keep = TfLiteConverters.Options(op, g, TfLiteOptions.Reducer)?.Flag(0) == true;
        InFloat(op, g, (b, x) =>
        {
            int rank = x[0].Shape.Rank;
            int[] over = [.. axes.Select(a => (a + rank) % rank).Distinct().Order()];
            return op.Code == TfLiteOperatorCode.Sum ? Formulas.Sum(b, x[0], over, keep)
                : b.Reshape(Formulas.Extreme(b, x[0], over, op.Code == TfLiteOperatorCode.ReduceMin), TfLiteConverters.Output(op, g).Shape);
        }, operands: 1);
    }

    /// <summary>x / √max(Σ x², 1e-6) over the innermost axis.</summary>
    public static void Normalize(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) =>
    {
        ValueInfo sum = Formulas.Sum(b, b.Emit(OperatorType.Mul, [x[0], x[0]]), [x[0].Shape.Rank - 1], keep: true);
        return b.Emit(OperatorType.Div, [x[0], b.Emit(OperatorType.Sqrt, [b.Emit(OperatorType.Clip, [sum], new AttributeSet().Set("min", 1e-6f))])]);
    });

    /// <summary>x − m − ln Σ exp(x − m) over the innermost axis, with its largest element m.</summary>
    public static void LogSoftmax(TfLiteOperator op, TfLiteGraphBuilder g) => InFloat(op, g, (b, x) => Formulas.LogSoftmax(b, x[0], x[0].Shape.Rank - 1));

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
                int from = y.Shape[axis], to = size[axis];
                y = Formulas.Interpolate(b, y, axis, [.. Enumerable.Range(0, to).Select(i => (double)Place(i, from, to, options?.Flag(2) == true, options?.Flag(3) == true))]);
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
