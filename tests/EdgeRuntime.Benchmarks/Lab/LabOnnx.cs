using System.Runtime.InteropServices;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Kernels;
using Google.Protobuf;
using static EdgeRuntime.Compressor.Onnx.AttributeProto.Types;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Benchmarks;

/// <summary>The same single layers as ONNX models, in the form that ONNX Runtime runs fastest.</summary>
internal static class LabOnnx
{
    /// <summary>A float layer: Conv or Gemm.</summary>
    public static byte[] Float32(ConvolutionShape s)
    {
        float[] weights = new float[s.OutChannels * s.Depth];
        for (int i = 0; i < weights.Length; i++) weights[i] = (i * 37 % 255 - 127) / 1024f;
        TensorProto bias = Constant("b", DataType.Float, new byte[4 * s.OutChannels], s.OutChannels);
        NodeProto node = LabGraphs.IsProduct(s) ? Node("Gemm", "", "x", "w", "b") : Window(Node("Conv", "", "x", "w", "b"), s);
        return Model(s, DataType.Float, node, Constant("w", DataType.Float, MemoryMarshal.AsBytes<float>(weights), WeightShape(s)), bias);
    }

    /// <summary>An int8 layer: QLinearConv or QGemm, activations uint8, as ONNX Runtime prefers them.</summary>
    public static byte[] Int8(ConvolutionShape s)
    {
        bool isProduct = LabGraphs.IsProduct(s);
        float[] scales = Enumerable.Repeat(LabGraphs.WeightScale, s.OutChannels).ToArray();
        NodeProto node = isProduct ? Node("QGemm", "com.microsoft", "x", "xs", "xz", "w", "ws", "wz", "b", "ys", "yz")
            : Window(Node("QLinearConv", "", "x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"), s);
        return Model(s, DataType.Uint8, node,
            Scalar("xs", LabGraphs.InputScale), Constant("xz", DataType.Uint8, [(byte)(LabGraphs.InputZero + 128)]),
            Constant("w", DataType.Int8, MemoryMarshal.AsBytes<sbyte>(LabGraphs.Int8Weights(s)), WeightShape(s)),
            Constant("ws", DataType.Float, MemoryMarshal.AsBytes<float>(scales), s.OutChannels), Constant("wz", DataType.Int8, new byte[s.OutChannels], s.OutChannels),
            Scalar("ys", LabGraphs.OutputScale(s)), Constant("yz", DataType.Uint8, [(byte)(LabGraphs.OutputZero + 128)]),
            Constant("b", DataType.Int32, new byte[4 * s.OutChannels], s.OutChannels));
    }

    /// <summary>4-bit weights with a scale for every <paramref name="block"/> of them, float activations quantised at run time: MatMulNBits. Null where it can't.</summary>
    public static byte[]? Int4(ConvolutionShape s, int block)
    {
        if (!LabGraphs.IsProduct(s) || s.Channels % block != 0) return null;
        int blocks = s.Channels / block;
        byte[] weights = new byte[s.OutChannels * s.Channels / 2];
        new Random(1).NextBytes(weights);
        float[] scales = Enumerable.Repeat(0.01f, s.OutChannels * blocks).ToArray();
        NodeProto node = Node("MatMulNBits", "com.microsoft", "x", "w", "s");
        foreach (var (name, value) in new[] { ("K", s.Channels), ("N", s.OutChannels), ("bits", 4), ("block_size", block), ("accuracy_level", 4) }) Set(node, name, value);
        return Model(s, DataType.Float, node, Constant("w", DataType.Uint8, weights, s.OutChannels, blocks, block / 2),
            Constant("s", DataType.Float, MemoryMarshal.AsBytes<float>(scales), s.OutChannels * blocks));
    }

    private static int[] WeightShape(in ConvolutionShape s) => LabGraphs.IsProduct(s) ? [s.Channels, s.OutChannels]
        : [s.OutChannels, s.ChannelsPerGroup, s.KernelHeight, s.KernelWidth];

    private static NodeProto Node(string type, string domain, params string[] inputs)
    {
        NodeProto node = new() { OpType = type, Name = LabGraphs.Layer, Domain = domain };
        node.Input.AddRange(inputs);
        node.Output.Add("y");
        return node;
    }

    private static NodeProto Window(NodeProto node, in ConvolutionShape s)
    {
        foreach (var (name, list) in new (string, long[])[]
        {
            ("kernel_shape", [s.KernelHeight, s.KernelWidth]), ("strides", [s.StrideY, s.StrideX]), ("dilations", [s.DilationY, s.DilationX]),
            ("pads", [s.PadTop, s.PadLeft, s.PadBottom, s.PadRight]),
        })
        {
            AttributeProto attribute = new() { Name = name, Type = AttributeType.Ints };
            attribute.Ints.AddRange(list);
            node.Attribute.Add(attribute);
        }
        Set(node, "group", s.Group);
        return node;
    }

    private static void Set(NodeProto node, string name, int value) => node.Attribute.Add(new AttributeProto { Name = name, Type = AttributeType.Int, I = value });

    private static TensorProto Scalar(string name, float value) => Constant(name, DataType.Float, BitConverter.GetBytes(value));

    private static TensorProto Constant(string name, DataType type, ReadOnlySpan<byte> bytes, params int[] shape)
    {
        TensorProto tensor = new() { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(bytes) };
        tensor.Dims.AddRange(shape.Select(d => (long)d));
        return tensor;
    }

    private static byte[] Model(in ConvolutionShape s, DataType activations, NodeProto node, params TensorProto[] constants)
    {
        ModelProto model = new() { IrVersion = 7, Graph = new GraphProto { Name = LabGraphs.Layer } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 13 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        bool isProduct = LabGraphs.IsProduct(s);
        model.Graph.Input.Add(Value("x", activations, isProduct ? [s.Height, s.Channels] : [s.Batch, s.Channels, s.Height, s.Width]));
        model.Graph.Output.Add(Value("y", activations, isProduct ? [s.Height, s.OutChannels] : [s.Batch, s.OutChannels, s.OutHeight, s.OutWidth]));
        model.Graph.Node.Add(node);
        model.Graph.Initializer.AddRange(constants);
        return model.ToByteArray();
    }

    private static ValueInfoProto Value(string name, DataType type, params int[] shape)
    {
        ValueInfoProto value = new() { Name = name, Type = new TypeProto { TensorType = new() { ElemType = (int)type, Shape = new TensorShapeProto() } } };
        foreach (int d in shape) value.Type.TensorType.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = d });
        return value;
    }
}
