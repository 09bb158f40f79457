using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class RecurrentFactorsTests
{
    [Theory]
    [InlineData(OperatorType.Lstm, 0, false)]
    [InlineData(OperatorType.Lstm, 2, false)]
    [InlineData(OperatorType.Lstm, 0, true)]
    [InlineData(OperatorType.Gru, 1, true)]
    [InlineData(OperatorType.Gru, 2, true)]
    public void AllRanksGiveTheSameNetwork(OperatorType type, int direction, bool calibrated)
    {
        Graph graph = Layer(type, direction, out Tensor sample);
        float[] expected = Run(graph, sample);
        CalibrationData data = new();
        data.Add(sample);
        PassReport report = new Factorize(new FactorizeOptions { Rank = 60, LeastSaving = -100 }).Apply(graph, calibrated ? new PassContext { Calibration = data } : PassContext.Empty);
        GraphValidator.Validate(graph);
        Assert.Equal([OperatorType.FullyConnected, type], graph.Nodes.Select(n => n.Type));
        Assert.Equal(2, report.Factors.Count);
        float[] actual = Run(graph, sample);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-3f);
    }

    [Fact]
    public void HalfTheMultipliesAreKeptTo()
    {
        Graph graph = Layer(OperatorType.Lstm, 0, out _);
        long before = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
        PassReport report = new Factorize(new FactorizeOptions()).Apply(graph, PassContext.Empty);
        Assert.Equal((before, graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates)), (report.Factors.Sum(f => f.MacsBefore), report.Factors.Sum(f => f.MacsAfter)));
        Assert.InRange(report.Factors.Sum(f => f.MacsAfter), before / 4, before / 2);
    }

    [Fact]
    public void ASmallInputMatrixStaysWholeWhereTheOtherSavesEnough()
    {
        Graph graph = Layer(OperatorType.Lstm, 0, out _, inputs: 4);
        FactorReport factors = Assert.Single(new Factorize(new FactorizeOptions()).Apply(graph, PassContext.Empty).Factors);
        Assert.EndsWith(".state", factors.Name, StringComparison.Ordinal);
        Assert.Equal([8], factors.Ranks);
    }

    internal static Graph Layer(OperatorType type, int direction, out Tensor sample, int inputs = 20, int hidden = 24)
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 9, 1, inputs);
        int rows = (direction == 2 ? 2 : 1) * (type == OperatorType.Lstm ? 4 : 3) * hidden;
        AttributeSet attributes = new AttributeSet().Set("direction", direction);
        if (type == OperatorType.Gru) attributes.Set("linear_before_reset", direction % 2);
        sample = b.Sample(x);
        return b.Output(b.Node(type, attributes, x, b.Random(rows, inputs), b.Random(rows, hidden), b.Random(rows)));
    }

    internal static float[] Run(Graph graph, Tensor sample)
    {
        using InferenceSession session = new(graph);
        sample.Data.Span.CopyTo(session.InputBytes(0));
        session.Run();
        return session.Output<float>(0).ToArray();
    }
}
