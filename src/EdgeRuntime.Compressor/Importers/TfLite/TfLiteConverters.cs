using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Converts one TFLite operator into nodes. Numbers of inputs, options and their fields are those of the TFLite schema,
/// version 3; the windowed operators stand in <see cref="TfLiteWindowConverters"/>.
/// </summary>
internal static class TfLiteConverters
{
    /// <summary>Adds the nodes for <paramref name="op"/>.</summary>
    /// <exception cref="ImportException">Kind Unsupported: the operator, or this form of it, is not converted.</exception>
    public static void Convert(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        if (op.Outputs.Length != 1 && Enum.IsDefined(op.Code) && op.Code is not (TfLiteOperatorCode.Custom or TfLiteOperatorCode.Split or TfLiteOperatorCode.SplitV or TfLiteOperatorCode.Unpack))
            throw g.Invalid($"operator {op.Index} {op.TypeName}", $"{op.Outputs.Length} outputs");
        switch (op.Code)
        {
            case TfLiteOperatorCode.Conv2D: TfLiteWindowConverters.Convolution(op, g); break;
            case TfLiteOperatorCode.Conv3D: TfLiteVolumes.Convolution(op, g); break;
            case TfLiteOperatorCode.DepthwiseConv2D: TfLiteWindowConverters.Depthwise(op, g); break;
            case TfLiteOperatorCode.FullyConnected: TfLiteWindowConverters.FullyConnected(op, g); break;
            case TfLiteOperatorCode.AveragePool2D: TfLiteWindowConverters.Pool(op, g, OperatorType.AveragePool); break;
            case TfLiteOperatorCode.MaxPool2D: TfLiteWindowConverters.Pool(op, g, OperatorType.MaxPool); break;
            case TfLiteOperatorCode.Add: Binary(op, g, OperatorType.Add, TfLiteOptions.Add); break;
            case TfLiteOperatorCode.Sub: Binary(op, g, OperatorType.Sub, TfLiteOptions.Sub); break;
            case TfLiteOperatorCode.Mul: Binary(op, g, OperatorType.Mul, TfLiteOptions.Mul); break;
            case TfLiteOperatorCode.Div: Binary(op, g, OperatorType.Div, TfLiteOptions.Div); break;
            case TfLiteOperatorCode.Mean: Mean(op, g); break;
            case TfLiteOperatorCode.Softmax: Softmax(op, g); break;
            case TfLiteOperatorCode.Reshape or TfLiteOperatorCode.Squeeze or TfLiteOperatorCode.ExpandDims:
                Move(op, g, OperatorType.Reshape, new AttributeSet());
                break;
            case TfLiteOperatorCode.Transpose:
                Move(op, g, OperatorType.Transpose, new AttributeSet().Set("perm", g.Integers(InputIndex(op, g, 1))));
                break;
            case TfLiteOperatorCode.Pad or TfLiteOperatorCode.PadV2: Pad(op, g); break;
            case TfLiteOperatorCode.Concatenation: Concatenation(op, g); break;
            case TfLiteOperatorCode.Quantize: Quantize(op, g); break;
            case TfLiteOperatorCode.Dequantize: Dequantize(op, g); break;
            case TfLiteOperatorCode.Densify: Densify(op, g); break;
            case TfLiteOperatorCode.Relu: Clip(op, g, TfLiteActivation.Relu); break;
            case TfLiteOperatorCode.Relu6: Clip(op, g, TfLiteActivation.Relu6); break;
            case TfLiteOperatorCode.ReluN1To1: Clip(op, g, TfLiteActivation.ReluN1To1); break;
            case TfLiteOperatorCode.Relu0To1: Clip(op, g, new AttributeSet().Set("min", 0f).Set("max", 1f)); break;
            case TfLiteOperatorCode.Logistic: TfLiteFunctionConverters.Function(op, g, OperatorType.Sigmoid); break;
            case TfLiteOperatorCode.Tanh: TfLiteFunctionConverters.Function(op, g, OperatorType.Tanh); break;
            case TfLiteOperatorCode.Abs: TfLiteFunctionConverters.Function(op, g, OperatorType.Abs); break;
            case TfLiteOperatorCode.Exp: TfLiteFunctionConverters.Function(op, g, OperatorType.Exp); break;
            case TfLiteOperatorCode.Log: TfLiteFunctionConverters.Function(op, g, OperatorType.Log); break;
            case TfLiteOperatorCode.Sqrt: TfLiteFunctionConverters.Function(op, g, OperatorType.Sqrt); break;
            case TfLiteOperatorCode.HardSwish: TfLiteFunctionConverters.Function(op, g, OperatorType.HardSwish); break;
            case TfLiteOperatorCode.LeakyRelu: TfLiteFunctionConverters.LeakyRelu(op, g); break;
            case TfLiteOperatorCode.PRelu: TfLiteFunctionConverters.PRelu(op, g); break;
            case TfLiteOperatorCode.Elu: TfLiteFunctionConverters.Elu(op, g); break;
            case TfLiteOperatorCode.Neg or TfLiteOperatorCode.Square or TfLiteOperatorCode.Rsqrt or TfLiteOperatorCode.SquaredDifference
                or TfLiteOperatorCode.Maximum or TfLiteOperatorCode.Minimum:
                TfLiteFunctionConverters.Formula(op, g);
                break;
            case TfLiteOperatorCode.Sum or TfLiteOperatorCode.ReduceMax or TfLiteOperatorCode.ReduceMin: TfLiteFunctionConverters.Reduce(op, g); break;
            case TfLiteOperatorCode.L2Normalization: TfLiteFunctionConverters.Normalize(op, g); break;
            case TfLiteOperatorCode.LogSoftmax: TfLiteFunctionConverters.LogSoftmax(op, g); break;
            case TfLiteOperatorCode.ResizeBilinear: TfLiteFunctionConverters.ResizeBilinear(op, g); break;
            case TfLiteOperatorCode.ResizeNearestNeighbor: TfLitePickConverters.ResizeNearest(op, g); break;
            case TfLiteOperatorCode.Slice: TfLitePickConverters.Slice(op, g); break;
            case TfLiteOperatorCode.StridedSlice: TfLitePickConverters.StridedSlice(op, g); break;
            case TfLiteOperatorCode.Split or TfLiteOperatorCode.SplitV or TfLiteOperatorCode.Unpack: TfLitePickConverters.Split(op, g); break;
            case TfLiteOperatorCode.Pack: TfLitePickConverters.Pack(op, g); break;
            case TfLiteOperatorCode.Gather: TfLitePickConverters.Gather(op, g); break;
            case TfLiteOperatorCode.MirrorPad: TfLitePickConverters.MirrorPad(op, g); break;
            case TfLiteOperatorCode.DepthToSpace or TfLiteOperatorCode.SpaceToDepth: TfLitePickConverters.Blocks(op, g); break;
            case TfLiteOperatorCode.UnidirectionalSequenceLstm: TfLiteRecurrentConverters.Unidirectional(op, g); break;
            case TfLiteOperatorCode.BidirectionalSequenceLstm: TfLiteRecurrentConverters.Bidirectional(op, g); break;
            default: throw g.Unsupported("this operator is not implemented");
        }
    }

