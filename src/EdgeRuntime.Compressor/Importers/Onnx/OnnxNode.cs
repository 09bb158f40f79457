using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Compressor.Onnx.AttributeProto.Types;

namespace EdgeRuntime.Compressor;

/// <summary>One ONNX node while it is translated: its inputs as values of the graph, its attributes with their types checked.</summary>
internal sealed class OnnxNode
{
    private readonly NodeProto _proto;
    private readonly ValueInfo?[] _inputs;

    public OnnxNode(NodeProto proto, int opset, OnnxGraphBuilder builder, ValueInfo?[] inputs, string? folder)
    {
        (_proto, Opset, Builder, _inputs, Folder) = (proto, opset, builder, inputs, folder);
    }

    /// <summary>Version of the operator set of the node's domain.</summary>
    public int Opset { get; }

    /// <summary>Where the translation goes.</summary>
    public OnnxGraphBuilder Builder { get; }

    /// <summary>Where external data lies.</summary>
    public string? Folder { get; }

    public string Type => _proto.OpType;

    public int InputCount => _inputs.Length;

    /// <summary>Outputs that the node names.</summary>
    public int OutputCount => _proto.Output.Count;

    /// <summary>What the translation makes besides the first output: the second, third, …</summary>
    public List<ValueInfo> Others { get; } = [];

    /// <summary>The inputs that are there.</summary>
    public IEnumerable<ValueInfo> Present => _inputs.OfType<ValueInfo>();

    /// <summary>Domain and type, the key of the operator table; the standard's own domain is left out.</summary>
    public static string Key(NodeProto proto) => Domain(proto).Length == 0 ? proto.OpType : proto.Domain + "." + proto.OpType;

    public static string Domain(NodeProto proto) => proto.Domain == "ai.onnx" ? "" : proto.Domain;

    /// <summary>The node's name, or its first output's where it has none.</summary>
    public static string Name(NodeProto proto) => proto.Name.Length > 0 ? proto.Name : proto.Output.FirstOrDefault(o => o.Length > 0, proto.OpType);

    /// <summary>Input <paramref name="index"/>, or null where it is left out.</summary>
    public ValueInfo? Optional(int index) => index < _inputs.Length ? _inputs[index] : null;

    /// <summary>Input <paramref name="index"/>, which must be there.</summary>
    public ValueInfo Input(int index) => Optional(index) ?? throw Damaged($"input {index} is missing");

    /// <summary>The contents of input <paramref name="index"/>, or null where it is left out.</summary>
    public Tensor? OptionalConstant(int index, string role) => Optional(index) is not { } value ? null
        : value.Constant ?? throw Unsupported($"{role} ({value.Name}) is computed while the network runs; it must be a constant");

    /// <summary>The contents of input <paramref name="index"/>, which must be there.</summary>
    public Tensor Constant(int index, string role) => OptionalConstant(index, role) ?? throw Damaged($"input {index} ({role}) is missing");

    public bool Has(string name) => Find(name, AttributeType.Undefined) is not null;

    public int Int(string name, int fallback) => Find(name, AttributeType.Int) is { } a ? ToInt(name, a.I) : fallback;

    public float Float(string name, float fallback) => Find(name, AttributeType.Float)?.F ?? fallback;

    public string Text(string name, string fallback) => Find(name, AttributeType.String)?.S.ToStringUtf8() ?? fallback;

    public int[]? Ints(string name) => Find(name, AttributeType.Ints)?.Ints.Select(v => ToInt(name, v)).ToArray();

    /// <summary>Integers that may be beyond 32 bits.</summary>
    public long[]? Longs(string name) => Find(name, AttributeType.Ints)?.Ints.ToArray();

    public float[]? Floats(string name) => Find(name, AttributeType.Floats)?.Floats.ToArray();

    public string[]? Texts(string name) => Find(name, AttributeType.Strings)?.Strings.Select(s => s.ToStringUtf8()).ToArray();

    public Tensor? TensorOf(string name) => Find(name, AttributeType.Tensor)?.T is { } t ? OnnxTensors.Read(t, Folder) : null;

    /// <summary>An axis made non-negative.</summary>
    public static int Axis(int axis, int rank) => axis >= -rank && axis < rank ? (axis + rank) % Math.Max(rank, 1)
        : throw Damaged($"axis {axis} of a value of rank {rank}");

    /// <summary>The file breaks the format's rules at this node.</summary>
    public static ModelException Damaged(string message) => new(ModelErrorKind.InvalidSource, "", message);

    /// <summary>The node is valid, but uses what is not implemented.</summary>
    public static ModelException Unsupported(string message) => new(ModelErrorKind.Unsupported, "", message);

    private static int ToInt(string name, long value) => value is >= int.MinValue and <= int.MaxValue ? (int)value
        : throw Damaged($"attribute {name} is {value}, beyond 32 bits");

    private AttributeProto? Find(string name, AttributeType type)
    {
        AttributeProto? found = _proto.Attribute.FirstOrDefault(a => a.Name == name);
        if (found is null || type == AttributeType.Undefined || found.Type == type || found.Type == AttributeType.Undefined) return found;
        throw Damaged($"attribute {name} holds {found.Type}, not {type}");
    }
}
