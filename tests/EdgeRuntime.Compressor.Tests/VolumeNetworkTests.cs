using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;
using Xunit;
using static EdgeRuntime.Compressor.Tests.OnnxModels;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>A network of 3-D convolutions, once imported, is one like others: it runs, is quantised and is trained.</summary>
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

    [Fact]
    public void GradientsReachTheFirstConvolution()
    {
        Graph graph = GraphOptimizer.PrepareForTraining(Volumes());
        TrainableNetwork network = new(graph);
        float[] sample = Sample(graph).ToFloats();
        Tape tape = new(1);
        Variable Loss()
        {
            tape.Reset();
            Variable y = network.Forward(tape, [new Variable("x", graph.Inputs[0].Shape, sample, requiresGradient: false)])[0];
            return tape.MeanSquaredError(y, new Variable("t", y.Shape, new float[y.Count], requiresGradient: false));
        }
        Variable weights = network.Parameters.First(p => p.Shape.Rank == 4);
        tape.Backward(Loss());
        float gradient = weights.Gradient![5], step = 1e-2f, before = weights.Data[5];
        weights.Data[5] = before + step;
        float up = Loss().Data[0];
        weights.Data[5] = before - step;
        float down = Loss().Data[0];
        Assert.NotEqual(0, gradient);
        Assert.Equal((up - down) / (2 * step), gradient, 0.02f * Math.Abs(gradient) + 1e-4f);
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