    /// <summary>Input <paramref name="position"/>.</summary>
    public static ValueInfo Input(TfLiteOperator op, TfLiteGraphBuilder g, int position) => g.Value(InputIndex(op, g, position));

    /// <summary>The tensor number of input <paramref name="position"/>.</summary>
    public static int InputIndex(TfLiteOperator op, TfLiteGraphBuilder g, int position) =>
        position < op.Inputs.Length && op.Inputs[position] >= 0 ? op.Inputs[position]
            : throw g.Invalid($"operator {op.Index} {op.TypeName}", $"input {position} is missing");

    /// <summary>Input <paramref name="position"/>, or null where absent.</summary>
    public static ValueInfo? OptionalInput(TfLiteOperator op, TfLiteGraphBuilder g, int position) =>
        position < op.Inputs.Length && op.Inputs[position] >= 0 ? g.Value(op.Inputs[position]) : null;

    /// <summary>The output.</summary>
    public static ValueInfo Output(TfLiteOperator op, TfLiteGraphBuilder g) => g.Value(op.Outputs[0]);

    /// <summary>The options table, or null where all options have their defaults.</summary>
    public static FlatTable? Options(TfLiteOperator op, TfLiteGraphBuilder g, TfLiteOptions type)
    {
        if (op.Options is null || op.OptionsType == TfLiteOptions.None) return null;
        return op.OptionsType == type ? op.Options
            : throw g.Invalid($"operator {op.Index} {op.TypeName}", $"its options are of type {(byte)op.OptionsType}, not {(byte)type}");
    }

