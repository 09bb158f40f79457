using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// Layers of the sizes that networks for boards have, each as a graph of its own, by which the kernels of a machine are
/// measured.
/// </summary>
internal sealed class ProbeLayers
{
    // Height, width, channels, output channels, window height and width, stride; 0 output channels are a depthwise layer.
    private static readonly int[][] Small =
    [
        [25, 5, 64, 64, 1, 1, 1], [12, 12, 64, 64, 1, 1, 1], [12, 12, 32, 64, 1, 1, 1], [6, 6, 128, 128, 1, 1, 1], [3, 3, 256, 256, 1, 1, 1], [24, 24, 32, 32, 1, 1, 1], [48, 48, 8, 16, 1, 1, 1],
        [20, 10, 24, 40, 1, 1, 1], [16, 16, 16, 32, 1, 1, 2], [10, 10, 16, 8, 1, 1, 1],
        [32, 32, 16, 16, 3, 3, 1], [16, 16, 32, 32, 3, 3, 1], [8, 8, 64, 64, 3, 3, 1], [32, 32, 16, 32, 3, 3, 2], [16, 16, 32, 64, 3, 3, 2], [12, 12, 24, 24, 3, 3, 1], [20, 20, 8, 12, 3, 3, 1],
        [32, 32, 3, 16, 3, 3, 1], [96, 96, 3, 8, 3, 3, 2], [49, 10, 1, 64, 10, 4, 2], [40, 32, 1, 16, 5, 5, 1], [28, 28, 1, 16, 3, 3, 1],
        [25, 5, 64, 0, 3, 3, 1], [48, 48, 8, 0, 3, 3, 1], [48, 48, 16, 0, 3, 3, 2], [24, 24, 32, 0, 3, 3, 1], [12, 12, 64, 0, 3, 3, 1], [12, 12, 64, 0, 3, 3, 2], [6, 6, 128, 0, 3, 3, 1], [3, 3, 256, 0, 3, 3, 1], [16, 16, 48, 0, 5, 5, 1],
        [1, 1, 640, 128, 0, 0, 0], [1, 1, 128, 128, 0, 0, 0], [1, 1, 128, 8, 0, 0, 0], [1, 1, 8, 128, 0, 0, 0], [1, 1, 128, 640, 0, 0, 0], [1, 1, 64, 12, 0, 0, 0], [1, 1, 256, 2, 0, 0, 0], [1, 1, 32, 32, 0, 0, 0],
    ];

    private static readonly int[][] Large =
    [
        [56, 56, 24, 144, 1, 1, 1], [56, 56, 144, 24, 1, 1, 1], [28, 28, 32, 192, 1, 1, 1], [28, 28, 192, 32, 1, 1, 1], [14, 14, 64, 384, 1, 1, 1], [14, 14, 384, 64, 1, 1, 1], [7, 7, 160, 960, 1, 1, 1],
        [7, 7, 960, 160, 1, 1, 1], [7, 7, 320, 1280, 1, 1, 1], [112, 112, 32, 16, 1, 1, 1], [56, 56, 64, 64, 3, 3, 1], [28, 28, 64, 128, 3, 3, 2], [224, 224, 3, 32, 3, 3, 2], [112, 112, 3, 16, 3, 3, 2],
        [112, 112, 32, 0, 3, 3, 1], [112, 112, 96, 0, 3, 3, 2], [56, 56, 144, 0, 3, 3, 1], [28, 28, 192, 0, 3, 3, 1], [14, 14, 384, 0, 3, 3, 1], [14, 14, 576, 0, 3, 3, 2], [7, 7, 960, 0, 3, 3, 1],
        [1, 1, 1280, 1000, 0, 0, 0], [1, 1, 1024, 256, 0, 0, 0],
    ];

