using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Model.OperatorType;

namespace EdgeRuntime.Compressor.Tests;

public sealed class OptimizerTests
{
    private readonly GraphBuilder _b = new();

    [Fact]
    public void TransposesBetweenConvolutionsCancelThroughActivationsAndShortcuts()
    {
        ValueInfo x = _b.Input("x", 1, 3, 8, 8);
        ValueInfo a = _b.Clip(_b.ConvolutionNchw(x, _b.Random(4, 3, 3, 3), _b.Random(4), pad: 1), 0);
        ValueInfo c = _b.ConvolutionNchw(a, _b.Random(4, 3, 3, 4), pad: 1);
        ValueInfo sum = _b.Clip(_b.Node(Add, null, a, c), 0, 6);
        Check(_b.Output(_b.ConvolutionNchw(sum, _b.Random(5, 1, 1, 4))), Transpose, Convolution, Convolution, Add, Convolution, Transpose);
    }

    [Fact]
    public void TransposeOfOneChannelIsAReshape()
    {
        ValueInfo x = _b.Input("x", 1, 1, 49, 10);
        ValueInfo y = _b.Node(ReduceMean, new AttributeSet().Set("axes", 2, 3).Set("keepdims", 1), _b.ConvolutionNchw(x, _b.Random(6, 10, 4, 1), stride: 2));
        ValueInfo flat = _b.Node(FullyConnected, null, _b.Reshape(y, 1, 6), _b.Random(12, 6), _b.Random(12));
        Check(_b.Output(_b.Node(Softmax, new AttributeSet().Set("axis", 1), flat)), Reshape, Convolution, ReduceMean, Reshape, FullyConnected, Softmax);
    }

