using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Compressor.TfLiteConverters;

namespace EdgeRuntime.Compressor;

/// <summary>Converts TFLite's convolutions, poolings and fully connected layers: those with weights, windows and paddings.</summary>
internal static class TfLiteWindowConverters
{
    private const byte Same = 0, Valid = 1;

    /// <summary>CONV_2D: weights [O,kH,kW,C/group], as the IR has them; groups follow from the channel counts.</summary>
    public static void Convolution(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = Options(op, g, TfLiteOptions.Conv2D);
        ValueInfo x = Input(op, g, 0), weights = Input(op, g, 1);
        RequireRank4(g, x, weights);
        int group = weights.Shape[3] > 0 ? x.Shape[3] / weights.Shape[3] : 0;
        AddConvolution(op, g, x, weights, group, options, activationField: 3, dilationField: 4);
    }

    /// <summary>DEPTHWISE_CONV_2D: weights [1,kH,kW,C·multiplier] become [C·multiplier,kH,kW,1] with as many groups as channels.</summary>
    public static void Depthwise(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = Options(op, g, TfLiteOptions.DepthwiseConv2D);
        ValueInfo x = Input(op, g, 0), source = Input(op, g, 1);
        RequireRank4(g, x, source);
        Tensor contents = source.Constant ?? throw g.Unsupported($"weights {source.Name} are not constant");
        if (contents.Type == ElementType.Int4) contents = Tensor.From<sbyte>(contents.Shape, Array.ConvertAll(contents.ToInts(), w => (sbyte)w));
        QuantizationParameters? q = source.Quantization;
        if (q is { Axis: >= 0 })
        {
            if (q.Axis != 3) throw g.Unsupported($"weights {source.Name} are quantised along axis {q.Axis}");
            q = new QuantizationParameters(q.Scales, q.ZeroPoints, axis: 0);
        }
        ValueInfo weights = g.FreshConstant(source.Name, GraphEditor.Transpose(contents, [3, 1, 2, 0]), q);
        AddConvolution(op, g, x, weights, x.Shape[3], options, activationField: 4, dilationField: 5);
    }

    /// <summary>
    /// FULLY_CONNECTED: the input is taken as [batch, K], whatever its shape; with keep_num_dims it keeps its outer dimensions.
    /// </summary>
    public static void FullyConnected(TfLiteOperator op, TfLiteGraphBuilder g)
    {
        FlatTable? options = Options(op, g, TfLiteOptions.FullyConnected);
        if (options?.Scalar<byte>(1) is > 0) throw g.Unsupported("shuffled weights");
        ValueInfo x = Input(op, g, 0), weights = Input(op, g, 1), y = Output(op, g);
        if (weights.Shape.Rank != 2) throw g.Invalid(weights.Name, $"fully connected weights of shape {weights.Shape}");
        (weights, ValueInfo? bias) = Parameters(op, g, x, weights, y);
        int n = weights.Shape[0], k = weights.Shape[1];
        bool direct = x.Shape.Rank == 2 || (options?.Flag(2) == true && x.Shape.Rank > 0);
        if (!direct || x.Shape[-1] != k)
        {
            if (k == 0 || x.Shape.ElementCount % k != 0) throw g.Invalid(y.Name, $"input {x.Shape} and weights {weights.Shape} don't fit");
            ValueInfo flat = g.Fresh(x.Name, x.Type, new TensorShape(checked((int)(x.Shape.ElementCount / k)), k), x.Quantization);
            g.Add(OperatorType.Reshape, [x], flat);
            x = flat;
        }
        AttributeSet attributes = new AttributeSet().Activate(g, (TfLiteActivation)(options?.Scalar<byte>(0) ?? 0));
        TensorShape shape = x.Shape.With(-1, n);
        if (shape == y.Shape)
        {
            g.Add(OperatorType.FullyConnected, [x, weights, bias], y, attributes);
            return;
        }
        ValueInfo product = g.Fresh(y.Name, y.Type, shape, y.Quantization);
        g.Add(OperatorType.FullyConnected, [x, weights, bias], product, attributes);
        g.Add(OperatorType.Reshape, [product], y);
    }

    /// <summary>AVERAGE_POOL_2D, which never counts padding, and MAX_POOL_2D.</summary>
    public static void Pool(TfLiteOperator op, TfLiteGraphBuilder g, OperatorType type)
    {
        FlatTable? options = Options(op, g, TfLiteOptions.Pool2D);
        ValueInfo x = Input(op, g, 0), y = Output(op, g);
        RequireReals(g, x, y);
        RequireRank4(g, x);
        int[] kernel = [options?.Scalar<int>(4) ?? 0, options?.Scalar<int>(3) ?? 0];
        AttributeSet attributes = Window(g, x, kernel, options, dilations: [1, 1]).Set("kernel", kernel);
        if (type == OperatorType.AveragePool) attributes.Set("count_include_pad", 0);
        AddMove(g, type, [x], y, attributes, (TfLiteActivation)(options?.Scalar<byte>(5) ?? 0));
    }

