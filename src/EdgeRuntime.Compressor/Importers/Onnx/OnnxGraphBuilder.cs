using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Makes the nodes and values of the graph, and moves constants through layout changes.</summary>
internal sealed class OnnxGraphBuilder : IFormulaBuilder
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<ValueInfo> _fresh = [];
    private readonly Dictionary<ValueInfo, Node> _producers = [];
    private readonly Dictionary<ValueInfo, ValueInfo> _transposed = [];
    private readonly HashSet<ValueInfo> _unsignedNibbles = [];
    private string _node = "";

    public OnnxGraphBuilder(Graph graph) => Graph = graph;

    public Graph Graph { get; }

    /// <summary>Keeps a name of the source from being given to a value of the builder's own.</summary>
    public void Reserve(string name) => _names.Add(name);

    /// <summary>Remembers a constant of bytes that the source has as uint4.</summary>
    public void NoteUInt4(ValueInfo value) => _unsignedNibbles.Add(value);

    /// <summary>Whether the source has it as uint4.</summary>
    public bool IsUInt4(ValueInfo value) => _unsignedNibbles.Contains(value);

    /// <summary>What is made from here on belongs to the source node <paramref name="name"/>.</summary>
    public void Begin(string name)
    {
        _node = name;
        _fresh.Clear();
    }

    /// <summary>Gives the result of the current source node its name there; values that existed before keep theirs.</summary>
    public void Name(ValueInfo value, string name)
    {
        if (_fresh.Remove(value)) value.Name = name;
    }

    /// <summary>A new constant.</summary>
    public ValueInfo Constant(Tensor tensor, QuantizationParameters? quantization = null)
    {
        ValueInfo value = new(Unique("constant"), tensor, quantization);
        _fresh.Add(value);
        return value;
    }

    ValueInfo IFormulaBuilder.Constant(Tensor value) => Constant(value);

    /// <summary>A new float constant.</summary>
    public ValueInfo Constant(float value) => Constant(Tensor.From<float>(TensorShape.Scalar, [value]));

    /// <summary>A new node that yields floats, or for operators that only move values, its first input's type.</summary>
    public ValueInfo Emit(OperatorType type, ReadOnlySpan<ValueInfo?> inputs, AttributeSet? attributes = null)
    {
        ValueInfo first = inputs[0]!;
        bool moves = type is OperatorType.Transpose or OperatorType.MaxPool or OperatorType.Concat or OperatorType.Pad or OperatorType.Slice or OperatorType.ReflectPad or OperatorType.Gather;
        foreach (ValueInfo? input in inputs)
            if (input is not null && type != OperatorType.Dequantize && (moves ? input.Type != first.Type : input.Type != ElementType.Float32))
                throw OnnxNode.Unsupported($"{type} of {input.Type} values ({input.Name})");
        QuantizationParameters? q = moves && first.Quantization is { IsPerTensor: true } ? first.Quantization : null;
        return Add(type, inputs, new ValueInfo(Unique(type.ToString()), moves ? first.Type : ElementType.Float32, default, q), attributes);
    }

    /// <summary>A new node with several outputs, all floats.</summary>
    public ValueInfo[] EmitAll(OperatorType type, ReadOnlySpan<ValueInfo?> inputs, int count, AttributeSet attributes)
    {
        foreach (ValueInfo? input in inputs)
            if (input is not null && input.Type != ElementType.Float32) throw OnnxNode.Unsupported($"{type} of {input.Type} values ({input.Name})");
        ValueInfo[] outputs = [.. Enumerable.Range(0, count).Select(_ => new ValueInfo(Unique(type.ToString()), ElementType.Float32, default))];
        Node node = new(type, _node, inputs.ToArray(), outputs, attributes);
        GraphEditor.InferShapes(node);
        Graph.Nodes.Add(node);
        foreach (ValueInfo output in outputs)
        {
            _producers[output] = node;
            _fresh.Add(output);
        }
        return outputs;
    }

    /// <summary>The same elements under another shape; constants stay constants.</summary>
    public ValueInfo Reshape(ValueInfo x, TensorShape shape)
    {
        if (x.Shape == shape) return x;
        if (x.Shape.ElementCount != shape.ElementCount) throw OnnxNode.Damaged($"{x.Shape} can't become {shape}");
        QuantizationParameters? q = x.Quantization is { IsPerTensor: false } perAxis ? OnReshapedAxis(x, shape, perAxis) : x.Quantization;
        if (x.Constant is { } c) return Constant(c.Reshape(shape), q);
        if (ConstantBehind(x) is { } integers) return Emit(OperatorType.Dequantize, [Reshape(integers, shape)]);
        return Add(OperatorType.Reshape, [x], new ValueInfo(Unique(nameof(Reshape)), x.Type, shape, q), null);
    }

    /// <summary>Axes permuted; constants, also behind a Dequantize, stay constants. Those in groups stay as they are: the transposed of the transposed is the matrix.</summary>
    public ValueInfo Transpose(ValueInfo x, params int[] perm)
    {
        if (perm.SequenceEqual(Enumerable.Range(0, x.Shape.Rank))) return x;
        if (_transposed.TryGetValue(x, out ValueInfo? original)) return original;
        if (ConstantBehind(x) is { Quantization.GroupSize: > 0, Shape.Rank: 2 })
        {
            ValueInfo turned = Emit(OperatorType.Transpose, [x], new AttributeSet().Set("perm", perm));
            _transposed[turned] = x;
            return turned;
        }
        if (ConstantBehind(x) is { } integers) return Emit(OperatorType.Dequantize, [Transpose(integers, perm)]);
        if (x.Constant is not { } c) return Emit(OperatorType.Transpose, [x], new AttributeSet().Set("perm", perm));
        if (perm.Length != c.Shape.Rank || perm.Distinct().Count() != perm.Length || perm.Any(p => p < 0 || p >= perm.Length))
            throw OnnxNode.Damaged($"perm [{string.Join(",", perm)}] is no permutation of {c.Shape.Rank} axes");
        QuantizationParameters? q = x.Quantization;
        if (q is { Axis: >= 0 }) q = new QuantizationParameters(q.Scales, q.ZeroPoints, Array.IndexOf(perm, q.Axis), q.GroupSize);
        return Constant(c.Type == ElementType.Int4 ? TransposeInt4(c, perm) : GraphEditor.Transpose(c, perm), q);
    }

    /// <summary>Float to integers of <paramref name="type"/>.</summary>
    public ValueInfo Quantize(ValueInfo x, ElementType type, QuantizationParameters parameters)
    {
        if (x.Type != ElementType.Float32) throw OnnxNode.Unsupported($"quantisation of {x.Type} values ({x.Name})");
        return Add(OperatorType.Quantize, [x], new ValueInfo(Unique("Quantize"), type, x.Shape, parameters), null);
    }

    /// <summary>Integers to float; the integers' parameters are noted on their value.</summary>
    public ValueInfo Dequantize(ValueInfo x, QuantizationParameters parameters)
    {
        if (!x.Type.IsQuantizable()) throw OnnxNode.Unsupported($"dequantisation of {x.Type} values ({x.Name})");
        return Emit(OperatorType.Dequantize, [Quantized(x, parameters)]);
    }

    /// <summary>Signs of x − threshold.</summary>
    public ValueInfo Binarize(ValueInfo x, float threshold)
    {
        if (x.Type != ElementType.Float32 || x.Shape.Rank == 0) throw OnnxNode.Unsupported($"a comparison of {x.Type} {x.Shape} values ({x.Name})");
        ValueInfo?[] inputs = threshold == 0 ? [x] : [x, Constant(Tensor.Vector(threshold))];
        return Add(OperatorType.Binarize, inputs, new ValueInfo(Unique(nameof(Binarize)), ElementType.Binary, x.Shape), null);
    }

    /// <summary>Whether the value is a constant, or a constant of integers behind a Dequantize.</summary>
    public bool IsConstant(ValueInfo x) => x.IsConstant || ConstantBehind(x) is not null || _transposed.ContainsKey(x);

    /// <summary>
    /// The floats behind int32 sums of products (ConvInteger, MatMulInteger), which are whole numbers: exact up to 2^24.
    /// Casting the sums back to float is then no more than reading these.
    /// </summary>
    public ValueInfo? ExactSums(ValueInfo x) => x is { Type: ElementType.Int32, Quantization: { IsPerTensor: true, Scale: 1f, ZeroPoint: 0 } }
        && _producers.TryGetValue(x, out Node? p) && p.Type == OperatorType.Quantize ? p.Input(0) : null;

    /// <summary>Notes parameters that were learnt late on what the integers came from and went to.</summary>
    public void SpreadQuantization()
    {
        foreach (Node node in Graph.Nodes)
            if (Carries(node) && node.Output.Quantization is null && node.Output.Type != ElementType.Float32
                && node.Input(0).Quantization is { IsPerTensor: true } q)
                node.Output.Quantization = q;
    }

    private static bool Carries(Node node) =>
        node.Type is OperatorType.Reshape or OperatorType.Transpose or OperatorType.MaxPool or OperatorType.Concat or OperatorType.Slice or OperatorType.ReflectPad or OperatorType.Gather;

    private ValueInfo Quantized(ValueInfo x, QuantizationParameters parameters)
    {
        if (parameters.Equals(x.Quantization)) return x;
        if (x.Quantization is not null)
        {
            if (x.Constant is { } c) return Constant(c, parameters);
            throw OnnxNode.Unsupported($"{x.Name} is read as {parameters} after having been {x.Quantization}");
        }
        x.Quantization = parameters;
        if (_producers.TryGetValue(x, out Node? producer) && Carries(producer))
            for (int i = 0; i < producer.Inputs.Count; i++) producer.Inputs[i] = Quantized(producer.Input(i), parameters);
        return x;
    }

    private ValueInfo? ConstantBehind(ValueInfo x) =>
        _producers.TryGetValue(x, out Node? p) && p.Type == OperatorType.Dequantize && p.Input(0).IsConstant ? p.Input(0) : null;

    /// <summary>Per-axis parameters survive a reshape that leaves their axis and its outer elements as they are, or merges some of these into it.</summary>
    private static QuantizationParameters OnReshapedAxis(ValueInfo x, TensorShape shape, QuantizationParameters q)
    {
        int channels = x.Shape[q.Axis];
        for (int axis = 0; axis < shape.Rank && q.GroupSize == 0; axis++)
            if (shape.CountOf(0, axis + 1) == x.Shape.CountOf(0, q.Axis + 1) && shape[axis] % channels == 0)
            {
                int times = shape[axis] / channels;
                return new QuantizationParameters([.. Enumerable.Repeat(q.Scales.ToArray(), times).SelectMany(s => s)], [.. Enumerable.Repeat(q.ZeroPoints.ToArray(), times).SelectMany(z => z)], axis);
            }
        throw OnnxNode.Unsupported($"{x.Name}, quantised by axis {q.Axis}, reshaped from {x.Shape} to {shape}");
    }

    private static Tensor TransposeInt4(Tensor nibbles, int[] perm)
    {
        sbyte[] wide = Array.ConvertAll(nibbles.ToInts(), v => (sbyte)v);
        Tensor turned = GraphEditor.Transpose(Tensor.From<sbyte>(nibbles.Shape, wide), perm);
        byte[] packed = new byte[(turned.Count + 1) / 2];
        for (int i = 0; i < turned.Count; i++) packed[i / 2] |= (byte)((turned.Data.Span[i] & 15) << (i % 2 * 4));
        return new Tensor(ElementType.Int4, turned.Shape, packed);
    }

    private ValueInfo Add(OperatorType type, ReadOnlySpan<ValueInfo?> inputs, ValueInfo output, AttributeSet? attributes)
    {
        Node node = new(type, _node, inputs.ToArray(), [output], attributes);
        output.Shape = ShapeInference.Infer(node);
        Graph.Nodes.Add(node);
        _producers[output] = node;
        _fresh.Add(output);
        return output;
    }

    private string Unique(string kind)
    {
        string wish = $"{_node}/{kind}", name = wish;
        for (int i = 1; !_names.Add(name); i++) name = $"{wish}.{i}";
        return name;
    }
}
