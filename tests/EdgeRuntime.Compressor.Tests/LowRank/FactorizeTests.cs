using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class FactorizeTests
{
    [Theory]
    [InlineData("channel", 2)]
    [InlineData("spatial", 2)]
    [InlineData("tucker", 3)]
    [InlineData("cp", 4)]
    [InlineData("auto", 2)]
    public void AllRanksGiveTheSameNetwork(string method, int layers)
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 11, 9, 5);
        AttributeSet attributes = new AttributeSet().Set("strides", 2, 1).Set("dilations", 1, 2).Set("pads", 1, 2, 0, 1).Set("group", 1).Set("min", 0f);
        Graph graph = b.Output(b.Node(OperatorType.Convolution, attributes, x, b.Random(7, 3, 3, 5), b.Random(7)));
        Tensor sample = b.Sample(x);
        float[] expected = Run(graph, sample);
        Assert.Empty(new Factorize(new FactorizeOptions { Method = method, Rank = 60 }).Apply(GraphCopy.Of(graph), PassContext.Empty).Factors);
        new Factorize(new FactorizeOptions { Method = method, Rank = 60, LeastSaving = -100 }).Apply(graph, PassContext.Empty);
        GraphValidator.Validate(graph);
        Assert.Equal(layers, graph.Nodes.Count);
        float[] actual = Run(graph, sample);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], method == "cp" ? 0.05f : 1e-4f);
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("tucker")]
    [InlineData("spatial")]
    [InlineData("cp")]
    public void HalfTheMultipliesAreKeptTo(string method)
    {
        Graph graph = Convolution(out _);
        long before = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
        PassReport report = new Factorize(new FactorizeOptions { Method = method }).Apply(graph, PassContext.Empty);
        FactorReport layer = Assert.Single(report.Factors);
        Assert.Equal((before, graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates)), (layer.MacsBefore, layer.MacsAfter));
        Assert.InRange(layer.MacsAfter, before * 3 / 10, before / 2);
        Assert.All(layer.Ranks, r => Assert.Equal(0, r % 8));
        Assert.InRange(layer.RelativeError, 0.01, 1);
    }

    /// <summary>At half of the multiplies, these ranks are larger than the layer's channels.</summary>
    [Theory]
    [InlineData("spatial")]
    [InlineData("cp")]
    public void WideFactorsRunAsOneStep(string method)
    {
        Graph graph = Convolution(out _);
        new Factorize(new FactorizeOptions { Method = method }).Apply(graph, PassContext.Empty);
        using InferenceSession session = new(graph);
        Assert.Equal(graph.Nodes, Assert.Single(session.Steps).Nodes);
    }

    [Fact]
    public void EnergyChoosesTheRankOfALowRankLayer()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 3, 40);
        Matrix a = new(32, 4), c = new(4, 40);
        Random random = new(3);
        foreach (ref double v in a.Values.AsSpan()) v = random.NextDouble() - 0.5;
        foreach (ref double v in c.Values.AsSpan()) v = random.NextDouble() - 0.5;
        ValueInfo w = new("w", Tensor.From<float>(new TensorShape(32, 40), a.Times(c).ToFloats()));
        Graph graph = b.Output(b.Clip(b.Node(OperatorType.FullyConnected, null, x, w, b.Random(32)), 0));
        Tensor sample = b.Sample(x);
        GraphOptimizer.Optimize(graph);
        float[] expected = Run(graph, sample);
        FactorReport layer = Assert.Single(new Factorize(new FactorizeOptions { Energy = 0.9999, RankMultiple = 1 }).Apply(graph, PassContext.Empty).Factors);
        Assert.Equal([4], layer.Ranks);
        Assert.Equal("channel", layer.Method);
        Assert.True(layer.RelativeError < 1e-4);
        float[] actual = Run(graph, sample);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
        using InferenceSession session = new(graph);
        Assert.Single(session.Steps);
    }

    [Fact]
    public void LayersThatSaveNothingOrAreSkippedStayWhole()
    {
        Graph graph = Convolution(out string name);
        PassReport skipped = new Factorize(new FactorizeOptions { Skip = [name] }).Apply(graph, PassContext.Empty);
        Assert.Equal(0, skipped.Changes);
        PassReport strict = new Factorize(new FactorizeOptions { MaxError = 0.01 }).Apply(graph, PassContext.Empty);
        Assert.Contains("error", Assert.Single(strict.Notes), StringComparison.Ordinal);
        Assert.Single(graph.Nodes);
    }

    [Fact]
    public void CalibrationMakesTheOutputsErrorSmaller()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 24);
        Graph graph = b.Output(b.Node(OperatorType.FullyConnected, null, x, b.Random(24, 24)));
        // Inputs that mostly vary along six directions.
        Random random = new(1);
        float[][] directions = [.. Enumerable.Range(0, 6).Select(_ => Enumerable.Range(0, 24).Select(_ => random.NextSingle() - 0.5f).ToArray())];
        Tensor Sample()
        {
            float[] v = [.. Enumerable.Range(0, 24).Select(_ => 0.02f * random.NextSingle())];
            foreach (float[] d in directions)
            {
                float factor = random.NextSingle() * 2 - 1;
                for (int i = 0; i < 24; i++) v[i] += factor * d[i];
            }
            return Tensor.From<float>(x.Shape, v);
        }
        CalibrationData data = new();
        for (int i = 0; i < 50; i++) data.Add(Sample());
        Tensor[] unseen = [.. Enumerable.Range(0, 20).Select(_ => Sample())];
        double Error(bool calibrated)
        {
            Graph copy = GraphCopy.Of(graph);
            new Factorize(new FactorizeOptions { Rank = 6, Calibrated = calibrated }).Apply(copy, new PassContext { Calibration = data });
            return unseen.Sum(s => Run(graph, s).Zip(Run(copy, s), (p, q) => (double)(p - q) * (p - q)).Sum());
        }
        Assert.True(Error(true) < 0.05 * Error(false));
    }

    [Theory]
    [InlineData("""{"method":"svd"}""", "auto, channel, spatial, tucker, cp")]
    [InlineData("""{"ratio":1.5}""", "(0, 1)")]
    [InlineData("""{"energy":1}""", "(0, 1)")]
    [InlineData("""{"method":"cp","energy":0.9}""", "ratio or rank")]
    [InlineData("""{"rank":0}""", "at least 1")]
    [InlineData("""{"rank":4,"energy":0.9}""", "exclude")]
    [InlineData("""{"rnk":4}""", "rankMultiple")]
    public void WrongOptionsAreRefused(string options, string known) => Assert.Contains(known,
        Assert.Throws<RecipeException>(() => Recipe.Parse($$"""{"passes":[{"pass":"factorize","options":{{options}}}]}""", "r.json")).Message, StringComparison.Ordinal);

    private static Graph Convolution(out string name)
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 10, 12, 32);
        Graph graph = b.Output(b.Convolution(x, b.Random(48, 3, 3, 32), pad: 1));
        name = graph.Nodes[0].Name;
        return graph;
    }

    private static float[] Run(Graph graph, Tensor sample)
    {
        using InferenceSession session = new(graph);
        sample.Data.Span.CopyTo(session.InputBytes(0));
        session.Run();
        return session.Output<float>(0).ToArray();
    }
}
