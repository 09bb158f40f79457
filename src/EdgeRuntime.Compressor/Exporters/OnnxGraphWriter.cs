using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Google.Protobuf;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Compressor;

/// <summary>The ONNX graph while it is written: which values exist, and in which order of axes.</summary>
internal sealed class OnnxGraphWriter(GraphProto graph)
{
    private static readonly int[] ToChannelsFirst = [0, 3, 1, 2], ToChannelsLast = [0, 2, 3, 1];

    private readonly HashSet<string> _names = [.. graph.Input.Select(i => i.Name)], _nodes = [];
    private readonly HashSet<ValueInfo> _straight = [];
    private readonly Dictionary<ValueInfo, string> _channelsFirst = [];

    /// <summary>Whether the value exists channels-first.</summary>
    public bool HasChannelsFirst(ValueInfo value) => _channelsFirst.ContainsKey(value);

    /// <summary>The name of the value as the graph has it.</summary>
    public string Provide(ValueInfo value)
    {
        if (value.Constant is { } constant)
        {
            if (_straight.Add(value)) Initialize(value.Name, constant, value);
        }
        else if (_channelsFirst.TryGetValue(value, out string? first) && _straight.Add(value)) Transpose(first, value.Name, ToChannelsLast);
        return value.Name;
    }

    /// <summary>The name of the NHWC value channels-first.</summary>
    public string ProvideChannelsFirst(ValueInfo value)
    {
        if (_channelsFirst.TryGetValue(value, out string? name)) return name;
        Transpose(Provide(value), name = Unique(value.Name + "/nchw"), ToChannelsFirst);
        return _channelsFirst[value] = name;
    }

    /// <summary>Announces an output in the graph's own order; returns its name.</summary>
    public string Produce(ValueInfo value)
    {
        _straight.Add(value);
        _names.Add(value.Name);
        return value.Name;
    }

    /// <summary>Announces an output channels-first; returns its name.</summary>
    public string ProduceChannelsFirst(ValueInfo value) => _channelsFirst[value] = Unique(value.Name + "/nchw");

    /// <summary>A constant of the exporter's own.</summary>
    public string Constant(string wish, Tensor tensor)
    {
        string name = Unique(wish);
        Initialize(name, tensor, null);
        return name;
    }

    public void Add(string type, string name, ReadOnlySpan<string> inputs, string output, params AttributeProto[] attributes) => Add(type, name, inputs, [output], attributes);

    public void Add(string type, string name, ReadOnlySpan<string> inputs, ReadOnlySpan<string> outputs, params AttributeProto[] attributes)
    {
        NodeProto node = new() { OpType = type, Name = Unique(name, _nodes) };
        node.Input.AddRange(inputs.ToArray());
        node.Output.AddRange(outputs.ToArray());
        node.Attribute.AddRange(attributes);
        graph.Node.Add(node);
    }

    /// <summary>A name that no value has yet.</summary>
    public string Unique(string wish) => Unique(wish, _names);

    private static string Unique(string wish, HashSet<string> taken)
    {
        string name = wish;
        for (int i = 1; !taken.Add(name); i++) name = $"{wish}.{i}";
        return name;
    }

    private void Transpose(string from, string to, int[] perm) => Add("Transpose", to + "/transpose", [from], to, OnnxExporter.Attribute("perm", perm));

    private void Initialize(string name, Tensor tensor, ValueInfo? value)
    {
        _names.Add(name);
        if (tensor.Type == ElementType.Float16) tensor = Tensor.From<float>(tensor.Shape, tensor.ToFloats());
        DataType type = OnnxExporter.TypeOf(null, value is null || tensor.Type == ElementType.Float32 ? new ValueInfo(name, tensor) : value);
        TensorProto proto = new() { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(tensor.Data.Span) };
        foreach (int d in tensor.Shape.Dimensions) proto.Dims.Add(d);
        graph.Initializer.Add(proto);
    }
}
