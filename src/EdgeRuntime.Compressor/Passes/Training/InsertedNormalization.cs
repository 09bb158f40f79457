using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>Batch normalisation put behind layers that have none (any more), for as long as they are trained: <see cref="GraphOptimizer"/> folds it again.</summary>
internal static class InsertedNormalization
{
    private const float Epsilon = 1e-5f;

    /// <summary>Puts one behind each convolution without; at first the network stays the same function.</summary>
    /// <returns>How many were put in.</returns>
    public static int Insert(Graph graph, Dataset data)
    {
        ILookup<ValueInfo, Node> readers = graph.Nodes.SelectMany(n => n.Inputs.OfType<ValueInfo>(), (n, v) => (Node: n, Value: v)).ToLookup(p => p.Value, p => p.Node);
        Node[] layers = [.. graph.Nodes.Where(n => n.Type == OperatorType.Convolution && readers[n.Output].All(r => r.Type != OperatorType.BatchNormalization))];
        foreach (Node layer in layers) TakeClampOut(layer, graph);
        Dictionary<ValueInfo, ChannelMoments> moments = ChannelMoments.Observe(graph, layers.Select(l => l.Output), data);
        foreach (Node layer in layers) Behind(layer, moments[layer.Output], graph, isIdentity: true);
        return layers.Length;
    }

    /// <summary>A layer's clamp becomes a node of its own, so that batch normalisation fits between.</summary>
    public static void TakeClampOut(Node layer, Graph graph)
    {
        AttributeSet bounds = new();
        foreach (string name in (string[])["min", "max"])
            if (layer.Attributes.Contains(name))
            {
                bounds.Set(name, layer.Attributes.Float(name));
                layer.Attributes.Remove(name);
            }
        if (!bounds.Contains("min") && !bounds.Contains("max")) return;
        Insert(layer, OperatorType.Clip, ".clip", [], bounds, graph);
    }

    /// <summary>Batch normalisation whose result in training has the moments given; the identity at inference as well, or with statistics that are still to be learned.</summary>
    public static void Behind(Node layer, ChannelMoments m, Graph graph, bool isIdentity)
    {
        ValueInfo Constant(string part, float[] values) => new(GraphEditor.UniqueName(graph, $"{layer.Name}.bn.{part}"), Tensor.Vector<float>(values));
        float[] mean = isIdentity ? [.. m.Means] : new float[m.Means.Length], variance = [.. m.Deviations.Select(d => isIdentity ? d * d : 1)];
        float[] scale = isIdentity ? [.. variance.Select(v => MathF.Sqrt(v + Epsilon))] : m.Deviations;
        AttributeSet attributes = new AttributeSet().Set("axis", layer.Output.Shape.Rank - 1).Set("epsilon", Epsilon);
        Insert(layer, OperatorType.BatchNormalization, ".bn", [Constant("scale", scale), Constant("bias", m.Means), Constant("mean", mean), Constant("variance", variance)], attributes, graph);
    }

    /// <summary>Puts a node between <paramref name="layer"/> and its readers.</summary>
    private static void Insert(Node layer, OperatorType type, string suffix, ValueInfo[] constants, AttributeSet attributes, Graph graph)
    {
        ValueInfo output = layer.Output, inner = new(GraphEditor.UniqueName(graph, output.Name + suffix), ElementType.Float32, output.Shape);
        layer.Outputs[0] = inner;
        graph.Nodes.Insert(graph.Nodes.IndexOf(layer) + 1, new Node(type, layer.Name + suffix, [inner, .. constants], [output], attributes));
    }
}
