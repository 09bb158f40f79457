namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>prune</c>.</summary>
public sealed record PruneOptions
{
    /// <summary>Where zeros may lie: <c>unstructured</c>, <c>2:4</c> (n of m along the reduction), <c>1x4</c> (output channels × reduction).</summary>
    public string Pattern { get; set; } = "unstructured";

    /// <summary>The share of weights that becomes 0, in [0, 1); an n:m pattern has its own.</summary>
    public double Sparsity { get; set; } = 0.5;

    /// <summary>
    /// The latency to reach on the board of <see cref="Profile"/>: which layers lose how much, up to <see cref="Sparsity"/>, is then
    /// chosen so that little is lost for the time won; layers that no sparse kernel makes faster stay whole.
    /// </summary>
    public LatencyTarget? Latency { get; set; }

    /// <summary>Name or file of the board's profile; that of the command line, if there, where null.</summary>
    public string? Profile { get; set; }

    /// <summary>The arithmetic that latency is predicted for: <c>int8</c> or <c>float</c>.</summary>
    public string Precision { get; set; } = "int8";

    /// <summary>How the size of a block is measured: <c>l1</c> or <c>l2</c>.</summary>
    public string Norm { get; set; } = "l1";

    /// <summary>
    /// Whether the share holds for each <c>layer</c>, or for all together: by size (<c>global</c>), or by size against what else the
    /// layer has (<c>lamp</c>), so that no layer loses all.
    /// </summary>
    public string Scope { get; set; } = "layer";

    /// <summary>Layers with fewer weights are left alone.</summary>
    public int LeastWeights { get; set; } = 256;

    /// <summary>Steps in which the zeros are made, with <see cref="FineTune"/> after each.</summary>
    public int Steps { get; set; } = 1;

    /// <summary>How the share of zeros grows: <c>cubic</c> (1 − (1 − t)³) or <c>linear</c>.</summary>
    public string Schedule { get; set; } = "cubic";

    /// <summary>How training makes up for the loss after each step; null for not at all.</summary>
    public FineTuneOptions? FineTune { get; set; }

    /// <summary>
    /// Where training after a step starts: at the full rate (<c>rate</c>), also with the surviving weights as they once were
    /// (<c>weights</c>), or at a rate that falls from step to step (<c>none</c>).
    /// </summary>
    public string Rewind { get; set; } = "rate";

    /// <summary>A file with the same network after fewer epochs, whose weights <c>weights</c> goes back to; those before the pass where null.</summary>
    public string? RewindTo { get; set; }

    /// <summary>Whether depthwise convolutions are pruned, too.</summary>
    public bool Depthwise { get; set; }

    /// <summary>Names of nodes to leave alone.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];
}

/// <summary>Options of the pass <c>sparsify</c>.</summary>
public sealed record SparsifyOptions
{
    /// <summary>Patterns to try; the one that takes the fewest bytes is taken.</summary>
    public IReadOnlyList<string> Patterns { get; set; } = ["8x4", "4x4", "8x1", "4x1", "1x4", "2:4", "4:8", "1:4", "unstructured"];

    /// <summary>The share of bytes that must be saved, in [0, 1).</summary>
    public double Saving { get; set; } = 0.1;
}
