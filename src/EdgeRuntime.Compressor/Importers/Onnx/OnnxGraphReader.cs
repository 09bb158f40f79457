using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Walks an ONNX graph in its order and translates node by node. What is not supported is collected: its results are
/// marked unknown, nodes that read them are skipped, and all of it is reported at the end in one error.
/// </summary>
internal sealed class OnnxGraphReader
{
    /// <summary>The oldest operator set whose operators mean what the translation assumes.</summary>
    private const long OldestOpset = 7;

    private readonly ModelProto _model;
    private readonly string _file;
    private readonly string? _folder;
    private readonly IReadOnlyDictionary<string, TensorShape> _inputShapes;
    private readonly OnnxGraphBuilder _builder;
    private readonly Dictionary<string, ValueInfo> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, UnsupportedOperator?> _unknown = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _opsets = new(StringComparer.Ordinal);
    private readonly List<UnsupportedOperator> _unsupported = [];

    public OnnxGraphReader(ModelProto model, string file, string? folder, IReadOnlyDictionary<string, TensorShape>? inputShapes)
    {
        (_model, _file, _folder) = (model, file, folder);
        _inputShapes = inputShapes ?? new Dictionary<string, TensorShape>();
        _builder = new OnnxGraphBuilder(new Graph(model.Graph is { Name.Length: > 0 } g ? g.Name : Path.GetFileNameWithoutExtension(file)));
    }

    private Graph Graph => _builder.Graph;

    public Graph Read()
    {
        if (_model.Graph is not { } source) throw Damaged("", "it holds no graph, so it is no ONNX network");
        foreach (OperatorSetIdProto set in _model.OpsetImport) _opsets[set.Domain == "ai.onnx" ? "" : set.Domain] = (int)Math.Clamp(set.Version, 0, int.MaxValue);
        if (!_opsets.TryGetValue("", out int opset) || opset < OldestOpset)
            throw new ImportException(ModelErrorKind.Unsupported, _file, $"its operator set is {opset}; export it with {OldestOpset} or later");
        ReserveNames(source);
        ReadConstants(source);
        ReadInputs(source);
        foreach (NodeProto node in source.Node) ReadNode(node, source);
        if (_unsupported.Count > 0) throw new ImportException(_file, _unsupported);
        ReadOutputs(source);
        _builder.SpreadQuantization();
        GraphEditor.RemoveDeadNodes(Graph);
        foreach (StringStringEntryProto entry in _model.MetadataProps) Graph.Metadata[entry.Key is MetadataKeys.Labels or MetadataKeys.Preprocessing ? entry.Key : OnnxImporter.MetadataPrefix + entry.Key] = entry.Value;
        return Graph;
    }

    private void ReserveNames(GraphProto source)
    {
        foreach (GraphProto branch in source.Node.SelectMany(n => n.Attribute).Where(a => a.G is not null).Select(a => a.G)) ReserveNames(branch);
        foreach (string name in source.Input.Select(v => v.Name).Concat(source.Output.Select(v => v.Name))
            .Concat(source.Initializer.Select(t => t.Name)).Concat(source.SparseInitializer.Select(t => t.Values?.Name ?? "")).Concat(source.Node.SelectMany(n => n.Output)))
            _builder.Reserve(name);
    }

    private void ReadConstants(GraphProto source)
    {
        foreach (TensorProto tensor in source.Initializer)
            ReadConstant(tensor.Name, () =>
            {
                ValueInfo value = new(tensor.Name, OnnxTensors.Read(tensor, _folder));
                if (tensor.DataType == (int)TensorProto.Types.DataType.Uint4) _builder.NoteUInt4(value);
                return value;
            });
        foreach (SparseTensorProto tensor in source.SparseInitializer)
        {
            string name = tensor.Values?.Name ?? "";
            ReadConstant(name, () =>
            {
                Tensor dense = OnnxSparseTensors.Read(tensor, _folder);
                return new(name, dense) { Sparsity = Sparsity.Unstructured.Fault(dense.Type, dense.Shape) is null ? Sparsity.Unstructured : null };
            });
        }
    }

    private void ReadConstant(string name, Func<ValueInfo> read)
    {
        if (name.Length == 0) throw Damaged("", "an initializer has no name");
        if (_values.ContainsKey(name) || _unknown.ContainsKey(name)) throw Damaged(name, "two initializers have this name");
        Guard(name, "initializer", "", [name], lazily: true, () => _values[name] = read());
    }

