using System.Runtime.InteropServices;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;
using EdgeRuntime.Training;
using Xunit;

namespace EdgeRuntime.Conformance;

/// <summary>Recurrent layers on the training tape, in the runtime, and in ONNX Runtime after export: the same outputs and states.</summary>
public sealed class RecurrentTrainingTests
{
    private const int Steps = 7, Inputs = 5, Hidden = 6, Batch = 3;

    public static TheoryData<string> Names => [.. from cell in (string[])["lstm", "gru before", "gru after"] from direction in (string[])["0", "1", "2"] from rank in (string[])["0", "3"] select $"{cell}, direction {direction}, rank {rank}"];

    [Theory, MemberData(nameof(Names))]
    public void A_batch_on_the_tape_is_what_the_runtime_computes_sample_by_sample(string name)
    {
        Graph graph = Network(name);
        Tape tape = new() { IsTraining = false };
        Variable[] inputs = [.. graph.Inputs.Select((v, i) => tape.Constant(v.Shape.With(0, v.Shape[0] * Batch), Numbers(Batch * (int)v.Shape.ElementCount, i)))];
        Variable[] outputs = new TrainableNetwork(graph).Forward(tape, inputs);
        using InferenceSession session = new(graph);
        for (int n = 0; n < Batch; n++)
        {
            Feed(session, n);
            session.Run();
            for (int o = 0; o < outputs.Length; o++)
            {
                // Outputs have the batch as the second of their axes.
                Variable sample = tape.Slice(outputs[o], 1, n, n + 1);
                AssertClose(session.Output<float>(o), sample.Data);
            }
        }
    }

    [SkippableTheory, MemberData(nameof(Names))]
    public void Exported_layers_run_in_onnx_runtime(string name)
    {
        Skip.IfNot(OnnxRuntimeLibrary.IsAvailable, OnnxRuntimeLibrary.Missing);
        string path = Path.Combine(Path.GetTempPath(), $"edge-export-{Guid.NewGuid():N}.onnx");
        try
        {
            Graph graph = Network(name);
            OnnxExporter.Write(graph, path);
            using OnnxRuntimeLibrary.Session theirs = new(path);
            using InferenceSession ours = new(graph), again = new(GraphOptimizer.Optimize(NetworkImporter.Load(path)));
            Feed(ours, 0);
            for (int i = 0; i < graph.Inputs.Count; i++)
            {
                ours.InputBytes(i).CopyTo(theirs.Inputs[i].Bytes);
                ours.InputBytes(i).CopyTo(again.InputBytes(i));
            }
            theirs.Run();
            ours.Run();
            again.Run();
            for (int o = 0; o < graph.Outputs.Count; o++)
            {
                AssertClose(ours.Output<float>(o), MemoryMarshal.Cast<byte, float>(theirs.Outputs[o].Bytes));
                AssertClose(ours.Output<float>(o), again.Output<float>(o));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Feed(InferenceSession session, int sample)
    {
        for (int i = 0; i < session.Inputs.Count; i++)
        {
            int count = session.Input<float>(i).Length;
            Numbers(Batch * count, i).AsSpan(sample * count, count).CopyTo(session.Input<float>(i));
        }
    }

    /// <summary>x [T,1,I] and first states → y and last states.</summary>
    private static Graph Network(string name)
    {
        bool lstm = name.StartsWith("lstm", StringComparison.Ordinal);
        int direction = name[name.IndexOf("direction ", StringComparison.Ordinal) + 10] - '0', rank = name[^1] - '0', directions = direction == 2 ? 2 : 1, gates = (lstm ? 4 : 3) * Hidden;
        int rows = directions * gates;
        Graph graph = new(name);
        ValueInfo x = Value("x", Steps, 1, Inputs), h = Value("h", directions, 1, Hidden), c = Value("c", directions, 1, Hidden);
        graph.Inputs.AddRange(lstm ? [x, h, c] : [x, h]);
        graph.Outputs.AddRange([Value("y", Steps, 1, directions * Hidden), Value("h'", directions, 1, Hidden)]);
        if (lstm) graph.Outputs.Add(Value("c'", directions, 1, Hidden));
        AttributeSet attributes = new AttributeSet().Set("direction", direction);
        if (!lstm) attributes.Set("linear_before_reset", name.Contains("after", StringComparison.Ordinal) ? 1 : 0);
        graph.Nodes.Add(new Node(lstm ? OperatorType.Lstm : OperatorType.Gru, "layer",
            [x, Weights("w", rows, rank > 0 ? rank : Inputs), Weights("r", rows, rank > 0 ? rank : Hidden), Weights("b", rows), Weights("rb", rows), h, lstm ? c : null,
                rank > 0 ? Weights("w2", directions * rank, Inputs) : null, rank > 0 ? Weights("r2", directions * rank, Hidden) : null], graph.Outputs, attributes));
        GraphValidator.Validate(graph);
        return graph;
    }

    private static ValueInfo Value(string name, params int[] shape) => new(name, ElementType.Float32, new TensorShape(shape));

    private static ValueInfo Weights(string name, params int[] shape) => new(name, Tensor.From<float>(new TensorShape(shape), Numbers(shape.Aggregate((a, b) => a * b), 10 * name.Length + name[0])));

    private static float[] Numbers(int count, int seed)
    {
        RandomSource random = new((ulong)(seed + 100));
        float[] numbers = new float[count];
        foreach (ref float v in numbers.AsSpan()) v = 0.5f * random.Gaussian();
        return numbers;
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f);
    }
}
