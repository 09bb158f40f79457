using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class GradualPruneTests
{
    private static readonly FineTuneOptions Still = new() { Epochs = 1, Rate = 1e-12, Batch = 32 };

    [Theory]
    [InlineData("1x4", 0.75, "cubic", "rate")]
    [InlineData("4x4", 0.75, "linear", "none")]
    [InlineData("1:4", 0.75, "cubic", "weights")]
    public void ThreeQuartersCanGoWithTrainingBetween(string pattern, double zeros, string schedule, string rewind)
    {
        Graph graph = TinyTask.Network();
        PassContext context = TinyTask.Context();
        string prune = FormattableString.Invariant($$$"""{"pattern":"{{{pattern}}}","sparsity":{{{zeros}}},"steps":3,"schedule":"{{{schedule}}}","rewind":"{{{rewind}}}","fineTune":{"epochs":4,"rate":0.01,"batch":16}}""");
        Recipe recipe = Recipe.Parse($$"""{"passes":[{"pass":"prune","options":{{prune}} },{"pass":"quantize-int8"},{"pass":"sparsify"}]}""", "r.json");
        Assert.True(recipe.NeedsTraining);
        CompressionPipeline.Run(graph, recipe, context with { Calibration = context.Training!.Calibration(graph.Inputs[0]) });
        foreach (Node node in graph.Nodes.Where(n => n.Type == OperatorType.Convolution && n.Input(1).Shape.ElementCount > 1000))
        {
            int[] weights = node.Input(1).Constant!.ToInts();
            Assert.True(weights.Count(w => w == 0) >= 0.73 * weights.Length);
            Assert.NotNull(node.Input(1).Sparsity);
        }
        Assert.True(TinyTask.Accuracy(graph) > 0.9, $"{TinyTask.Accuracy(graph)}");
    }

    [Fact]
    public void ZerosStayWhereTrainingBeginsAnew()
    {
        Graph graph = TinyTask.Network();
        new Prune(new PruneOptions { Pattern = "1x4", Sparsity = 0.75 }).Apply(graph, TinyTask.Context());
        int Zeros() => graph.Nodes.Where(n => n.Type == OperatorType.Convolution).Sum(n => n.Input(1).Constant!.ToFloats().Count(w => w == 0));
        int zeros = Zeros();
        new FineTune(Still with { Init = "random" }).Apply(graph, TinyTask.Context());
        Assert.Equal(zeros, Zeros());
    }

    [Theory]
    [InlineData("cubic", 58, 88)]
    [InlineData("linear", 25, 50)]
    public void TheScheduleSaysHowManyZerosAStepMakes(string schedule, int first, int second)
    {
        PassReport report = new Prune(new PruneOptions { Sparsity = 0.8, Steps = 4, Schedule = schedule, FineTune = Still }).Apply(TinyTask.Network(), TinyTask.Context());
        Assert.Contains($"{first} % of the zeros", report.Notes[0], StringComparison.Ordinal);
        Assert.Contains($"{second} % of the zeros", report.Notes[1], StringComparison.Ordinal);
        Assert.Contains("80.0 % zeros", report.Notes[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void RewindingBringsBackWhatSurvives()
    {
        Graph before = TinyTask.Network(), rewound = TinyTask.Network();
        new Prune(new PruneOptions { Sparsity = 0.5, Rewind = "weights", FineTune = Still, Steps = 3 }).Apply(rewound, TinyTask.Context());
        foreach (var (node, old) in rewound.Nodes.Zip(before.Nodes).Where(p => p.First.Type == OperatorType.Convolution && p.First.Input(1).Sparsity is not null))
            foreach (var (now, then) in node.Input(1).Constant!.ToFloats().Zip(old.Input(1).Constant!.ToFloats())) Assert.True(now == 0 || Math.Abs(now - then) < 1e-6f);
    }

    [Fact]
    public void WeightsComeFromAnEarlierEpochsFile()
    {
        Graph graph = GraphOptimizer.PrepareForTraining(TinyTask.Network()), early = GraphOptimizer.PrepareForTraining(TinyTask.Network());
        foreach (ValueInfo v in early.Values().Where(v => v.IsConstant)) v.Constant = Tensor.From<float>(v.Shape, Array.ConvertAll(v.Constant!.ToFloats(), w => w * 2));
        string file = Path.Combine(Path.GetTempPath(), $"early-{Guid.NewGuid():N}.onnx"), late = file.Replace("early", "late", StringComparison.Ordinal);
        try
        {
            OnnxExporter.Write(early, file);
            OnnxExporter.Write(graph, late);
            Graph network = NetworkImporter.Load(late);
            new Prune(new PruneOptions { Sparsity = 0.5, Rewind = "weights", RewindTo = file, FineTune = Still }).Apply(network, TinyTask.Context());
            float[] now = network.Nodes.First(n => n.Type == OperatorType.Convolution).Input(1).Constant!.ToFloats();
            float[] then = graph.Nodes.First(n => n.Type == OperatorType.Convolution).Input(1).Constant!.ToFloats();
            Assert.Equal(now.Length / 2.0, now.Count(w => w == 0), 1.0);
            for (int i = 0; i < now.Length; i++) Assert.True(now[i] == 0 || Math.Abs(now[i] - 2 * then[i]) < 1e-5f);
            GraphBuilder other = new();
            OnnxExporter.Write(other.Output(other.Node(OperatorType.FullyConnected, null, other.Input("x", 1, 4), other.Random(2, 4))), file);
            Assert.Throws<ModelException>(() => new Prune(new PruneOptions { Rewind = "weights", RewindTo = file, FineTune = Still }).Apply(NetworkImporter.Load(late), TinyTask.Context()));
        }
        finally
        {
            File.Delete(file);
            File.Delete(late);
        }
    }

    [Fact]
    public void RecurrentWeightsArePruned()
    {
        GraphBuilder b = new();
        ValueInfo y = new("y", ElementType.Float32, new TensorShape(5, 1, 16));
        b.Graph.Nodes.Add(new Node(OperatorType.Lstm, "cell", [b.Input("x", 5, 1, 8), b.Random(64, 8), b.Random(64, 16)], [y], new AttributeSet().Set("direction", 0)));
        Graph graph = b.Output(y);
        PassReport report = new Prune(new PruneOptions { Pattern = "4x1", Sparsity = 0.8 }).Apply(graph, PassContext.Empty);
        Assert.Equal(["cell.W", "cell.R"], report.Notes.Select(n => n.Split(':')[0]));
        Assert.All((int[])[1, 2], i => Assert.Equal(0.8, graph.Nodes[0].Input(i).Constant!.ToFloats().Count(w => w == 0) / (double)graph.Nodes[0].Input(i).Shape.ElementCount, 0.02));
    }

    [Theory]
    [InlineData("""{"steps":3}""", "fineTune")]
    [InlineData("""{"schedule":"square"}""", "cubic, linear")]
    [InlineData("""{"rewind":"all"}""", "none, rate, weights")]
    [InlineData("""{"rewindTo":"x.onnx"}""", "rewindTo needs")]
    public void WrongOptionsAreExplained(string options, string expected) => Assert.Contains(expected,
        Assert.Throws<RecipeException>(() => Recipe.Parse($$"""{"passes":[{"pass":"prune","options":{{options}} }]}""", "r.json")).Message, StringComparison.Ordinal);
}
