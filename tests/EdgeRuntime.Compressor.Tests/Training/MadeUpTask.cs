using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>A small classification task and networks for it: four classes of 8×8 pictures, bars in four directions, in noise.</summary>
internal static class MadeUpTask
{
    public const int Classes = 4;

    private const int Side = 8;

    public static Dataset Make(int count, int seed, float noise = 1.5f)
    {
        Random random = new(seed);
        float[] samples = new float[count * Side * Side];
        int[] labels = new int[count];
        for (int s = 0; s < count; s++)
        {
            labels[s] = random.Next(Classes);
            // Bars that lie, stand, rise and fall, at any phase.
            (double dy, double dx) = labels[s] switch { 0 => (1.5, 0.0), 1 => (0.0, 1.5), 2 => (1.1, 1.1), _ => (1.1, -1.1) };
            double phase = random.NextDouble() * 2 * Math.PI;
            for (int i = 0; i < Side * Side; i++)
                samples[s * Side * Side + i] = (float)(Math.Sin(phase + i / Side * dy + i % Side * dx) + noise * (random.NextDouble() + random.NextDouble() - 1));
        }
        return new Dataset(samples, labels, Side * Side);
    }

    public static TrainingSamples Samples { get; } = new(Make(512, 1), Make(256, 2));

    public static PassContext Context { get; } = new() { Training = Samples, Calibration = Samples.Calibration(Network(16).Inputs[0]), Threads = 2 };

    /// <summary>Convolution, depthwise and pointwise convolution, mean, dense; trained for <paramref name="epochs"/>.</summary>
    public static Graph Network(int channels, int epochs = 0)
    {
        Graph graph = new("made-up");
        Random random = new(7);
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(1, Side, Side, 1));
        graph.Inputs.Add(x);
        x = Convolution("first", x, channels, 1, 3);
        x = Convolution("depthwise", x, channels, channels, 3);
        x = Convolution("pointwise", x, channels, 1, 1);
        ValueInfo mean = new("mean", ElementType.Float32, new TensorShape(1, channels));
        AttributeSet axes = new();
        axes.Set("axes", [1, 2]);
        axes.Set("keepdims", 0);
        graph.Nodes.Add(new Node(OperatorType.ReduceMean, "mean", [x], [mean], axes));
        ValueInfo y = new("y", ElementType.Float32, new TensorShape(1, Classes));
        graph.Nodes.Add(new Node(OperatorType.FullyConnected, "classes", [mean, Weights("classes.w", new TensorShape(Classes, channels)), Zeros("classes.b", Classes)], [y]));
        graph.Outputs.Add(y);
        if (epochs > 0) new Trainer(new TrainableNetwork(graph), Samples.Data, null, new TrainingOptions { Epochs = epochs, Schedule = LearningRateSchedule.Cosine(5e-3f) }).Run();
        return graph;

        ValueInfo Convolution(string name, ValueInfo input, int outputs, int group, int side)
        {
            AttributeSet attributes = new();
            attributes.Set("strides", [1, 1]);
            attributes.Set("pads", [side / 2, side / 2, side / 2, side / 2]);
            attributes.Set("dilations", [1, 1]);
            attributes.Set("group", group);
            attributes.Set("min", 0f);
            ValueInfo output = new(name, ElementType.Float32, new TensorShape(1, Side, Side, outputs));
            graph.Nodes.Add(new Node(OperatorType.Convolution, name, [input, Weights(name + ".w", new TensorShape(outputs, side, side, input.Shape[3] / group)), Zeros(name + ".b", outputs)], [output], attributes));
            return output;
        }

        ValueInfo Weights(string name, TensorShape shape)
        {
            double deviation = Math.Sqrt(6.0 / shape.CountOf(1, shape.Rank));
            float[] values = new float[shape.ElementCount];
            foreach (ref float v in values.AsSpan()) v = (float)((2 * random.NextDouble() - 1) * deviation);
            return new ValueInfo(name, Tensor.From<float>(shape, values));
        }

        static ValueInfo Zeros(string name, int count) => new(name, Tensor.Vector<float>(new float[count]));
    }

    /// <summary>Share of <paramref name="data"/> that <paramref name="graph"/>, of any precision, gets right in the runtime.</summary>
    public static double Accuracy(Graph graph, Dataset? data = null)
    {
        data ??= Samples.Validation!;
        using InferenceSession session = new(GraphOptimizer.Optimize(GraphCopy.Of(graph)));
        int right = 0;
        for (int s = 0; s < data.Count; s++)
        {
            data[s].CopyTo(MemoryMarshal.Cast<byte, float>(session.InputBytes(0)));
            session.Run();
            ReadOnlySpan<float> y = MemoryMarshal.Cast<byte, float>(session.OutputBytes(0));
            int best = 0;
            for (int c = 1; c < y.Length; c++)
                if (y[c] > y[best]) best = c;
            if (best == data.Labels.Span[s]) right++;
        }
        return (double)right / data.Count;
    }
}