    /// <summary>Sets the clamp that a fused activation means.</summary>
    public static AttributeSet Activate(this AttributeSet attributes, TfLiteGraphBuilder g, TfLiteActivation activation) => activation switch
    {
        TfLiteActivation.None => attributes,
        TfLiteActivation.Relu => attributes.Set("min", 0f),
        TfLiteActivation.ReluN1To1 => attributes.Set("min", -1f).Set("max", 1f),
        TfLiteActivation.Relu6 => attributes.Set("min", 0f).Set("max", 6f),
        _ => throw g.Unsupported($"fused activation {activation}"),
    };

    /// <summary>
    /// Checks that all <paramref name="values"/> are real numbers of one kind: float, or 8-bit integers quantised per tensor.
    /// </summary>
    public static void RequireReals(TfLiteGraphBuilder g, params ReadOnlySpan<ValueInfo> values)
    {
        foreach (ValueInfo v in values)
        {
            if (v.Type is not (ElementType.Float32 or ElementType.Int8 or ElementType.UInt8)) throw g.Unsupported($"{v.Name} is {v.Type}");
            if ((v.Type == ElementType.Float32) != (values[0].Type == ElementType.Float32))
                throw g.Unsupported($"{v.Name} ({v.Type}) and {values[0].Name} ({values[0].Type}) mix floats with integers");
            if (v.Type != ElementType.Float32 && v.Quantization is not { IsPerTensor: true })
                throw g.Unsupported($"{v.Name} ({v.Type}) is not quantised per tensor");
        }
    }

    /// <summary>
    /// Adds a node that only selects or moves elements, so that output and input have one quantisation, then the fused clamp.
    /// </summary>
    public static void AddMove(TfLiteGraphBuilder g, OperatorType type, IEnumerable<ValueInfo> inputs, ValueInfo output,
        AttributeSet attributes, TfLiteActivation activation = TfLiteActivation.None)
    {
        foreach (ValueInfo x in inputs)
            if (x.Type != output.Type || !SameQuantization(x.Quantization, output.Quantization))
                throw g.Unsupported($"{x} and {output} have different types or quantisations");
        if (activation == TfLiteActivation.None)
        {
            g.Add(type, inputs, output, attributes);
            return;
        }
        ValueInfo moved = g.Fresh(output.Name, output.Type, output.Shape, output.Quantization);
        g.Add(type, inputs, moved, attributes);
        g.Add(OperatorType.Clip, [moved], output, new AttributeSet().Activate(g, activation));
    }

    // TFLite's own tolerance: converters may write two roundings of one scale.
    private static bool SameQuantization(QuantizationParameters? a, QuantizationParameters? b) =>
        a is null || b is null ? a == b : a.Equals(b)
            || (a.IsPerTensor && b.IsPerTensor && a.ZeroPoint == b.ZeroPoint && Math.Abs(a.Scale - b.Scale) <= 1e-6f * Math.Abs(a.Scale));

    private static void Move(TfLiteOperator op, TfLiteGraphBuilder g, OperatorType type, AttributeSet attributes) =>
        AddMove(g, type, [Input(op, g, 0)], Output(op, g), attributes);

    private static void Binary(TfLiteOperator op, TfLiteGraphBuilder g, OperatorType type, TfLiteOptions options)
    {
        ValueInfo a = Input(op, g, 0), b = Input(op, g, 1), y = Output(op, g);
        RequireReals(g, a, b, y);
        if (type == OperatorType.Div && a.Type != ElementType.Float32) throw g.Unsupported("division of integers");
        var activation = (TfLiteActivation)(Options(op, g, options)?.Scalar<byte>(0) ?? 0);
        g.Add(type, [a, b], y, new AttributeSet().Activate(g, activation));
    }

    private static void Mean(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo x = Input(op, g, 0), y = Output(op, g);
        RequireReals(g, x, y);
        AttributeSet attributes = new AttributeSet().Set("axes", g.Integers(InputIndex(op, g, 1)))
            .Set("keepdims", Options(op, g, TfLiteOptions.Reducer)?.Flag(0) == true ? 1 : 0);
        g.Add(OperatorType.ReduceMean, [x], y, attributes);
    }

    private static void Softmax(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo x = Input(op, g, 0), y = Output(op, g);
        RequireReals(g, x, y);
        float beta = Options(op, g, TfLiteOptions.Softmax)?.Scalar<float>(0) ?? 0;
        if (!float.IsFinite(beta)) throw g.Invalid(y.Name, $"softmax with beta {beta}");
        AttributeSet attributes = new AttributeSet().Set("axis", -1);
        if (beta != 1) attributes.Set("beta", beta);
        g.Add(OperatorType.Softmax, [x], y, attributes);
    }

