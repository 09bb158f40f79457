using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Values of a TFLite network as values of a <see cref="Graph"/>: types, static shapes, quantisation, constants and unique
/// names. TFLite is channels-last and keeps quantisation at its tensors, as the IR does, so tensors map one to one.
/// </summary>
internal sealed class TfLiteGraphBuilder
{
    private readonly TfLiteFile _file;
    private readonly string _fileName;
    private readonly Dictionary<int, ValueInfo> _values = [];

    /// <summary>Starts a graph with the file's inputs.</summary>
    public TfLiteGraphBuilder(TfLiteFile file, string fileName)
    {
        _file = file;
        _fileName = fileName;
        Graph = new Graph(Path.GetFileNameWithoutExtension(fileName));
        Graph.Inputs.AddRange(file.Inputs.Select(Value));
    }

    /// <summary>The graph so far.</summary>
    public Graph Graph { get; }

    /// <summary>Adds a node; the source operator's name is that of its output.</summary>
    public void Add(OperatorType type, IEnumerable<ValueInfo?> inputs, ValueInfo output, AttributeSet? attributes = null) =>
        Graph.Nodes.Add(new Node(type, output.Name, inputs, [output], attributes));

    /// <summary>A new value, named <paramref name="name"/> or, where that is taken, after it.</summary>
    public ValueInfo Fresh(string name, ElementType type, TensorShape shape, QuantizationParameters? quantization) =>
        new(name, type, shape, quantization);

    /// <summary>A new constant, named <paramref name="name"/> or, where that is taken, after it.</summary>
    public ValueInfo FreshConstant(string name, Tensor contents, QuantizationParameters? quantization = null)
    {
        _file.ChargeCopy(contents.Data.Length);
        return new ValueInfo(name, contents, quantization);
    }

    /// <summary>The value of tensor <paramref name="index"/>; a binary16 constant is widened to binary32, which is exact.</summary>
    /// <exception cref="ModelException">The tensor has a type, shape or quantisation that the IR lacks.</exception>
    public ValueInfo Value(int index)
    {
        if (_values.TryGetValue(index, out ValueInfo? value)) return value;
        TfLiteTensor t = _file.Tensors[index];
        string name = t.Name.Length > 0 ? t.Name : $"tensor_{index}";
        ElementType type = TfLiteSchema.ElementTypeOf(t.Type) ?? throw Unsupported($"{name} has TensorType {t.Type}");
        if (t.IsVariable) throw Unsupported($"{name} keeps its contents from run to run");
        TensorShape shape = Shape(t, name);
        QuantizationParameters? quantization = type.IsQuantizable() ? Quantization(t, name, shape) : null;
        if (t.Data.Length == 0) value = new ValueInfo(name, type, shape, quantization);
        else if (t.Sparsity is { } sparsity)
        {
            if (type.Bits() < 8) throw Unsupported($"the contents of {name} are stored sparse, in elements of {type.Bits()} bits");
            _file.ChargeCopy(type.ByteCount(shape.ElementCount));
            Tensor contents = new(type, shape, sparsity.Expand(t.Data.Span, shape, type.Bits() / 8));
            value = new ValueInfo(name, type == ElementType.Float16 ? Widen(contents) : contents, quantization);
            if (sparsity.Pattern(shape).Fault(value.Type, shape) is null) value.Sparsity = sparsity.Pattern(shape);
        }
        else
        {
            if (t.Data.Length != type.ByteCount(shape.ElementCount))
                throw Invalid(name, $"{t.Data.Length} bytes for {type} {shape}, which takes {type.ByteCount(shape.ElementCount)}");
            Tensor contents = new(type, shape, t.Data);
            value = new ValueInfo(name, type == ElementType.Float16 ? Widen(contents) : contents, quantization);
        }
        return _values[index] = value;
    }

    /// <summary>Tensor <paramref name="index"/> as the file lists it, for states and for values that carry their quantisation only.</summary>
    public TfLiteTensor RawTensor(int index) => _file.Tensors[index];

    /// <summary>Whether the file stores contents for tensor <paramref name="index"/>, or a constant has been put in its place.</summary>
    public bool IsConstant(int index) => index >= 0 && Value(index).IsConstant;

    /// <summary>Makes the produced tensor <paramref name="index"/> a constant of the graph.</summary>
    public void Fold(int index, Tensor contents)
    {
        ValueInfo value = Value(index);
        if (value.Type != contents.Type || value.Shape != contents.Shape)
            throw Invalid(value.Name, $"declared {value.Type} {value.Shape}, computed {contents}");
        _file.ChargeCopy(contents.Data.Length);
        value.Constant = contents;
        value.Quantization = null;
    }

