using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>A session of one node, whose inputs are given from outside.</summary>
internal sealed class NodeRunner : IDisposable
{
    private readonly InferenceSession _session;

    /// <summary>Prepares <paramref name="node"/> as it is.</summary>
    public NodeRunner(Node node, PassContext context) : this(node, node.Outputs, v => v, context) { }

    private NodeRunner(Node node, IEnumerable<ValueInfo> outputs, Func<ValueInfo, ValueInfo> map, PassContext context)
    {
        Dictionary<ValueInfo, ValueInfo> values = node.Inputs.OfType<ValueInfo>().Distinct().ToDictionary(v => v, v => Clone(map(v)));
        Graph graph = new(node.Name);
        graph.Inputs.AddRange(values.Values.Where(v => !v.IsConstant));
        graph.Outputs.AddRange(outputs.Select(Clone));
        graph.Nodes.Add(new Node(node.Type, node.Name, node.Inputs.Select(v => v is null ? null : values[v]), graph.Outputs, node.Attributes.Clone()));
        _session = new InferenceSession(graph, context.Options(keepIntermediates: false));
    }

    /// <summary>
    /// The node in real numbers and without its clamp: quantised inputs, weights and bias are replaced by the numbers
    /// they stand for. Its first input is to be given as floats.
    /// </summary>
    public static NodeRunner Unclamped(Node node, PassContext context)
    {
        Node bare = new(node.Type, node.Name, node.Inputs, node.Outputs, node.Attributes.Clone());
        bare.Attributes.Remove("min");
        bare.Attributes.Remove("max");
        return new NodeRunner(bare, [AsFloat(node.Output)], AsFloat, context);
    }

    /// <summary>Runs the node on its non-constant inputs, in order, each once; gives its first output.</summary>
    public ReadOnlySpan<byte> Run(params ReadOnlySpan<ReadOnlyMemory<byte>> inputs)
    {
        for (int i = 0; i < inputs.Length; i++) inputs[i].Span.CopyTo(_session.InputBytes(i));
        _session.ResetState();
        _session.Run();
        return _session.OutputBytes(0);
    }

    /// <summary>Another output of the last run.</summary>
    public ReadOnlySpan<byte> Output(int index) => _session.OutputBytes(index);

    public void Dispose() => _session.Dispose();

    private static ValueInfo Clone(ValueInfo v) => new(v.Name, v.Type, v.Shape, v.Quantization) { Constant = v.Constant };

    private static ValueInfo AsFloat(ValueInfo v) => v.Type == ElementType.Float32 ? v : new ValueInfo(v.Name, ElementType.Float32, v.Shape)
    {
        Constant = v.Constant is { } c ? Tensor.From<float>(v.Shape, Array.ConvertAll(HostEvaluator.ToReals(c, v.Quantization), r => (float)r)) : null,
    };
}
