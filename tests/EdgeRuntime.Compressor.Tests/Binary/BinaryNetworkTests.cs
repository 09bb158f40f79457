using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Google.Protobuf;
using Xunit;
using static EdgeRuntime.Compressor.Tests.OnnxModels;
using static EdgeRuntime.Model.OperatorType;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Networks of signs: from ONNX or the pass to packed bits, with the same results.</summary>
public sealed class BinaryNetworkTests
{
    private readonly GraphBuilder _b = new();

    [Theory]
    [InlineData(64, 48)]
    [InlineData(40, 70)]
    public void NormalisationAndClampBetweenBinaryLayersBecomeThresholds(int channels, int outputs)
    {
        ValueInfo x = _b.Input("x", 1, channels, 6, 5);
        ValueInfo a = Clip(Normalized(_b.ConvolutionNchw(Signs(x), Weights(outputs, 3, 3, channels), pad: 1), outputs));
        ValueInfo c = Normalized(_b.ConvolutionNchw(Signs(a), Weights(33, 3, 3, outputs), _b.Random(33), stride: 2, pad: 1), 33);
        Check(_b.Output(_b.ConvolutionNchw(Signs(c), Weights(10, 1, 1, 33))), OperatorType.Transpose, Binarize, Convolution, Convolution, Convolution, OperatorType.Transpose);
        Assert.Equal([ElementType.Binary, ElementType.Binary, ElementType.Float32], _b.Graph.Nodes.Where(n => n.Type == Convolution).Select(n => n.Output.Type));
    }

    [Fact]
    public void NormalisationThatNoLayerTakesMovesIntoTheThresholdAndFlipsWeights()
    {
        ValueInfo x = _b.Input("x", 1, 20, 8, 8);
        ValueInfo pooled = _b.Node(MaxPool, new AttributeSet().Set("kernel", 2, 2).Set("strides", 2, 2).Set("pads", 0, 0, 0, 0), _b.ToNhwc(x));
        ValueInfo normal = _b.Node(BatchNormalization, new AttributeSet().Set("epsilon", 1e-5f).Set("axis", 3), pooled, _b.Random(20), _b.Random(20), _b.Random(20), _b.Positive(20));
        Check(_b.Output(_b.Convolution(Signs(normal), Weights(9, 3, 3, 20), _b.Random(9))), OperatorType.Transpose, MaxPool, Binarize, Convolution);
    }

    [Fact]
    public void Int8BeforeAndAfterABinaryLayer()
    {
        ValueInfo x = _b.Round(_b.Input("x", 1, 6, 6, 24), 0.02f, 7);
        ValueInfo y = _b.Round(_b.Convolution(Signs(x), Weights(16, 3, 3, 24), _b.Random(16), pad: 1), 0.9f, -5);
        Check(_b.Output(y), 0.9, Quantize, Binarize, Convolution, Dequantize);
        Assert.Equal(ElementType.Int32, _b.Graph.Nodes[1].OptionalInput(1)?.Type ?? ElementType.Int32);
    }

    [Theory]
    [InlineData("GreaterOrEqual", 1f, -1f)]
    [InlineData("Less", -1f, 1f)]
    [InlineData("Greater", 0.5f, -1.5f)]
    public void OnnxComparisonsThatChooseANumberAreSigns(string comparison, float whenTrue, float whenFalse)
    {
        float[] signs = [.. Enumerable.Range(0, 8 * 20).Select(i => i * 7 % 3 == 0 ? 0.25f : -0.25f)];
        Graph g = Import(Network(13, [2, 20], Node(comparison, "x limit", "t"), Floats("limit", [], 0.125f), Node("Where", "t a b", "s"),
            Floats("a", [], whenTrue), Floats("b", [], whenFalse), Node("Gemm", "s w").With("transB", 1L), Floats("w", [8, 20], signs)));
        Check(g, Binarize, FullyConnected);
        Assert.Equal(ElementType.Binary, g.Nodes[1].Input(1).Type);
    }

