using System.Runtime.InteropServices;
using EdgeRuntime.Compressor.Onnx;
using Google.Protobuf;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Benchmarks;

/// <summary>ONNX files of one matrix-vector product with random weights, for timing ONNX Runtime and us on the same file.</summary>
internal static class OnnxMatrixProduct
{
    /// <summary>u8 [1,n] × s8 [n,n] → u8 by QLinearMatMul.</summary>
    public static string QLinear(int n)
    {
        ModelProto model = Model("QLinearMatMul", n, DataType.Uint8, DataType.Uint8, "x", "xs", "xz", "w", "ws", "wz", "ys", "yz");
        model.Graph.Initializer.AddRange([Weights(n), Scalar("xs", 0.02f), Scalar("ws", 0.01f), Scalar("ys", 0.02f * n / 512), Zero("xz", DataType.Uint8, 128), Zero("wz", DataType.Int8, 0), Zero("yz", DataType.Uint8, 128)]);
        return Save(model, $"gemv-qlinear-{n}");
    }

    /// <summary>u8 [1,n] × s8 [n,n] → s32 by MatMulInteger: products alone, nothing is requantised.</summary>
    public static string Integer(int n)
    {
        ModelProto model = Model("MatMulInteger", n, DataType.Uint8, DataType.Int32, "x", "w", "xz", "wz");
        model.Graph.Initializer.AddRange([Weights(n), Zero("xz", DataType.Uint8, 128), Zero("wz", DataType.Int8, 0)]);
        return Save(model, $"gemv-integer-{n}");
    }

    private static ModelProto Model(string type, int n, DataType input, DataType output, params string[] inputs)
    {
        ModelProto model = new() { IrVersion = 7, Graph = new GraphProto { Name = type } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 13 });
        NodeProto node = new() { OpType = type, Name = type };
        node.Input.AddRange(inputs);
        node.Output.Add("y");
        model.Graph.Node.Add(node);
        model.Graph.Input.Add(Value("x", input, 1, n));
        model.Graph.Output.Add(Value("y", output, 1, n));
        return model;
    }

    private static ValueInfoProto Value(string name, DataType type, params int[] shape)
    {
        ValueInfoProto value = new() { Name = name, Type = new TypeProto { TensorType = new() { ElemType = (int)type, Shape = new TensorShapeProto() } } };
        foreach (int d in shape) value.Type.TensorType.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = d });
        return value;
    }

    private static TensorProto Weights(int n)
    {
        sbyte[] weights = new sbyte[n * n];
        Random random = new(1);
        for (int i = 0; i < weights.Length; i++) weights[i] = (sbyte)random.Next(-127, 128);
        TensorProto tensor = new() { Name = "w", DataType = (int)DataType.Int8, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<sbyte>(weights)) };
        tensor.Dims.AddRange([n, n]);
        return tensor;
    }

    private static TensorProto Scalar(string name, float value) => new() { Name = name, DataType = (int)DataType.Float, RawData = ByteString.CopyFrom(BitConverter.GetBytes(value)) };

    private static TensorProto Zero(string name, DataType type, byte value) => new() { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(value) };

    private static string Save(ModelProto model, string name)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{name}-{Environment.ProcessId}.onnx");
        File.WriteAllBytes(path, model.ToByteArray());
        return path;
    }
}
