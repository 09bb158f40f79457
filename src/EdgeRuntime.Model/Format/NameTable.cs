using System.Globalization;

namespace EdgeRuntime.Model;

/// <summary>The strings section in the making: each text once, in the order of first use.</summary>
internal sealed class NameTable
{
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);
    private readonly Dictionary<ValueInfo, string>? _short;
    private readonly Dictionary<string, string> _shortNodes = new(StringComparer.Ordinal);

    /// <summary>Creates a table for <paramref name="graph"/>.</summary>
    /// <param name="graph">The graph to be written.</param>
    /// <param name="shorten">Whether inner values and nodes are numbered instead of named; inputs and outputs keep their names.</param>
    public NameTable(Graph graph, bool shorten)
    {
        if (!shorten) return;
        _short = graph.Inputs.Concat(graph.Outputs).Distinct().ToDictionary(v => v, v => v.Name);
        HashSet<string> taken = [.. _short.Values];
        int next = 0;
        foreach (ValueInfo v in graph.Values())
        {
            if (_short.ContainsKey(v)) continue;
            string name;
            do name = (next++).ToString(CultureInfo.InvariantCulture);
            while (taken.Contains(name));
            _short.Add(v, name);
        }
        foreach (Node n in graph.Nodes) _shortNodes.TryAdd(n.Name, _short[n.Output]);
    }

    /// <summary>The index of <paramref name="text"/>, which is added where new.</summary>
    public int Index(string text)
    {
        if (!_indices.TryGetValue(text, out int index)) _indices.Add(text, index = _indices.Count);
        return index;
    }

    /// <summary>The index of a value's name.</summary>
    public int Of(ValueInfo value) => Index(_short is null ? value.Name : _short[value]);

    /// <summary>The index of a node's name; a short one is that of its output.</summary>
    public int Of(Node node) => OfNode(node.Name);

    /// <summary>The index of the name of the node called <paramref name="name"/>.</summary>
    public int OfNode(string name) => Index(_shortNodes.GetValueOrDefault(name, name));

    /// <summary>The section.</summary>
    public SectionPayload ToPayload()
    {
        SectionWriter writer = new(SectionId.Strings);
        writer.Number(_indices.Count, FormatLimits.Strings, "the count of strings");
        foreach (string text in _indices.OrderBy(p => p.Value).Select(p => p.Key)) writer.InlineText(text, FormatLimits.StringBytes, "a string");
        return new SectionPayload(SectionId.Strings, SectionFlags.Required, [writer.Written]);
    }
}
