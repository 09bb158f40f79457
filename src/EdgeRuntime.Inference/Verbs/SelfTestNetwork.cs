using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// A small network with one layer of each kind that matters, in int8 and in float, by which <c>doctor</c> shows the kernels
/// chosen and checks them against portable code.
/// </summary>
internal sealed class SelfTestNetwork
{
    private const int Channels = 32, Size = 12, Classes = 10;

    private readonly Random _random = new(7);
    private readonly Graph _graph = new("self-test");

    private SelfTestNetwork()
    {
        ValueInfo input = new("input", ElementType.Float32, new TensorShape(1, Size, Size, 8));
        _graph.Inputs.Add(input);
        ValueInfo quantized = Add(OperatorType.Quantize, "int8 quantise", [input], input.Shape, Int8(1f / 64));
        Branch("int8", quantized, isInt8: true);
        Branch("float", input, isInt8: false);
    }

    /// <summary>Builds the network.</summary>
    public static Graph Build() => new SelfTestNetwork()._graph;

    /// <summary>Runs the network with all instruction sets and without any.</summary>
    /// <returns>Null where the int8 outputs are equal and the float ones agree; else what differs.</returns>
    public static string? Compare(CpuFeatures cpu)
    {
        Graph graph = Build();
        using InferenceSession fast = new(graph, new SessionOptions { Cpu = cpu }), portable = new(graph, new SessionOptions { Cpu = CpuFeatures.Portable });
        foreach (InferenceSession s in (InferenceSession[])[fast, portable])
        {
            BenchmarkRunner.FillInputs(s);
            s.Run();
        }
        if (!fast.OutputBytes(0).SequenceEqual(portable.OutputBytes(0))) return $"int8 kernels for {fast.Cpu} differ from portable code";
        ReadOnlySpan<float> a = fast.Output<float>(1), b = portable.Output<float>(1);
        for (int i = 0; i < a.Length; i++)
            if (!(MathF.Abs(a[i] - b[i]) <= 1e-4f)) return $"float kernels for {fast.Cpu} differ from portable code: {a[i]} and {b[i]}";
        return null;
    }

    private void Branch(string name, ValueInfo x, bool isInt8)
    {
        QuantizationParameters? Scale(float s) => isInt8 ? Int8(s) : null;
        x = Convolve($"{name} convolution 3x3", x, Channels, 3, 1, Scale(1f / 16));
        ValueInfo skip = x = Convolve($"{name} convolution 1x1", x, Channels, 1, 1, Scale(1f / 16));
        x = Convolve($"{name} depthwise 3x3", x, Channels, 3, Channels, Scale(1f / 16));
        x = Add(OperatorType.Add, $"{name} add", [x, skip], x.Shape, Scale(1f / 8));
        x = Add(OperatorType.AveragePool, $"{name} average pool", [x], new TensorShape(1, 1, 1, Channels), x.Quantization,
            new AttributeSet().Set("kernel", Size, Size).Set("strides", 1, 1).Set("pads", 0, 0, 0, 0));
        x = Add(OperatorType.Reshape, $"{name} reshape", [x], new TensorShape(1, Channels), x.Quantization);
        var (weights, bias) = Weights(name + " fully connected", [Classes, Channels], x.Quantization);
        x = Add(OperatorType.FullyConnected, $"{name} fully connected", [x, weights, bias], new TensorShape(1, Classes), Scale(1f / 32));
        x = Add(OperatorType.Softmax, $"{name} softmax", [x], x.Shape, isInt8 ? new QuantizationParameters([1f / 256], [-128]) : null, new AttributeSet().Set("axis", -1));
        _graph.Outputs.Add(x);
    }

    private ValueInfo Convolve(string name, ValueInfo x, int channels, int window, int group, QuantizationParameters? output)
    {
        var (weights, bias) = Weights(name, [channels, window, window, x.Shape[3] / group], x.Quantization);
        int pad = window / 2;
        AttributeSet attributes = new AttributeSet().Set("strides", 1, 1).Set("dilations", 1, 1).Set("pads", pad, pad, pad, pad).Set("group", group).Set("min", 0f);
        return Add(OperatorType.Convolution, name, [x, weights, bias], x.Shape.With(3, channels), output, attributes);
    }

    /// <summary>Random weights of a spread that keeps the next layer's values near 1, and biases.</summary>
    private (ValueInfo Weights, ValueInfo Bias) Weights(string name, int[] dimensions, QuantizationParameters? input)
    {
        TensorShape shape = new(dimensions);
        int depth = (int)shape.CountOf(1, shape.Rank);
        float spread = 2 / MathF.Sqrt(depth);
        float[] values = new float[shape.ElementCount], bias = new float[dimensions[0]];
        foreach (ref float v in values.AsSpan()) v = (_random.NextSingle() * 2 - 1) * spread;
        foreach (ref float v in bias.AsSpan()) v = (_random.NextSingle() * 2 - 1) * 0.1f;
        if (input is null) return (new ValueInfo(name + ".weights", Tensor.From<float>(shape, values)), new ValueInfo(name + ".bias", Tensor.Vector<float>(bias)));
        float scale = spread / 127;
        float[] scales = new float[dimensions[0]], products = new float[dimensions[0]];
        Array.Fill(scales, scale);
        Array.Fill(products, scale * input.Scale);
        return (new ValueInfo(name + ".weights", Tensor.From<sbyte>(shape, Array.ConvertAll(values, v => (sbyte)MathF.Round(v / scale))), new QuantizationParameters(scales, axis: 0)),
            new ValueInfo(name + ".bias", Tensor.Vector<int>(Array.ConvertAll(bias, b => (int)MathF.Round(b / products[0]))), new QuantizationParameters(products, axis: 0)));
    }

    private ValueInfo Add(OperatorType type, string name, ValueInfo[] inputs, TensorShape shape, QuantizationParameters? quantization, AttributeSet? attributes = null)
    {
        ValueInfo output = new(name + ".out", quantization is null ? ElementType.Float32 : ElementType.Int8, shape, quantization);
        _graph.Nodes.Add(new Node(type, name, inputs, [output], attributes));
        return output;
    }

    private static QuantizationParameters Int8(float scale) => new([scale], [0]);
}
