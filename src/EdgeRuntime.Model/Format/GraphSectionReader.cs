using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Reads the graph section; the rules of the IR are left to <see cref="GraphValidator"/>.</summary>
internal static class GraphSectionReader
{
    public static Graph Read(ref SectionReader r, string[] strings, ByteSource source, SectionInfo? tensors)
    {
        Graph graph = new(r.Text(strings));
        QuantizationParameters[] quantizations = new QuantizationParameters[r.Count(FormatLimits.Quantizations, 8, "quantisations")];
        for (int i = 0; i < quantizations.Length; i++) quantizations[i] = ReadQuantization(ref r);
        ValueInfo[] values = new ValueInfo[r.Count(FormatLimits.Values, 5, "values")];
        for (int i = 0; i < values.Length; i++) values[i] = ReadValue(ref r, strings, quantizations, source, tensors);
        int nodes = r.Count(FormatLimits.Nodes, 5, "nodes");
        for (int i = 0; i < nodes; i++) graph.Nodes.Add(ReadNode(ref r, strings, values));
        ReadConnections(ref r, values, graph.Inputs, "graph inputs");
        ReadConnections(ref r, values, graph.Outputs, "graph outputs");
        r.End();
        if (graph.Values().Count != values.Length) throw r.Fail(FormatFault.InvalidReference, "a value is listed that nothing uses");
        return graph;
    }

    private static QuantizationParameters ReadQuantization(ref SectionReader r)
    {
        int axis = (int)r.Number(FormatLimits.Rank, "a quantisation axis") - 1;
        int groupSize = (int)r.Number(FormatLimits.Elements, "a quantisation group");
        float[] scales = new float[r.Count(FormatLimits.Scales, sizeof(float), "scales")];
        for (int i = 0; i < scales.Length; i++) scales[i] = r.Single();
        int[] zeroPoints = new int[r.Count(scales.Length, 1, "zero points")];
        for (int i = 0; i < zeroPoints.Length; i++) zeroPoints[i] = r.Signed();
        try
        {
            return new QuantizationParameters(scales, zeroPoints, axis, groupSize);
        }
        catch (ArgumentException e)
        {
            throw r.Fail(FormatFault.InvalidQuantization, e.Message, e);
        }
    }

    private static ValueInfo ReadValue(ref SectionReader r, string[] strings, QuantizationParameters[] quantizations, ByteSource source, SectionInfo? tensors)
    {
        string name = r.Text(strings);
        ElementType type = r.Type();
        TensorShape shape = r.Shape();
        int quantization = r.Index(quantizations.Length + 1, "quantisation");
        ValueInfo value = new(name, type, shape, quantization == 0 ? null : quantizations[quantization - 1]);
        switch ((ConstantEncoding)r.Byte())
        {
            case ConstantEncoding.None: return value;
            case ConstantEncoding.Dense: value.Constant = ReadDense(ref r, value, source, tensors); return value;
            case ConstantEncoding.Sparse: value.Sparsity = Sparsity.Unstructured; break;
            case ConstantEncoding.SparseNM: value.Sparsity = new Sparsity(SparsityKind.NM, r.Byte(), r.Byte()); break;
            case ConstantEncoding.SparseBlock: value.Sparsity = new Sparsity(SparsityKind.Block, r.Byte(), r.Byte()); break;
            default: throw r.Fail(FormatFault.InvalidTensor, $"the encoding of constant {name} is not known");
        }
        value.Constant = ReadSparse(ref r, value, value.Sparsity, source, tensors);
        return value;
    }

    private static Tensor ReadDense(ref SectionReader r, ValueInfo value, ByteSource source, SectionInfo? tensors)
    {
        ReadOnlyMemory<byte> data = Contents(ref r, value, value.ByteCount, source, tensors);
        if (value.Type == ElementType.Bool && data.Span.ContainsAnyExceptInRange((byte)0, (byte)1))
            throw r.Fail(FormatFault.InvalidTensor, $"constant {value.Name} holds a truth value other than 0 and 1");
        return new Tensor(value.Type, value.Shape, data);
    }