    private static readonly int[][] ForBits =
    [
        [25, 5, 64, 64, 1, 1, 1], [12, 12, 64, 128, 1, 1, 1], [6, 6, 128, 128, 1, 1, 1], [16, 16, 32, 32, 3, 3, 1], [8, 8, 64, 64, 3, 3, 1], [16, 16, 64, 64, 3, 3, 2],
        [1, 1, 640, 128, 0, 0, 0], [1, 1, 256, 256, 0, 0, 0], [1, 1, 128, 128, 0, 0, 0],
    ];

    private readonly Random _random = new(3);
    private readonly List<Graph> _graphs = [];
    private readonly bool _isInt8;
    private readonly double _zeros;
    private readonly int? _nibbleGroup;

    private ProbeLayers(bool isInt8, double zeros = 0, int? nibbleGroup = null) => (_isInt8, _zeros, _nibbleGroup) = (isInt8, zeros, nibbleGroup);

    /// <summary>The graphs to measure, by groups.</summary>
    public static IEnumerable<(string Name, IReadOnlyList<Graph> Graphs)> All()
    {
        foreach (bool isInt8 in (bool[])[true, false])
        {
            string type = isInt8 ? "int8" : "float";
            yield return ($"small {type} layers", new ProbeLayers(isInt8).Layers(Small).Others(isSmall: true)._graphs);
            yield return ($"large {type} layers", new ProbeLayers(isInt8).Layers(Large).Others(isSmall: false)._graphs);
            foreach (double zeros in (double[])[0.5, 0.75, 0.9])
                yield return ($"{type} layers with {zeros:P0} zeros", new ProbeLayers(isInt8, zeros).Layers(ForBits)._graphs);
            yield return ($"recurrent {type} layers", new ProbeLayers(isInt8).Recurrent()._graphs);
        }
        foreach (int group in (int[])[0, 32]) yield return (group == 0 ? "int4 layers" : $"int4 layers in groups of {group}", new ProbeLayers(true, 0, group).Layers(ForBits)._graphs);
    }

    /// <summary>A graph that computes nothing: what a run takes besides its layers.</summary>
    public static Graph Empty()
    {
        ProbeLayers layers = new(false);
        layers.Add(OperatorType.Reshape, [layers.Input(new TensorShape(1, 4))], null, new AttributeSet());
        return layers._graphs[0];
    }

    /// <summary>A layer in a few words, for the table.</summary>
    public static string Describe(Node node)
    {
        string text = $"{node.Input(0).Shape}";
        return node.Type switch
        {
            OperatorType.Convolution => $"{text} {node.Input(1).Shape} /{node.Attributes.Ints("strides")[0]}",
            OperatorType.FullyConnected => $"{text} {node.Input(1).Shape}",
            OperatorType.Lstm or OperatorType.Gru => $"{text} {node.Input(RecurrentShape.R).Shape}",
            _ => text,
        };
    }

    private ProbeLayers Layers(int[][] sizes)
    {
        foreach (int[] s in sizes)
            if (s[6] == 0) Layer(OperatorType.FullyConnected, new TensorShape(1, s[2]), new TensorShape(s[3], s[2]), new AttributeSet());
            else
            {
                int padY = s[4] / 2, padX = s[5] / 2, group = s[3] == 0 ? s[2] : 1;
                Layer(OperatorType.Convolution, new TensorShape(1, s[0], s[1], s[2]), new TensorShape(s[3] == 0 ? s[2] : s[3], s[4], s[5], s[2] / group), new AttributeSet()
                    .Set("strides", s[6], s[6]).Set("dilations", 1, 1).Set("pads", padY, padX, padY, padX).Set("group", group).Set("min", 0f));
            }
        return this;
    }

