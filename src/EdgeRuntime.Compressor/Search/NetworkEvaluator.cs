using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>Counts what a classifier answers, as it is deployed.</summary>
public static class NetworkEvaluator
{
    /// <summary>Counts by true class and answer.</summary>
    /// <exception cref="ModelException">The network has not one input, or can't be run.</exception>
    public static int[][] Confusion(Graph graph, Dataset data, int threads = 1)
    {
        if (graph.Inputs.Count != 1) throw new ModelException(ModelErrorKind.InvalidData, graph.Name, $"the network has {graph.Inputs.Count} inputs; evaluation feeds one");
        using InferenceSession session = new(graph, new SessionOptions { Threads = threads });
        int classes = checked((int)graph.Outputs[0].Shape.ElementCount);
        int[][] counts = [.. Enumerable.Range(0, classes).Select(_ => new int[classes])];
        CalibrationData samples = new();
        for (int i = 0; i < data.Count; i++) samples.Add([Tensor.From<float>(graph.Inputs[0].Shape, data[i])]);
        for (int i = 0; i < data.Count; i++)
        {
            samples.Sample(i, 0, graph.Inputs[0]).Data.Span.CopyTo(session.InputBytes(0));
            session.ResetState();
            session.Run();
            Tensor scores = new(graph.Outputs[0].Type, graph.Outputs[0].Shape, session.OutputBytes(0).ToArray());
            float[] values = scores.ToFloats();
            counts[data.Labels.Span[i]][values.AsSpan().IndexOf(values.Max())]++;
        }
        return counts;
    }

    /// <summary>The share of right answers.</summary>
    public static double Accuracy(int[][] confusion) => confusion.Select((row, c) => (double)row[c]).Sum() / Math.Max(1, confusion.Sum(row => row.Sum()));
}
