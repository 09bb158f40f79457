using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference.Tests;

/// <summary>Random valid networks, with branches and joins, int8 or float; the same seed gives the same network.</summary>
internal sealed class RandomGraphs(int seed, bool isInt8)
{
    private readonly Random _random = new(seed);
    private readonly Graph _graph = new($"random-{seed}");
    private readonly List<ValueInfo> _values = [];
    private int _names;

    public static Graph Create(int seed, bool isInt8, int steps = 12) => new RandomGraphs(seed, isInt8).Build(steps);

    public static void FillInputs(InferenceSession session, int seed)
    {
        Random random = new(seed);
        for (int i = 0; i < session.Inputs.Count; i++)
        {
            if (session.Inputs[i].Type == ElementType.Float32)
                foreach (ref float v in session.Input<float>(i)) v = (float)(random.NextDouble() * 2 - 1);
            else random.NextBytes(session.InputBytes(i));
        }
    }

    private Graph Build(int steps)
    {
        ValueInfo input = New(new TensorShape(1, 9 + _random.Next(8), 7 + _random.Next(8), 1 + _random.Next(9)));
        _graph.Inputs.Add(input);
        _values.Add(input);
        for (int i = 0; i < steps; i++) Step();
        // Everything unread is an output, so that nothing is dead.
        var read = _graph.Nodes.SelectMany(n => n.Inputs).ToHashSet();
        _graph.Outputs.AddRange(_values.Where(v => v != input && !read.Contains(v)));
        GraphValidator.Validate(_graph);
        return _graph;
    }

    private void Step()
    {
        ValueInfo x = _values[_random.Next(Math.Max(0, _values.Count - 4), _values.Count)];
        bool isImage = x.Shape.Rank == 4;
        switch (_random.Next(9))
        {
            case 0 or 1 when isImage: Convolution(x, 1 + _random.Next(20), 1); break;
            case 2 when isImage: Convolution(x, x.Shape[3], x.Shape[3]); break;
            case 3 when isImage && x.Shape[1] > 1 && x.Shape[2] > 1: Pool(x, OperatorType.AveragePool); break;
            case 4 when isImage && x.Shape[1] > 1 && x.Shape[2] > 1: Pool(x, OperatorType.MaxPool); break;
            case 5:
                ValueInfo other = _values.Last(v => v.Shape == x.Shape);
                Add(new Node(OperatorType.Add, Name("add"), [x, other], [New(x.Shape)], new AttributeSet().Set("min", 0f)));
                break;
            case 6:
                TensorShape flat = new(1, (int)x.Shape.ElementCount);
                Add(new Node(OperatorType.Reshape, Name("reshape"), [x], [New(flat, x.Quantization)]));
                break;
            case 7: FullyConnected(x, 1 + _random.Next(30)); break;
            case 8 when isImage:
                Add(new Node(OperatorType.Transpose, Name("transpose"), [x], [New(x.Shape.Permute([0, 2, 1, 3]), x.Quantization)], new AttributeSet().Set("perm", 0, 2, 1, 3)));
                break;
            default:
                Add(new Node(OperatorType.Softmax, Name("softmax"), [x], [New(x.Shape, new QuantizationParameters(1f / 256, -128))], new AttributeSet().Set("axis", -1)));
                break;
        }
    }

    private void Convolution(ValueInfo x, int outputs, int group)
    {
        int k = 1 + 2 * _random.Next(2), stride = 1 + _random.Next(2);
        TensorShape w = new(outputs, k, k, x.Shape[3] / group);
        AttributeSet attributes = new AttributeSet().Set("strides", stride, stride).Set("dilations", 1, 1).Set("pads", k / 2, k / 2, k / 2, k / 2).Set("group", group);
        Layer(OperatorType.Convolution, x, w, attributes);
    }

    private void FullyConnected(ValueInfo x, int outputs) => Layer(OperatorType.FullyConnected, x, new TensorShape(outputs, x.Shape[-1]), new AttributeSet());

    private void Layer(OperatorType type, ValueInfo x, TensorShape w, AttributeSet attributes)
    {
        int outputs = w[0], depth = (int)(w.ElementCount / outputs);
        ValueInfo weights, bias;
        if (isInt8)
        {
            byte[] q = new byte[w.ElementCount];
            _random.NextBytes(q);
            float[] scales = [.. Enumerable.Range(0, outputs).Select(_ => 0.002f + 0.01f * _random.NextSingle())];
            weights = new ValueInfo(Name("w"), new Tensor(ElementType.Int8, w, q), new QuantizationParameters(scales, default, 0));
            bias = new ValueInfo(Name("b"), Tensor.From<int>(new TensorShape(outputs), [.. Enumerable.Range(0, outputs).Select(_ => _random.Next(-5000, 5000))]));
        }
        else
        {
            float[] values = [.. Enumerable.Range(0, (int)w.ElementCount).Select(_ => (_random.NextSingle() - 0.5f) / depth)];
            weights = new ValueInfo(Name("w"), Tensor.From<float>(w, values));
            bias = new ValueInfo(Name("b"), Tensor.From<float>(new TensorShape(outputs), new float[outputs]));
        }
        if (_random.Next(2) == 0) attributes.Set("min", 0f).Set("max", 6f);
        Node node = new(type, Name("layer"), [x, weights, bias], [New(x.Shape)], attributes);
        node.Output.Shape = ShapeInference.Infer(node);
        Add(node);
    }

    private void Pool(ValueInfo x, OperatorType type)
    {
        Node node = new(type, Name("pool"), [x], [New(x.Shape, type == OperatorType.MaxPool ? x.Quantization : null)],
            new AttributeSet().Set("kernel", 2, 2).Set("strides", 1 + _random.Next(2), 1 + _random.Next(2)).Set("pads", 1, 0, 0, 1));
        node.Output.Shape = ShapeInference.Infer(node);
        Add(node);
    }

    private void Add(Node node)
    {
        _graph.Nodes.Add(node);
        _values.Add(node.Output);
    }

    private ValueInfo New(TensorShape shape, QuantizationParameters? q = null) => isInt8
        ? new ValueInfo(Name("v"), ElementType.Int8, shape, q ?? new QuantizationParameters(0.02f + 0.05f * _random.NextSingle(), _random.Next(-128, 128)))
        : new ValueInfo(Name("v"), ElementType.Float32, shape);

    private string Name(string kind) => $"{kind}{_names++}";
}