    [Fact]
    public void FlatteningAMapPermutesTheWeightsInstead()
    {
        ValueInfo x = _b.Input("x", 1, 2, 6, 5);
        ValueInfo map = _b.ConvolutionNchw(x, _b.Random(3, 3, 3, 2));
        Check(_b.Output(_b.Node(FullyConnected, null, _b.Clip(_b.Reshape(map, 1, 36), 0), _b.Random(7, 36), _b.Random(7))),
            Transpose, Convolution, Reshape, FullyConnected);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-3)]
    public void SoftmaxConcatAndPadFollowTheirAxes(int axis)
    {
        ValueInfo x = _b.Input("x", 1, 2, 4, 4);
        ValueInfo a = _b.ConvolutionNchw(x, _b.Random(3, 1, 1, 2)), c = _b.ConvolutionNchw(x, _b.Random(5, 1, 1, 2));
        ValueInfo joined = _b.Node(Concat, new AttributeSet().Set("axis", axis), a, c);
        ValueInfo padded = _b.Node(Pad, new AttributeSet().Set("pads", 0, 0, 1, 0, 0, 2, 0, 1).Set("value", 0.5f), joined);
        Check(_b.Output(_b.ConvolutionNchw(_b.Node(Softmax, new AttributeSet().Set("axis", axis), padded), _b.Random(2, 1, 1, 10))),
            Transpose, Convolution, Convolution, Concat, Pad, Softmax, Convolution, Transpose);
    }

    [Fact]
    public void PickedElementsAndFunctionsFollowTheirAxes()
    {
        ValueInfo x = _b.Input("x", 1, 2, 4, 6);
        ValueInfo y = _b.Node(Slice, new AttributeSet().Set("starts", 0, 0, 1, 0).Set("ends", 1, 3, 4, 5).Set("steps", 1, 2, 1, 3), _b.ConvolutionNchw(x, _b.Random(3, 1, 1, 2)));
        y = _b.Node(Gather, new AttributeSet().Set("axis", -1).Set("indices", 1, 0, 0, 1), _b.Node(ReflectPad, new AttributeSet().Set("pads", 0, 1, 2, 0, 0, 0, 1, 1), y));
        y = _b.Node(LeakyRelu, new AttributeSet().Set("alpha", 0.2f), _b.Node(HardSwish, null, y));
        Check(_b.Output(_b.ConvolutionNchw(_b.Node(Maximum, null, _b.Node(Abs, null, y), y), _b.Random(2, 1, 1, 3))),
            Transpose, Convolution, Slice, ReflectPad, Gather, HardSwish, LeakyRelu, Abs, Maximum, Convolution, Transpose);
    }

    [Theory]
    [InlineData(Abs, 0.02f)]
    [InlineData(Exp, 0.03f)]
    [InlineData(LeakyRelu, 0.02f)]
    [InlineData(HardSwish, 0.02f)]
    public void FunctionsOfBytesAreTables(OperatorType function, float scale)
    {
        AttributeSet attributes = function == LeakyRelu ? new AttributeSet().Set("alpha", 0.2f) : new();
        ValueInfo x = _b.Input("x", ElementType.Int8, new QuantizationParameters(1 / 64f, 3), 4, 70);
        Graph graph = _b.Output(_b.Quantize(_b.Node(function, attributes, _b.Dequantize(x)), scale, -7));
        Check(graph, scale, function);
        using InferenceSession session = new(graph);
        byte[] input = _b.Sample(x).Data.ToArray();
        input.CopyTo(session.InputBytes(0));
        session.Run();
        Assert.Equal(Outputs(graph, [new Tensor(x.Type, x.Shape, input)]), HostEvaluator.ToReals(new Tensor(ElementType.Int8, x.Shape, session.OutputBytes(0).ToArray()), graph.Outputs[0].Quantization));
    }

    [Fact]
    public void BatchNormalizationAndChannelConstantsGoIntoWeights()
    {
        ValueInfo x = _b.Input("x", 1, 3, 6, 6);
        ValueInfo y = _b.ConvolutionNchw(_b.Node(Mul, null, _b.Node(Sub, null, x, _b.Scalar(0.3f)), _b.Random(3, 1, 1)), _b.Random(4, 3, 3, 3));
        y = _b.Clip(Normalization(y, 4), 0);
        y = _b.ConvolutionNchw(y, _b.Random(4, 3, 3, 1), group: 4, pad: 1);
        y = _b.Node(Add, null, _b.Node(Mul, null, y, _b.Random(4, 1, 1)), _b.Random(1, 4, 1, 1));
        Check(_b.Output(_b.Clip(y, 0)), Transpose, Convolution, Convolution, Transpose);
    }

    [Fact]
    public void NormalizationWithoutConvolutionBeforeBecomesDepthwise()
    {
        ValueInfo x = _b.Input("x", 1, 3, 6, 6);
        ValueInfo y = _b.Clip(Normalization(_b.Node(Add, null, x, _b.ConvolutionNchw(x, _b.Random(3, 1, 1, 3))), 3), 0);
        Graph graph = _b.Output(_b.ConvolutionNchw(y, _b.Random(2, 3, 3, 3), pad: 1));
        Check(graph, Transpose, Convolution, Add, Convolution, Convolution, Transpose);
        Assert.Equal(3, graph.Nodes[3].Attributes.Int("group"));
    }

    [Fact]
    public void AdditionBeforeAPaddedConvolutionStays()
    {
        ValueInfo x = _b.Input("x", 1, 6, 6, 3);
        Check(_b.Output(_b.Convolution(_b.Node(Add, null, x, _b.Random(3)), _b.Random(2, 3, 3, 3), pad: 1)), Add, Convolution);
    }

    [Fact]
    public void ZeroPaddingGoesIntoConvolutionsAndSafePools()
    {
        ValueInfo x = _b.Input("x", 1, 7, 7, 2);
        ValueInfo y = _b.Clip(_b.Convolution(Padded(x), _b.Random(3, 3, 3, 2), stride: 2), 0);
        y = _b.Node(MaxPool, Window(3), Padded(y));
        Check(_b.Output(_b.Node(AveragePool, Window(2), Padded(y))), Convolution, MaxPool, AveragePool);
    }

    [Fact]
    public void ZeroPaddingOfValuesThatMayBeNegativeStaysBeforeMaximum()
    {
        ValueInfo x = _b.Input("x", 1, 7, 7, 2);
        Check(_b.Output(_b.Node(MaxPool, Window(3), Padded(x))), Pad, MaxPool);
    }

    [Fact]
    public void QuantizedNetworkComputesOnIntegers()
    {
        ValueInfo x = _b.Input("x", ElementType.Int8, new QuantizationParameters(1 / 127f, 3), 1, 3, 8, 8);
        ValueInfo a = _b.Round(_b.Clip(_b.ConvolutionNchw(_b.Dequantize(x), _b.QuantizedWeights(4, 3, 3, 3), _b.Random(4), pad: 1), 0), 0.02f, -128);
        ValueInfo c = _b.Round(_b.ConvolutionNchw(a, _b.QuantizedWeights(4, 3, 3, 1), group: 4, pad: 1), 0.03f, 5);
        ValueInfo sum = _b.Round(_b.Node(Add, null, a, c), 0.04f, -11);
        ValueInfo pooled = _b.Round(_b.ToNchw(_b.Node(MaxPool, Window(2), _b.ToNhwc(sum))), 0.04f, -11);
        ValueInfo mean = _b.Round(_b.Node(ReduceMean, new AttributeSet().Set("axes", 2, 3).Set("keepdims", 1), pooled), 0.03f, 0);
        ValueInfo flat = _b.Round(_b.Reshape(mean, 1, 4), 0.03f, 0);
        ValueInfo logits = _b.Round(_b.Node(FullyConnected, null, flat, _b.QuantizedWeights(5, 4), _b.Random(5)), 0.02f, 4);
        Graph graph = _b.Output(_b.Quantize(_b.Node(Softmax, new AttributeSet().Set("axis", 1), logits), 1 / 256f, -128));
        Check(graph, 1 / 256.0, Transpose, Convolution, Convolution, Add, MaxPool, ReduceMean, Reshape, FullyConnected, Softmax);
        Assert.All(graph.Nodes, n => Assert.Equal(ElementType.Int8, n.Output.Type));
        Assert.Equal(ElementType.Int32, graph.Nodes[1].Input(2).Type);
        Assert.Equal(0f, graph.Nodes[1].Attributes.Float("min", -1));
    }

    [Fact]
    public void FlattenedQuantizedMapPermutesIntegerWeights()
    {
        ValueInfo x = _b.Input("x", ElementType.Int8, new QuantizationParameters(1 / 127f, 0), 1, 2, 4, 3);
        ValueInfo map = _b.Round(_b.ConvolutionNchw(_b.Dequantize(x), _b.QuantizedWeights(3, 1, 1, 2)), 0.01f, 0);
        ValueInfo flat = _b.Round(_b.Reshape(map, 1, 36), 0.01f, 0);
        Check(_b.Output(_b.Quantize(_b.Node(FullyConnected, null, flat, _b.QuantizedWeights(5, 36)), 0.02f, 0)), 0.02, Transpose, Convolution, Reshape, FullyConnected);
    }

    [Fact]
    public void UnsignedActivationsBecomeSignedWithExactBoundaries()
    {
        QuantizationParameters q = new(1 / 128f, 128);
        ValueInfo x = _b.Input("x", ElementType.UInt8, q, 1, 4, 4, 2);
        sbyte[] bytes = [1, 2, 3, 4, 5, 6];
        ValueInfo weights = new("w", new Tensor(ElementType.UInt8, new TensorShape(3, 1, 1, 2), System.Runtime.InteropServices.MemoryMarshal.AsBytes(bytes.AsSpan()).ToArray()),
            new QuantizationParameters(0.1f, 4));
        ValueInfo y = _b.Quantize(_b.Convolution(_b.Dequantize(x), _b.Dequantize(weights)), 0.01f, 100, ElementType.UInt8);
        Graph graph = _b.Output(y);
        Check(graph, 0.01, OperatorType.Requantize, Convolution, OperatorType.Requantize);
        Assert.Equal((ElementType.Int8, -124), (graph.Nodes[1].Input(1).Type, graph.Nodes[1].Input(1).Quantization!.ZeroPoint));
        Assert.Equal((ElementType.UInt8, "x"), (graph.Inputs[0].Type, graph.Inputs[0].Name));
        Assert.Equal(ElementType.UInt8, graph.Outputs[0].Type);
    }

    [Fact]
    public void ConcatConvertsInputsOfOtherScales()
    {
        ValueInfo x = _b.Input("x", ElementType.Int8, new QuantizationParameters(1 / 127f, 0), 1, 4, 4, 2);
        ValueInfo a = _b.Round(_b.Convolution(_b.Dequantize(x), _b.QuantizedWeights(3, 1, 1, 2)), 0.01f, 0);
        ValueInfo c = _b.Round(_b.Convolution(_b.Dequantize(x), _b.QuantizedWeights(2, 1, 1, 2)), 0.02f, 0);
        Check(_b.Output(_b.Quantize(_b.Node(Concat, new AttributeSet().Set("axis", 3), a, c), 0.02f, 0)), 0.02, Convolution, Convolution, OperatorType.Requantize, Concat);
    }

    [Fact]
    public void StoredIntegerWeightsOfAFloatNetworkBecomeFloat()
    {
        ValueInfo x = _b.Input("x", 1, 4, 4, 2);
        ValueInfo y = _b.Convolution(x, _b.QuantizedWeights(3, 1, 1, 2));
        Graph graph = _b.Output(_b.Node(Mul, null, y, _b.Random(3)));
        Check(graph, Convolution);
        Assert.Equal(ElementType.Float32, graph.Nodes[0].Input(1).Type);
    }

    [Fact]
    public void ConstantsAreFolded()
    {
        ValueInfo x = _b.Input("x", 2, 3);
        ValueInfo weights = _b.Transpose(_b.Reshape(_b.Node(Add, null, _b.Random(12), _b.Random(1)), 3, 4), 1, 0);
        Check(_b.Output(_b.Node(FullyConnected, null, x, weights)), FullyConnected);
    }

    private ValueInfo Normalization(ValueInfo x, int channels) => _b.Node(BatchNormalization, new AttributeSet().Set("epsilon", 0.001f).Set("axis", 1),
        x, _b.Random(channels), _b.Random(channels), _b.Random(channels), _b.Positive(channels));

    private ValueInfo Padded(ValueInfo x) => _b.Node(Pad, new AttributeSet().Set("pads", 0, 1, 1, 0, 0, 0, 1, 0), x);

    private static AttributeSet Window(int size) => new AttributeSet().Set("kernel", size, size).Set("strides", 1, 1).Set("pads", 0, 0, 0, 0);

    private void Check(Graph graph, params OperatorType[] expected) => Check(graph, 1e-4, expected);

    // The optimised graph has these operators, the same inputs and outputs, the same results, and is a fixed point.
    private void Check(Graph graph, double tolerance, params OperatorType[] expected)
    {
        Tensor[] inputs = [.. graph.Inputs.Select(_b.Sample)];
        double[] before = Outputs(graph, inputs);
        string[] names = [.. graph.Inputs.Concat(graph.Outputs).Select(v => $"{v.Name} {v.Type} {v.Shape}")];
        GraphOptimizer.Optimize(graph);
        Assert.Equal(expected, graph.Nodes.Select(n => n.Type));
        Assert.Equal(names, graph.Inputs.Concat(graph.Outputs).Select(v => $"{v.Name} {v.Type} {v.Shape}"));
        double[] after = Outputs(graph, inputs);
        for (int i = 0; i < before.Length; i++) Assert.InRange(after[i] - before[i], -tolerance * 1.01, tolerance * 1.01);
        string[] nodes = [.. graph.Nodes.Select(n => n.ToString())];
        GraphOptimizer.Optimize(graph);
        Assert.Equal(nodes, graph.Nodes.Select(n => n.ToString()));
    }

    private static double[] Outputs(Graph graph, Tensor[] inputs)
    {
        Dictionary<string, Tensor> values = HostEvaluator.Run(graph, inputs);
        return [.. graph.Outputs.SelectMany(v => HostEvaluator.ToReals(values[v.Name], v.Quantization))];
    }
}
