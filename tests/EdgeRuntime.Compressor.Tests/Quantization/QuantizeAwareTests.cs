using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;
using Xunit;
using static EdgeRuntime.Model.OperatorType;

namespace EdgeRuntime.Compressor.Tests;

public sealed class QuantizeAwareTests
{
    private readonly GraphBuilder _b = new();

    /// <summary>The first test of this pass: what training computed, inference computes, bit for bit.</summary>
    [Theory]
    [InlineData(8, 0, false)]
    [InlineData(8, 0, true)]
    [InlineData(4, 0, false)]
    [InlineData(4, 32, false)]
    [InlineData(2, 32, false)]
    [InlineData(1, 0, false)]
    public void TrainingSeesTheIntegersOfInference(int bits, int group, bool symmetric)
    {
        Graph graph = GraphOptimizer.Optimize(Network());
        CheckEqual(graph, new QuantizeAwareOptions { Bits = bits, Group = group, Symmetric = symmetric, KeepEnds = false });
        Assert.Equal(bits == 8 ? 4 : 3, graph.Nodes.Where(n => n.Type is Convolution or FullyConnected).Select(n => n.Input(1).Type).Count(t => t == (bits switch { 8 => ElementType.Int8, 1 => ElementType.Binary, _ => ElementType.Int4 })));
    }

    /// <summary>The same of recurrent layers: whole, as factors, with blocks of zeros, which stay zeros.</summary>
    [Theory]
    [InlineData(Lstm, 0, 8, "")]
    [InlineData(Lstm, 2, 4, "")]
    [InlineData(Lstm, 1, 8, """{ "pass": "factorize", "options": { "rank": 8 } }""")]
    [InlineData(Lstm, 0, 8, """{ "pass": "prune", "options": { "pattern": "8x4", "sparsity": 0.75 } }""")]
    [InlineData(Gru, 0, 8, "")]
    [InlineData(Gru, 1, 8, """{ "pass": "factorize", "options": { "rank": 8 } }""")]
    [InlineData(Gru, 2, 4, """{ "pass": "prune", "options": { "pattern": "8x4", "sparsity": 0.75 } }""")]
    public void TrainingSeesTheIntegersOfRecurrentLayers(OperatorType type, int direction, int bits, string before)
    {
        Graph graph = Recurrent(type, direction);
        CompressionPipeline.Run(graph, Recipe.Parse($$"""{ "passes": [ { "pass": "optimize" } {{(before.Length > 0 ? "," : "")}} {{before}} ] }""", "test"), PassContext.Empty);
        CheckEqual(graph, new QuantizeAwareOptions { Bits = bits, Group = bits == 4 ? 32 : 0 });
        Node layer = graph.Nodes.Single(n => n.Type == type);
        Assert.Equal(bits == 4 ? ElementType.Int4 : ElementType.Int8, layer.Input(RecurrentShape.R).Type);
        Assert.Equal(before.Contains("factorize", StringComparison.Ordinal), layer.OptionalInput(RecurrentShape.R2) is { Type: ElementType.Int8 });
        if (!before.Contains("prune", StringComparison.Ordinal)) return;
        int[] weights = layer.Input(RecurrentShape.R).Constant!.ToInts();
        Assert.True(weights.Count(w => w == 0) >= 0.74 * weights.Length, $"{weights.Count(w => w == 0)} zeros of {weights.Length}");
    }

    /// <summary>Which network inference executes after some steps of training: the one that training saw.</summary>
    private static void CheckEqual(Graph graph, QuantizeAwareOptions options)
    {
        Dataset data = Data(graph, 96);
        (QuantizedNetwork network, _) = new QuantizeAware(options).Prepare(graph, new PassContext { Calibration = new TrainingSamples(data).Calibration(graph.Inputs[0]) });
        Trainer trainer = new(network, data, null, new TrainingOptions { Epochs = 2, BatchSize = 16, Schedule = LearningRateSchedule.Constant(3e-3f) });
        trainer.Run();
        float[] trained = trainer.Predict(data), inferred = new float[trained.Length];
        using InferenceSession session = new(graph, new SessionOptions());
        for (int i = 0; i < data.Count; i++)
        {
            data[i].CopyTo(session.Input<float>(0));
            session.Run();
            session.Output<float>(0).CopyTo(inferred.AsSpan(i * inferred.Length / data.Count));
        }
        Assert.Equal(inferred, trained);
        Assert.True(trained.Distinct().Count() > 10, "the outputs say something");
    }

    /// <summary>Trained on a task, each precision stays near the float network, and the report's accuracy is the file's.</summary>
    [Theory]
    [InlineData("""{ "pass": "quantize-aware", "options": { "epochs": 4 } }""", 0.02)]
    [InlineData("""{ "pass": "quantize-aware", "options": { "bits": 4, "keepEnds": false, "epochs": 5 } }""", 0.03)]
    [InlineData("""{ "pass": "quantize-aware", "options": { "bits": 2, "epochs": 5 } }""", 0.04)]
    [InlineData("""{ "pass": "quantize-aware", "options": { "bits": 1, "epochs": 5 } }""", 0.06)]
    [InlineData("""{ "pass": "binarize-aware", "options": { "epochs": 20 } }, { "pass": "quantize-int8" }""", 0.12)]
    public void TrainedNetworksStayNearTheFloatOne(string passes, double loss)
    {
        Graph graph = GraphCopy.Of(Float.Value);
        double before = MadeUpTask.Accuracy(graph);
        PipelineReport report = CompressionPipeline.Run(graph, Recipe.Parse($$"""{ "passes": [ {{passes}} ] }""", "test"), MadeUpTask.Context);
        double after = MadeUpTask.Accuracy(graph);
        Assert.True(before > 0.9 && after > before - loss, $"{before} in float, {after} after {passes}");
        Assert.Contains($"validation accuracy {after:P2}", report.Passes[0].Notes.Last() + (report.Passes.Count > 1 ? $"validation accuracy {after:P2}" : ""), StringComparison.Ordinal);
        if (report.Passes.Count > 1) Assert.Contains(graph.Nodes, n => n.Type == Convolution && n.Input(0).Type == ElementType.Binary && n.Input(1).Type == ElementType.Binary);
    }

