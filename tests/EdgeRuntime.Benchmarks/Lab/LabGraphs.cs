using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>Networks of one layer, as sessions run them.</summary>
internal static class LabGraphs
{
    /// <summary>The layer's name in the graph.</summary>
    public const string Layer = "layer";

    /// <summary>Whether the shape stands for a fully connected layer.</summary>
    public static bool IsProduct(in ConvolutionShape s) => s.IsPointwise && s is { Batch: 1, Width: 1 };

    /// <summary>A float layer.</summary>
    public static Graph Float32(ConvolutionShape s)
    {
        float[] weights = new float[s.OutChannels * s.Depth];
        for (int i = 0; i < weights.Length; i++) weights[i] = (i * 37 % 255 - 127) / 1024f;
        ValueInfo w = new("w", Tensor.From<float>(WeightShape(s), weights)), bias = new("b", Tensor.Vector<float>(new float[s.OutChannels]));
        return Of(s, new ValueInfo("x", ElementType.Float32, InputShape(s)), w, bias, new ValueInfo("y", ElementType.Float32, OutputShape(s)));
    }

    /// <summary>A fully connected float layer as two factors with half of its multiplications; null for convolutions.</summary>
    public static Graph? HalfRank(ConvolutionShape s)
    {
        if (!IsProduct(s)) return null;
        int rank = Math.Max(1, s.Channels * s.OutChannels / 2 / (s.Channels + s.OutChannels));
        Graph first = Float32(ConvolutionShape.FullyConnected(s.Height, s.Channels, rank)), second = Float32(ConvolutionShape.FullyConnected(s.Height, rank, s.OutChannels));
        Node a = first.Nodes[0], b = second.Nodes[0];
        ValueInfo between = new("r", ElementType.Float32, a.Output.Shape);
        second.Nodes.Insert(0, new Node(OperatorType.FullyConnected, "factor", [a.Inputs[0], Named(a.Input(1), "wa"), Named(a.Input(2), "ba")], [between]));
        b.Inputs[0] = between;
        second.Inputs[0] = a.Input(0);
        return second;

        static ValueInfo Named(ValueInfo constant, string name) => new(name, constant.Constant!);
    }

    /// <summary>An int8 layer with one scale an output channel.</summary>
    public static Graph Int8(ConvolutionShape s)
    {
        ValueInfo w = new("w", Tensor.From<sbyte>(WeightShape(s), Int8Weights(s)), ChannelScales(s, 0.01f));
        return Int8(s, w, new ValueInfo("b", Tensor.Vector<int>(new int[s.OutChannels])));
    }

    /// <summary>An int8 layer with weights of signs.</summary>
    public static Graph BinaryWeights(ConvolutionShape s) => Int8(s, Signs(s), null);

    /// <summary>A layer of signs with signs, summed to floats; null where it would have too few channels to be one.</summary>
    public static Graph? Binary(ConvolutionShape s) => s.ChannelsPerGroup < 32 ? null
        : Of(s, new ValueInfo("x", ElementType.Binary, InputShape(s)), Signs(s), null, new ValueInfo("y", ElementType.Float32, OutputShape(s)));

    private static ValueInfo Signs(in ConvolutionShape s)
    {
        TensorShape shape = WeightShape(s);
        byte[] bits = new byte[ElementType.Binary.ByteCount(shape.ElementCount)];
        new Random(1).NextBytes(bits);
        if (shape.ElementCount % 8 is > 0 and long rest) bits[^1] &= (byte)((1 << (int)rest) - 1);
        return new ValueInfo("w", new Tensor(ElementType.Binary, shape, bits), ChannelScales(s, WeightScale));
    }

    /// <summary>A layer of int8 activations with the weights <paramref name="w"/>.</summary>
    public static Graph Int8(ConvolutionShape s, ValueInfo w, ValueInfo? bias) => Of(s,
        new ValueInfo("x", ElementType.Int8, InputShape(s), new QuantizationParameters(InputScale, InputZero)), w, bias,
        new ValueInfo("y", ElementType.Int8, OutputShape(s), new QuantizationParameters(OutputScale(s), OutputZero)));

    /// <summary>Scales and zero points that all int8 layers here share, ONNX Runtime's too.</summary>
    public const float InputScale = 0.05f, WeightScale = 0.01f;

    public const int InputZero = -3, OutputZero = 4;

    /// <summary>A scale by which a layer's outputs fill their range.</summary>
    public static float OutputScale(in ConvolutionShape s) => InputScale * WeightScale * 50 * MathF.Sqrt(s.Depth);

    /// <summary>Weights −127 to 127.</summary>
    public static sbyte[] Int8Weights(in ConvolutionShape s)
    {
        sbyte[] weights = new sbyte[s.OutChannels * s.Depth];
        new Random(1).NextBytes(MemoryMarshal.AsBytes<sbyte>(weights));
        for (int i = 0; i < weights.Length; i++) weights[i] = Math.Max(weights[i], (sbyte)-127);
        return weights;
    }

    /// <summary>The scale for each output channel.</summary>
    public static QuantizationParameters ChannelScales(in ConvolutionShape s, float scale)
    {
        float[] scales = new float[s.OutChannels];
        Array.Fill(scales, scale);
        return new QuantizationParameters(scales, axis: 0);
    }

    /// <summary>Shape of the weights in the graph.</summary>
    public static TensorShape WeightShape(in ConvolutionShape s) => IsProduct(s) ? new(s.OutChannels, s.Channels)
        : new(s.OutChannels, s.KernelHeight, s.KernelWidth, s.ChannelsPerGroup);

    /// <summary>A graph of one layer.</summary>
    public static Graph Of(in ConvolutionShape s, ValueInfo x, ValueInfo w, ValueInfo? bias, ValueInfo y, AttributeSet? attributes = null)
    {
        attributes ??= new AttributeSet();
        if (!IsProduct(s))
            attributes.Set("strides", s.StrideY, s.StrideX).Set("dilations", s.DilationY, s.DilationX)
                .Set("pads", s.PadTop, s.PadLeft, s.PadBottom, s.PadRight).Set("group", s.Group);
        Graph graph = new(Layer);
        graph.Inputs.Add(x);
        graph.Outputs.Add(y);
        graph.Nodes.Add(new Node(IsProduct(s) ? OperatorType.FullyConnected : OperatorType.Convolution, Layer, bias is null ? [x, w] : [x, w, bias], [y], attributes));
        return graph;
    }

    /// <summary>Shape of the input in the graph.</summary>
    public static TensorShape InputShape(in ConvolutionShape s) => IsProduct(s) ? new(s.Height, s.Channels) : new(s.Batch, s.Height, s.Width, s.Channels);

    /// <summary>Shape of the output in the graph.</summary>
    public static TensorShape OutputShape(in ConvolutionShape s) => IsProduct(s) ? new(s.Height, s.OutChannels) : new(s.Batch, s.OutHeight, s.OutWidth, s.OutChannels);
}