    private ProbeLayers Others(bool isSmall)
    {
        TensorShape[] maps = isSmall ? [new(1, 25, 5, 64), new(1, 12, 12, 24), new(1, 32, 32, 16), new(1, 16, 16, 32), new(1, 8, 8, 64), new(1, 3, 3, 256)]
            : [new(1, 56, 56, 24), new(1, 28, 28, 32), new(1, 14, 14, 64), new(1, 14, 14, 96), new(1, 7, 7, 160), new(1, 7, 7, 1280)];
        foreach (TensorShape s in maps)
        {
            foreach (OperatorType type in (OperatorType[])[OperatorType.Add, OperatorType.Sub, OperatorType.Mul]) Add(type, [Input(s), Input(s, "x2")], Scale(0.1f), new AttributeSet());
            Add(OperatorType.Transpose, [Input(new TensorShape(1, s[3], s[1], s[2]))], Scale(0.05f), new AttributeSet().Set("perm", 0, 2, 3, 1));
            Add(OperatorType.Concat, [Input(s), Input(s, "x2")], Scale(0.05f), new AttributeSet().Set("axis", 3));
            Add(OperatorType.Pad, [Input(s)], Scale(0.05f), new AttributeSet().Set("pads", 0, 1, 1, 0, 0, 1, 1, 0));
            foreach (OperatorType type in (OperatorType[])[OperatorType.Sigmoid, OperatorType.Tanh]) Add(type, [Input(s)], _isInt8 ? new QuantizationParameters(1f / 128, 0) : null, new AttributeSet());
            ValueInfo x = Input(s);
            Add(OperatorType.AveragePool, [x], x.Quantization, new AttributeSet().Set("kernel", s[1], s[2]).Set("strides", 1, 1).Set("pads", 0, 0, 0, 0));
            if (s[1] < 8) continue;
            x = Input(s);
            Add(OperatorType.MaxPool, [x], x.Quantization, new AttributeSet().Set("kernel", 2, 2).Set("strides", 2, 2).Set("pads", 0, 0, 0, 0));
            x = Input(s);
            Add(OperatorType.AveragePool, [x], x.Quantization, new AttributeSet().Set("kernel", 2, 2).Set("strides", 2, 2).Set("pads", 0, 0, 0, 0));
            if (!_isInt8) continue;
            Add(OperatorType.Quantize, [new ValueInfo("x", ElementType.Float32, s)], Scale(0.05f), new AttributeSet());
            Add(OperatorType.Dequantize, [Input(s)], null, new AttributeSet());
        }
        // Images, as they come in.
        foreach (int size in isSmall ? [32, 96] : (int[])[128, 224])
        {
            Add(OperatorType.Transpose, [Input(new TensorShape(1, 3, size, size))], Scale(0.05f), new AttributeSet().Set("perm", 0, 2, 3, 1));
            if (_isInt8) Add(OperatorType.Requantize, [new ValueInfo("x", ElementType.UInt8, new TensorShape(1, 3, size, size), new QuantizationParameters(0.05f, 128))], Scale(0.05f), new AttributeSet());
        }
        foreach (int classes in isSmall ? [2, 10, 35] : (int[])[100, 1000])
        {
            Add(OperatorType.Softmax, [Input(new TensorShape(1, classes))], _isInt8 ? new QuantizationParameters(1f / 256, -128) : null, new AttributeSet().Set("axis", -1));
            if (!_isInt8) continue;
            Add(OperatorType.Quantize, [new ValueInfo("x", ElementType.Float32, new TensorShape(1, 3 * classes))], Scale(0.05f), new AttributeSet());
            Add(OperatorType.Dequantize, [Input(new TensorShape(1, classes))], null, new AttributeSet());
        }
        return this;
    }

    private ProbeLayers Recurrent()
    {
        foreach (var (type, gates) in new[] { (OperatorType.Lstm, 4), (OperatorType.Gru, 3) })
            foreach (var (steps, inputs, units) in new[] { (28, 28, 20), (49, 40, 64), (20, 64, 128), (1, 257, 128) })
                Add(type, [Input(new TensorShape(steps, 1, inputs)), Weights(new TensorShape(gates * units, inputs)), Weights(new TensorShape(gates * units, units), "r"), Bias(gates * units, inputs)],
                    _isInt8 ? new QuantizationParameters(1f / 128, 0) : null, new AttributeSet().Set("cell_exponent", -12));
        return this;
    }

