using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Turns a graph into the parts of its graph, strings and tensors sections.</summary>
internal sealed class GraphSectionWriter
{
    private readonly SectionWriter _graph = new(SectionId.Graph);
    private readonly Graph _source;
    private readonly NameTable _names;
    private readonly HashSet<ValueInfo> _implied;
    private readonly Dictionary<ValueInfo, int> _values = [];
    private readonly List<QuantizationParameters> _quantizations = [];
    private readonly Dictionary<QuantizationParameters, int> _quantizationIndex = [];
    private readonly List<ReadOnlyMemory<byte>> _tensors = [];
    private readonly Dictionary<ReadOnlyMemory<byte>, long> _tensorPlaces = new(new BytesComparer());
    private long _tensorLength;

    private GraphSectionWriter(Graph source, NameTable names, HashSet<ValueInfo> implied) => (_source, _names, _implied) = (source, names, implied);

    /// <summary>The graph section, and the tensors section that it refers to; names are added to <paramref name="names"/>; values in <paramref name="implied"/> are written without their quantisation.</summary>
    public static (SectionPayload Graph, SectionPayload Tensors) Write(Graph source, NameTable names, HashSet<ValueInfo> implied)
    {
        GraphSectionWriter writer = new(source, names, implied);
        writer.WriteAll();
        return (new(SectionId.Graph, SectionFlags.Required, [writer._graph.Written]), new(SectionId.Tensors, SectionFlags.Required, writer._tensors));
    }

    private void WriteAll()
    {
        IReadOnlyList<ValueInfo> values = _source.Values();
        foreach (ValueInfo v in values)
        {
            _values.Add(v, _values.Count);
            if (Stored(v) is { } q && _quantizationIndex.TryAdd(q, _quantizations.Count)) _quantizations.Add(q);
        }
        _graph.Varint(_names.Index(_source.Name));
        _graph.Number(_quantizations.Count, FormatLimits.Quantizations, "the count of quantisations");
        foreach (QuantizationParameters q in _quantizations) WriteQuantization(q);
        _graph.Number(values.Count, FormatLimits.Values, "the count of values");
        foreach (ValueInfo v in values) WriteValue(v);
        _graph.Number(_source.Nodes.Count, FormatLimits.Nodes, "the count of nodes");
        foreach (Node node in _source.Nodes) WriteNode(node);
        WriteConnections(_source.Inputs, "graph inputs");
        WriteConnections(_source.Outputs, "graph outputs");
    }

    private QuantizationParameters? Stored(ValueInfo v) => _implied.Contains(v) ? null : v.Quantization;

    private void WriteQuantization(QuantizationParameters q)
    {
        _graph.Number(q.Axis + 1, FormatLimits.Rank, "a quantisation axis");
        _graph.Number(q.GroupSize, FormatLimits.Elements, "a quantisation group");
        _graph.Number(q.Scales.Length, FormatLimits.Scales, "the count of scales");
        foreach (float scale in q.Scales) _graph.Single(scale);
        _graph.Varint(q.IsSymmetric ? 0 : q.ZeroPoints.Length);
        if (q.IsSymmetric) return;
        foreach (int zeroPoint in q.ZeroPoints) _graph.Signed(zeroPoint);
    }

    private void WriteValue(ValueInfo v)
    {
        _graph.Varint(_names.Of(v));
        _graph.Byte((byte)v.Type);
        _graph.Shape(v.Shape);
        _graph.Varint(Stored(v) is { } q ? _quantizationIndex[q] + 1 : 0);
        if (v.Constant is null) _graph.Byte((byte)ConstantEncoding.None);
        else if (v.Sparsity is { } sparsity) WriteSparse(v, v.Constant, sparsity);
        else
        {
            _graph.Byte((byte)ConstantEncoding.Dense);
            _graph.Varint(Place(v.Constant.Data) / FormatConstants.Alignment);
        }
    }

    private void WriteSparse(ValueInfo v, Tensor constant, Sparsity sparsity)
    {
        if (v.ByteCount > FormatLimits.SparseBytes) throw _graph.Fail(FormatFault.LimitExceeded, $"sparse constant {v.Name} has {v.ByteCount} bytes");
        if (!sparsity.Fits(constant)) throw _graph.Fail(FormatFault.InvalidTensor, $"constant {v.Name} has elements other than 0 where {sparsity} has none");
        _graph.Byte((byte)(sparsity.Kind switch
        {
            SparsityKind.Unstructured => ConstantEncoding.Sparse,
            SparsityKind.NM => ConstantEncoding.SparseNM,
            _ => ConstantEncoding.SparseBlock,
        }));
        if (sparsity.Kind != SparsityKind.Unstructured) _graph.Bytes([(byte)sparsity.First, (byte)sparsity.Second]);
        byte[] stored = new SparseContents(v.Type, v.Shape, sparsity).Encode(constant.Data.Span);
        _graph.Number(stored.Length, FormatLimits.SparseBytes, "the bytes of a constant");
        _graph.Varint(Place(stored) / FormatConstants.Alignment);
    }

    // Equal contents are stored once.
    private long Place(ReadOnlyMemory<byte> data)
    {
        if (data.IsEmpty) return 0;
        if (_tensorPlaces.TryGetValue(data, out long place)) return place;
        place = PayloadSections.Align(_tensorLength);
        _tensorLength = place + data.Length;
        _tensors.Add(data);
        _tensorPlaces.Add(data, place);
        return place;
    }

    private void WriteNode(Node node)
    {
        _graph.Varint((ushort)node.Type);
        _graph.Varint(_names.Of(node));
        _graph.Number(node.Inputs.Count, FormatLimits.Connections, "the count of node inputs");
        foreach (ValueInfo? input in node.Inputs) _graph.Varint(input is null ? 0 : _values[input] + 1);
        WriteConnections(node.Outputs, "node outputs");
        _graph.Number(node.Attributes.Count, FormatLimits.Attributes, "the count of attributes");
        foreach (var (key, value) in node.Attributes.Entries)
        {
            _graph.Varint(_names.Index(key));
            WriteAttribute(value);
        }
    }

    private void WriteAttribute(object value)
    {
        switch (value)
        {
            case int number:
                _graph.Byte((byte)AttributeKind.Int);
                _graph.Signed(number);
                break;
            case float number:
                _graph.Byte((byte)AttributeKind.Float);
                _graph.Single(number);
                break;
            case int[] list:
                _graph.Byte((byte)AttributeKind.Ints);
                _graph.Number(list.Length, FormatLimits.AttributeNumbers, "the length of an attribute");
                foreach (int number in list) _graph.Signed(number);
                break;
            default:
                _graph.Byte((byte)AttributeKind.Text);
                _graph.Varint(_names.Index((string)value));
                break;
        }
    }

    private void WriteConnections(List<ValueInfo> values, string what)
    {
        _graph.Number(values.Count, FormatLimits.Connections, $"the count of {what}");
        foreach (ValueInfo v in values) _graph.Varint(_values[v]);
    }

    private sealed class BytesComparer : IEqualityComparer<ReadOnlyMemory<byte>>
    {
        public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);

        public int GetHashCode(ReadOnlyMemory<byte> bytes)
        {
            HashCode hash = default;
            hash.AddBytes(bytes.Span);
            return hash.ToHashCode();
        }
    }
}
