namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>binarize-aware</c>.</summary>
public sealed record BinarizeAwareOptions : TaughtOptions
{
    /// <summary>Creates them with an epoch count and a rate that signs need.</summary>
    public BinarizeAwareOptions() => (Epochs, Rate) = (30, 3e-3);

    /// <summary>Share of the epochs in which weights are binary and activations are not yet.</summary>
    public double WeightsFirst { get; set; } = 0.3;

    /// <summary>As in <see cref="BinarizeOptions.KeepFirst"/>.</summary>
    public bool KeepFirst { get; set; } = true;

    /// <summary>As in <see cref="BinarizeOptions.KeepLast"/>.</summary>
    public bool KeepLast { get; set; } = true;

    /// <summary>Names of nodes to leave as they are.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];

    internal BinarizeOptions ToBinarize() => new() { KeepFirst = KeepFirst, KeepLast = KeepLast, Skip = Skip };
}
