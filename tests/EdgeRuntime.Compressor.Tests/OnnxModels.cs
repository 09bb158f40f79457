using System.Runtime.InteropServices;
using EdgeRuntime.Compressor.Onnx;
using Google.Protobuf;
using static EdgeRuntime.Compressor.Onnx.AttributeProto.Types;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Builds small ONNX networks.</summary>
internal static class OnnxModels
{
    /// <summary>A network from float input "x" of <paramref name="input"/> to output "y".</summary>
    public static ModelProto Network(int opset, int[] input, params IMessage[] parts) => Typed(opset, DataType.Float, input, parts);

    /// <summary>A network from input "x" to output "y"; the parts are nodes and initializers.</summary>
    public static ModelProto Typed(int opset, DataType type, int[] input, params IMessage[] parts)
    {
        ModelProto model = new() { IrVersion = 7, Graph = new GraphProto { Name = "test" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = opset });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        model.Graph.Input.Add(Value("x", type, input));
        model.Graph.Output.Add(new ValueInfoProto { Name = "y" });
        model.Graph.Node.AddRange(parts.OfType<NodeProto>());
        model.Graph.Initializer.AddRange(parts.OfType<TensorProto>());
        return model;
    }

    public static ValueInfoProto Value(string name, DataType type, params int[] shape)
    {
        ValueInfoProto value = new() { Name = name, Type = new TypeProto { TensorType = new() { ElemType = (int)type, Shape = new TensorShapeProto() } } };
        foreach (int d in shape) value.Type.TensorType.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = d });
        return value;
    }

    /// <summary>A node; inputs are separated by spaces, and "-" stands for one that is left out.</summary>
    public static NodeProto Node(string type, string inputs, string output = "y", string domain = "")
    {
        NodeProto node = new() { OpType = type, Name = "the" + type, Domain = domain };
        node.Input.AddRange(inputs.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(i => i == "-" ? "" : i));
        node.Output.Add(output);
        return node;
    }

    public static NodeProto With(this NodeProto node, string name, params long[] values)
    {
        AttributeProto attribute = new() { Name = name, Type = AttributeType.Ints };
        attribute.Ints.AddRange(values);
        node.Attribute.Add(attribute);
        return node;
    }

    public static NodeProto With(this NodeProto node, string name, long value) => Add(node, new AttributeProto { Name = name, Type = AttributeType.Int, I = value });

    public static NodeProto With(this NodeProto node, string name, float value) => Add(node, new AttributeProto { Name = name, Type = AttributeType.Float, F = value });

    public static NodeProto With(this NodeProto node, string name, string value) =>
        Add(node, new AttributeProto { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(value) });

    public static NodeProto With(this NodeProto node, string name, TensorProto value) => Add(node, new AttributeProto { Name = name, Type = AttributeType.Tensor, T = value });

    /// <summary>A constant with raw data.</summary>
    public static TensorProto Raw<T>(string name, DataType type, int[] shape, params T[] values) where T : unmanaged
    {
        TensorProto tensor = new() { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<T>(values)) };
        tensor.Dims.AddRange(shape.Select(d => (long)d));
        return tensor;
    }

    public static TensorProto Floats(string name, int[] shape, params float[] values) => Raw(name, DataType.Float, shape, values);

    public static TensorProto Longs(string name, params long[] values) => Raw(name, DataType.Int64, [values.Length], values);

    /// <summary>A constant of 1, 2, 3 …</summary>
    public static TensorProto Ramp(string name, params int[] shape) =>
        Floats(name, shape, [.. Enumerable.Range(1, shape.Aggregate(1, (a, b) => a * b)).Select(i => (float)i)]);

    private static NodeProto Add(NodeProto node, AttributeProto attribute)
    {
        node.Attribute.Add(attribute);
        return node;
    }
}
