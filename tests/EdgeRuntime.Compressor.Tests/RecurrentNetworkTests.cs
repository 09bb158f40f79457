using System.IO.Compression;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Real networks with LSTM layers: what other runtimes recorded, the accuracy measured elsewhere, and quantisation.</summary>
public sealed class RecurrentNetworkTests
{
    /// <summary>
    /// Floats agree to 1e-4; integers are equal or a step off, as 16-bit cells round otherwise than TensorFlow Lite's. A step of the
    /// noise mask's logits is 2.5 steps of its sigmoid.
    /// </summary>
    [SkippableTheory]
    [InlineData("sequence/mnist-lstm-float", false, 1e-4)]
    [InlineData("sequence/mnist-lstm-int8", false, 1)]
    [InlineData("sequence/mnist-lstm-uint8io", false, 1)]
    [InlineData("keyword-spotting/micro-speech-lstm-int8", false, 1)]
    [InlineData("speech/dtln-noise-suppression-int8", true, 3)]
    public void TfLiteNetworksGiveTheRecordedOutputs(string model, bool isOneSequence, double tolerance)
    {
        using InferenceSession session = new(GraphOptimizer.Optimize(TfLiteImporter.Load(SharedFiles.Path("models", model + ".tflite"))));
        string golden = SharedFiles.Path("models", "golden", Path.GetFileName(model));
        Tensor inputs = NumpyFile.Load(Path.Combine(golden, "in_x.npy")), outputs = NumpyFile.Load(Path.Combine(golden, "out_0.npy"));
        float[] expected = outputs.ToFloats();
        int size = session.InputBytes(0).Length, runs = inputs.Data.Length / size;
        Assert.True(session.StateBytes > 0);
        for (int run = 0; run < runs; run++)
        {
            if (!isOneSequence) session.ResetState();
            inputs.Data.Span.Slice(run * size, size).CopyTo(session.InputBytes(0));
            session.Run();
            float[] actual = new Tensor(session.Outputs[0].Type, session.Outputs[0].Shape, session.OutputBytes(0).ToArray()).ToFloats();
            for (int i = 0; i < actual.Length; i++)
                Assert.True(Math.Abs(actual[i] - expected[run * actual.Length + i]) <= tolerance, $"run {run}, element {i}: {actual[i]}, not {expected[run * actual.Length + i]}");
        }
    }

    /// <summary>The README's 99.6, 99.5 and 99.1 %, to within two pictures of 1,000.</summary>
    [SkippableTheory]
    [InlineData("mnist-lstm-float", 996)]
    [InlineData("mnist-lstm-int8", 995)]
    [InlineData("mnist-lstm-uint8io", 991)]
    public void DigitsAreRecognised(string model, int expected) =>
        Assert.InRange(CorrectDigits(GraphOptimizer.Optimize(TfLiteImporter.Load(SharedFiles.Path("models", "sequence", model + ".tflite"))), "test", 1000), expected - 2, expected + 2);

    [SkippableFact]
    public void VoiceActivityIsTheRecordedOne()
    {
        Graph graph = GraphOptimizer.Optimize(NetworkImporter.Load(SharedFiles.Path("models", "speech", "silero-vad-16k.onnx"), SileroShapes));
        Assert.Single(graph.Nodes, n => n.Type == OperatorType.Lstm);
        using InferenceSession session = new(graph);
        (double probability, double state) = SileroErrors(session);
        Assert.InRange(probability, 0, 1e-4);
        Assert.InRange(state, 0, 1e-3);
    }

    /// <summary>The layer alone: states travel in 16 and 8 bits between runs, so errors add up.</summary>
    [SkippableFact]
    public void VoiceActivityCanBeQuantised()
    {
        Graph graph = NetworkImporter.Load(SharedFiles.Path("models", "speech", "silero-vad-16k.onnx"), SileroShapes);
        using (InferenceSession floats = new(GraphOptimizer.Optimize(GraphCopy.Of(graph))))
        {
            CalibrationData data = new();
            SileroErrors(floats, () => data.Add([.. floats.Inputs.Select((v, i) => new Tensor(v.Type, v.Shape, floats.InputBytes(i).ToArray()))]));
            new QuantizeInt8(new QuantizeOptions { Skip = [.. graph.Nodes.Where(n => n.Type != OperatorType.Lstm).Select(n => n.Name)] }).Apply(graph, new PassContext { Calibration = data });
        }
        Assert.Contains(graph.Nodes, n => n.Type == OperatorType.Lstm && n.Output.Type == ElementType.Int8 && n.Outputs[2].Type == ElementType.Int16);
        using InferenceSession session = new(graph);
        Assert.InRange(SileroErrors(session).Probability, 0, 0.05);
    }