    private void Layer(OperatorType type, TensorShape input, TensorShape w, AttributeSet attributes) =>
        Add(type, [Input(input), Weights(w), Bias(w[0], (int)w.CountOf(1, w.Rank))], Scale(0.05f), attributes);

    private ValueInfo Weights(TensorShape shape, string name = "w")
    {
        int depth = (int)shape.CountOf(1, shape.Rank);
        float scale = WeightScale(depth);
        if (_isInt8 && _nibbleGroup is { } group && depth % 8 == 0) return Nibbles(shape, depth, scale, group, name);
        return _isInt8 ? new ValueInfo(name, Tensor.From<sbyte>(shape, Integers(shape)), new QuantizationParameters([.. Enumerable.Repeat(scale, shape[0])], axis: 0)) : Floats(shape, depth, name);
    }

    private static float WeightScale(int depth) => 0.02f / MathF.Sqrt(depth);

    private sbyte[] Integers(TensorShape shape)
    {
        sbyte[] q = new sbyte[shape.ElementCount];
        for (int i = 0; i < q.Length; i++) q[i] = IsZero(i) ? (sbyte)0 : (sbyte)Math.Clamp((_random.NextSingle() + _random.NextSingle() + _random.NextSingle() - 1.5f) * 60, -127, 127);
        return q;
    }

    /// <summary>Groups' scales are multiples of a sixteenth of the channel's largest, as the pass quantize-int4 makes them.</summary>
    private ValueInfo Nibbles(TensorShape shape, int depth, float scale, int group, string name)
    {
        byte[] nibbles = new byte[ElementType.Int4.ByteCount(shape.ElementCount)];
        _random.NextBytes(nibbles);
        int groups = group == 0 ? 1 : (depth + group - 1) / group;
        float[] scales = [.. Enumerable.Range(0, shape[0] * groups).Select(i => scale * (i % groups == 0 ? 16 : 9 + i % 7))];
        return new ValueInfo(name, new Tensor(ElementType.Int4, shape, nibbles), new QuantizationParameters(scales, default, 0, group));
    }

    private ValueInfo Bias(int count, int depth) => _isInt8
        ? new ValueInfo("b", Tensor.Vector<int>([.. Enumerable.Range(0, count).Select(_ => _random.Next(-2000, 2000))]), new QuantizationParameters([.. Enumerable.Repeat(0.05f * WeightScale(depth), count)], axis: 0))
        : Floats(new TensorShape(count), depth, "b");

    private ValueInfo Floats(TensorShape shape, int depth, string name = "w")
    {
        float[] values = new float[shape.ElementCount];
        for (int i = 0; i < values.Length; i++) values[i] = IsZero(i) ? 0 : (_random.NextSingle() * 2 - 1) / MathF.Sqrt(depth);
        return new ValueInfo(name, Tensor.From<float>(shape, values));
    }

    /// <summary>Whole groups of four neighbours are 0, as <c>prune</c> with the pattern 1×4 makes them.</summary>
    private bool IsZero(int i)
    {
        if (_zeros == 0) return false;
        if (i % 4 == 0) _isGroupZero = _random.NextDouble() < _zeros;
        return _isGroupZero;
    }

    private bool _isGroupZero;

    private ValueInfo Input(TensorShape shape, string name = "x") => new(name, _isInt8 ? ElementType.Int8 : ElementType.Float32, shape, Scale(0.05f));

    private void Add(OperatorType type, ValueInfo[] inputs, QuantizationParameters? output, AttributeSet attributes)
    {
        Node node = new(type, "layer", inputs, [new ValueInfo("y", output is null ? ElementType.Float32 : ElementType.Int8, inputs[0].Shape, output)], attributes);
        GraphEditor.InferShapes(node);
        Graph graph = new("probe");
        graph.Inputs.AddRange(inputs.Where(v => !v.IsConstant));
        graph.Nodes.Add(node);
        graph.Outputs.Add(node.Output);
        _graphs.Add(graph);
    }

    private QuantizationParameters? Scale(float scale) => _isInt8 ? new QuantizationParameters(scale, 0) : null;
}
