using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class PruneChannelsTests
{
    private static readonly Random Randomness = new(5);

    [Theory]
    [InlineData("layer", "l1")]
    [InlineData("global", "l2")]
    [InlineData("global", "gamma")]
    [InlineData("global", "taylor")]
    public void TheMultipliesFallToTheTargetInWholeTiles(string scope, string importance)
    {
        Graph graph = Network();
        long before = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
        PassReport report = new PruneChannels(new PruneChannelsOptions { Macs = 0.5, Scope = scope, Importance = importance }).Apply(graph, Context());
        GraphValidator.Validate(graph);
        long after = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
        Assert.InRange((double)after / before, 0.25, 0.5);
        Assert.All(graph.Nodes.Where(n => n.Type == OperatorType.Convolution), n => Assert.Equal(0, n.Output.Shape[3] % 8));
        Assert.True(report.Changes > 0 && report.Notes.Count > 0);
        using InferenceSession session = new(GraphOptimizer.Optimize(graph));
        session.Run();
    }

    [Theory]
    [InlineData("l1")]
    [InlineData("gamma")]
    [InlineData("taylor")]
    public void WhatDoesNothingGoesFirst(string importance)
    {
        Graph graph = Network();
        // Every other channel of the residual stream has no scale and no shift.
        foreach (Node node in graph.Nodes.Where(n => n.Type == OperatorType.BatchNormalization && n.Output.Shape[3] == 16))
            for (int i = 1; i < 3; i++) node.Input(i).Constant = Tensor.Vector<float>([.. node.Input(i).Constant!.ToFloats().Select((v, c) => c % 2 == 0 ? v : 0)]);
        Tensor sample = Sample(graph);
        float[] before = Run(graph, sample);
        new PruneChannels(new PruneChannelsOptions { Ratio = 0.5, Scope = "layer", Importance = importance, Skip = ["inner"] }).Apply(graph, Context());
        Assert.Equal(8, graph.Nodes[0].Output.Shape[3]);
        foreach (var (then, now) in before.Zip(Run(graph, sample))) Assert.Equal(then, now, 1e-4f);
    }

    [Fact]
    public void StepsWithTrainingBetweenThemLoseNothingThatIsLearned()
    {
        Graph graph = Network();
        string json = """{"passes":[{"pass":"prune-channels","options":{"macs":0.5,"importance":"taylor","steps":2,"fineTune":{"epochs":6,"rate":0.01,"batch":16}}},{"pass":"quantize-int8"}]}""";
        PassContext context = Context();
        PipelineReport report = CompressionPipeline.Run(graph, Recipe.Parse(json, "r.json"), context with { Calibration = context.Training!.Calibration(graph.Inputs[0]) });
        Assert.True(report.Passes[^1].MultiplyAccumulates <= report.Source.MultiplyAccumulates / 2);
        using InferenceSession session = new(graph);
        Dataset data = context.Training!.Data;
        int right = 0;
        for (int i = 0; i < data.Count; i++)
        {
            data[i].CopyTo(session.Input<float>(0));
            session.Run();
            ReadOnlySpan<float> y = session.Output<float>(0);
            right += (y[1] > y[0] ? 1 : 0) == data.Labels.Span[i] ? 1 : 0;
        }
        Assert.True(right > 0.9 * data.Count, $"{right} of {data.Count}");
    }

    [Fact]
    public void LimitsHoldAndAreTold()
    {
        Graph graph = Network();
        PassReport report = new PruneChannels(new PruneChannelsOptions { Ratio = 0.01, LeastChannels = 12, Multiple = 4 }).Apply(graph, PassContext.Empty);
        Assert.All(graph.Nodes.Where(n => n.Type == OperatorType.Convolution), n => Assert.Equal(12, n.Output.Shape[3]));
        Assert.Contains("are left", report.Notes[^1], StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => new PruneChannels(new PruneChannelsOptions { Skip = ["nobody"] }).Apply(Network(), PassContext.Empty));
        Assert.Throws<ModelException>(() => new PruneChannels(new PruneChannelsOptions { Importance = "gamma" }).Apply(GraphOptimizer.Optimize(Network()), PassContext.Empty));
        Assert.Throws<ModelException>(() => new PruneChannels(new PruneChannelsOptions { Importance = "taylor" }).Apply(Network(), PassContext.Empty));
    }

    [Theory]
    [InlineData("""{"macs":2}""", "(0, 1]")]
    [InlineData("""{"macs":0.5,"ratio":0.5}""", "exclude")]
    [InlineData("""{"importance":"l3"}""", "l1, l2, gamma, taylor")]
    [InlineData("""{"scope":"all"}""", "layer, global")]
    [InlineData("""{"steps":0}""", "at least 1")]
    [InlineData("""{"fineTune":{"epochs":0}}""", "epochs 0")]
    public void WrongOptionsAreExplained(string options, string expected) => Assert.Contains(expected,
        Assert.Throws<RecipeException>(() => Recipe.Parse($$"""{"passes":[{"pass":"prune-channels","options":{{options}} }]}""", "r.json")).Message, StringComparison.Ordinal);

    /// <summary>A residual block and a classifier, with batch normalisation.</summary>
    private static Graph Network()
    {
        GraphBuilder b = new();
        ValueInfo stem = Normalized(b, b.Input("x", 1, 6, 6, 2), 16);
        ValueInfo inner = b.Clip(Normalized(b, stem, 32, "inner"), 0);
        ValueInfo sum = b.Node(OperatorType.Add, new AttributeSet().Set("min", 0f), stem, Normalized(b, inner, 16));
        ValueInfo mean = b.Node(OperatorType.ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0), sum);
        ValueInfo logits = b.Node(OperatorType.FullyConnected, null, mean, b.Random(2, 16), b.Random(2));
        return b.Output(b.Node(OperatorType.Softmax, new AttributeSet().Set("axis", -1), logits));
    }

    private static ValueInfo Normalized(GraphBuilder b, ValueInfo x, int channels, string? name = null)
    {
        x = b.Convolution(x, b.Random(channels, 3, 3, x.Shape[3]), pad: 1);
        if (name is not null) b.Graph.Nodes[^1].Name = name;
        return b.Node(OperatorType.BatchNormalization, new AttributeSet().Set("epsilon", 1e-3f).Set("axis", 3), x, b.Positive(channels), b.Random(channels), b.Random(channels), b.Positive(channels));
    }

    /// <summary>Which of two channels has the larger mean.</summary>
    private static PassContext Context()
    {
        RandomSource random = new(3);
        float[] samples = new float[96 * 72];
        int[] labels = new int[96];
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = i % 2;
            for (int j = 0; j < 72; j++) samples[i * 72 + j] = random.Gaussian() * 0.5f + (j % 2 == labels[i] ? 1 : 0);
        }
        return new PassContext { Training = new TrainingSamples(new Dataset(samples, labels, 72)) };
    }

    private static Tensor Sample(Graph graph) => Tensor.From<float>(graph.Inputs[0].Shape, [.. Enumerable.Range(0, 72).Select(_ => Randomness.NextSingle())]);

    private static float[] Run(Graph graph, Tensor sample) => HostEvaluator.Run(graph, sample)[graph.Outputs[0].Name].ToFloats();
}
