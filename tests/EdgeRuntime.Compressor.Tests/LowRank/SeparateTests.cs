using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class SeparateTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(9)]
    public void WindowsOfThatRankAreFoundExactly(int multiplier)
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 9, 7, 8), weights = b.Random(12, 3, 3, 8);
        if (multiplier == 2) weights.Constant = Tensor.From<float>(weights.Shape, OfRankTwo(weights.Constant!.ToFloats()));
        AttributeSet attributes = new AttributeSet().Set("strides", 2, 1).Set("dilations", 1, 2).Set("pads", 1, 2, 0, 1).Set("group", 1).Set("min", 0f);
        Graph graph = b.Output(b.Node(OperatorType.Convolution, attributes, x, weights, b.Random(12)));
        Tensor sample = b.Sample(x);
        float[] expected = Run(graph, sample);
        FactorReport layer = Assert.Single(new Separate(new SeparateOptions { Multiplier = multiplier, LeastSaving = -10 }).Apply(graph, PassContext.Empty).Factors);
        GraphValidator.Validate(graph);
        Assert.Equal(2, graph.Nodes.Count);
        Assert.True(layer.RelativeError < 1e-3, $"{layer.RelativeError}");
        Assert.Equal(layer.MacsAfter, graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates));
        float[] actual = Run(graph, sample);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-3f);
    }

    [Fact]
    public void CalibrationDataMakeTheErrorOfTheOutputsSmaller()
    {
        Graph source = Made(out CalibrationData data), plain = GraphCopy.Of(source), fitted = GraphCopy.Of(source);
        PassContext context = new() { Calibration = data };
        new Separate(new SeparateOptions { Calibrated = false }).Apply(plain, context);
        FactorReport layer = Assert.Single(new Separate(new SeparateOptions()).Apply(fitted, context).Factors);
        double before = Error(source, plain, data), after = Error(source, fitted, data);
        Assert.True(after < 0.8 * before, $"{before} by weights, {after} by outputs");
        Assert.InRange(layer.RelativeError, 0.5 * after, 2 * after);
    }

    [Fact]
    public void BlocksLearnWhatTheSourceDoesWithoutLabels()
    {
        Graph source = Made(out CalibrationData data), separated = GraphCopy.Of(source);
        PassContext context = new() { Calibration = data, Source = source, Threads = 2 };
        PassReport nothing = new DistilBlocks(new DistilBlocksOptions()).Apply(GraphCopy.Of(source), context);
        Assert.Equal(0, nothing.Changes);
        new Separate(new SeparateOptions { Calibrated = false }).Apply(separated, context);
        double before = Error(source, separated, data);
        PassReport report = new DistilBlocks(new DistilBlocksOptions { Epochs = 40, Rate = 0.02, Batch = 16 }).Apply(separated, context);
        Assert.Equal(1, report.Changes);
        double after = Error(source, separated, data);
        Assert.True(after < 0.8 * before, $"{before} before, {after} after");
    }

    [Fact]
    public void SmallLayersAndThoseSkippedStayWhole()
    {
        Graph graph = Made(out _);
        PassReport report = new Separate(new SeparateOptions { Skip = [graph.Nodes[0].Name] }).Apply(graph, PassContext.Empty);
        Assert.Equal(0, report.Changes);
        Assert.Equal(0, new Separate(new SeparateOptions { LeastChannels = 9 }).Apply(graph, PassContext.Empty).Changes);
        Assert.Equal(0, new Separate(new SeparateOptions { MaxError = 0.01 }).Apply(graph, PassContext.Empty).Changes);
        Assert.Throws<ArgumentException>(() => new Separate(new SeparateOptions { Multiplier = 0 }));
    }

    /// <summary>A convolution of eight channels that go together, followed by a clamp.</summary>
    private static Graph Made(out CalibrationData data)
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 8, 8, 8);
        AttributeSet attributes = new AttributeSet().Set("strides", 1, 1).Set("dilations", 1, 1).Set("pads", 1, 1, 1, 1).Set("group", 1).Set("min", -20f);
        Graph graph = b.Output(b.Node(OperatorType.Convolution, attributes, x, b.Random(16, 3, 3, 8), b.Random(16)));
        data = new CalibrationData();
        Random random = new(5);
        for (int s = 0; s < 32; s++)
        {
            float[] values = new float[512];
            for (int p = 0; p < 64; p++)
            {
                float common = (float)Math.Sin(0.4 * (p / 8) + 0.5 * (p % 8) + s) + random.NextSingle();
                for (int c = 0; c < 8; c++) values[p * 8 + c] = common + 0.5f * random.NextSingle() * c;
            }
            data.Add(Tensor.From<float>(x.Shape, values));
        }
        return GraphOptimizer.Optimize(graph);
    }

    private static double Error(Graph source, Graph changed, CalibrationData data)
    {
        List<float[]> expected = [];
        using InferenceSession one = new(source), two = new(changed);
        data.ForEach(one, _ => expected.Add(one.Output<float>(0).ToArray()));
        double difference = 0, energy = 0;
        data.ForEach(two, s =>
        {
            for (int i = 0; i < expected[s].Length; i++)
            {
                difference += Math.Pow(two.Output<float>(0)[i] - expected[s][i], 2);
                energy += Math.Pow(expected[s][i], 2);
            }
        });
        return Math.Sqrt(difference / energy);
    }

    /// <summary>W[o,t,c] = a[o,c]·u[t,c] + b[o,c]·v[t,c] of random numbers found in <paramref name="random"/>.</summary>
    private static float[] OfRankTwo(float[] random)
    {
        float[] w = new float[random.Length];
        for (int i = 0; i < w.Length; i++)
        {
            int o = i / 72, t = i / 8 % 9, c = i % 8;
            w[i] = random[o * 8 + c] * random[200 + t * 8 + c] + random[400 + o * 8 + c] * random[600 + t * 8 + c];
        }
        return w;
    }

    private static float[] Run(Graph graph, Tensor sample)
    {
        using InferenceSession session = new(GraphOptimizer.Optimize(GraphCopy.Of(graph)));
        sample.Data.Span.CopyTo(session.InputBytes(0));
        session.Run();
        return session.Output<float>(0).ToArray();
    }
}
