using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
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
    [InlineData("global", "loss")]
    public void TheMultipliesFallToTheTargetInWholeTiles(string scope, string importance)
    {
        Graph graph = TinyTask.Network();
        long before = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
        PassReport report = new PruneChannels(new PruneChannelsOptions { Macs = 0.5, Scope = scope, Importance = importance }).Apply(graph, TinyTask.Context());
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
        Graph graph = TinyTask.Network();
        // Every other channel of the residual stream has no scale and no shift.
        foreach (Node node in graph.Nodes.Where(n => n.Type == OperatorType.BatchNormalization && n.Output.Shape[3] == 16))
            for (int i = 1; i < 3; i++) node.Input(i).Constant = Tensor.Vector<float>([.. node.Input(i).Constant!.ToFloats().Select((v, c) => c % 2 == 0 ? v : 0)]);
        Tensor sample = Sample(graph);
        float[] before = Run(graph, sample);
        new PruneChannels(new PruneChannelsOptions { Ratio = 0.5, Scope = "layer", Importance = importance, Skip = ["inner"] }).Apply(graph, TinyTask.Context());
        Assert.Equal(8, graph.Nodes[0].Output.Shape[3]);
        foreach (var (then, now) in before.Zip(Run(graph, sample))) Assert.Equal(then, now, 1e-4f);
    }

    [Fact]
    public void ChannelsThatStandInForEachOtherDontAllGo()
    {
        ChannelGroup[] groups = [new(["a"], [.. Enumerable.Range(0, 16)]), new(["b"], [.. Enumerable.Range(16, 16)])];
        double[] importance = [.. Enumerable.Range(0, 32).Select(c => c < 16 ? 0.01 : 1)];
        static double Left(bool[] kept) => kept.Count(k => k);
        // Any of the first group can go, but not half of them; the second group matters evenly.
        static double Loss(bool[] kept) => (kept[..16].Count(k => k) < 12 ? 100 : 0) + kept[16..].Count(k => !k);
        bool[] alone = new ChannelSelection(groups, importance, 4, _ => 4, Left).Global(22), together = new ChannelSelection(groups, importance, 4, _ => 4, Left, Loss).Global(22);
        Assert.Equal((4, 16), (alone[..16].Count(k => k), alone[16..].Count(k => k)));
        Assert.Equal((12, 8), (together[..16].Count(k => k), together[16..].Count(k => k)));
    }

    [Fact]
    public void StepsWithTrainingBetweenThemLoseNothingThatIsLearned()
    {
        Graph graph = TinyTask.Network();
        string json = """{"passes":[{"pass":"prune-channels","options":{"macs":0.5,"importance":"taylor","steps":2,"fineTune":{"epochs":6,"rate":0.01,"batch":16}}},{"pass":"quantize-int8"}]}""";
        PassContext context = TinyTask.Context();
        PipelineReport report = CompressionPipeline.Run(graph, Recipe.Parse(json, "r.json"), context with { Calibration = context.Training!.Calibration(graph.Inputs[0]) });
        Assert.True(report.Passes[^1].MultiplyAccumulates <= report.Source.MultiplyAccumulates / 2);
        Assert.True(TinyTask.Accuracy(graph) > 0.9, $"{TinyTask.Accuracy(graph)}");
    }

    [Fact]
    public void PatternsOfZerosThatNoLongerFitAreGivenUp()
    {
        Graph graph = TinyTask.Network();
        new Prune(new PruneOptions { Pattern = "2:4" }).Apply(graph, PassContext.Empty);
        new PruneChannels(new PruneChannelsOptions { Ratio = 0.6, Multiple = 1 }).Apply(graph, PassContext.Empty);
        Assert.All(graph.Values().Where(v => v.Sparsity is not null), v => Assert.True(v.Sparsity!.Fits(v.Constant!)));
    }

    [Fact]
    public void LimitsHoldAndAreTold()
    {
        Graph graph = TinyTask.Network();
        PassReport report = new PruneChannels(new PruneChannelsOptions { Ratio = 0.01, LeastChannels = 12, Multiple = 4 }).Apply(graph, PassContext.Empty);
        Assert.All(graph.Nodes.Where(n => n.Type == OperatorType.Convolution), n => Assert.Equal(12, n.Output.Shape[3]));
        Assert.Contains("are left", report.Notes[^1], StringComparison.Ordinal);
        Graph halved = TinyTask.Network();
        new PruneChannels(new PruneChannelsOptions { Ratio = 0.01, LeastShare = 0.5 }).Apply(halved, PassContext.Empty);
        Assert.Equal([8, 16, 8], halved.Nodes.Where(n => n.Type == OperatorType.Convolution).Select(n => n.Output.Shape[3]));
        Assert.Throws<ModelException>(() => new PruneChannels(new PruneChannelsOptions { Importance = "gamma" }).Apply(GraphOptimizer.Optimize(TinyTask.Network()), PassContext.Empty));
        Assert.Throws<ModelException>(() => new PruneChannels(new PruneChannelsOptions { Importance = "taylor" }).Apply(TinyTask.Network(), PassContext.Empty));
    }

    [Theory]
    [InlineData("""{"macs":2}""", "(0, 1]")]
    [InlineData("""{"macs":0.5,"ratio":0.5}""", "exclude")]
    [InlineData("""{"importance":"l3"}""", "l1, l2, gamma, taylor, loss")]
    [InlineData("""{"importance":"loss","scope":"layer"}""", "leave scope out")]
    [InlineData("""{"scope":"all"}""", "layer, global")]
    [InlineData("""{"steps":0}""", "at least 1")]
    [InlineData("""{"fineTune":{"epochs":0}}""", "epochs 0")]
    public void WrongOptionsAreExplained(string options, string expected) => Assert.Contains(expected,
        Assert.Throws<RecipeException>(() => Recipe.Parse($$"""{"passes":[{"pass":"prune-channels","options":{{options}} }]}""", "r.json")).Message, StringComparison.Ordinal);

    private static Tensor Sample(Graph graph) => Tensor.From<float>(graph.Inputs[0].Shape, [.. Enumerable.Range(0, 72).Select(_ => Randomness.NextSingle())]);

    private static float[] Run(Graph graph, Tensor sample) => HostEvaluator.Run(graph, sample)[graph.Outputs[0].Name].ToFloats();
}
