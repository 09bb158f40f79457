using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model.Tests;

public sealed class ModelSummaryTests
{
    [Fact]
    public void LayersAndTotals()
    {
        ModelSummary summary = ModelSummary.Of(SampleGraphs.ConvolutionInt8());
        Assert.Null(summary.File);
        Assert.Equal(["Convolution", "Convolution", "AveragePool"], summary.Layers.Select(l => l.Operator));
        // 5·4 outputs of 3 channels with 3·3·2 products each; then 3 depthwise channels with one product each.
        Assert.Equal([5 * 4 * 3 * 18, 5 * 4 * 3, 0], summary.Layers.Select(l => l.MultiplyAccumulates));
        Assert.Equal([54 + 3, 3 + 3, 0], summary.Layers.Select(l => l.Parameters));
        Assert.Equal([54 + 12, 3 + 12, 0], summary.Layers.Select(l => l.ConstantBytes));
        Assert.Equal([8, 8, null], summary.Layers.Select(l => l.WeightBits));
        Assert.Equal("3 scales on axis 0", summary.Layers[0].WeightQuantization);
        Assert.Equal(["Int8", "Int8", null], summary.Layers.Select(l => l.WeightStorage));
        Assert.Equal(new TotalsSummary(3, 63, 81, 1140), summary.Totals);
        Assert.Equal([1, 2, 2, 3], summary.Outputs[0].Shape);
    }

    [Fact]
    public void MultiplyAccumulatesOfAFullyConnectedLayer()
    {
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(2, 3, 5)), y = new("y", ElementType.Float32, new TensorShape(2, 3, 7));
        ValueInfo w = new("w", new Tensor(ElementType.Float32, new TensorShape(7, 5), new byte[140]));
        Assert.Equal(2 * 3 * 7 * 5, OperatorCosts.MultiplyAccumulates(new Node(OperatorType.FullyConnected, "fc", [x, w], [y])));
    }

    [Fact]
    public void GroupsAndZerosOfWeights()
    {
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(1, 64)), y = new("y", ElementType.Float32, new TensorShape(2, 2));
        ValueInfo w = new("w", new Tensor(ElementType.Int4, new TensorShape(2, 64), new byte[64]), new([1, 1, 1, 1], default, 0, 32)) { Sparsity = Sparsity.Parse("2:4") };
        Graph graph = new("zeros");
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node(OperatorType.FullyConnected, "fc", [x, w], [y]));
        graph.Outputs.Add(y);
        Assert.Equal("Int4 2:4, groups of 32", ModelSummary.Of(graph).Layers[0].WeightStorage);
    }

    [Fact]
    public void FileFacts()
    {
        Graph dense = SampleGraphs.Dense();
        byte[] bytes = PackedFormatTests.Bytes(dense, new ModelWriterOptions { Golden = SampleGraphs.GoldenOf(dense), Prepacked = SampleGraphs.PanelsOf() });
        using PackedModel model = ModelReader.Read(bytes);
        FileSummary file = ModelSummary.Of(model).File!;
        Assert.Equal(bytes.Length, file.Bytes);
        Assert.Equal(["Strings", "Metadata", "Graph", "Tensors", "Golden", "Prepacked"], file.Sections.Select(s => s.Name));
        Assert.Equal([true, false, true, true, false, false], file.Sections.Select(s => s.Required));
        Assert.Equal("1.0", file.Version);
        Assert.Equal(2, file.GoldenSamples);
        Assert.Equal(["gemm-a", "gemm-b"], file.PrepackedKernels);
    }
}
