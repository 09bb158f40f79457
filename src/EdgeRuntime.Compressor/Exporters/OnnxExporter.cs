using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Google.Protobuf;
using static EdgeRuntime.Compressor.Onnx.AttributeProto.Types;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Writes float networks as ONNX, operator set 13. ONNX is channels-first: values go through Transpose nodes, which are made
/// once a value and only where an operator needs the other order. Inputs and outputs keep names, order and layout.
/// </summary>
public static class OnnxExporter
{
    private const int Opset = 13, IrVersion = 7;

    /// <summary>Writes <paramref name="graph"/> to <paramref name="path"/>: the whole file, or nothing.</summary>
    /// <exception cref="ModelException">An operator or type has no float ONNX form; the message names the node.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Write(Graph graph, string path)
    {
        ModelProto model = Export(graph);
        AtomicFile.Write(path, stream => model.WriteTo(stream));
    }

    internal static ModelProto Export(Graph graph)
    {
        GraphValidator.Validate(graph);
        ModelProto model = new() { IrVersion = IrVersion, ProducerName = "EdgeRuntime", Graph = new GraphProto { Name = graph.Name } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = Opset });
        foreach (var (key, value) in graph.Metadata) model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        OnnxGraphWriter writer = new(model.Graph);
        foreach (ValueInfo input in graph.Inputs) model.Graph.Input.Add(Describe(input));
        foreach (Node node in graph.Nodes) OnnxNodeWriter.Write(writer, node);
        foreach (ValueInfo output in graph.Outputs)
        {
            writer.Provide(output);
            model.Graph.Output.Add(Describe(output));
        }
        return model;
    }

    internal static DataType TypeOf(Node? node, ValueInfo value) => value.Type switch
    {
        ElementType.Float32 => DataType.Float,
        ElementType.Int64 => DataType.Int64,
        _ => throw new ModelException(ModelErrorKind.Unsupported, node?.ToString() ?? value.Name, $"{value} can't be exported to ONNX; export the float network, before it is quantised"),
    };

    internal static AttributeProto Attribute(string name, params ReadOnlySpan<int> values)
    {
        AttributeProto attribute = new() { Name = name, Type = AttributeType.Ints };
        foreach (int v in values) attribute.Ints.Add(v);
        return attribute;
    }

    internal static AttributeProto Attribute(string name, int value) => new() { Name = name, Type = AttributeType.Int, I = value };

    internal static AttributeProto Attribute(string name, float value) => new() { Name = name, Type = AttributeType.Float, F = value };

    internal static AttributeProto Attribute(string name, string value) => new() { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(value) };

    private static ValueInfoProto Describe(ValueInfo value)
    {
        ValueInfoProto proto = new() { Name = value.Name, Type = new TypeProto { TensorType = new() { ElemType = (int)TypeOf(null, value), Shape = new TensorShapeProto() } } };
        foreach (int d in value.Shape.Dimensions) proto.Type.TensorType.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = d });
        return proto;
    }
}