    private static void AddConvolution(TfLiteOperator op, TfLiteGraphBuilder g, ValueInfo x, ValueInfo weights, int group,
        FlatTable? options, int activationField, int dilationField)
    {
        ValueInfo y = Output(op, g);
        (weights, ValueInfo? bias) = Parameters(op, g, x, weights, y);
        int[] dilations = [options?.Scalar(dilationField + 1, 1) ?? 1, options?.Scalar(dilationField, 1) ?? 1];
        AttributeSet attributes = Window(g, x, [weights.Shape[1], weights.Shape[2]], options, dilations)
            .Set("dilations", dilations).Set("group", group)
            .Activate(g, (TfLiteActivation)(options?.Scalar<byte>(activationField) ?? 0));
        g.Add(OperatorType.Convolution, [x, weights, bias], y, attributes);
    }

    /// <summary>Weights and bias in the type that goes with <paramref name="x"/>, both constant.</summary>
    private static (ValueInfo Weights, ValueInfo? Bias) Parameters(TfLiteOperator op, TfLiteGraphBuilder g, ValueInfo x, ValueInfo weights, ValueInfo y)
    {
        RequireReals(g, x, y);
        if (weights.Constant is null) throw g.Unsupported($"weights {weights.Name} are not constant");
        ValueInfo? bias = OptionalInput(op, g, 2);
        int channels = weights.Shape[0];
        if (bias is not null && bias.Constant?.Count != channels) throw g.Unsupported($"bias {bias} is not a constant of {channels} numbers");
        if (x.Type == ElementType.Float32)
        {
            // TFLite runs float inputs on int8 weights by quantising the input on the fly; float arithmetic is nearer to the
            // trained network, and the compressor can quantise again. Int4 weights stay as they are.
            if (weights.Type is not (ElementType.Float32 or ElementType.Int4)) weights = g.FreshConstant(weights.Name, g.Reals(weights));
            if (bias is { Type: not ElementType.Float32 }) throw g.Unsupported($"bias {bias.Name} is {bias.Type}");
            return (weights, bias is null ? null : AsVector(g, bias, null));
        }
        if (weights.Type is not (ElementType.Int8 or ElementType.UInt8 or ElementType.Int4) || weights.Quantization is not { Axis: -1 or 0 } q)
            throw g.Unsupported($"weights {weights} with an input of {x.Type}");
        if (bias is null) return (weights, null);
        if (bias.Type != ElementType.Int32) throw g.Unsupported($"bias {bias.Name} is {bias.Type}");
        // TFLite adds the bias to the accumulator as it is: its scale is input × weight, whatever rounding the file has.
        float[] scales = Array.ConvertAll(q.Scales.ToArray(), s => x.Quantization!.Scale * s);
        return (weights, AsVector(g, bias, new QuantizationParameters(scales, default, scales.Length > 1 ? 0 : -1)));
    }

    private static ValueInfo AsVector(TfLiteGraphBuilder g, ValueInfo bias, QuantizationParameters? quantization)
    {
        TensorShape shape = new(bias.Constant!.Count);
        return bias.Shape == shape && Equals(bias.Quantization, quantization) ? bias
            : g.FreshConstant(bias.Name, bias.Constant.Reshape(shape), quantization);
    }

    /// <summary>Strides and explicit paddings.</summary>
    private static AttributeSet Window(TfLiteGraphBuilder g, ValueInfo x, int[] kernel, FlatTable? options, int[] dilations)
    {
        int[] strides = [options?.Scalar<int>(2) ?? 0, options?.Scalar<int>(1) ?? 0];
        int[] rows = Pads(g, x, 1, kernel[0], strides[0], dilations[0], options), columns = Pads(g, x, 2, kernel[1], strides[1], dilations[1], options);
        return new AttributeSet().Set("strides", strides).Set("pads", rows[0], columns[0], rows[1], columns[1]);
    }

    /// <summary>Padding before and behind along an axis: SAME gives ⌈in / stride⌉ outputs, the odd padding behind; VALID has none.</summary>
    public static int[] Pads(TfLiteGraphBuilder g, ValueInfo x, int axis, int kernel, int stride, int dilation, FlatTable? options)
    {
        if (stride < 1 || kernel < 1 || dilation < 1) throw g.Invalid(x.Name, $"a window of {kernel} with stride {stride} and dilation {dilation}");
        byte padding = options?.Scalar<byte>(0) ?? Same;
        if (padding == Valid) return [0, 0];
        if (padding != Same) throw g.Invalid(x.Name, $"padding type {padding}");
        long outputs = ((long)x.Shape[axis] + stride - 1) / stride;
        long total = Math.Max((outputs - 1) * stride + (kernel - 1L) * dilation + 1 - x.Shape[axis], 0);
        return [checked((int)(total / 2)), checked((int)(total - total / 2))];
    }

    private static void RequireRank4(TfLiteGraphBuilder g, params ReadOnlySpan<ValueInfo> values)
    {
        foreach (ValueInfo v in values)
            if (v.Shape.Rank != 4) throw g.Invalid(v.Name, $"shape {v.Shape}, rank 4 expected");
    }
}
