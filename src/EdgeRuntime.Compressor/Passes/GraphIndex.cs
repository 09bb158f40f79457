using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>One rewrite: looks at <paramref name="node"/>, changes the graph around it, and says whether it did.</summary>
internal delegate bool RewriteRule(Node node, GraphIndex index);

/// <summary>Who makes and who reads the values of a graph that rules are changing, and the edits that rules share.</summary>
internal sealed class GraphIndex(Graph graph)
{
    private const int MaxSweeps = 1000;

    private Dictionary<ValueInfo, Node>? _producers;
    private ILookup<ValueInfo, Node>? _consumers;

    public Graph Graph => graph;

    /// <summary>Applies <paramref name="rules"/> to every node until none applies any more; returns the number of changes.</summary>
    public static int Rewrite(Graph graph, params ReadOnlySpan<RewriteRule> rules)
    {
        GraphIndex index = new(graph);
        int total = 0;
        for (int sweep = 0; sweep < MaxSweeps; sweep++)
        {
            int changes = 0;
            foreach (Node node in graph.Nodes.ToArray())
                foreach (RewriteRule rule in rules)
                {
                    if (!graph.Nodes.Contains(node)) break;
                    if (!rule(node, index)) continue;
                    index.Invalidate();
                    changes++;
                }
            GraphEditor.RemoveDeadNodes(graph);
            index.Invalidate();
            if (changes == 0) return total;
            total += changes;
        }
        throw new InvalidOperationException($"rewriting {graph.Name} does not end: two rules undo each other");
    }

    /// <summary>The node that makes <paramref name="value"/>, or null for inputs and constants.</summary>
    public Node? Producer(ValueInfo? value) => value is null ? null : (_producers ??= graph.Producers()).GetValueOrDefault(value);

    /// <summary>The node that makes <paramref name="value"/> if it is of type <paramref name="type"/>.</summary>
    public Node? Producer(ValueInfo? value, OperatorType type) => Producer(value) is { } p && p.Type == type ? p : null;

    public IEnumerable<Node> Consumers(ValueInfo value) => (_consumers ??= graph.Consumers())[value];

    public bool IsOutput(ValueInfo value) => graph.Outputs.Contains(value);

    /// <summary>The one node that reads <paramref name="value"/>; null if there are several, or it is a graph output.</summary>
    public Node? OnlyConsumer(ValueInfo value)
    {
        if (IsOutput(value)) return null;
        Node[] two = Consumers(value).Take(2).ToArray();
        return two.Length == 1 ? two[0] : null;
    }

    /// <summary>The node that makes <paramref name="value"/>, if nothing but <paramref name="reader"/> reads it.</summary>
    public Node? PrivateProducer(ValueInfo? value, Node reader) =>
        Producer(value) is { } p && OnlyConsumer(value!) == reader ? p : null;

    /// <summary>The quantised constant behind <paramref name="value"/>, which a Dequantize makes; else null.</summary>
    public ValueInfo? DequantizedConstant(ValueInfo? value) =>
        Producer(value, OperatorType.Dequantize)?.Input(0) is { IsConstant: true } c ? c : null;

    /// <summary>A new value like <paramref name="model"/> with a name of its own.</summary>
    public ValueInfo Derive(ValueInfo model, string suffix, TensorShape? shape = null) =>
        new(GraphEditor.UniqueName(graph, model.Name + suffix), model.Type, shape ?? model.Shape, model.Quantization);

    /// <summary>A new constant with a name derived from <paramref name="model"/>'s.</summary>
    public ValueInfo Constant(ValueInfo model, Tensor contents, QuantizationParameters? quantization = null)
    {
        string wish = model.Name.Contains(".folded", StringComparison.Ordinal) ? model.Name : model.Name + ".folded";
        return new ValueInfo(GraphEditor.UniqueName(graph, wish), contents, quantization);
    }

    public void InsertAfter(Node node, Node added)
    {
        graph.Nodes.Insert(graph.Nodes.IndexOf(node) + 1, added);
        Invalidate();
    }

    public void InsertBefore(Node node, Node added)
    {
        graph.Nodes.Insert(graph.Nodes.IndexOf(node), added);
        Invalidate();
    }

    /// <summary>
    /// Removes <paramref name="node"/>, which computes its first input unchanged. A graph output keeps its name: the
    /// node that makes the input then makes the output. Does nothing, and says so, where that is impossible.
    /// </summary>
    public bool Bypass(Node node)
    {
        ValueInfo input = node.Input(0), output = node.Output;
        if (!IsOutput(output)) GraphEditor.ReplaceUses(graph, output, input);
        else
        {
            if (Producer(input) is not { } producer || IsOutput(input)) return false;
            producer.Outputs[producer.Outputs.IndexOf(input)] = output;
            GraphEditor.ReplaceUses(graph, input, output);
        }
        graph.Nodes.Remove(node);
        Invalidate();
        return true;
    }

    /// <summary>
    /// Merges <paramref name="reader"/> into <paramref name="producer"/>, whose output only it reads: the producer makes
    /// the reader's output, and the reader goes.
    /// </summary>
    public void Absorb(Node producer, Node reader)
    {
        producer.Outputs[0] = reader.Output;
        graph.Nodes.Remove(reader);
        Invalidate();
    }

    public void Invalidate()
    {
        _producers = null;
        _consumers = null;
    }
}
