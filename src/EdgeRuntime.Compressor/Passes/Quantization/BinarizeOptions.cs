namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>binarize</c>.</summary>
/// <remarks>Settable, not init-only: source-generated JSON would overwrite init-only defaults of options not given.</remarks>
public sealed record BinarizeOptions
{
    /// <summary>What binary weights meet: <c>binary</c> (signs) or <c>int8</c> (left for <c>quantize-int8</c> to quantise).</summary>
    public string Activations { get; set; } = "binary";

    /// <summary>Whether the first layer keeps its weights.</summary>
    public bool KeepFirst { get; set; } = true;

    /// <summary>Whether the last layer keeps its weights.</summary>
    public bool KeepLast { get; set; } = true;

    /// <summary>Names of nodes to leave as they are.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];
}
