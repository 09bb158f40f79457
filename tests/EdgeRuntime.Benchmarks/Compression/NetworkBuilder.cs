using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Benchmarks;

/// <summary>Builds networks to be trained from scratch: weights by He et al. 2015, batch normalisation as the identity.</summary>
internal sealed class NetworkBuilder(string name, int seed)
{
    private readonly RandomSource _random = new((ulong)seed);
    private readonly Graph _graph = new(name);

    /// <summary>
    /// A depthwise-separable network for keywords (Zhang et al. 2017, «Hello Edge»): one convolution, then blocks of a depthwise
    /// and a pointwise one, mean over the map, classifier.
    /// </summary>
    public static Graph DepthwiseSeparable(int frames, int bands, int classes, int channels, int blocks, int seed)
    {
        NetworkBuilder b = new("DS-CNN", seed);
        ValueInfo x = b.Convolve(b.Input(1, frames, bands, 1), channels, (10, 4), 2);
        for (int i = 0; i < blocks; i++) x = b.Convolve(b.Convolve(x, channels, (3, 3), 1, group: channels), channels, (1, 1), 1);
        return b.Classify(b.Mean(x), classes);
    }

    /// <summary>The residual network of MLPerf Tiny's image classification: three stacks of 16, 32 and 64 channels times <paramref name="width"/>.</summary>
    public static Graph ResNet8(int seed, float width = 1)
    {
        NetworkBuilder b = new("ResNet-8", seed);
        int first = (int)(16 * width);
        ValueInfo x = b.Convolve(b.Input(1, 32, 32, 3), first, (3, 3), 1);
        for (int stack = 0; stack < 3; stack++)
        {
            int channels = first << stack, stride = stack == 0 ? 1 : 2;
            ValueInfo y = b.Convolve(b.Convolve(x, channels, (3, 3), stride), channels, (3, 3), 1, isActive: false);
            if (stride > 1) x = b.Convolve(x, channels, (1, 1), stride, isActive: false);
            x = b.Activate(b.Add(OperatorType.Add, "add", [x, y]));
        }
        return b.Classify(b.Mean(x), 10);
    }

    /// <summary>One LSTM over frames of features [1, frames, width]; its last hidden state is classified.</summary>
    public static Graph Lstm(int frames, int width, int classes, int hidden, int seed)
    {
        NetworkBuilder b = new("LSTM", seed);
        ValueInfo x = b.Add(OperatorType.Transpose, "sequence", [b.Input(1, frames, width)], new AttributeSet().Set("perm", 1, 0, 2));
        // Uniform in ±1/√hidden; the forget gates begin open (Jozefowicz et al. 2015). Gates stand in the order input, output, forget, cell.
        float bound = 1 / MathF.Sqrt(hidden);
        float[] bias = new float[4 * hidden];
        bias.AsSpan(2 * hidden, hidden).Fill(1);
        ValueInfo[] outputs = [new("lstm.y", ElementType.Float32, new TensorShape(frames, 1, hidden)), new("lstm.h", ElementType.Float32, new TensorShape(1, 1, hidden)), new("lstm.c", ElementType.Float32, new TensorShape(1, 1, hidden))];
        b._graph.Nodes.Add(new Node(OperatorType.Lstm, "lstm",
            [x, b.Weights("lstm.w", bound, 4 * hidden, width), b.Weights("lstm.r", bound, 4 * hidden, hidden), new("lstm.b", Tensor.From<float>(new TensorShape(4 * hidden), bias))],
            outputs, new AttributeSet().Set("direction", 0)));
        ValueInfo last = new("last", ElementType.Float32, new TensorShape(1, hidden));
        b._graph.Nodes.Add(new Node(OperatorType.Reshape, "last", [outputs[1]], [last]));
        return b.Classify(last, classes);
    }

