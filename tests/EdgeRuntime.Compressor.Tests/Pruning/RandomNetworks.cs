using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Random small networks with all the ways in which channels depend on each other; the same seed gives the same network.</summary>
internal sealed class RandomNetworks(int seed)
{
    private readonly GraphBuilder _b = new();
    private readonly Random _random = new(seed);

    public static (Graph Graph, GraphBuilder Builder) Create(int seed) => new RandomNetworks(seed).Build();

    private (Graph, GraphBuilder) Build()
    {
        ValueInfo x = _b.Input("x", 1, 3, 6, 5);
        x = Convolution(_b.ToNhwc(x), Width());
        for (int i = 0; i < 7; i++) x = Step(x);
        x = _random.Next(3) switch
        {
            0 => _b.Reshape(_b.ToNchw(x), 1, (int)x.Shape.ElementCount),
            1 => _b.Reshape(x, 1, (int)x.Shape.ElementCount),
            _ => _b.Node(OperatorType.ReduceMean, new AttributeSet().Set("axes", 1, -2).Set("keepdims", 0), x),
        };
        x = _b.Clip(_b.Node(OperatorType.FullyConnected, null, x, _b.Random(12, x.Shape[1]), _b.Random(12)), 0);
        return (_b.Output(_b.Node(OperatorType.FullyConnected, null, x, _b.Random(4, 12), _b.Random(4))), _b);
    }

    private ValueInfo Step(ValueInfo x)
    {
        int channels = x.Shape[3];
        switch (_random.Next(9))
        {
            case 0: return _b.Clip(Convolution(x, Width()), 0, 6);
            case 1: return _b.Convolution(x, _b.Random(channels * 2, 3, 3, 1), _b.Random(channels * 2), group: channels, pad: 1);
            case 2: return _b.Convolution(Convolution(x, 8), _b.Random(12, 1, 1, 2), group: 4);
            case 3: return _b.Node(OperatorType.Add, new AttributeSet().Set("min", 0f), x, Normalize(Convolution(_b.Clip(Convolution(x, Width()), 0), channels)));
            case 4: return _b.Node(OperatorType.Concat, new AttributeSet().Set("axis", -1), x, Convolution(x, Width()), _b.Node(OperatorType.MaxPool, new AttributeSet().Set("kernel", 3, 3).Set("strides", 1, 1).Set("pads", 1, 1, 1, 1), x));
            case 5: return _b.Node(OperatorType.Add, null, _b.Node(OperatorType.Mul, null, x, _b.Random(channels)), _b.Random(1, 1, channels));
            case 6:
                ValueInfo mean = _b.Node(OperatorType.ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 1), x);
                return _b.Node(OperatorType.Mul, null, x, _b.Node(OperatorType.Sigmoid, null, Convolution(_b.Clip(Convolution(mean, 4), 0), channels)));
            case 7: return Convolution(_b.Node(OperatorType.Pad, new AttributeSet().Set("pads", 0, 0, 0, 1, 0, 1, 0, 2), x), Width());
            default: return _b.ToNhwc(_b.Node(OperatorType.Slice, new AttributeSet().Set("starts", 0, 1, 0, 0).Set("ends", 1, channels, x.Shape[1], x.Shape[2]).Set("steps", 1, 1, 1, 1), _b.ToNchw(x)));
        }
    }

    private int Width() => 3 + _random.Next(6);

    private ValueInfo Convolution(ValueInfo x, int channels) => _b.Convolution(x, _b.Random(channels, 1, 1, x.Shape[3]), _b.Random(channels));

    private ValueInfo Normalize(ValueInfo x)
    {
        int c = x.Shape[3];
        return _b.Node(OperatorType.BatchNormalization, new AttributeSet().Set("epsilon", 1e-3f).Set("axis", 3), x, _b.Random(c), _b.Random(c), _b.Random(c), _b.Positive(c));
    }
}
