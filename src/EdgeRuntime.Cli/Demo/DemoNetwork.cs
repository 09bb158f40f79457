using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Cli;

/// <summary>
/// The demonstration's float network, shaped like a keyword network (convolution, depthwise and pointwise convolution,
/// pooling, one fully connected layer). Its convolutions stay random; only the last layer is fitted, in closed form, which
/// takes a second and is enough for real accuracy (random features, Rahimi and Recht 2007).
/// </summary>
internal sealed class DemoNetwork
{
    private const int Channels = 48, Slices = 8;
    private const double Penalty = 1e-4;

    // Ridge targets are 0 and 1; as logits they need a larger spread.
    private const float LogitScale = 12;

    private readonly Random _random = new(3);
    private readonly Graph _graph = new("demo words");

    private DemoNetwork() { }

    /// <summary>Builds the network and fits its last layer.</summary>
    public static Graph Fit(DemoData data)
    {
        DemoNetwork network = new();
        ValueInfo features = network.Features();
        network._graph.Outputs.Add(features);
        List<float[]> rows = Run(network._graph, data.Inputs);
        network._graph.Outputs.Clear();
        network.Classify(features, RidgeRegression.Fit(rows, data.Labels.AsSpan<int>(), DemoData.Classes, Penalty));
        network._graph.Metadata[MetadataKeys.Labels] = string.Join('\n', Enumerable.Range(1, DemoData.Classes).Select(i => $"word {i}"));
        GraphValidator.Validate(network._graph);
        return network._graph;
    }

    private ValueInfo Features()
    {
        ValueInfo input = new("features", ElementType.Float32, new TensorShape(1, DemoData.Frames, DemoData.Bands, 1));
        _graph.Inputs.Add(input);
        ValueInfo x = Convolve("conv", input, Channels, (7, 4), (2, 2), 1);
        x = Convolve("depthwise", x, Channels, (3, 3), (1, 1), Channels);
        x = Convolve("pointwise", x, Channels, (1, 1), (1, 1), 1);
        int height = x.Shape[1] / Slices;
        x = Add(OperatorType.AveragePool, "pool", [x], new TensorShape(1, Slices, 1, Channels),
            new AttributeSet().Set("kernel", height, x.Shape[2]).Set("strides", height, 1).Set("pads", 0, 0, 0, 0));
        return Add(OperatorType.Reshape, "flatten", [x], new TensorShape(1, (int)x.Shape.ElementCount));
    }

    private void Classify(ValueInfo features, double[][] fitted)
    {
        int n = features.Shape[1], classes = fitted.Length;
        float[] weights = new float[classes * n], bias = new float[classes];
        for (int c = 0; c < classes; c++)
        {
            for (int i = 0; i < n; i++) weights[c * n + i] = (float)fitted[c][i] * LogitScale;
            bias[c] = (float)fitted[c][n] * LogitScale;
        }
        ValueInfo logits = Add(OperatorType.FullyConnected, "classify",
            [features, new("classify.weights", Tensor.From<float>(new TensorShape(classes, n), weights)), new("classify.bias", Tensor.Vector<float>(bias))], new TensorShape(1, classes));
        _graph.Outputs.Add(Add(OperatorType.Softmax, "scores", [logits], logits.Shape, new AttributeSet().Set("axis", -1)));
    }

    /// <summary>The network's output for each sample, with a 1 behind it for the bias.</summary>
    private static List<float[]> Run(Graph graph, Tensor inputs)
    {
        using InferenceSession session = new(graph);
        InputSamples samples = new(graph.Inputs[0], inputs);
        List<float[]> rows = [];
        for (int s = 0; s < samples.Count; s++)
        {
            samples.Copy(s, session.InputBytes(0));
            session.Run();
            rows.Add([.. session.Output<float>(0), 1]);
        }
        return rows;
    }

    /// <summary>A convolution with random weights and a ReLU, padded so that the stride alone shrinks the picture.</summary>
    private ValueInfo Convolve(string name, ValueInfo x, int channels, (int Y, int X) window, (int Y, int X) stride, int group)
    {
        int depth = window.Y * window.X * x.Shape[3] / group;
        float[] weights = new float[channels * depth], bias = new float[channels];
        foreach (ref float w in weights.AsSpan()) w = (_random.NextSingle() * 2 - 1) * MathF.Sqrt(6f / depth);
        foreach (ref float b in bias.AsSpan()) b = _random.NextSingle() - 0.5f;
        int height = (x.Shape[1] + stride.Y - 1) / stride.Y, width = (x.Shape[2] + stride.X - 1) / stride.X;
        int padY = (height - 1) * stride.Y + window.Y - x.Shape[1], padX = (width - 1) * stride.X + window.X - x.Shape[2];
        AttributeSet attributes = new AttributeSet().Set("strides", stride.Y, stride.X).Set("dilations", 1, 1).Set("group", group).Set("min", 0f)
            .Set("pads", padY / 2, padX / 2, padY - padY / 2, padX - padX / 2);
        TensorShape weightShape = new(channels, window.Y, window.X, x.Shape[3] / group);
        return Add(OperatorType.Convolution, name, [x, new(name + ".weights", Tensor.From<float>(weightShape, weights)), new(name + ".bias", Tensor.Vector<float>(bias))],
            new TensorShape(1, height, width, channels), attributes);
    }

    private ValueInfo Add(OperatorType type, string name, ValueInfo[] inputs, TensorShape shape, AttributeSet? attributes = null)
    {
        ValueInfo output = new(name, ElementType.Float32, shape);
        _graph.Nodes.Add(new Node(type, name, inputs, [output], attributes));
        return output;
    }
}