    /// <summary>Fully connected layers of the given widths, from the input's to the output's, which is the input's again.</summary>
    public static Graph Autoencoder(int seed, params int[] widths)
    {
        NetworkBuilder b = new("autoencoder", seed);
        ValueInfo x = b.Input(1, widths[0]);
        for (int i = 1; i < widths.Length; i++) x = i < widths.Length - 1 ? b.Activate(b.Dense(x, widths[i])) : b.Dense(x, widths[i]);
        return b.Finish(x);
    }

    private ValueInfo Input(params int[] shape)
    {
        ValueInfo x = new("input", ElementType.Float32, new TensorShape(shape));
        _graph.Inputs.Add(x);
        return x;
    }

    /// <summary>Convolution, batch normalisation and, unless told otherwise, ReLU; padded so that the stride alone shrinks the map.</summary>
    private ValueInfo Convolve(ValueInfo x, int channels, (int Y, int X) window, int stride, int group = 1, bool isActive = true)
    {
        int depth = window.Y * window.X * x.Shape[3] / group;
        int padY = Math.Max(0, ((x.Shape[1] + stride - 1) / stride - 1) * stride + window.Y - x.Shape[1]), padX = Math.Max(0, ((x.Shape[2] + stride - 1) / stride - 1) * stride + window.X - x.Shape[2]);
        AttributeSet attributes = new AttributeSet().Set("strides", stride, stride).Set("dilations", 1, 1).Set("group", group).Set("pads", padY / 2, padX / 2, padY - padY / 2, padX - padX / 2);
        string label = $"conv{_graph.Nodes.Count}";
        x = Add(OperatorType.Convolution, label, [x, Weights(label + ".weights", MathF.Sqrt(6f / depth), channels, window.Y, window.X, x.Shape[3] / group)], attributes);
        ValueInfo[] statistics = [.. new[] { 1f, 0f, 0f, 1f }.Select((v, i) => new ValueInfo($"{label}.norm{i}", Tensor.From<float>(new TensorShape(channels), [.. Enumerable.Repeat(v, channels)])))];
        x = Add(OperatorType.BatchNormalization, label + ".norm", [x, .. statistics], new AttributeSet().Set("epsilon", 1e-5f).Set("axis", -1));
        return isActive ? Activate(x) : x;
    }

    private ValueInfo Activate(ValueInfo x) => Add(OperatorType.Clip, x.Name + ".relu", [x], new AttributeSet().Set("min", 0f));

    private ValueInfo Mean(ValueInfo x) => Add(OperatorType.ReduceMean, "mean", [x], new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0));

    private ValueInfo Dense(ValueInfo x, int width)
    {
        string label = $"dense{_graph.Nodes.Count}";
        return Add(OperatorType.FullyConnected, label, [x, Weights(label + ".weights", MathF.Sqrt(6f / x.Shape[1]), width, x.Shape[1]), Weights(label + ".bias", 0, width)]);
    }

    private Graph Classify(ValueInfo x, int classes) => Finish(Add(OperatorType.Softmax, "scores", [Dense(x, classes)], new AttributeSet().Set("axis", -1)));

    private Graph Finish(ValueInfo x)
    {
        _graph.Outputs.Add(x);
        GraphValidator.Validate(_graph);
        return _graph;
    }

    private ValueInfo Weights(string label, float bound, params int[] shape)
    {
        float[] values = new float[new TensorShape(shape).ElementCount];
        foreach (ref float v in values.AsSpan()) v = _random.Uniform(-bound, bound);
        return new ValueInfo(label, Tensor.From<float>(new TensorShape(shape), values));
    }

    private ValueInfo Add(OperatorType type, string label, ValueInfo[] inputs, AttributeSet? attributes = null)
    {
        if (_graph.Nodes.Exists(n => n.Name == label)) label += _graph.Nodes.Count;
        ValueInfo output = new(label, ElementType.Float32, default);
        Node node = new(type, label, inputs, [output], attributes);
        output.Shape = ShapeInference.Infer(node);
        _graph.Nodes.Add(node);
        return output;
    }
}
