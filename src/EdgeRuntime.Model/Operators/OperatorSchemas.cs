namespace EdgeRuntime.Model;

/// <summary>What an attribute holds.</summary>
public enum AttributeKind
{
    /// <summary>A 32-bit integer.</summary>
    Int,

    /// <summary>A binary32 number.</summary>
    Float,

    /// <summary>A list of 32-bit integers.</summary>
    Ints,

    /// <summary>A text.</summary>
    Text,
}

/// <summary>One attribute of an operator.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Required">Whether a node without it is invalid.</param>
public sealed record AttributeSchema(string Name, AttributeKind Kind, bool Required);

/// <summary>The form of one operator: how many inputs and outputs, which attributes.</summary>
public sealed record OperatorSchema(OperatorType Type, int MinInputs, int MaxInputs, IReadOnlyList<AttributeSchema> Attributes)
{
    /// <summary>Most outputs; every operator has at least one.</summary>
    public int MaxOutputs { get; init; } = 1;

    /// <summary>The attribute named <paramref name="name"/>, or null.</summary>
    public AttributeSchema? Find(string name) => Attributes.FirstOrDefault(a => a.Name == name);
}

/// <summary>The schemas of all operators.</summary>
public static class OperatorSchemas
{
    private static readonly AttributeSchema Min = new("min", AttributeKind.Float, false);
    private static readonly AttributeSchema Dynamic = new("dynamic", AttributeKind.Int, false);
    private static readonly AttributeSchema Max = new("max", AttributeKind.Float, false);

    private static readonly Dictionary<OperatorType, OperatorSchema> ByType = new[]
    {
        Schema(OperatorType.Convolution, 2, 3, Ints("strides"), Ints("dilations"), Ints("pads"), Int("group"), Min, Max, Dynamic),
        Schema(OperatorType.FullyConnected, 2, 3, Min, Max, Dynamic),
        Schema(OperatorType.Add, 2, 2, Min, Max),
        Schema(OperatorType.Sub, 2, 2, Min, Max),
        Schema(OperatorType.Mul, 2, 2, Min, Max),
        Schema(OperatorType.Div, 2, 2, Min, Max),
        Schema(OperatorType.AveragePool, 1, 1, Ints("kernel"), Ints("strides"), Ints("pads"), Int("count_include_pad", false)),
        Schema(OperatorType.MaxPool, 1, 1, Ints("kernel"), Ints("strides"), Ints("pads")),
        Schema(OperatorType.ReduceMean, 1, 1, Ints("axes"), Int("keepdims")),
        Schema(OperatorType.Softmax, 1, 1, Int("axis"), new("beta", AttributeKind.Float, false)),
        Schema(OperatorType.Reshape, 1, 1),
        Schema(OperatorType.Transpose, 1, 1, Ints("perm")),
        Schema(OperatorType.Pad, 1, 1, Ints("pads"), new("value", AttributeKind.Float, false)),
        Schema(OperatorType.Concat, 1, 4096, Int("axis")),
        Schema(OperatorType.Clip, 1, 1, Min, Max),
        Schema(OperatorType.Quantize, 1, 1),
        Schema(OperatorType.Dequantize, 1, 1),
        Schema(OperatorType.Requantize, 1, 1),
        Schema(OperatorType.Sigmoid, 1, 1),
        Schema(OperatorType.Tanh, 1, 1),
        Schema(OperatorType.BatchNormalization, 5, 5, new("epsilon", AttributeKind.Float, true), Int("axis")),
        Schema(OperatorType.Binarize, 1, 2),
        Recurrent(OperatorType.Lstm, 3, Int("stateful", false), new("clip", AttributeKind.Float, false), new("cell_clip", AttributeKind.Float, false),
            Int("cell_exponent", false), new("lengths", AttributeKind.Ints, false), Dynamic),
        Recurrent(OperatorType.Gru, 2, Int("stateful", false), new("clip", AttributeKind.Float, false), Int("linear_before_reset"),
            new("lengths", AttributeKind.Ints, false), Dynamic),
        Schema(OperatorType.Slice, 1, 1, Ints("starts"), Ints("ends"), Ints("steps")),
        Schema(OperatorType.ReflectPad, 1, 1, Ints("pads")),
        Schema(OperatorType.Sqrt, 1, 1),
        Schema(OperatorType.Abs, 1, 1),
        Schema(OperatorType.Exp, 1, 1),
        Schema(OperatorType.Log, 1, 1),
        Schema(OperatorType.LeakyRelu, 1, 1, new AttributeSchema("alpha", AttributeKind.Float, true)),
        Schema(OperatorType.HardSwish, 1, 1),
        Schema(OperatorType.Maximum, 2, 2, Min, Max),
        Schema(OperatorType.Minimum, 2, 2, Min, Max),
        Schema(OperatorType.Gather, 1, 1, Int("axis"), Ints("indices")),
    }.ToDictionary(s => s.Type);

    /// <summary>All schemas, by operator number.</summary>
    public static IEnumerable<OperatorSchema> All => ByType.Values.OrderBy(s => s.Type);

    /// <summary>The schema of <paramref name="type"/>.</summary>
    /// <exception cref="ModelException">There is no such operator.</exception>
    public static OperatorSchema Get(OperatorType type) => ByType.TryGetValue(type, out OperatorSchema? schema) ? schema
        : throw new ModelException(ModelErrorKind.InvalidGraph, $"operator {(int)type}", "no such operator in this version");

    private static OperatorSchema Schema(OperatorType type, int min, int max, params AttributeSchema[] attributes) => new(type, min, max, attributes);

    private static OperatorSchema Recurrent(OperatorType type, int outputs, params AttributeSchema[] attributes) =>
        new(type, 3, RecurrentShape.MaxInputs, [Int("direction"), .. attributes]) { MaxOutputs = outputs };

    private static AttributeSchema Int(string name, bool required = true) => new(name, AttributeKind.Int, required);

    private static AttributeSchema Ints(string name) => new(name, AttributeKind.Ints, true);
}
