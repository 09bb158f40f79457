namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>separate</c>.</summary>
public sealed record SeparateOptions
{
    /// <summary>Depthwise windows for each input channel.</summary>
    public int Multiplier { get; set; } = 1;

    /// <summary>Layers that read fewer channels stay whole, as the first one of most networks.</summary>
    public int LeastChannels { get; set; } = 8;

    /// <summary>Layers where less than this share of the multiplies would be saved stay whole.</summary>
    public double LeastSaving { get; set; } = 0.1;

    /// <summary>Layers whose relative error would be larger, before training, stay whole.</summary>
    public double MaxError { get; set; } = 1;

    /// <summary>Whether, with calibration data, the pointwise layer is fitted to the outputs on it by least squares.</summary>
    public bool Calibrated { get; set; } = true;

    /// <summary>Names of nodes to leave whole.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];
}