    [SkippableFact]
    public void AFloatNetworkKeepsItsAccuracyInIntegers()
    {
        Graph graph = TfLiteImporter.Load(SharedFiles.Path("models", "sequence", "mnist-lstm-float.tflite"));
        int floats = CorrectDigits(GraphOptimizer.Optimize(GraphCopy.Of(graph)), "test", 1000);
        float[][] pictures = Pictures("train", 200);
        CalibrationData data = new();
        foreach (float[] p in pictures) data.Add(Tensor.From<float>(graph.Inputs[0].Shape, p));
        PipelineReport report = CompressionPipeline.Run(graph, Recipe.Load("int8"), new PassContext { Calibration = data });
        Assert.Contains(graph.Nodes, n => n.Type == OperatorType.Lstm && n.Output.Type == ElementType.Int8);
        Assert.Contains(report.Passes[^1].Layers, l => l.Operator == "Lstm" && l.SignalToNoise > 20);
        Assert.InRange(CorrectDigits(graph, "test", 1000), floats - 5, 1000);
    }

    private static Dictionary<string, TensorShape> SileroShapes => new() { ["input"] = new(1, 576), ["state"] = new(2, 1, 128) };

    /// <summary>Largest errors of probability and last state over the recorded frames.</summary>
    private static (double Probability, double State) SileroErrors(InferenceSession session, Action? beforeRun = null)
    {
        string golden = SharedFiles.Path("models", "golden", "silero-vad-16k");
        float[] frames = NumpyFile.Load(Path.Combine(golden, "in_frames.npy")).ToFloats(), expected = NumpyFile.Load(Path.Combine(golden, "out_probability.npy")).ToFloats();
        float[] last = NumpyFile.Load(Path.Combine(golden, "out_final_state.npy")).ToFloats();
        session.InputBytes(1).Clear();
        session.Input<long>(2)[0] = 16000;
        double probability = 0, state = 0;
        for (int f = 0; f < expected.Length; f++)
        {
            frames.AsSpan(f * 576, 576).CopyTo(session.Input<float>(0));
            beforeRun?.Invoke();
            session.Run();
            probability = Math.Max(probability, Math.Abs(session.Output<float>(0)[0] - expected[f]));
            session.Output<float>(1).CopyTo(session.Input<float>(1));
        }
        for (int i = 0; i < last.Length; i++) state = Math.Max(state, Math.Abs(session.Output<float>(1)[i] - last[i]));
        return (probability, state);
    }

    private static int CorrectDigits(Graph graph, string set, int count)
    {
        using InferenceSession session = new(graph);
        float[][] pictures = Pictures(set, count);
        byte[] labels = Idx(set + "-labels-idx1-ubyte.gz");
        int correct = 0;
        for (int i = 0; i < count; i++)
        {
            InputSamples sample = new(session.Inputs[0], Tensor.From<float>(new TensorShape(1, 28, 28), pictures[i]));
            sample.Copy(0, session.InputBytes(0));
            session.ResetState();
            session.Run();
            float[] scores = new Tensor(session.Outputs[0].Type, session.Outputs[0].Shape, session.OutputBytes(0).ToArray()).ToFloats();
            if (Array.IndexOf(scores, scores.Max()) == labels[8 + i]) correct++;
        }
        return correct;
    }

    /// <summary>Pixels in [0, 1].</summary>
    private static float[][] Pictures(string set, int count)
    {
        byte[] all = Idx(set + "-images-idx3-ubyte.gz");
        return [.. Enumerable.Range(0, count).Select(i => Array.ConvertAll(all[(16 + i * 784)..(16 + (i + 1) * 784)], b => b / 255f))];
    }

    private static byte[] Idx(string name)
    {
        using GZipStream stream = new(File.OpenRead(SharedFiles.Path("data", "mnist-10k", name)), CompressionMode.Decompress);
        using MemoryStream bytes = new();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