    [Fact]
    public void OnnxSignsOfActivationsAndWeights()
    {
        float[] weights = [.. Enumerable.Range(0, 5 * 18).Select(i => i % 4 - 1.5f)];
        Graph g = Import(Network(13, [1, 2, 7, 7], Node("Sign", "x", "s"), Node("Sign", "w", "ws"), Floats("w", [5, 2, 3, 3], weights),
            Node("Mul", "ws scale", "wm"), Floats("scale", [5, 1, 1, 1], 1, 2, 3, 4, 5), Node("Conv", "s wm").With("pads", 1, 1, 1, 1)));
        Check(g, OperatorType.Transpose, Binarize, Convolution, OperatorType.Transpose);
        Assert.Equal(new QuantizationParameters([1, 2, 3, 4, 5], axis: 0), g.Nodes.Single(n => n.Type == Convolution).Input(1).Quantization);
    }

    [Theory]
    [InlineData("binary")]
    [InlineData("int8")]
    public void TheRecipeKeepsTheEndsInInt8(string activations)
    {
        ValueInfo x = _b.Input("x", 1, 8, 8, 3);
        ValueInfo a = _b.Clip(_b.Convolution(x, _b.Random(24, 3, 3, 3), _b.Random(24), pad: 1), 0), c = _b.Clip(_b.Convolution(a, _b.Random(32, 3, 3, 24), _b.Random(32), pad: 1), 0);
        ValueInfo d = _b.Clip(_b.Convolution(c, _b.Random(32, 3, 3, 32), _b.Random(32), stride: 2, pad: 1), 0);
        Graph graph = _b.Output(_b.Node(FullyConnected, null, _b.Reshape(d, 1, 512), _b.Random(10, 512), _b.Random(10)));
        CalibrationData data = new();
        for (int i = 0; i < 8; i++) data.Add(_b.Sample(x));
        Recipe recipe = Recipe.Parse($$"""{ "passes": [{ "pass": "binarize", "options": { "activations": "{{activations}}" } }, { "pass": "quantize-int8" }] }""", "test");
        CompressionPipeline.Run(graph, recipe, new PassContext { Calibration = data });
        Node[] layers = [.. graph.Nodes.Where(n => n.Type is Convolution or FullyConnected)];
        bool isBinary = activations == "binary";
        Assert.Equal([ElementType.Int8, ElementType.Binary, ElementType.Binary, ElementType.Int8], layers.Select(n => n.Input(1).Type));
        Assert.Equal([ElementType.Int8, isBinary ? ElementType.Binary : ElementType.Int8, isBinary ? ElementType.Binary : ElementType.Int8, ElementType.Int8], layers.Select(n => n.Input(0).Type));
        Assert.Equal([ElementType.Int8, isBinary ? ElementType.Binary : ElementType.Int8, ElementType.Int8, ElementType.Int8], layers.Select(n => n.Output.Type));
        AssertRuns(graph, [data.Sample(0, 0, x)], layers[^1].Output.Quantization!.Scale * 1.01);
    }

    /// <summary>A pruned channel gives its bias, and a pruned layer keeps its weights.</summary>
    [Theory]
    [InlineData("binary")]
    [InlineData("int8")]
    public void ZerosHaveNoSigns(string activations)
    {
        ValueInfo x = _b.Input("x", 2, 32), first = _b.Random(24, 32), second = _b.Random(24, 24), bias = _b.Random(24);
        second.Constant = new Tensor(ElementType.Float32, second.Shape, new byte[second.ByteCount]);
        first.Constant = Tensor.From<float>(first.Shape, [.. first.Constant!.ToFloats().Select((w, i) => i < 32 ? 0 : w)]);
        Graph graph = _b.Graph;
        ValueInfo a = _b.Node(FullyConnected, null, x, first, bias);
        _b.Output(a);
        _b.Output(_b.Node(FullyConnected, null, a, second, _b.Random(24)));
        CalibrationData data = new();
        for (int i = 0; i < 8; i++) data.Add(_b.Sample(x));
        Recipe recipe = Recipe.Parse($$"""{ "passes": [{ "pass": "equalize" }, { "pass": "binarize", "options": { "keepFirst": false, "keepLast": false, "activations": "{{activations}}" } }, { "pass": "quantize-int8" }] }""", "test");
        float expected = bias.Constant!.ToFloats()[0];
        CompressionPipeline.Run(graph, recipe, new PassContext { Calibration = data });
        Assert.Equal([ElementType.Binary, ElementType.Int8], graph.Nodes.Where(n => n.Type == FullyConnected).Select(n => n.Input(1).Type));
        using InferenceSession session = new(graph);
        _b.Sample(x).Data.Span.CopyTo(session.InputBytes(0));
        session.Run();
        Assert.Equal(expected, session.Output<float>(0)[0], 0.02f);
    }

