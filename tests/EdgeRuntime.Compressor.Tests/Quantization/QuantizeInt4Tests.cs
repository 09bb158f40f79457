using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Model.OperatorType;

namespace EdgeRuntime.Compressor.Tests;

public sealed class QuantizeInt4Tests
{
    private readonly GraphBuilder _b = new();

    [Theory]
    [InlineData(0)]
    [InlineData(32)]
    [InlineData(128)]
    public void InnerLayersGetNibblesAndTheRestInt8(int group)
    {
        Graph graph = Network();
        PassReport report = new QuantizeInt4(new QuantizeInt4Options { Group = group }).Apply(graph, Context(graph));
        Assert.Equal("quantize-int4", report.Pass);
        Node[] layers = [.. graph.Nodes.Where(n => n.Type is Convolution or FullyConnected)];
        Assert.Equal([ElementType.Int8, ElementType.Int4, ElementType.Int4, ElementType.Int8], layers.Select(n => n.Input(1).Type));
        Assert.All(layers, n => Assert.Equal(ElementType.Int8, n.Output.Type));
        Assert.Equal(group, layers[1].Input(1).Quantization!.GroupSize);
        Assert.Equal(4, Int8Weights.From(layers[1].Input(1).Constant!, layers[1].Input(1).Quantization!)!.Bits);
        Assert.All(report.Layers, layer => Assert.True(layer.SignalToNoise > 10, layer.ToString()));
        GraphValidator.Validate(graph);
    }

    [Theory]
    [InlineData("dynamic", 0)]
    [InlineData("dynamic", 64)]
    [InlineData("float", 0)]
    [InlineData("float", 32)]
    public void ActivationsMayStayFloat(string activations, int group)
    {
        Graph graph = Network(), reference = GraphCopy.Of(graph);
        QuantizeInt4 pass = new(new QuantizeInt4Options { Group = group, Activations = activations });
        Assert.False(pass.NeedsCalibration);
        pass.Apply(graph, PassContext.Empty);
        GraphValidator.Validate(graph);
        Assert.Equal(2, graph.Nodes.Count(n => n.Inputs.Count > 1 && n.Input(1).Type == ElementType.Int4));
        float[] wanted = Run(reference), found = Run(graph), exact = Real(graph);
        Assert.True(Ratio(wanted, found) > 10, $"{Ratio(wanted, found)} dB");
        // Against the same weights in plain loops: exact, but for the input's rounding if that is made int8.
        Assert.True(Ratio(exact, found) > (activations == "float" ? 100 : 30), $"{Ratio(exact, found)} dB");
    }

    [Theory]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(128)]
    public void SmallMultipliersCostNextToNothing(int group)
    {
        Random random = new(5);
        float[] weights = [.. Enumerable.Range(0, 64 * 1024).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
        double free = Noise(weights, group, 64 * 1024 / group, 0), tied = Noise(weights, 1024, 64, group), channel = Noise(weights, 1024, 64, 0);
        Assert.True(tied < free * 1.05, $"noise {tied} with multipliers, {free} with float scales");
        Assert.True(tied < channel, $"noise {tied} in groups, {channel} per channel");
    }

    [Fact]
    public void OddScalesOfGroupsBecomeTheNearestInt8()
    {
        sbyte[] nibbles = [.. Enumerable.Range(0, 4 * 64).Select(i => (sbyte)(i * 7 % 16 - 8))];
        QuantizationParameters q = new([0.1f, 0.0777f, 0.3f, 0.05f, 1, 0.9f, 0.2f, 0.11f], default, 0, 32);
        Tensor tensor = Int4.Pack(new TensorShape(4, 64), nibbles);
        Int8Weights weights = Int8Weights.From(tensor, q)!;
        Assert.Equal(8, weights.Bits);
        float[] reals = q.Dequantize(tensor);
        for (int i = 0; i < reals.Length; i++) Assert.Equal(reals[i], weights.Values[i] * weights.Scale(i / 64), weights.Scale(i / 64) * 0.5001f);
    }

    [Fact]
    public void HalfPrecisionHalvesTheFile()
    {
        Graph graph = Network(), reference = GraphCopy.Of(graph);
        float[] wanted = Run(reference);
        long before = graph.Values().Where(v => v.IsConstant).Sum(v => v.ByteCount);
        PassReport report = new StoreFloat16().Apply(graph, PassContext.Empty);
        long after = graph.Values().Where(v => v.IsConstant).Sum(v => v.ByteCount);
        Assert.Equal(4, report.Changes);
        Assert.InRange(after, before / 2, before * 0.51);
        Assert.True(Ratio(wanted, Run(graph)) > 60);
    }

    private static double Noise(float[] weights, int depth, int outputs, int group)
    {
        float[] scales = NibbleWeights.Choose(weights, outputs, group, new float[outputs], []);
        float Scale(int i) => scales[i / depth * (scales.Length / outputs) + (group == 0 ? 0 : i % depth / group)];
        float[] reals = [.. weights.Select((w, i) => Scale(i) * Math.Clamp(MathF.Round(w / Scale(i)), NibbleWeights.Least, NibbleWeights.Most))];
        return weights.Zip(reals, (w, r) => (double)(w - r) * (w - r)).Sum();
    }

    private static double Ratio(float[] signal, float[] found)
    {
        double noise = signal.Zip(found, (s, f) => (double)(s - f) * (s - f)).Sum();
        return 10 * Math.Log10(signal.Sum(s => (double)s * s) / Math.Max(noise, 1e-30));
    }

    // 3×3 and 1×1 convolutions, then a matrix for one row.
    private Graph Network()
    {
        ValueInfo x = _b.Input("x", 1, 6, 6, 16);
        x = _b.Clip(_b.Convolution(x, _b.Random(32, 3, 3, 16), _b.Random(32), pad: 1), 0);
        x = _b.Convolution(x, _b.Random(48, 3, 3, 32), _b.Random(48));
        x = _b.Reshape(x, 1, 4 * 4 * 48);
        x = _b.Node(FullyConnected, null, x, _b.Random(160, 768), _b.Random(160));
        return _b.Output(_b.Node(FullyConnected, null, x, _b.Random(10, 160), _b.Random(10)));
    }

    private PassContext Context(Graph graph)
    {
        CalibrationData data = new();
        for (int i = 0; i < 8; i++) data.Add(_b.Sample(graph.Inputs[0]));
        return new PassContext { Calibration = data };
    }

    private static Tensor Sample(Graph graph) =>
        Tensor.From<float>(graph.Inputs[0].Shape, [.. Enumerable.Range(0, (int)graph.Inputs[0].Shape.ElementCount).Select(i => MathF.Sin(i * 0.37f))]);

    private static float[] Run(Graph graph)
    {
        using InferenceSession session = new(graph, new SessionOptions { Threads = 2 });
        Sample(graph).AsSpan<float>().CopyTo(session.Input<float>(0));
        session.Run();
        return session.Output<float>(0).ToArray();
    }

    private static float[] Real(Graph graph) => HostEvaluator.Run(graph, Sample(graph))[graph.Outputs[0].Name].ToFloats();
}