    [Fact]
    public void PrunedWeightsStayZero()
    {
        Graph graph = GraphCopy.Of(Float.Value);
        CompressionPipeline.Run(graph, Recipe.Parse("""{ "passes": [ { "pass": "prune", "options": { "leastWeights": 1 } }, { "pass": "quantize-aware", "options": { "bits": 4, "epochs": 1 } } ] }""", "test"), MadeUpTask.Context);
        Node pointwise = graph.Nodes.Single(n => n.Name == "pointwise");
        int[] weights = pointwise.Input(1).Constant!.ToInts();
        Assert.True(weights.Count(w => w == 0) >= weights.Length / 2, $"{weights.Count(w => w == 0)} of {weights.Length}");
    }

    [Theory]
    [InlineData("quantize-aware", """{ "bits": 3 }""")]
    [InlineData("quantize-aware", """{ "bits": 8, "group": 32 }""")]
    [InlineData("quantize-aware", """{ "epochs": 0 }""")]
    [InlineData("binarize-aware", """{ "weightsFirst": 1 }""")]
    public void WrongOptionsAreRefused(string pass, string options) =>
        Assert.Throws<RecipeException>(() => Recipe.Parse($$"""{ "passes": [ { "pass": "{{pass}}", "options": {{options}} } ] }""", "test"));

    private static readonly Lazy<Graph> Float = new(() => MadeUpTask.Network(16, 12));

    /// <summary>Every kind of operator that training knows.</summary>
    private Graph Network()
    {
        ValueInfo x = _b.Input("x", 1, 8, 8, 5);
        ValueInfo a = _b.Clip(_b.Convolution(x, _b.Random(8, 3, 3, 5), _b.Random(8), pad: 1), 0);
        ValueInfo d = _b.Clip(_b.Convolution(a, _b.Random(8, 3, 3, 1), _b.Random(8), group: 8, pad: 1), 0, 6);
        ValueInfo sum = _b.Node(Add, null, a, d);
        ValueInfo gate = _b.Node(Sigmoid, null, _b.Convolution(sum, _b.Random(8, 3, 3, 8), _b.Random(8), pad: 1));
        ValueInfo product = _b.Node(Mul, null, sum, gate);
        ValueInfo pooled = _b.Node(AveragePool, new AttributeSet().Set("kernel", 3, 3).Set("strides", 2, 2).Set("pads", 1, 1, 1, 1).Set("count_include_pad", 0), product);
        ValueInfo largest = _b.Node(MaxPool, new AttributeSet().Set("kernel", 2, 2).Set("strides", 2, 2).Set("pads", 0, 0, 0, 0), sum);
        ValueInfo joined = _b.Node(Concat, new AttributeSet().Set("axis", 3), pooled, _b.Node(OperatorType.Tanh, null, largest));
        ValueInfo scaled = _b.Node(Sub, null, joined, _b.Random(1, 1, 1, 16));
        ValueInfo mean = _b.Node(ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0), scaled);
        ValueInfo logits = _b.Node(FullyConnected, null, mean, _b.Random(6, 16), _b.Random(6));
        return _b.Output(_b.Node(Softmax, new AttributeSet().Set("axis", 1), logits));
    }

    /// <summary>A sequence's last step, classified.</summary>
    private Graph Recurrent(OperatorType type, int direction)
    {
        int directions = direction == 2 ? 2 : 1, rows = directions * (type == Lstm ? 4 : 3) * 32;
        AttributeSet attributes = new AttributeSet().Set("direction", direction);
        if (type == Gru) attributes.Set("linear_before_reset", direction % 2);
        ValueInfo layer = _b.Node(type, attributes, _b.Input("x", 7, 1, 40), _b.Random(rows, 40), _b.Random(rows, 32), _b.Random(rows), _b.Random(rows));
        ValueInfo last = _b.Node(Slice, new AttributeSet().Set("starts", 6, 0, 0).Set("ends", 7, 1, 32 * directions).Set("steps", 1, 1, 1), layer);
        return _b.Output(_b.Node(FullyConnected, null, _b.Reshape(last, 1, 32 * directions), _b.Random(6, 32 * directions), _b.Random(6)));
    }

    private static Dataset Data(Graph graph, int count)
    {
        RandomSource random = new(5);
        float[] samples = new float[count * graph.Inputs[0].Shape.ElementCount];
        foreach (ref float v in samples.AsSpan()) v = random.Gaussian();
        return new Dataset(samples, Enumerable.Range(0, count).Select(i => i % 6).ToArray(), samples.Length / count);
    }
}
