using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>Finds the panels of a packed file, or collects those that a file is to have.</summary>
internal sealed class PanelStore
{
    private readonly PackedModel? _file;
    private readonly Dictionary<(string Node, string Kernel), int> _parts = [];

    /// <summary>Finds panels in <paramref name="file"/>.</summary>
    public PanelStore(PackedModel file) => _file = file;

    /// <summary>Collects panels in <see cref="Made"/>.</summary>
    public PanelStore() { }

    /// <summary>What was collected.</summary>
    public List<PrepackedPanel> Made { get; } = [];

    /// <summary>
    /// The panel for the next weights that <paramref name="nodes"/> pack for a kernel: steps that pack several times do so in
    /// the same order always. Null where the file has none that was made from the same weights and has the length expected.
    /// </summary>
    public PrepackedPanel? Next(ReadOnlySpan<Node> nodes, string kernelId, long bytes, object? form, out byte[] key)
    {
        _parts.TryGetValue((nodes[0].Name, kernelId), out int part);
        _parts[(nodes[0].Name, kernelId)] = part + 1;
        key = PanelKey.Of(nodes, $"{kernelId} {form}", part);
        return _file?.FindPanel(nodes[0].Name, kernelId, key) is { } panel && panel.Data.Length == bytes ? panel : null;
    }

    /// <summary>Keeps a copy of packed weights, where panels are collected.</summary>
    public void Add(Node node, string kernelId, byte[] key, ReadOnlySpan<byte> packed)
    {
        if (_file is null) Made.Add(new PrepackedPanel(node.Name, kernelId, key, packed.ToArray()));
    }
}
