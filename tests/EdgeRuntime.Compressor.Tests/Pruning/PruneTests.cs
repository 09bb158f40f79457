using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class PruneTests
{
    [Theory]
    [InlineData("unstructured", 0.5)]
    [InlineData("unstructured", 0.9)]
    [InlineData("2:4", 0.5)]
    [InlineData("1:4", 0.75)]
    [InlineData("4:8", 0.5)]
    [InlineData("1x4", 0.75)]
    [InlineData("4x1", 0.75)]
    [InlineData("8x1", 0.5)]
    [InlineData("4x4", 0.5)]
    public void TheShareOfZerosIsAsAskedAndTheSmallestGo(string pattern, double sparsity)
    {
        Graph graph = Network(), before = GraphCopy.Of(graph);
        new Prune(new PruneOptions { Pattern = pattern, Sparsity = sparsity, LeastWeights = 1 }).Apply(graph, PassContext.Empty);
        GraphValidator.Validate(graph);
        foreach ((Node node, Node old) in graph.Nodes.Zip(before.Nodes).Where(p => p.First.Type == OperatorType.FullyConnected || p.First.Attributes.Int("group", 2) == 1))
        {
            float[] now = node.Input(1).Constant!.ToFloats(), then = old.Input(1).Constant!.ToFloats();
            Assert.InRange(now.Count(w => w == 0) / (double)now.Length, sparsity - 0.03, sparsity + 1e-9);
            Assert.All(now.Zip(then), p => Assert.True(p.First == 0 || p.First == p.Second));
            Assert.Equal(Sparsity.Parse(pattern), node.Input(1).Sparsity);
            Assert.True(node.Input(1).Sparsity!.Fits(node.Input(1).Constant!));
            if (pattern != "unstructured") continue;
            float cleared = then.Where((_, i) => now[i] == 0).Max(Math.Abs), kept = now.Where(w => w != 0).Min(Math.Abs);
            Assert.True(cleared <= kept);
        }
        Assert.DoesNotContain(0f, graph.Nodes.Single(n => n.Attributes.Int("group", 1) > 1).Input(1).Constant!.ToFloats());
    }

    [Fact]
    public void AGlobalShareTakesMoreFromLayersOfSmallWeights()
    {
        Graph graph = Network();
        Node small = graph.Nodes[0];
        small.Input(1).Constant = Tensor.From<float>(small.Input(1).Shape, Array.ConvertAll(small.Input(1).Constant!.ToFloats(), w => w / 100));
        new Prune(new PruneOptions { Scope = "global", Sparsity = 0.6, LeastWeights = 1 }).Apply(graph, PassContext.Empty);
        double[] shares = [.. graph.Nodes.Where(n => n.Input(1).Sparsity is not null).Select(n => n.Input(1).Constant!.ToFloats()).Select(w => w.Count(v => v == 0) / (double)w.Length)];
        Assert.Equal(2, shares.Length);
        Assert.True(shares[0] > 0.8 && shares[1] < 0.1, string.Join(' ', shares));
    }

    [Fact]
    public void LampDoesNotDependOnALayersScale()
    {
        Graph graph = Network(), scaled = Network();
        ValueInfo small = scaled.Nodes[0].Input(1);
        small.Constant = Tensor.From<float>(small.Shape, Array.ConvertAll(small.Constant!.ToFloats(), w => w / 64));
        foreach (Graph g in (Graph[])[graph, scaled]) new Prune(new PruneOptions { Scope = "lamp", Pattern = "1x4", Sparsity = 0.6, LeastWeights = 1 }).Apply(g, PassContext.Empty);
        int[][] zeros = [.. ((Graph[])[graph, scaled]).Select(g => g.Nodes.Where(n => n.Input(1).Sparsity is not null).Select(n => n.Input(1).Constant!.ToFloats().Count(w => w == 0)).ToArray())];
        Assert.Equal(zeros[0], zeros[1]);
        Assert.Equal(0.6, zeros[0].Sum() / (double)graph.Nodes.Where(n => n.Input(1).Sparsity is not null).Sum(n => n.Input(1).Shape.ElementCount), 0.01);
    }

    [Fact]
    public void SkippedSmallAndDepthwiseLayersStay()
    {
        Graph graph = Network();
        string skipped = graph.Nodes[0].Name;
        PassReport report = new Prune(new PruneOptions { Skip = [skipped] }).Apply(graph, PassContext.Empty);
        Assert.Equal(1, report.Changes);
        Assert.Null(graph.Nodes.Single(n => n.Name == skipped).Input(1).Sparsity);
        Assert.Equal(0, new Prune(new PruneOptions { LeastWeights = 1_000_000 }).Apply(Network(), PassContext.Empty).Changes);
        Assert.Equal(3, new Prune(new PruneOptions { LeastWeights = 1, Depthwise = true }).Apply(Network(), PassContext.Empty).Changes);
    }

    [Theory]
    [InlineData("""{"pattern":"3x"}""", "1x4")]
    [InlineData("""{"sparsity":1}""", "[0, 1)")]
    [InlineData("""{"norm":"l3"}""", "l1, l2")]
    [InlineData("""{"scope":"all"}""", "layer, global, lamp")]
    public void WrongOptionsAreExplained(string options, string expected) => Assert.Contains(expected,
        Assert.Throws<RecipeException>(() => Recipe.Parse($$"""{"passes":[{"pass":"prune","options":{{options}} }]}""", "r.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void SparsifyTakesTheFewestBytesAndChangesNoValue()
    {
        Graph graph = Network();
        Assert.Equal(0, new Sparsify(new SparsifyOptions()).Apply(graph, PassContext.Empty).Changes);
        new Prune(new PruneOptions { Pattern = "4x4", Sparsity = 0.75 }).Apply(graph, PassContext.Empty);
        float[][] before = [.. graph.Nodes.Select(n => n.Input(1).Constant!.ToFloats())];
        PassReport report = new Sparsify(new SparsifyOptions()).Apply(graph, PassContext.Empty);
        Assert.Equal(2, report.Changes);
        Assert.All(graph.Nodes.Where(n => n.Input(1).Sparsity is not null), n => Assert.Equal(Sparsity.Parse("4x4"), n.Input(1).Sparsity));
        Assert.Equal(before, graph.Nodes.Select(n => n.Input(1).Constant!.ToFloats()));
    }

    [Theory]
    [InlineData("1x4", 0.9)]
    [InlineData("unstructured", 0.95)]
    public void FromRecipeToFileToRuntime(string pattern, double sparsity)
    {
        string prune = FormattableString.Invariant($$"""{"pass":"prune","options":{"pattern":"{{pattern}}","sparsity":{{sparsity}},"leastWeights":1} }""");
        Recipe recipe = Recipe.Parse($$"""{"passes":[{{prune}},{"pass":"quantize-int8"},{"pass":"sparsify"}]}""", "r.json");
        Graph graph = Network(), floats = Network();
        Random random = new(4);
        CalibrationData data = new();
        for (int i = 0; i < 4; i++) data.Add(Tensor.From<float>(graph.Inputs[0].Shape, [.. Enumerable.Range(0, 12 * 12 * 32).Select(_ => random.NextSingle())]));
        CompressionPipeline.Run(graph, recipe, new PassContext { Calibration = data });
        CompressionPipeline.Run(floats, Recipe.Parse($$"""{"passes":[{{prune}}]}""", "r.json"), PassContext.Empty);
        foreach (Graph compressed in (Graph[])[graph, floats])
        {
            using MemoryStream sparse = new(), dense = new();
            ModelWriter.Write(compressed, sparse);
            Graph unmarked = GraphCopy.Of(compressed);
            foreach (ValueInfo v in unmarked.Values()) v.Sparsity = null;
            ModelWriter.Write(unmarked, dense);
            Assert.True(sparse.Length < 0.7 * dense.Length, $"{sparse.Length} of {dense.Length} bytes");
            using PackedModel model = ModelReader.Read(sparse.ToArray());
            using InferenceSession fromFile = new(model.Graph), portable = new(unmarked, new SessionOptions { Cpu = Kernels.CpuFeatures.Portable });
            if (Kernels.CpuFeatures.Detect().Set != 0) Assert.Contains(fromFile.Steps, s => s.KernelId.Contains("sparse", StringComparison.Ordinal));
            for (int i = 0; i < fromFile.Input<float>(0).Length; i++) fromFile.Input<float>(0)[i] = portable.Input<float>(0)[i] = random.NextSingle();
            fromFile.Run();
            portable.Run();
            for (int i = 0; i < portable.Output<float>(0).Length; i++) Assert.Equal(portable.Output<float>(0)[i], fromFile.Output<float>(0)[i], compressed == graph ? 0 : 1e-4f);
        }
    }

    private static Graph Network()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 12, 12, 32);
        x = b.Convolution(x, b.Random(64, 3, 3, 32), b.Random(64), pad: 1);
        x = b.Convolution(x, b.Random(64, 3, 3, 1), b.Random(64), group: 64, pad: 1);
        return b.Output(b.Convolution(x, b.Random(128, 1, 1, 64), b.Random(128)));
    }
}
