using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class LatencyPruneTests
{
    [Theory]
    [InlineData("pi4", "int8")]
    [InlineData("pi5", "float")]
    public void ChannelsGoUntilThePredictedLatencyIsReached(string profile, string precision)
    {
        Graph graph = Network();
        LayerLatency latency = new(RuntimeProfiles.Find(profile), precision);
        double before = latency.Us(graph);
        PassReport report = new PruneChannels(new PruneChannelsOptions { Latency = new LatencyTarget(0.6, false), Profile = profile, Precision = precision, Multiple = 4 }).Apply(graph, PassContext.Empty);
        Assert.InRange(latency.Us(graph) / before, 0.4, 0.6);
        Assert.Contains("predicted latency", report.Notes[^1], StringComparison.Ordinal);
        GraphValidator.Validate(graph);
    }

    [Fact]
    public void WidthsThatWinNoTimeAreNotTaken()
    {
        // In tiles of 8, a width between two multiples costs what the larger one costs.
        int[] chosen = GreedyBudget.Spend([8], (_, level) => level, levels => (int)Math.Ceiling((16 - levels[0] * 2) / 8.0), 1);
        Assert.Equal([4], chosen);
        Assert.Equal([0, 2], GreedyBudget.Spend([3, 3], (part, level) => part == 0 ? 10 * level : level, levels => 10 - levels[0] - levels[1], 8));
        Assert.Equal([2, 2], GreedyBudget.Spend([3, 3], (part, level) => level, levels => 10 - levels[0] - levels[1], 0));
        // A large step met the target with room to spare: as much as fits is taken back, the dearest first.
        Assert.Equal([0, 1], GreedyBudget.GiveBack([2, 2], (part, level) => part == 0 ? 2 * level : level, levels => 10 - levels[0] - levels[1], 9));
    }

    [Fact]
    public void OnlyLayersThatASparseKernelSpeedsUpBecomeSparse()
    {
        Graph graph = Network();
        LayerLatency latency = new(RuntimeProfiles.Find("pi4"), "int8");
        Sparsity pattern = Sparsity.Parse("1x4");
        new Prune(new PruneOptions { Pattern = "1x4", Sparsity = 0.9, Latency = new LatencyTarget(0.75, false), Profile = "pi4", LeastWeights = 1 }).Apply(graph, PassContext.Empty);
        Node[] layers = [.. graph.Nodes.Where(n => n.Type is OperatorType.Convolution or OperatorType.FullyConnected)];
        Assert.Contains(layers, n => n.Input(1).Sparsity is not null);
        Assert.Contains(layers, n => n.Input(1).Sparsity is null);
        Assert.All(layers.Where(n => n.Input(1).Sparsity is not null), n => Assert.True(latency.Us(n, 0.9, pattern) < latency.Us(n)));
    }

    [Theory]
    [InlineData("0.6", 0.6, false)]
    [InlineData("\"2ms\"", 2000, true)]
    [InlineData("\"500us\"", 500, true)]
    public void LatenciesAreSharesOrTimes(string json, double value, bool isTime)
    {
        Recipe recipe = Recipe.Parse($$"""{"passes":[{"pass":"prune-channels","options":{"latency":{{json}},"profile":"pi4"} }]}""", "r.json");
        Assert.Equal(new LatencyTarget(value, isTime), ((PruneChannels)recipe.Passes[0]).Options.Latency);
        Assert.Equal(recipe.Json, Recipe.Parse(recipe.Json, "again").Json);
    }

    [Theory]
    [InlineData("prune", """{"latency":"fast"}""", "2ms")]
    [InlineData("prune", """{"latency":60}""", "(0, 1]")]
    [InlineData("prune", """{"latency":0.5,"scope":"global"}""", "leave scope out")]
    [InlineData("prune-channels", """{"latency":0.5,"macs":0.5}""", "exclude")]
    [InlineData("prune-channels", """{"precision":"int4"}""", "int8, float")]
    public void WrongOptionsAreExplained(string pass, string options, string expected) => Assert.Contains(expected,
        Assert.Throws<RecipeException>(() => Recipe.Parse($$"""{"passes":[{"pass":"{{pass}}","options":{{options}} }]}""", "r.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void ABoardMustBeNamed()
    {
        PruneChannels pass = new(new PruneChannelsOptions { Latency = new LatencyTarget(0.6, false) });
        Assert.Contains("--profile", Assert.Throws<ModelException>(() => pass.Apply(Network(), PassContext.Empty)).Message, StringComparison.Ordinal);
        pass.Apply(Network(), new PassContext { Profile = RuntimeProfiles.Find("pi4") });
    }

    private static Graph Network()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Clip(b.Convolution(b.Input("x", 1, 16, 16, 3), b.Random(16, 3, 3, 3), b.Random(16), pad: 1), 0);
        x = b.Clip(b.Convolution(x, b.Random(16, 3, 3, 1), b.Random(16), group: 16, pad: 1), 0);
        x = b.Clip(b.Convolution(x, b.Random(64, 3, 3, 16), b.Random(64), stride: 2, pad: 1), 0);
        x = b.Node(OperatorType.Add, null, x, b.Convolution(x, b.Random(64, 3, 3, 64), b.Random(64), pad: 1));
        x = b.Node(OperatorType.ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0), x);
        return b.Output(b.Node(OperatorType.FullyConnected, null, x, b.Random(10, 64), b.Random(10)));
    }
}
