using System.Runtime.InteropServices;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference.Tests;

/// <summary>Networks of two to four consecutive layers, int8 or float.</summary>
internal sealed class ChainGraphs(int seed, bool isInt8)
{
    private readonly Random _random = new(seed);
    private readonly Graph _graph = new($"chain-{seed}");

    /// <summary>Any windows, strides, paddings, dilations, batches and channels; every fifth network is fully connected, of every third most weights are zeros.</summary>
    public static Graph Create(int seed, bool isInt8) => new ChainGraphs(seed, isInt8).Build();

    /// <summary>A Tucker-2 chain: 1×1 to <paramref name="rank"/> channels, 3×3, 1×1 back.</summary>
    public static Graph LowRank(int size, int channels, int rank, bool isInt8)
    {
        ChainGraphs b = new(1, isInt8);
        ValueInfo x = b.Input(new TensorShape(1, size, size, channels));
        x = b.Convolution("reduce", x, rank, 1, 1, 1, [1, 1], [1, 1], [0, 0, 0, 0]);
        x = b.Convolution("core", x, rank, 3, 3, 1, [1, 1], [1, 1], [1, 1, 1, 1]);
        return b.Finish(b.Convolution("expand", x, channels, 1, 1, 1, [1, 1], [1, 1], [0, 0, 0, 0]));
    }

    private Graph Build()
    {
        int layers = 2 + _random.Next(3);
        bool isDense = seed % 5 == 0;
        ValueInfo x = Input(isDense ? new TensorShape(1 + _random.Next(40), Channels()) : new TensorShape(1 + _random.Next(2), 12 + _random.Next(20), 5 + _random.Next(12), Channels()));
        for (int i = 0; i < layers; i++) x = isDense ? Layer(OperatorType.FullyConnected, $"layer{i}", x, new TensorShape(Channels(), x.Shape[1]), new AttributeSet()) : Any($"layer{i}", x);
        return Finish(x);
    }

    private int Channels() => 1 + _random.Next(_random.Next(3) == 0 ? 70 : 20);

    private ValueInfo Any(string name, ValueInfo x)
    {
        int kind = _random.Next(6), group = kind == 3 ? x.Shape[3] : 1, outputs = group > 1 ? group : Channels();
        (int kernelY, int kernelX) = kind switch { 0 => (1, 1), 1 => (3, 1), 2 => (1, 3), _ => (1 + _random.Next(4), 1 + _random.Next(3)) };
        int dilation = _random.Next(4) == 0 ? 2 : 1, spanY = (kernelY - 1) * dilation + 1, spanX = kernelX;
        int[] strides = [1 + _random.Next(4) / 3, 1 + _random.Next(4) / 3];
        int[] pads = [_random.Next(spanY), _random.Next(spanX), _random.Next(spanY), _random.Next(spanX)];
        if (x.Shape[1] + pads[0] + pads[2] < spanY || x.Shape[2] + pads[1] + pads[3] < spanX) return Convolution(name, x, outputs, 1, 1, group, [1, 1], [1, 1], [0, 0, 0, 0]);
        return Convolution(name, x, outputs, kernelY, kernelX, group, strides, [dilation, 1], pads);
    }

    private ValueInfo Convolution(string name, ValueInfo x, int outputs, int kernelY, int kernelX, int group, int[] strides, int[] dilations, int[] pads) =>
        Layer(OperatorType.Convolution, name, x, new TensorShape(outputs, kernelY, kernelX, x.Shape[3] / group),
            new AttributeSet().Set("strides", strides).Set("dilations", dilations).Set("pads", pads).Set("group", group));

    private ValueInfo Layer(OperatorType type, string name, ValueInfo x, TensorShape w, AttributeSet attributes)
    {
        int depth = (int)(w.ElementCount / w[0]);
        ValueInfo weights, bias;
        if (isInt8)
        {
            sbyte[] q = new sbyte[w.ElementCount];
            _random.NextBytes(MemoryMarshal.AsBytes<sbyte>(q));
            for (int i = 0; i < q.Length && seed % 3 == 0; i++)
                if (i / 4 % 8 != 0) q[i] = 0;
            float[] scales = [.. Enumerable.Range(0, w[0]).Select(_ => (0.5f + _random.NextSingle()) / 60 / MathF.Sqrt(depth))];
            weights = new ValueInfo(name + ".w", Tensor.From<sbyte>(w, q), new QuantizationParameters(scales, default, 0));
            bias = new ValueInfo(name + ".b", Tensor.Vector<int>([.. scales.Select(_ => _random.Next(-5000, 5000))]));
        }
        else
        {
            weights = new ValueInfo(name + ".w", Tensor.From<float>(w, [.. Enumerable.Range(0, (int)w.ElementCount).Select(_ => (_random.NextSingle() - 0.5f) / depth)]));
            bias = new ValueInfo(name + ".b", Tensor.Vector<float>([.. Enumerable.Range(0, w[0]).Select(_ => _random.NextSingle() - 0.5f)]));
        }
        if (_random.Next(4) == 0) attributes.Set("min", -0.5f).Set("max", 0.5f);
        Node node = new(type, name, [x, weights, bias], [Value(name + ".y", x.Shape)], attributes);
        node.Output.Shape = ShapeInference.Infer(node);
        _graph.Nodes.Add(node);
        return node.Output;
    }

    private ValueInfo Input(TensorShape shape)
    {
        ValueInfo x = Value("x", shape);
        _graph.Inputs.Add(x);
        return x;
    }

    private ValueInfo Value(string name, TensorShape shape) => isInt8
        ? new ValueInfo(name, ElementType.Int8, shape, new QuantizationParameters(0.02f, _random.Next(-100, 100)))
        : new ValueInfo(name, ElementType.Float32, shape);

    private Graph Finish(ValueInfo y)
    {
        _graph.Outputs.Add(y);
        GraphValidator.Validate(_graph);
        return _graph;
    }
}
