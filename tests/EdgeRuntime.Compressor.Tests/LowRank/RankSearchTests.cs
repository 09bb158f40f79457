using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class RankSearchTests
{
    [Theory]
    [InlineData("multiplies", "outputs")]
    [InlineData("bytes", "outputs")]
    [InlineData("multiplies", "loss")]
    public void ALayerOfLowRankPaysForOneThatIsNot(string of, string errorOf)
    {
        Graph graph = Network();
        double before = Cost(graph, of);
        PassReport report = new Factorize(new FactorizeOptions { Budget = 0.65, BudgetOf = of, ErrorOf = errorOf, RankMultiple = 1 }).Apply(graph, Context(graph));
        Assert.Equal("low", Assert.Single(report.Factors).Name);
        Assert.True(Cost(graph, of) <= 0.65 * before);
        Assert.Contains(report.Notes, n => n.Contains("full", StringComparison.Ordinal));
    }

    [Fact]
    public void ABudgetOutOfReachIsSaid()
    {
        Graph graph = Network();
        PassReport report = new Factorize(new FactorizeOptions { Budget = 0.01 }).Apply(graph, Context(graph));
        Assert.Contains(report.Notes, n => n.Contains("out of reach", StringComparison.Ordinal));
        Assert.Throws<ModelException>(() => new Factorize(new FactorizeOptions { Budget = 0.5 }).Apply(Network(), PassContext.Empty));
        Assert.Throws<ArgumentException>(() => new Factorize(new FactorizeOptions { Budget = 0.5, Rank = 3 }));
        Assert.Throws<ArgumentException>(() => new Factorize(new FactorizeOptions { Budget = 0.5, BudgetOf = "joules" }));
    }

    [Fact]
    public void FactorsLearnFromTheSourceAndRunAsOneStepInInt8()
    {
        Graph graph = Network();
        const string recipe = """
            { "passes": [ { "pass": "factorize", "options": { "budget": 0.5 } }, { "pass": "distil-blocks", "options": { "epochs": 2, "rate": 0.002 } },
              { "pass": "fine-tune", "options": { "epochs": 2, "teacher": "source", "alpha": 1 } }, { "pass": "quantize-int8" } ] }
            """;
        PipelineReport report = CompressionPipeline.Run(graph, Compressor.Recipe.Parse(recipe, "test"), Context(graph));
        Assert.All(report.Passes, p => Assert.True(p.Changes > 0, p.Pass));
        using InferenceSession session = new(graph, new SessionOptions { Fusion = ChainFusion.Always });
        Assert.Contains(session.Steps, s => s.Nodes.Count > 1 && s.Nodes.All(n => n.Output.Type == ElementType.Int8));
    }

    private static double Cost(Graph graph, string of) => of == "bytes" ? graph.Values().Where(v => v.IsConstant).Sum(v => v.StoredBytes) : graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);

    private static PassContext Context(Graph graph)
    {
        RandomSource random = new(4);
        float[] samples = [.. Enumerable.Range(0, 96 * 96).Select(_ => random.Gaussian())];
        TrainingSamples training = new(new Dataset(samples, Answers(graph, samples), 96));
        return new PassContext { Training = training, Calibration = training.Calibration(graph.Inputs[0]), Threads = 2 };
    }

    /// <summary>The classes that the network itself answers.</summary>
    private static int[] Answers(Graph graph, float[] samples)
    {
        using InferenceSession session = new(graph);
        int[] answers = new int[samples.Length / 96];
        for (int i = 0; i < answers.Length; i++)
        {
            samples.AsSpan(i * 96, 96).CopyTo(session.Input<float>(0));
            session.Run();
            float[] logits = session.Output<float>(0).ToArray();
            answers[i] = Array.IndexOf(logits, logits.Max());
        }
        return answers;
    }

    /// <summary>Two fully connected layers of the same size, the first of rank 6, and a classifier.</summary>
    private static Graph Network()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 96), low = b.Random(96, 96);
        float[] r = low.Constant!.ToFloats(), w = new float[r.Length];
        for (int i = 0; i < w.Length; i++)
            for (int k = 0; k < 6; k++) w[i] += r[i / 96 * 6 + k] * r[4000 + k * 96 + i % 96] / 4;
        low.Constant = Tensor.From<float>(low.Shape, w);
        x = b.Node(OperatorType.FullyConnected, new AttributeSet().Set("min", 0f), x, low, b.Random(96));
        b.Graph.Nodes[^1].Name = "low";
        x = b.Node(OperatorType.FullyConnected, new AttributeSet().Set("min", 0f), x, b.Random(96, 96), b.Random(96));
        b.Graph.Nodes[^1].Name = "full";
        return b.Output(b.Node(OperatorType.FullyConnected, null, x, b.Random(4, 96), b.Random(4)));
    }
}
