using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Model.OperatorType;

namespace EdgeRuntime.Compressor.Tests;

public sealed class EqualizeTests
{
    private readonly Random _random = new(2);

    [Theory]
    [InlineData(float.PositiveInfinity, 10)]
    [InlineData(6, 3)]
    public void TheFunctionStaysAndOneScaleForALayerSuffices(float bound, double gain)
    {
        Graph before = Network(bound, out PassContext context), after = GraphCopy.Of(before);
        PassReport report = new Equalize(new EqualizeOptions()).Apply(after, context);
        Assert.Equal(3, report.Changes);
        ValueInfo input = before.Inputs[0];
        for (int s = 0; s < context.Calibration!.Count; s++)
        {
            Tensor sample = context.Calibration.Sample(s, 0, input);
            float[] wanted = HostEvaluator.Run(before, sample)[before.Outputs[0].Name].ToFloats(), found = HostEvaluator.Run(after, sample)[after.Outputs[0].Name].ToFloats();
            float largest = wanted.Max(MathF.Abs);
            Assert.All(wanted.Zip(found), p => Assert.Equal(p.First, p.Second, 1e-4f * largest));
        }
        double plain = Quantized(before, context), equalized = Quantized(after, context);
        Assert.True(equalized > plain + gain, $"{equalized} dB equalised, {plain} as it was");
    }

    [Fact]
    public void BoundsAreLeftWithoutDataAndDroppedOnDemand()
    {
        Graph graph = Network(6, out _), dropped = GraphCopy.Of(graph);
        PassReport report = new Equalize(new EqualizeOptions()).Apply(graph, PassContext.Empty);
        Assert.Equal((0, 3), (report.Changes, report.Notes.Count));
        Assert.Equal(3, new Equalize(new EqualizeOptions { DropBounds = true }).Apply(dropped, PassContext.Empty).Changes);
        Assert.DoesNotContain(dropped.Nodes, n => n.Attributes.Contains("max"));
    }

    /// <summary>A channel far above 0 widens the range that all share; the function stays where nothing falls below what the data showed.</summary>
    [Fact]
    public void HighBiasesMoveOn()
    {
        GraphBuilder b = new();
        ValueInfo input = b.Input("x", 1, 4, 4, 3);
        ValueInfo bias = b.Random(5);
        bias.Constant = Tensor.Vector<float>(0, 60, 0, 0, 0);
        ValueInfo x = b.Clip(b.Convolution(input, b.Random(5, 3, 3, 3), bias, pad: 1), 0);
        Graph before = b.Output(b.Node(FullyConnected, null, b.Node(ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0), x), b.Random(6, 5))), after = GraphCopy.Of(before);
        CalibrationData data = new();
        for (int s = 0; s < 16; s++) data.Add(b.Sample(input));
        PassContext context = new() { Calibration = data };
        Assert.StartsWith("1 channels", Assert.Single(new Equalize(new EqualizeOptions()).Apply(after, context).Notes), StringComparison.Ordinal);
        for (int s = 0; s < data.Count; s++)
            Assert.All(HostEvaluator.Run(before, data.Sample(s, 0, input))[before.Outputs[0].Name].ToFloats().Zip(HostEvaluator.Run(after, data.Sample(s, 0, input))[after.Outputs[0].Name].ToFloats()),
                p => Assert.Equal(p.First, p.Second, 2e-3f));
        float[] Ranges(Graph g) => [.. new QuantizeInt8(new QuantizeOptions()).Apply(g, context).Layers.Select(l => (float)l.SignalToNoise)];
        float plain = Ranges(before)[^1], absorbed = Ranges(after)[^1];
        Assert.True(absorbed > plain, $"{absorbed} dB absorbed, {plain} as it was");
    }

    [Fact]
    public void ValuesWithOtherReadersStay()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Convolution(b.Input("x", 1, 4, 4, 3), b.Random(5, 1, 1, 3)), y = b.Convolution(x, b.Random(5, 1, 1, 5));
        Graph graph = b.Output(b.Node(Add, null, x, y));
        Assert.Equal(0, new Equalize(new EqualizeOptions()).Apply(graph, PassContext.Empty).Changes);
    }

    private static double Quantized(Graph graph, PassContext context) =>
        new QuantizeInt8(new QuantizeOptions { PerChannel = false }).Apply(GraphCopy.Of(graph), context).Layers[^1].SignalToNoise;

    // Full, depthwise, pooling, full, with channels whose weights differ by powers of ten.
    private Graph Network(float bound, out PassContext context)
    {
        GraphBuilder b = new();
        ValueInfo input = b.Input("x", 1, 8, 8, 3), x = input;
        float[][] ranges = [.. new[] { 12, 12, 16 }.Select(n => Enumerable.Range(0, n).Select(_ => MathF.Pow(10, _random.NextSingle() * 2.5f - 2)).ToArray())];
        x = b.Clip(b.Convolution(x, Scaled(b.Random(12, 3, 3, 3), ranges[0], null), Scaled(b.Random(12), ranges[0], null), pad: 1), 0, bound);
        x = b.Clip(b.Convolution(x, Scaled(b.Random(12, 3, 3, 1), ranges[1], ranges[0]), Scaled(b.Random(12), ranges[1], null), group: 12, pad: 1), 0, bound);
        x = b.Node(MaxPool, new AttributeSet().Set("kernel", 2, 2).Set("strides", 2, 2).Set("pads", 0, 0, 0, 0), x);
        x = b.Clip(b.Convolution(x, Scaled(b.Random(16, 1, 1, 12), ranges[2], ranges[1]), Scaled(b.Random(16), ranges[2], null)), 0, bound);
        x = b.Node(ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0), x);
        Graph graph = b.Output(b.Node(FullyConnected, null, x, Scaled(b.Random(6, 16), null, ranges[2])));
        CalibrationData data = new();
        for (int s = 0; s < 16; s++) data.Add(b.Sample(input));
        context = new PassContext { Calibration = data };
        return graph;
    }

    // Weights times a factor for each output channel, over one for each input channel (of a depthwise layer: the channel's own).
    private static ValueInfo Scaled(ValueInfo weights, float[]? outputs, float[]? inputs)
    {
        float[] values = weights.Constant!.ToFloats();
        int each = values.Length / weights.Shape[0], depth = weights.Shape[-1];
        weights.Constant = Tensor.From<float>(weights.Shape,
            [.. values.Select((v, i) => v * (outputs?[i / each] ?? 1) / (inputs is null ? 1 : depth == 1 ? inputs[i / each] : inputs[i % depth]))]);
        return weights;
    }
}
