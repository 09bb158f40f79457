namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>factorize</c>.</summary>
/// <remarks>Settable, not init-only: source-generated JSON would overwrite init-only defaults of options not given.</remarks>
public sealed record FactorizeOptions
{
    /// <summary>
    /// How layers are split: <c>auto</c> (the least error among all but <c>cp</c>), <c>channel</c> (k×k then 1×1; of dense and 1×1
    /// layers the only one), <c>spatial</c> (k×1 then 1×k), <c>tucker</c> (1×1, k×k, 1×1) or <c>cp</c> (1×1, depthwise k×1 and 1×k, 1×1).
    /// </summary>
    public string Method { get; set; } = "auto";

    /// <summary>Share of a layer's multiplies that its factors may take, where neither <see cref="Energy"/> nor <see cref="Rank"/> is given.</summary>
    public double Ratio { get; set; } = 0.5;

    /// <summary>Share of the squared weights that the factors must keep, in (0, 1); chooses the ranks.</summary>
    public double? Energy { get; set; }

    /// <summary>The rank of every layer; chooses the ranks.</summary>
    public int? Rank { get; set; }

    /// <summary>
    /// Share of the whole network's cost that may remain, in (0, 1): ranks are searched, layer by layer, for the least error of the
    /// outputs on the calibration data.
    /// </summary>
    public double? Budget { get; set; }

    /// <summary>The cost that <see cref="Budget"/> is about: <c>multiplies</c>, <c>bytes</c> of weights, or <c>latency</c> as predicted for the profile.</summary>
    public string BudgetOf { get; set; } = "multiplies";

    /// <summary>
    /// What of the network <see cref="Budget"/> is to leave as good as it can: its <c>outputs</c>, by squared error on the calibration data, or the <c>loss</c> (cross-entropy) on labelled
    /// samples, those of validation where there are some.
    /// </summary>
    public string ErrorOf { get; set; } = "outputs";

    /// <summary>Ranks are multiples of this where they are larger, as vectors of channels are; 1 for any rank.</summary>
    public int RankMultiple { get; set; } = 8;

    /// <summary>Layers whose factors save less than this share of the multiplies stay whole; a negative share lets them cost more.</summary>
    public double LeastSaving { get; set; } = 0.1;

    /// <summary>Layers whose relative error would be larger stay whole.</summary>
    public double MaxError { get; set; } = 1;

    /// <summary>Whether errors are weighed by how inputs vary over the calibration data, where there is some.</summary>
    public bool Calibrated { get; set; } = true;

    /// <summary>Names of nodes to leave whole.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];
}
