using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model.Tests;

/// <summary>What the format adds to weights.</summary>
public sealed class FileSizeTests
{
    [Fact]
    public void AKeywordSpotterOfTwentyTwoThousandWeightsTakesAtMostFortyKilobytes()
    {
        Graph graph = KeywordSpotter();
        ModelSummary summary = ModelSummary.Of(graph);
        Assert.Equal(22_016, graph.Nodes.Where(n => n.Inputs.Count > 1).Sum(n => n.Input(1).Shape.ElementCount));
        Assert.InRange(PackedFormatTests.Bytes(graph, null).Length, summary.Totals.ConstantBytes, 40_000);
        Assert.InRange(PackedFormatTests.Bytes(graph, new ModelWriterOptions { ShortNames = true }).Length, summary.Totals.ConstantBytes, 33_000);
    }

    // The DS-CNN of MLPerf Tiny: quantised per channel, weights that no two layers share, names as long as a converter's.
    private static Graph KeywordSpotter()
    {
        Graph graph = new("keyword-spotter");
        Random random = new(1);
        ValueInfo x = new("input", ElementType.Int8, new TensorShape(1, 49, 10, 1), new QuantizationParameters(0.5f, 83));
        graph.Inputs.Add(x);
        x = Layer(x, [64, 10, 4, 1], new AttributeSet().Set("strides", 2, 2).Set("dilations", 1, 1).Set("pads", 4, 1, 5, 1).Set("group", 1));
        for (int block = 0; block < 4; block++)
        {
            x = Layer(x, [64, 3, 3, 1], new AttributeSet().Set("strides", 1, 1).Set("dilations", 1, 1).Set("pads", 1, 1, 1, 1).Set("group", 64));
            x = Layer(x, [64, 1, 1, 64], new AttributeSet().Set("strides", 1, 1).Set("dilations", 1, 1).Set("pads", 0, 0, 0, 0).Set("group", 1));
        }
        ValueInfo mean = new("mean", ElementType.Int8, new TensorShape(1, 64), x.Quantization);
        graph.Nodes.Add(new Node(OperatorType.ReduceMean, "mean", [x], [mean], new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0)));
        graph.Outputs.Add(Layer(mean, [12, 64], null));
        return graph;

        ValueInfo Layer(ValueInfo input, int[] weights, AttributeSet? convolution)
        {
            string name = $"functional_1/activation_{graph.Nodes.Count}/Relu;functional_1/batch_normalization_{graph.Nodes.Count}/FusedBatchNormV3";
            byte[] data = new byte[new TensorShape(weights).ElementCount], bias = new byte[weights[0] * sizeof(int)];
            random.NextBytes(data);
            random.NextBytes(bias);
            ValueInfo w = new(name + "/w", new Tensor(ElementType.Int8, new TensorShape(weights), data), PerChannel());
            ValueInfo b = new(name + "/b", new Tensor(ElementType.Int32, new TensorShape(weights[0]), bias), PerChannel());
            ValueInfo output = new(name, ElementType.Int8, default, new QuantizationParameters(random.NextSingle() + 0.1f, -128));
            Node node = new(convolution is null ? OperatorType.FullyConnected : OperatorType.Convolution, name, [input, w, b], [output], convolution);
            output.Shape = ShapeInference.Infer(node);
            graph.Nodes.Add(node);
            return output;

            QuantizationParameters PerChannel() => new([.. Enumerable.Range(0, weights[0]).Select(_ => random.NextSingle() + 0.1f)], axis: 0);
        }
    }
}