    private void ReadInputs(GraphProto source)
    {
        HashSet<string> seen = [];
        foreach (ValueInfoProto input in source.Input)
        {
            if (input.Name.Length == 0 || !seen.Add(input.Name)) throw Damaged(input.Name, "a graph input has no name, or one that another has");
            if (_values.ContainsKey(input.Name) || _unknown.ContainsKey(input.Name)) continue; // a weight that is listed as an input, too
            Guard(input.Name, "graph input", "", [input.Name], lazily: false, () =>
            {
                TypeProto.Types.Tensor type = input.Type?.TensorType ?? throw OnnxNode.Unsupported("an input that is no tensor");
                if (type.Shape is null) throw OnnxNode.Unsupported("an input without a shape; export the network with fixed sizes");
                ValueInfo value = new(input.Name, OnnxTensors.ElementTypeOf(type.ElemType),
                    _inputShapes.TryGetValue(input.Name, out TensorShape given) ? Given(type.Shape, given) : Shape(type.Shape));
                Graph.Inputs.Add(_values[input.Name] = value);
            });
        }
    }

    /// <summary>A declared shape; an open batch dimension is 1.</summary>
    private static TensorShape Shape(TensorShapeProto proto)
    {
        int[] dims = new int[proto.Dim.Count];
        if (dims.Length > TensorShape.MaxRank) throw OnnxNode.Unsupported($"rank {dims.Length}");
        for (int i = 0; i < dims.Length; i++)
        {
            long size = proto.Dim[i].DimValue;
            if (size is < 0 or > int.MaxValue) throw OnnxNode.Damaged($"dimension {i} is {size}");
            if (size == 0 && i > 0) throw OnnxNode.Unsupported($"dimension {i} is left open ('{proto.Dim[i].DimParam}'); export the network with fixed sizes, or say them with --input-shape");
            dims[i] = (int)Math.Max(size, 1);
        }
        return new TensorShape(dims);
    }

    /// <summary>A shape given by the caller, which must agree with what is declared.</summary>
    private static TensorShape Given(TensorShapeProto proto, TensorShape given)
    {
        bool fits = proto.Dim.Count == given.Rank;
        for (int i = 0; fits && i < given.Rank; i++) fits = proto.Dim[i].DimValue <= 0 || proto.Dim[i].DimValue == given[i];
        return fits ? given : throw OnnxNode.Damaged($"the shape {given} given for it does not fit [{string.Join(",", proto.Dim.Select(d => d.DimValue > 0 ? $"{d.DimValue}" : "?"))}]");
    }

    private void ReadNode(NodeProto proto, GraphProto source)
    {
        string name = OnnxNode.Name(proto), domain = OnnxNode.Domain(proto);
        List<string> outputs = [.. proto.Output.Where(o => o.Length > 0)];
        if (outputs.FirstOrDefault(o => _values.ContainsKey(o) || _unknown.ContainsKey(o)) is { } twice)
            throw Damaged(Place(name, proto.OpType), $"{twice} exists already");
        if (OnnxNode.Key(proto) == "If")
        {
            ReadBranch(proto, name, source);
            return;
        }
        bool known = OnnxOperators.TryGet(proto, out Func<OnnxNode, ValueInfo>? translate);
        if (!known) Collect(new UnsupportedOperator(name, proto.OpType, domain, "no such operator here"));
        if (!ResolveInputs(proto, name, source, out ValueInfo?[] inputs) || !known)
        {
            foreach (string output in outputs) _unknown[output] = null;
            return;
        }
        Guard(name, proto.OpType, domain, outputs, lazily: false, () =>
        {
            if (outputs.Count == 0) throw OnnxNode.Damaged("it has no output");
            _builder.Begin(name);
            int opset = _opsets.TryGetValue(domain, out int version) ? version : 1;
            OnnxNode node = new(proto, opset, _builder, inputs, _folder);
            ValueInfo[] results = [translate!(node), .. node.Others];
            for (int i = 0; i < proto.Output.Count; i++)
            {
                string output = proto.Output[i];
                if (output.Length == 0) continue;
                if (i < results.Length)
                {
                    _builder.Name(results[i], output);
                    _values[output] = results[i];
                }
                else _unknown[output] = new UnsupportedOperator(name, proto.OpType, domain, $"only its first {(results.Length == 1 ? "output" : $"{results.Length} outputs")}, not {output}");
            }
        });
    }

    /// <summary>If: the branch that a constant condition takes, in place; the other one is not looked at.</summary>
    private void ReadBranch(NodeProto proto, string name, GraphProto source)
    {
        string[] outputs = [.. proto.Output];
        if (!ResolveInputs(proto, name, source, out ValueInfo?[] inputs))
        {
            foreach (string output in outputs) _unknown[output] = null;
            return;
        }
        Guard(name, proto.OpType, "", outputs, lazily: false, () =>
        {
            if (inputs is not [{ } condition]) throw OnnxNode.Damaged("it has no condition");
            if (condition.Constant is not { Count: 1 } constant) throw OnnxNode.Unsupported($"a condition ({condition.Name}) that is computed while the network runs");
            string which = constant.ToInts()[0] != 0 ? "then_branch" : "else_branch";
            GraphProto branch = proto.Attribute.FirstOrDefault(a => a.Name == which)?.G ?? throw OnnxNode.Damaged($"it has no {which}");
            if (branch.Output.Count != outputs.Length) throw OnnxNode.Damaged($"its {which} gives {branch.Output.Count} values, not {outputs.Length}");
            ReadConstants(branch);
            foreach (NodeProto node in branch.Node) ReadNode(node, branch);
            for (int i = 0; i < outputs.Length; i++)
            {
                string inner = branch.Output[i].Name;
                if (_values.TryGetValue(inner, out ValueInfo? value)) _values[outputs[i]] = value;
                else if (IsUnknown(inner)) _unknown[outputs[i]] = null;
                else throw OnnxNode.Damaged($"its {which} gives {inner}, which does not exist");
            }
        });
    }

