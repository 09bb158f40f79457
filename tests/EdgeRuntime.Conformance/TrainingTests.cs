using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;
using EdgeRuntime.Training;
using Xunit;

namespace EdgeRuntime.Conformance;

/// <summary>Real networks on the training tape: the same outputs as the runtime's, and as ONNX Runtime's after export.</summary>
public sealed class TrainingTests
{
    public static TheoryData<string> Files => new("mlperf-tiny/kws_fp32.onnx", "mlperf-tiny/vww_fp32.onnx", "mlperf-tiny/resnet8_fp32.onnx", "mlperf-tiny/ad_fp32.onnx",
        "mlperf-tiny/sww_fp32.onnx", "image-classification/mnist-cnn.onnx", "mlperf-tiny/kws_ref_model_float32.tflite");

    [SkippableTheory, MemberData(nameof(Files))]
    public void The_tape_computes_what_the_runtime_does(string file)
    {
        using InferenceSession session = new(GraphOptimizer.Optimize(Import(file)));
        Assert.True(Difference(session, Trained(file)) < 1e-4);
    }

    [SkippableTheory, MemberData(nameof(Files))]
    public void Exported_networks_run_in_onnx_runtime(string file)
    {
        Graph graph = GraphOptimizer.PrepareForTraining(Import(file));
        Skip.IfNot(OnnxRuntimeLibrary.IsAvailable, OnnxRuntimeLibrary.Missing);
        string path = Path.Combine(Path.GetTempPath(), $"edge-export-{Guid.NewGuid():N}.onnx");
        try
        {
            OnnxExporter.Write(graph, path);
            using OnnxRuntimeLibrary.Session theirs = new(path);
            using InferenceSession ours = new(GraphOptimizer.Optimize(Import(file))), again = new(GraphOptimizer.Optimize(NetworkImporter.Load(path)));
            Networks.Fill(ours.InputBytes(0), ElementType.Float32, 1);
            ours.InputBytes(0).CopyTo(theirs.Inputs[0].Bytes);
            ours.InputBytes(0).CopyTo(again.InputBytes(0));
            theirs.Run();
            ours.Run();
            again.Run();
            float[] expected = [.. ours.Output<float>(0)];
            Assert.True(Difference(expected, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(theirs.Outputs[0].Bytes)) < 1e-4);
            Assert.True(Difference(expected, again.Output<float>(0)) < 1e-4);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [SkippableFact]
    public void Fine_tuning_with_batch_normalisation_lowers_the_loss()
    {
        Graph graph = GraphOptimizer.PrepareForTraining(Import("mlperf-tiny/kws_fp32.onnx"));
        RandomSource random = new(3);
        float[] samples = new float[64 * graph.Inputs[0].Shape.ElementCount];
        foreach (ref float v in samples.AsSpan()) v = 10 * random.Gaussian();
        Dataset data = new(samples, Enumerable.Range(0, 64).Select(i => i % 12).ToArray(), samples.Length / 64);
        TrainingResult result = new Trainer(new TrainableNetwork(graph), data, null, new TrainingOptions { Epochs = 6, BatchSize = 16 }).Run();
        Assert.True(result.Losses[^1] < 0.7 * result.Losses[0], string.Join(", ", result.Losses));
    }

    private static Graph Import(string file)
    {
        string? path = SharedFolder.Locate("models/" + file);
        Skip.If(path is null, SharedFolder.Missing("models/" + file));
        return NetworkImporter.Load(path!);
    }

    private static TrainableNetwork Trained(string file) => new(GraphOptimizer.PrepareForTraining(Import(file)));

    private static double Difference(InferenceSession session, TrainableNetwork network)
    {
        Networks.Fill(session.InputBytes(0), ElementType.Float32, 1);
        session.Run();
        Tape tape = new() { IsTraining = false };
        Variable[] outputs = network.Forward(tape, [tape.Constant(session.Inputs[0].Shape, session.Input<float>(0))]);
        return Difference(session.Output<float>(0), outputs[0].Data);
    }

    private static double Difference(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Assert.Equal(a.Length, b.Length);
        double difference = 0, largest = 1e-6;
        for (int i = 0; i < a.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs(a[i] - b[i]));
            largest = Math.Max(largest, Math.Abs(a[i]));
        }
        return difference / largest;
    }
}
