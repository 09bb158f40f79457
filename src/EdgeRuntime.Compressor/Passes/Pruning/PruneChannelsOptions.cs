namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>prune-channels</c>.</summary>
public sealed record PruneChannelsOptions
{
    /// <summary>The share of channels that is left, in (0, 1]; one half where no other target is given.</summary>
    public double? Ratio { get; set; }

    /// <summary>The share of multiplies that is left, in (0, 1].</summary>
    public double? Macs { get; set; }

    /// <summary>The latency to reach on the board of <see cref="Profile"/>: a share of what is predicted before, or a time.</summary>
    public LatencyTarget? Latency { get; set; }

    /// <summary>Name or file of the board's profile; that of the command line, if there, where null.</summary>
    public string? Profile { get; set; }

    /// <summary>The arithmetic that latency is predicted for: <c>int8</c> or <c>float</c>.</summary>
    public string Precision { get; set; } = "int8";

    /// <summary>
    /// What a channel is worth: <c>l1</c>, <c>l2</c>, <c>gamma</c> (of batch normalisation), <c>taylor</c> (needs training samples), or <c>loss</c>: channels
    /// of a group in the order of <c>taylor</c>, and what a width loses is measured, as channels can stand in for each other until all of them go.
    /// </summary>
    public string Importance { get; set; } = "l2";

    /// <summary>Whether all groups of channels lose the same share (<c>layer</c>), or those more that matter less for what they cost (<c>global</c>).</summary>
    public string Scope { get; set; } = "global";

    /// <summary>Widths that are larger are multiples of this, as the kernels' tiles are; 1 for any width.</summary>
    public int Multiple { get; set; } = 8;

    /// <summary>Channels that every group keeps at least.</summary>
    public int LeastChannels { get; set; } = 8;

    /// <summary>The share of its channels that every group keeps at least: importance is known for the network as it is, and says little about what is left of a narrow place once it has been trained on.</summary>
    public double LeastShare { get; set; }

    /// <summary>Training samples that <c>taylor</c> and <c>loss</c> look at.</summary>
    public int Samples { get; set; } = 1024;

    /// <summary>Steps in which the channels go, with <see cref="FineTune"/> after each.</summary>
    public int Steps { get; set; } = 1;

    /// <summary>How training makes up for the loss after each step; null for not at all.</summary>
    public FineTuneOptions? FineTune { get; set; }

    /// <summary>Names of nodes whose channels all stay.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];
}
