using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Model.OperatorType;

namespace EdgeRuntime.Compressor.Tests;

public sealed class QuantizeInt8Tests
{
    private readonly GraphBuilder _b = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AllOperatorsBecomeIntegerBetweenTheBoundaries(bool integerEnds)
    {
        Graph graph = Network(), reference = GraphCopy.Of(graph);
        PassContext context = Context(graph, 16);
        PassReport report = new QuantizeInt8(new QuantizeOptions { IntegerInputs = integerEnds, IntegerOutputs = integerEnds }).Apply(graph, context);
        OperatorType[] inner = [OperatorType.Transpose, Convolution, Convolution, Concat, MaxPool, ReduceMean, FullyConnected, Softmax];
        Assert.Equal(integerEnds ? inner : [Quantize, .. inner, Dequantize], graph.Nodes.Select(n => n.Type));
        Assert.Equal(integerEnds ? ElementType.Int8 : ElementType.Float32, graph.Inputs[0].Type);
        Assert.Equal(("x", reference.Outputs[0].Name), (graph.Inputs[0].Name, graph.Outputs[0].Name));
        Assert.All(report.Layers, layer => Assert.True(layer.SignalToNoise > 20, layer.ToString()));
        Node softmax = graph.Nodes.Single(n => n.Type == Softmax);
        Assert.Equal(new QuantizationParameters(1 / 256f, -128), softmax.Output.Quantization);
        Assert.Equal(graph.Nodes.Single(n => n.Type == MaxPool).Input(0).Quantization, graph.Nodes.Single(n => n.Type == MaxPool).Output.Quantization);
        Node convolution = graph.Nodes.First(n => n.Type == Convolution);
        Assert.True(convolution.Input(1).Quantization is { IsSymmetric: true, Axis: 0 });
        Assert.DoesNotContain((sbyte)-128, convolution.Input(1).Constant!.AsSpan<sbyte>().ToArray());
        GraphValidator.Validate(graph);
    }