    private static Graph Import(ModelProto model) => OnnxImporter.Import(model.ToByteArray(), "test.onnx");

    private ValueInfo Signs(ValueInfo x)
    {
        ValueInfo signs = new(x.Name + ".signs", ElementType.Binary, x.Shape);
        _b.Graph.Nodes.Add(new Node(Binarize, x.Name + ".binarize", [x], [signs]));
        return _b.Dequantize(signs);
    }

    /// <summary>±one number for each output.</summary>
    private ValueInfo Weights(params int[] shape)
    {
        ValueInfo weights = _b.Random(shape);
        int perOutput = weights.Constant!.Count / shape[0];
        weights.Constant = Tensor.From<float>(weights.Shape, [.. weights.Constant.ToFloats().Select((w, i) => (w < 0 ? -0.01f : 0.01f) * (1 + i / perOutput % 5))]);
        return weights;
    }

    private ValueInfo Normalized(ValueInfo x, int channels) =>
        _b.Node(BatchNormalization, new AttributeSet().Set("epsilon", 1e-5f).Set("axis", 1), x, _b.Random(channels), _b.Random(channels), _b.Random(channels), _b.Positive(channels));

    private ValueInfo Clip(ValueInfo x) => _b.Clip(x, -0.5f, 0.75f);

    private void Check(Graph graph, params OperatorType[] expected) => Check(graph, 1e-4, expected);

    // The optimised graph has these operators, is a fixed point, and gives the same results, by the host's arithmetic and by the runtime's.
    private void Check(Graph graph, double tolerance, params OperatorType[] expected)
    {
        Tensor[] inputs = [.. graph.Inputs.Select(_b.Sample)];
        double[] before = Outputs(graph, inputs);
        GraphOptimizer.Optimize(graph);
        Assert.Equal(expected, graph.Nodes.Select(n => n.Type));
        double[] after = Outputs(graph, inputs);
        for (int i = 0; i < before.Length; i++) Assert.InRange(after[i] - before[i], -tolerance * 1.01, tolerance * 1.01);
        string[] nodes = [.. graph.Nodes.Select(n => n.ToString())];
        GraphOptimizer.Optimize(graph);
        Assert.Equal(nodes, graph.Nodes.Select(n => n.ToString()));
        AssertRuns(graph, inputs, tolerance);
    }

    private static void AssertRuns(Graph graph, Tensor[] inputs, double tolerance)
    {
        double[] expected = Outputs(graph, inputs);
        using MemoryStream file = new();
        ModelWriter.Write(graph, file);
        using PackedModel model = ModelReader.Read(file.ToArray());
        foreach (string cpu in (string[])["portable", "avx2,neon", "avx2,avxvnni,avx512,neon,neondot"])
        {
            using InferenceSession session = new(model.Graph, new SessionOptions { Threads = 2, Cpu = EdgeRuntime.Kernels.CpuFeatures.Parse(cpu) });
            for (int i = 0; i < inputs.Length; i++) inputs[i].Data.Span.CopyTo(session.InputBytes(i));
            session.Run();
            Tensor actual = new(graph.Outputs[0].Type, graph.Outputs[0].Shape, session.OutputBytes(0).ToArray());
            double[] reals = HostEvaluator.ToReals(actual, graph.Outputs[0].Quantization);
            for (int i = 0; i < expected.Length; i++) Assert.InRange(reals[i] - expected[i], -tolerance * 1.01, tolerance * 1.01);
        }
    }

    private static double[] Outputs(Graph graph, Tensor[] inputs)
    {
        Dictionary<string, Tensor> values = HostEvaluator.Run(graph, inputs);
        return [.. graph.Outputs.SelectMany(v => HostEvaluator.ToReals(values[v.Name], v.Quantization))];
    }
}