    /// <summary>Looks the inputs up; false where one is unknown because what produces it is not supported.</summary>
    private bool ResolveInputs(NodeProto proto, string name, GraphProto source, out ValueInfo?[] inputs)
    {
        bool all = true;
        inputs = new ValueInfo?[proto.Input.Count];
        for (int i = 0; i < inputs.Length; i++)
        {
            string input = proto.Input[i];
            if (input.Length == 0 || _values.TryGetValue(input, out inputs[i])) continue;
            if (!IsUnknown(input))
                throw Damaged(Place(name, proto.OpType), source.Node.Any(n => n.Output.Contains(input))
                    ? $"reads {input}, which only a later node produces" : $"reads {input}, which does not exist");
            all = false;
        }
        return all;
    }

    private bool IsUnknown(string name)
    {
        if (!_unknown.TryGetValue(name, out UnsupportedOperator? reason)) return false;
        if (reason is not null) Collect(reason);
        return true;
    }

    private void ReadOutputs(GraphProto source)
    {
        HashSet<string> seen = [];
        foreach (ValueInfoProto output in source.Output)
        {
            if (!seen.Add(output.Name)) throw Damaged(output.Name, "two graph outputs have this name");
            if (IsUnknown(output.Name)) throw new ImportException(_file, _unsupported);
            if (!_values.TryGetValue(output.Name, out ValueInfo? value)) throw Damaged(output.Name, "a graph output that no node produces");
            CheckDeclared(output, value);
            Graph.Outputs.Add(value.Name == output.Name && !value.IsConstant && !Graph.Inputs.Contains(value) ? value : Named(value, output.Name));
        }
        if (Graph.Outputs.Count == 0) throw Damaged("", "the graph has no output");
    }

    /// <summary>A value under an output's name, for outputs that are inputs, constants or other outputs.</summary>
    private ValueInfo Named(ValueInfo value, string name)
    {
        if (Graph.Inputs.FirstOrDefault(i => i.Name == name) is not null) throw Damaged(name, "an input is also an output; give the output a name of its own");
        if (value.IsConstant && value.Name == name) value.Name += "/constant";
        ValueInfo copy = new(name, value.Type, value.Shape, value.Quantization);
        Graph.Nodes.Add(new Node(OperatorType.Reshape, name, [value], [copy]));
        return copy;
    }

    private void CheckDeclared(ValueInfoProto output, ValueInfo value)
    {
        if (output.Type?.TensorType?.Shape is not { } declared) return;
        bool fits = declared.Dim.Count == value.Shape.Rank;
        for (int i = 0; fits && i < declared.Dim.Count; i++) fits = declared.Dim[i].DimValue <= 0 || declared.Dim[i].DimValue == value.Shape[i];
        if (!fits) throw Damaged(output.Name, $"declared [{string.Join(",", declared.Dim.Select(d => d.DimValue))}], computed {value.Shape}");
    }

    /// <summary>
    /// Runs <paramref name="read"/>; collects what it finds unsupported and makes <paramref name="results"/> unknown, and
    /// gives every other error its place. Lazily: unsupported only if somebody reads it.
    /// </summary>
    private void Guard(string name, string type, string domain, IEnumerable<string> results, bool lazily, Action read)
    {
        try
        {
            read();
        }
        catch (ModelException e) when (e.Kind == ModelErrorKind.Unsupported)
        {
            UnsupportedOperator reason = new(name, type, domain, e.Message);
            if (!lazily) Collect(reason);
            foreach (string result in results) _unknown[result] = reason;
        }
        catch (ModelException e)
        {
            throw new ImportException(e.Kind, Place(name, type), e.Message, e);
        }
        catch (Exception e) when (e is ArgumentException or OverflowException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new ImportException(ModelErrorKind.InvalidSource, Place(name, type), e.Message, e);
        }
    }

    private void Collect(UnsupportedOperator reason)
    {
        if (!_unsupported.Contains(reason)) _unsupported.Add(reason);
    }

    private string Place(string name, string type) => $"{_file}: {name} ({type})";

    private ImportException Damaged(string place, string message) =>
        new(ModelErrorKind.InvalidSource, place.Length == 0 ? _file : place.StartsWith(_file, StringComparison.Ordinal) ? place : $"{_file}: {place}", message);
}