    /// <summary>The integers of constant tensor <paramref name="index"/>, such as a shape or axes.</summary>
    public int[] Integers(int index)
    {
        ValueInfo value = Value(index);
        if (value.Constant is not { Type: ElementType.Int32 or ElementType.Int64 } constant) throw Unsupported($"{value.Name} must be constant integers");
        _file.ChargeCopy(constant.Count * sizeof(int));
        return constant.ToInts();
    }

    /// <summary>
    /// The real numbers of a float or quantised constant, in <paramref name="value"/>'s shape: scale · (q − zeroPoint).
    /// </summary>
    public Tensor Reals(ValueInfo value)
    {
        Tensor constant = value.Constant ?? throw Unsupported($"{value.Name} must be constant");
        if (constant.Type == ElementType.Float32) return constant;
        if (value.Quantization is not { } q) throw Unsupported($"{value.Name} ({value.Type}) has no quantisation");
        _file.ChargeCopy(4L * constant.Count);
        int[] integers = constant.ToInts();
        float[] reals = new float[integers.Length];
        int inner = q.Axis < 0 ? integers.Length : checked((int)value.Shape.CountOf(q.Axis + 1, value.Shape.Rank));
        for (int i = 0; i < reals.Length; i++)
        {
            int channel = q.Axis < 0 ? 0 : i / inner % q.Scales.Length;
            reals[i] = Requantize.Dequantize(integers[i], q.Scales[channel], q.ZeroPoints[channel]);
        }
        return Tensor.From<float>(value.Shape, reals);
    }

    /// <summary>Lists the outputs and gives every value a name of its own; inputs and outputs keep theirs before others.</summary>
    public void Finish()
    {
        Graph.Outputs.AddRange(_file.Outputs.Select(Value));
        Dictionary<string, int> taken = new(StringComparer.Ordinal);
        foreach (ValueInfo v in Graph.Inputs.Concat(Graph.Outputs).Concat(Graph.Values()).Distinct())
        {
            string wish = v.Name;
            while (!taken.TryAdd(v.Name, 1)) v.Name = $"{wish}.{taken[wish]++}";
        }
    }

    /// <summary>The error for something that the importer does not convert; the caller collects it and adds the place.</summary>
    public ImportException Unsupported(string reason) => new(ModelErrorKind.Unsupported, "", reason);

    /// <summary>The error for a file that contradicts itself.</summary>
    public ImportException Invalid(string place, string message) => new(ModelErrorKind.InvalidSource, $"{_fileName}, {place}", message);

    private TensorShape Shape(TfLiteTensor t, string name)
    {
        if (t.Shape.Length > TensorShape.MaxRank) throw Unsupported($"{name} has rank {t.Shape.Length}, above {TensorShape.MaxRank}");
        int[] dimensions = [.. t.Shape];
        // Converters write −1 (older ones 0) for a batch that the caller chooses; one sample at a time is what a board runs.
        if (t.Data.Length == 0 && dimensions.Length > 0 && dimensions[0] is -1 or 0) dimensions[0] = 1;
        foreach (int d in dimensions)
            if (d < 0) throw Unsupported($"{name} has the unknown dimension {d}; export the network with fixed shapes");
        return new TensorShape(dimensions);
    }

    private QuantizationParameters? Quantization(TfLiteTensor t, string name, TensorShape shape)
    {
        if (t.Scales.Length == 0) return null;
        int axis = -1;
        if (t.Scales.Length > 1)
        {
            axis = t.QuantizedDimension;
            // Some converters write the weights' axis into the bias: the axis whose length fits is meant if there is but one.
            if (axis < 0 || axis >= shape.Rank || shape[axis] != t.Scales.Length)
                axis = shape.Dimensions.Count(t.Scales.Length) == 1 ? shape.Dimensions.IndexOf(t.Scales.Length)
                    : throw Invalid(name, $"{t.Scales.Length} scales on dimension {axis} of {shape}");
        }
        if (t.ZeroPoints.Length > 1 && t.ZeroPoints.Length != t.Scales.Length)
            throw Invalid(name, $"{t.ZeroPoints.Length} zero points for {t.Scales.Length} scales");
        int[] zeroPoints = new int[t.Scales.Length];
        for (int i = 0; i < zeroPoints.Length && t.ZeroPoints.Length > 0; i++)
            zeroPoints[i] = checked((int)t.ZeroPoints[t.ZeroPoints.Length == 1 ? 0 : i]);
        return new QuantizationParameters(t.Scales, zeroPoints, axis);
    }

    private Tensor Widen(Tensor half)
    {
        _file.ChargeCopy(4L * half.Count);
        return Tensor.From<float>(half.Shape, half.ToFloats());
    }
}