    [Fact]
    public void BiasCorrectionBringsChannelMeansToTheFloatNetworks()
    {
        double[] errors = [.. new[] { false, true }.Select(correct =>
        {
            GraphBuilder b = new();
            ValueInfo x = b.Input("x", 1, 4, 4, 8);
            // Coarse weights: one large weight in each channel leaves few steps for the others.
            ValueInfo weights = b.Random(6, 3, 3, 8);
            float[] values = weights.Constant!.ToFloats();
            for (int o = 0; o < 6; o++) values[o * 72] = 60;
            weights.Constant = Tensor.From<float>(weights.Shape, values);
            Graph graph = b.Output(b.Convolution(x, weights, pad: 1)), reference = GraphCopy.Of(graph);
            CalibrationData data = new();
            for (int i = 0; i < 32; i++) data.Add(Tensor.From<float>(x.Shape, Array.ConvertAll(b.Sample(x).ToFloats(), f => f + 1)));
            new QuantizeInt8(new QuantizeOptions { Method = "min-max", BiasCorrection = correct }).Apply(graph, new PassContext { Calibration = data });
            double[] difference = new double[6];
            for (int s = 0; s < data.Count; s++)
            {
                float[] wanted = HostEvaluator.Run(reference, data.Sample(s, 0, x))[graph.Outputs[0].Name].ToFloats();
                float[] found = HostEvaluator.Run(graph, data.Sample(s, 0, x))[graph.Outputs[0].Name].ToFloats();
                for (int i = 0; i < wanted.Length; i++) difference[i % 6] += (wanted[i] - found[i]) / (data.Count * 16);
            }
            return difference.Max(Math.Abs);
        })];
        Assert.True(errors[1] < errors[0] / 4, $"{errors[0]} without, {errors[1]} with correction");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ScoresKeepTheirStepsBesideBoxes(bool integerOutputs)
    {
        ValueInfo x = _b.Input("x", 1, 4, 4, 3);
        ValueInfo boxes = _b.Node(Mul, null, _b.Convolution(x, _b.Random(4, 1, 1, 3)), _b.Scalar(300)), scores = _b.Node(Sigmoid, null, _b.Convolution(x, _b.Random(2, 1, 1, 3)));
        Graph graph = _b.Output(_b.Reshape(_b.Node(Concat, new AttributeSet().Set("axis", 3), boxes, scores), 1, 16, 6)), reference = GraphCopy.Of(graph);
        PassContext context = Context(graph, 4);
        new QuantizeInt8(new QuantizeOptions { IntegerOutputs = integerOutputs }).Apply(graph, context);
        if (integerOutputs)
        {
            Assert.Equal(ElementType.Int8, graph.Nodes.Single(n => n.Type == Concat).Output.Type);
            return;
        }
        Tensor sample = context.Calibration!.Sample(0, 0, x);
        float[] wanted = HostEvaluator.Run(reference, sample)[reference.Outputs[0].Name].ToFloats(), found = HostEvaluator.Run(graph, sample)[graph.Outputs[0].Name].ToFloats();
        for (int i = 0; i < wanted.Length; i++)
            if (i % 6 >= 4) Assert.Equal(wanted[i], found[i], 0.05f);
    }

    [Fact]
    public void SkippedAndUnsupportedNodesStayFloat()
    {
        ValueInfo x = _b.Input("x", 1, 4, 4, 3);
        ValueInfo y = _b.Convolution(x, _b.Random(4, 1, 1, 3));
        string skipped = _b.Graph.Nodes[^1].Name;
        y = _b.Convolution(_b.Node(Div, null, y, _b.Convolution(x, _b.Positive(4, 1, 1, 3), _b.Positive(4))), _b.Random(2, 1, 1, 4));
        Graph graph = _b.Output(y);
        PassReport report = new QuantizeInt8(new QuantizeOptions { Skip = [skipped] }).Apply(graph, Context(graph, 4));
        Assert.Equal(2, report.Notes.Count);
        Assert.Equal(2, graph.Nodes.Count(n => n.Type == Convolution && n.Output.Type == ElementType.Int8));
        GraphValidator.Validate(graph);
    }

    [Fact]
    public void LargeBiasesStayWithinTheAccumulator()
    {
        ValueInfo x = _b.Input("x", 1, 8);
        ValueInfo weights = _b.Random(3, 8);
        weights.Constant = Tensor.From<float>(weights.Shape, Array.ConvertAll(weights.Constant!.ToFloats(), f => f * 1e-9f));
        ValueInfo bias = new("bias", Tensor.Vector<float>(1000, -1000, 0));
        Graph graph = _b.Output(_b.Node(FullyConnected, null, x, weights, bias));
        PassReport report = new QuantizeInt8(new QuantizeOptions()).Apply(graph, Context(graph, 4));
        int[] integers = graph.Nodes.Single(n => n.Type == FullyConnected).Input(2).Constant!.ToInts();
        Assert.InRange(integers[0], 1 << 28, Tensors.Requantize.AccumulatorLimit);
        Assert.True(report.Layers[0].SignalToNoise > 40);
    }

    [Fact]
    public void QuantizedNetworksAreLeftAlone()
    {
        ValueInfo x = _b.Input("x", ElementType.Int8, new QuantizationParameters(0.01f, 0), 1, 4, 4, 2);
        Graph graph = _b.Output(_b.Quantize(_b.Convolution(_b.Dequantize(x), _b.QuantizedWeights(3, 1, 1, 2)), 0.01f, 0));
        Assert.Single(new QuantizeInt8(new QuantizeOptions()).Apply(graph, PassContext.Empty).Notes);
    }

    [Fact]
    public void MissingCalibrationIsATypedError()
    {
        Graph graph = Network();
        ModelException e = Assert.Throws<ModelException>(() => new QuantizeInt8(new QuantizeOptions()).Apply(graph, PassContext.Empty));
        Assert.Equal(ModelErrorKind.InvalidData, e.Kind);
    }

    private Graph Network()
    {
        ValueInfo x = _b.Input("x", 1, 3, 8, 8);
        ValueInfo a = _b.Clip(_b.ConvolutionNchw(x, _b.Random(4, 3, 3, 3), _b.Random(4), pad: 1), 0);
        ValueInfo c = _b.ConvolutionNchw(x, _b.Random(5, 1, 1, 3), _b.Random(5));
        ValueInfo joined = _b.Node(Concat, new AttributeSet().Set("axis", 1), a, c);
        ValueInfo pooled = _b.ToNchw(_b.Node(MaxPool, new AttributeSet().Set("kernel", 2, 2).Set("strides", 2, 2).Set("pads", 0, 0, 0, 0), _b.ToNhwc(joined)));
        ValueInfo mean = _b.Node(ReduceMean, new AttributeSet().Set("axes", 2, 3).Set("keepdims", 0), pooled);
        ValueInfo logits = _b.Node(FullyConnected, null, mean, _b.Random(6, 9), _b.Random(6));
        return _b.Output(_b.Node(Softmax, new AttributeSet().Set("axis", 1), logits));
    }

    private PassContext Context(Graph graph, int samples)
    {
        CalibrationData data = new();
        for (int i = 0; i < samples; i++) data.Add([.. graph.Inputs.Select(_b.Sample)]);
        return new PassContext { Calibration = data };
    }
}