    // The contents are checked now, and made dense when somebody asks for them.
    private static Tensor ReadSparse(ref SectionReader r, ValueInfo value, Sparsity sparsity, ByteSource source, SectionInfo? tensors)
    {
        if (sparsity.Fault(value.Type, value.Shape) is { } fault) throw r.Fail(FormatFault.InvalidTensor, $"constant {value.Name}, {sparsity}: {fault}");
        if (value.ByteCount > FormatLimits.SparseBytes) throw r.Fail(FormatFault.LimitExceeded, $"constant {value.Name} has {value.ByteCount} bytes");
        ReadOnlyMemory<byte> stored = Contents(ref r, value, r.Number(FormatLimits.SparseBytes, "the bytes of a constant"), source, tensors);
        SparseContents contents = new(value.Type, value.Shape, sparsity);
        if (contents.Check(stored.Span) is { } wrong) throw r.Fail(FormatFault.InvalidTensor, $"constant {value.Name}: {wrong}");
        return Tensor.Deferred(value.Type, value.Shape, () => contents.Decode(stored.Span));
    }

    private static ReadOnlyMemory<byte> Contents(ref SectionReader r, ValueInfo value, long bytes, ByteSource source, SectionInfo? tensors)
    {
        // At most 2^31 elements of 8 bytes, and an offset of at most the file's limit: no sum here can overflow.
        long available = tensors?.Length ?? 0;
        long offset = r.Number(FormatLimits.FileBytes / FormatConstants.Alignment, "a constant's place") * FormatConstants.Alignment;
        if (bytes > int.MaxValue || offset > available || bytes > available - offset)
            throw r.Fail(FormatFault.InvalidTensor, $"constant {value.Name} has bytes [{offset}, +{bytes}) of {available}");
        return bytes == 0 ? default : source.Window(tensors!.Offset + offset, (int)bytes);
    }

    private static Node ReadNode(ref SectionReader r, string[] strings, ValueInfo[] values)
    {
        OperatorType type = (OperatorType)r.Number(ushort.MaxValue, "an operator");
        string name = r.Text(strings);
        ValueInfo?[] inputs = new ValueInfo?[r.Count(FormatLimits.Connections, 1, "node inputs")];
        for (int i = 0; i < inputs.Length; i++)
        {
            int index = r.Index(values.Length + 1, "value");
            inputs[i] = index == 0 ? null : values[index - 1];
        }
        List<ValueInfo> outputs = [];
        ReadConnections(ref r, values, outputs, "node outputs");
        AttributeSet attributes = new();
        int count = r.Count(FormatLimits.Attributes, 3, "attributes");
        string last = "";
        for (int i = 0; i < count; i++)
        {
            string key = r.Text(strings);
            if (i > 0 && string.CompareOrdinal(key, last) <= 0) throw r.Fail(FormatFault.Malformed, $"attribute {key} of {name} is out of order");
            ReadAttribute(ref r, strings, attributes, last = key);
        }
        return new Node(type, name, inputs, outputs, attributes);
    }

    private static void ReadAttribute(ref SectionReader r, string[] strings, AttributeSet attributes, string key)
    {
        switch ((AttributeKind)r.Byte())
        {
            case AttributeKind.Int: attributes.Set(key, r.Signed()); break;
            case AttributeKind.Float: attributes.Set(key, r.Single()); break;
            case AttributeKind.Text: attributes.Set(key, r.Text(strings)); break;
            case AttributeKind.Ints:
                int[] list = new int[r.Count(FormatLimits.AttributeNumbers, 1, "numbers of an attribute")];
                for (int i = 0; i < list.Length; i++) list[i] = r.Signed();
                attributes.Set(key, list);
                break;
            default: throw r.Fail(FormatFault.Malformed, $"attribute {key} is of no known kind");
        }
    }

    private static void ReadConnections(ref SectionReader r, ValueInfo[] values, List<ValueInfo> into, string what)
    {
        int count = r.Count(FormatLimits.Connections, 1, what);
        for (int i = 0; i < count; i++) into.Add(values[r.Index(values.Length, "value")]);
    }
}
