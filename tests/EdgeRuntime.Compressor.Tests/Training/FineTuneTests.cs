using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class FineTuneTests
{
    private const string Recipe = """{ "passes": [ { "pass": "prune", "options": { "sparsity": 0.7, "leastWeights": 1 } }{0} ] }""";

    [Fact]
    public void FineTuningBringsBackWhatPruningTookAndKeepsZeros()
    {
        Graph pruned = MadeUpTask.Network(16, 12), tuned = GraphCopy.Of(pruned);
        double before = MadeUpTask.Accuracy(pruned);
        CompressionPipeline.Run(pruned, Compressor.Recipe.Parse(Recipe.Replace("{0}", "", StringComparison.Ordinal), "test"), MadeUpTask.Context);
        PipelineReport report = CompressionPipeline.Run(tuned, Compressor.Recipe.Parse(Recipe.Replace("{0}", """, { "pass": "fine-tune", "options": { "epochs": 6, "rate": 0.005 } }""", StringComparison.Ordinal), "test"), MadeUpTask.Context);
        Assert.True(before > 0.9, $"{before}");
        Assert.True(MadeUpTask.Accuracy(tuned) > MadeUpTask.Accuracy(pruned) + 0.1, $"{before} {MadeUpTask.Accuracy(pruned)} {MadeUpTask.Accuracy(tuned)}");
        Assert.Equal(Zeros(pruned), Zeros(tuned));
        Assert.Contains("epoch", Assert.Single(report.Passes[1].Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void NormalizationBeginsAsTheIdentityAndIsFoldedAgain()
    {
        Graph graph = MadeUpTask.Network(8, 3), normalized = GraphCopy.Of(graph);
        int nodes = graph.Nodes.Count;
        Assert.Equal(3, InsertedNormalization.Insert(normalized, MadeUpTask.Samples.Data));
        Tensor sample = Tensor.From<float>(graph.Inputs[0].Shape, MadeUpTask.Samples.Data[0]);
        foreach (var (before, after) in Run(graph).Zip(Run(normalized))) Assert.Equal(before, after, 1e-3f);
        new FineTune(new FineTuneOptions { Normalize = true, Epochs = 1 }).Apply(graph, MadeUpTask.Context);
        Assert.Equal(nodes, graph.Nodes.Count);

        float[] Run(Graph g) => HostEvaluator.Run(g, sample)[g.Outputs[0].Name].ToFloats();
    }

    [Fact]
    public void WithoutSamplesTheErrorNamesTheOption()
    {
        ModelException e = Assert.Throws<ModelException>(() => new FineTune(new FineTuneOptions()).Apply(MadeUpTask.Network(4), PassContext.Empty));
        Assert.Contains("--train", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "epochs": 0 }""")]
    [InlineData("""{ "optimizer": "lion" }""")]
    [InlineData("""{ "augment": ["shift:x"] }""")]
    [InlineData("""{ "augment": ["rotate:3"] }""")]
    public void WrongOptionsAreRefused(string options) =>
        Assert.Throws<RecipeException>(() => Compressor.Recipe.Parse($$"""{ "passes": [ { "pass": "fine-tune", "options": {{options}} } ] }""", "test"));

    [Theory]
    [InlineData(OperatorType.Transpose)]
    [InlineData(OperatorType.Reshape)]
    public void StepsOfASequenceThatComeBeforeTheBatchAreMovedAsSteps(OperatorType type)
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 6, 3);
        Graph graph = b.Output(type == OperatorType.Transpose ? b.Node(type, new AttributeSet().Set("perm", 1, 0, 2), x) : b.Reshape(x, 6, 1, 3));
        Augmentation augment = new FineTuneOptions { Augment = ["shift:2"] }.ToTraining(PassContext.Empty, "test", graph).Augment!;
        RandomSource random = new(1);
        bool hasMoved = false;
        for (int i = 0; i < 20 && !hasMoved; i++)
        {
            float[] sample = [.. Enumerable.Range(0, 18).Select(e => 1f + e / 3)];
            augment(sample, random);
            hasMoved = sample.SequenceEqual([2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 0, 0, 0]);
        }
        Assert.True(hasMoved);
    }

    private static int[] Zeros(Graph graph) => [.. graph.Nodes.Where(n => n.Inputs.Count > 1).Select(n => n.Input(1).Constant!.ToFloats().Count(w => w == 0))];
}
