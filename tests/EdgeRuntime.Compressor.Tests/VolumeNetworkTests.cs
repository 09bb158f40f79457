using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Compressor.Tests.OnnxModels;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>A network of 3-D convolutions, once imported, is one like others: it runs and is quantised.</summary>
public sealed class VolumeNetworkTests
{
    private readonly Random _random = new(4);

    [Fact]
    public void VolumesAreQuantizedAndRun()
    {
        Graph graph = Volumes(), source = GraphCopy.Of(graph);
        CalibrationData data = new();
        for (int i = 0; i < 12; i++) data.Add(Sample(graph));
        PassReport report = new QuantizeInt8(new QuantizeOptions { Rounding = "gptq" }).Apply(graph, new PassContext { Calibration = data });
        Assert.Empty(report.Notes);
        Assert.All(report.Layers, layer => Assert.True(layer.SignalToNoise > 20, layer.ToString()));
        Tensor sample = Sample(graph);
        float[] wanted = HostEvaluator.Run(source, sample)["y"].ToFloats();
        using InferenceSession session = new(GraphOptimizer.Optimize(source));
        sample.Data.Span.CopyTo(session.InputBytes(0));
        session.Run();
        Assert.All(wanted.Zip(session.Output<float>(0).ToArray()), p => Assert.Equal(p.First, p.Second, 1e-4f));
    }

    private Graph Volumes() => OnnxImporter.Import(Network(13, [1, 2, 6, 8, 8],
        Node("Conv", "x w b", "c").With("pads", 1, 1, 1, 1, 1, 1), Numbers("w", 6, 2, 3, 3, 3), Numbers("b", 6),
        Node("Relu", "c", "r"), Node("MaxPool", "r", "p").With("kernel_shape", 2, 2, 2).With("strides", 2, 2, 2),
        Node("Conv", "p v", "d").With("strides", 2, 1, 1).With("group", 2L), Numbers("v", 4, 3, 2, 3, 3),
        Node("GlobalAveragePool", "d", "g"), Node("Flatten", "g")), "volumes");

    private Google.Protobuf.IMessage Numbers(string name, params int[] shape) =>
        Floats(name, shape, [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => _random.NextSingle() - 0.4f)]);

    private Tensor Sample(Graph graph) =>
        Tensor.From<float>(graph.Inputs[0].Shape, [.. Enumerable.Range(0, (int)graph.Inputs[0].Shape.ElementCount).Select(_ => _random.NextSingle() * 2 - 1)]);
}