    private static void Pad(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo x = Input(op, g, 0), y = Output(op, g);
        RequireReals(g, x, y);
        int[] pairs = g.Integers(InputIndex(op, g, 1));
        if (pairs.Length != 2 * x.Shape.Rank) throw g.Invalid(y.Name, $"{pairs.Length} paddings for {x.Shape}");
        int[] pads = new int[pairs.Length];
        for (int i = 0; i < pads.Length; i++) pads[i % 2 * x.Shape.Rank + i / 2] = pairs[i];
        AttributeSet attributes = new AttributeSet().Set("pads", pads);
        if (op.Code == TfLiteOperatorCode.PadV2 && OptionalInput(op, g, 2) is { } constant)
        {
            float[] value = g.Reals(constant).ToFloats();
            if (value.Length != 1) throw g.Invalid(y.Name, $"{value.Length} padding values");
            attributes.Set("value", value[0]);
        }
        AddMove(g, OperatorType.Pad, [x], y, attributes);
    }

    private static void Concatenation(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = Options(op, g, TfLiteOptions.Concatenation);
        ValueInfo y = Output(op, g);
        List<ValueInfo> inputs = [];
        for (int i = 0; i < op.Inputs.Length; i++)
        {
            ValueInfo x = Input(op, g, i);
            if (x.Quantization is not null && y.Quantization is not null && !SameQuantization(x.Quantization, y.Quantization))
            {
                RequireReals(g, x, y);
                ValueInfo scaled = g.Fresh(x.Name, y.Type, x.Shape, y.Quantization);
                g.Add(OperatorType.Requantize, [x], scaled);
                x = scaled;
            }
            inputs.Add(x);
        }
        AddMove(g, OperatorType.Concat, inputs, y, new AttributeSet().Set("axis", options?.Scalar<int>(0) ?? 0),
            (TfLiteActivation)(options?.Scalar<byte>(1) ?? 0));
    }

    private static void Quantize(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo x = Input(op, g, 0), y = Output(op, g);
        RequireReals(g, y);
        if (y.Type == ElementType.Float32) throw g.Unsupported("quantises to floats");
        RequireReals(g, x);
        g.Add(x.Type == ElementType.Float32 ? OperatorType.Quantize : OperatorType.Requantize, [x], y);
    }

    /// <summary>Constants (binary16 or quantised) become floats here; only a product of the network needs a node.</summary>
    /// <summary>Sparse contents were made dense when the tensor was read.</summary>
    private static void Densify(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo x = Input(op, g, 0);
        g.Fold(op.Outputs[0], x.Constant ?? throw g.Unsupported("its input is no constant"));
        ValueInfo y = g.Value(op.Outputs[0]);
        (y.Quantization, y.Sparsity) = (x.Quantization, x.Sparsity);
    }

    private static void Dequantize(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        ValueInfo x = Input(op, g, 0), y = Output(op, g);
        if (x.IsConstant)
        {
            g.Fold(op.Outputs[0], g.Reals(x));
            return;
        }
        RequireReals(g, x);
        RequireReals(g, y);
        if (x.Type == ElementType.Float32 || y.Type != ElementType.Float32) throw g.Unsupported($"from {x.Type} to {y.Type}");
        g.Add(OperatorType.Dequantize, [x], y);
    }

    private static void Clip(TfLiteOperator op, TfLiteGraphBuilder g, TfLiteActivation activation) =>
        Clip(op, g, new AttributeSet().Activate(g, activation));

    /// <summary>TFLite's integer RELU may change the quantisation; the IR's Clip keeps it, so that is a step of its own.</summary>
    private static void Clip(TfLiteOperator op, TfLiteGraphBuilder g, AttributeSet attributes)
    {
        ValueInfo x = Input(op, g, 0), y = Output(op, g);
        RequireReals(g, x, y);
        if (x.Type != y.Type || !SameQuantization(x.Quantization, y.Quantization))
        {
            ValueInfo scaled = g.Fresh(y.Name, y.Type, x.Shape, y.Quantization);
            g.Add(OperatorType.Requantize, [x], scaled);
            x = scaled;
        }
        g.Add(OperatorType.Clip, [x], y, attributes);
    }
}
