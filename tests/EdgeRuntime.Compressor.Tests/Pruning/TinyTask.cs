using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>A network with batch normalisation and a residual, for pruning, and a task that it learns in a second.</summary>
internal static class TinyTask
{
    /// <summary>A residual block and a classifier, with batch normalisation.</summary>
    public static Graph Network()
    {
        GraphBuilder b = new();
        ValueInfo stem = Normalized(b, b.Input("x", 1, 6, 6, 2), 16);
        ValueInfo inner = b.Clip(Normalized(b, stem, 32, "inner"), 0);
        ValueInfo sum = b.Node(OperatorType.Add, new AttributeSet().Set("min", 0f), stem, Normalized(b, inner, 16));
        ValueInfo mean = b.Node(OperatorType.ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0), sum);
        ValueInfo logits = b.Node(OperatorType.FullyConnected, null, mean, b.Random(2, 16), b.Random(2));
        return b.Output(b.Node(OperatorType.Softmax, new AttributeSet().Set("axis", -1), logits));
    }

    private static ValueInfo Normalized(GraphBuilder b, ValueInfo x, int channels, string? name = null)
    {
        x = b.Convolution(x, b.Random(channels, 3, 3, x.Shape[3]), pad: 1);
        if (name is not null) b.Graph.Nodes[^1].Name = name;
        return b.Node(OperatorType.BatchNormalization, new AttributeSet().Set("epsilon", 1e-3f).Set("axis", 3), x, b.Positive(channels), b.Random(channels), b.Random(channels), b.Positive(channels));
    }

    /// <summary>Which of two channels has the larger mean.</summary>
    public static PassContext Context()
    {
        RandomSource random = new(3);
        float[] samples = new float[96 * 72];
        int[] labels = new int[96];
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = i % 2;
            for (int j = 0; j < 72; j++) samples[i * 72 + j] = random.Gaussian() * 0.5f + (j % 2 == labels[i] ? 1 : 0);
        }
        return new PassContext { Training = new TrainingSamples(new Dataset(samples, labels, 72)) };
    }

    /// <summary>Share of the samples that the runtime gets right.</summary>
    public static double Accuracy(Graph graph) => MadeUpTask.Accuracy(graph, Context().Training!.Data);
}
