using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Writes small graphs in few words; random contents from a fixed seed.</summary>
internal sealed class GraphBuilder
{
    private readonly Random _random = new(7);
    private int _count;

    public Graph Graph { get; } = new("test");

    public ValueInfo Input(string name, params int[] shape) => Add(Graph.Inputs, new ValueInfo(name, ElementType.Float32, new TensorShape(shape)));

    public ValueInfo Input(string name, ElementType type, QuantizationParameters quantization, params int[] shape) =>
        Add(Graph.Inputs, new ValueInfo(name, type, new TensorShape(shape), quantization));

    public Graph Output(params ValueInfo[] values)
    {
        Graph.Outputs.AddRange(values);
        GraphValidator.Validate(Graph);
        return Graph;
    }

    public ValueInfo Random(params int[] shape)
    {
        float[] values = new float[new TensorShape(shape).ElementCount];
        for (int i = 0; i < values.Length; i++) values[i] = _random.NextSingle() * 2 - 1;
        return new ValueInfo($"c{_count++}", Tensor.From<float>(new TensorShape(shape), values));
    }

    public ValueInfo Positive(params int[] shape)
    {
        ValueInfo v = Random(shape);
        v.Constant = Tensor.From<float>(v.Shape, Array.ConvertAll(v.Constant!.ToFloats(), f => Math.Abs(f) + 0.1f));
        return v;
    }

    public ValueInfo Scalar(float value) => new($"c{_count++}", Tensor.From<float>(TensorShape.Scalar, [value]));

    public ValueInfo Node(OperatorType type, AttributeSet? attributes, params ValueInfo?[] inputs)
    {
        Node node = new(type, $"n{_count}", inputs, [new ValueInfo($"v{_count++}", inputs[0]!.Type, TensorShape.Scalar, inputs[0]!.Quantization)], attributes);
        node.Output.Shape = ShapeInference.Infer(node);
        Graph.Nodes.Add(node);
        return node.Output;
    }

    public ValueInfo Reshape(ValueInfo x, params int[] shape)
    {
        ValueInfo y = new($"v{_count}", x.Type, new TensorShape(shape), x.Quantization);
        Graph.Nodes.Add(new Node(OperatorType.Reshape, $"n{_count++}", [x], [y]));
        return y;
    }

    public ValueInfo Transpose(ValueInfo x, params int[] perm) => Node(OperatorType.Transpose, new AttributeSet().Set("perm", perm), x);

    public ValueInfo ToNhwc(ValueInfo x) => Transpose(x, 0, 2, 3, 1);

    public ValueInfo ToNchw(ValueInfo x) => Transpose(x, 0, 3, 1, 2);

    public ValueInfo Convolution(ValueInfo x, ValueInfo weights, ValueInfo? bias = null, int group = 1, int stride = 1, int pad = 0) =>
        Node(OperatorType.Convolution, new AttributeSet().Set("strides", stride, stride).Set("dilations", 1, 1).Set("pads", pad, pad, pad, pad).Set("group", group),
            bias is null ? [x, weights] : [x, weights, bias]);

    /// <summary>As the ONNX importer writes a convolution: NCHW outside, NHWC inside.</summary>
    public ValueInfo ConvolutionNchw(ValueInfo x, ValueInfo weights, ValueInfo? bias = null, int group = 1, int stride = 1, int pad = 0) =>
        ToNchw(Convolution(ToNhwc(x), weights, bias, group, stride, pad));

    public ValueInfo Clip(ValueInfo x, float min, float max = float.PositiveInfinity)
    {
        AttributeSet bounds = new AttributeSet().Set("min", min);
        return Node(OperatorType.Clip, float.IsInfinity(max) ? bounds : bounds.Set("max", max), x);
    }

    public ValueInfo Quantize(ValueInfo x, float scale, int zeroPoint, ElementType type = ElementType.Int8) =>
        Convert(OperatorType.Quantize, x, type, new QuantizationParameters(scale, zeroPoint));

    public ValueInfo Dequantize(ValueInfo x) => Convert(OperatorType.Dequantize, x, ElementType.Float32, null);

    /// <summary>Quantize and Dequantize, as QDQ networks have after every operator.</summary>
    public ValueInfo Round(ValueInfo x, float scale, int zeroPoint, ElementType type = ElementType.Int8) => Dequantize(Quantize(x, scale, zeroPoint, type));

    /// <summary>Int8 weights quantised per output channel, behind a Dequantize.</summary>
    public ValueInfo QuantizedWeights(params int[] shape)
    {
        sbyte[] values = new sbyte[new TensorShape(shape).ElementCount];
        for (int i = 0; i < values.Length; i++) values[i] = (sbyte)_random.Next(-127, 128);
        float[] scales = new float[shape[0]];
        for (int i = 0; i < scales.Length; i++) scales[i] = 0.002f + 0.003f * _random.NextSingle();
        return Dequantize(new ValueInfo($"w{_count++}", Tensor.From<sbyte>(new TensorShape(shape), values), new QuantizationParameters(scales, axis: 0)));
    }

    public Tensor Sample(ValueInfo input)
    {
        double[] reals = new double[input.Shape.ElementCount];
        for (int i = 0; i < reals.Length; i++) reals[i] = _random.NextDouble() * 2 - 1;
        return HostEvaluator.FromReals(reals, input);
    }

    private ValueInfo Convert(OperatorType type, ValueInfo x, ElementType to, QuantizationParameters? quantization)
    {
        ValueInfo y = new($"v{_count}", to, x.Shape, quantization);
        Graph.Nodes.Add(new Node(type, $"n{_count++}", [x], [y]));
        return y;
    }

    private static ValueInfo Add(List<ValueInfo> list, ValueInfo v)
    {
        list.Add(v);
        return v;
    }
}
