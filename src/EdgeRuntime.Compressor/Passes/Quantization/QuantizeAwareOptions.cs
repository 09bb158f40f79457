namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>quantize-aware</c>.</summary>
public sealed record QuantizeAwareOptions : TaughtOptions
{
    /// <summary>Bits of the weights: 8, 4, 2 (stored as 4) or 1.</summary>
    public int Bits { get; set; } = 8;

    /// <summary>For 4 and 2 bits: weights that share a step along the reduction axis, 32, 64 or 128; 0 for one step per output channel.</summary>
    public int Group { get; set; }

    /// <summary>Whether the first and the last layer keep 8 bits.</summary>
    public bool KeepEnds { get; set; } = true;

    /// <summary>Names of further nodes that keep 8 bits.</summary>
    public IReadOnlyList<string> Int8 { get; set; } = [];

    /// <summary>One weight step for each output channel, else one for each layer of 8 bits.</summary>
    public bool PerChannel { get; set; } = true;

    /// <summary>Whether activations have the zero point 0.</summary>
    public bool Symmetric { get; set; }

    /// <summary>Whether the steps of weights are learned.</summary>
    public bool LearnSteps { get; set; } = true;

    /// <summary>Whether the ranges of activations are learned; else they stay as calibrated.</summary>
    public bool LearnRanges { get; set; } = true;

    /// <summary>As in <see cref="ActivationOptions.Method"/>: how the ranges are found that training begins with.</summary>
    public string Method { get; set; } = "mse";

    /// <summary>As in <see cref="ActivationOptions.Percentile"/>.</summary>
    public double Percentile { get; set; } = 99.99;

    /// <summary>As in <see cref="ActivationOptions.IntegerInputs"/>.</summary>
    public bool IntegerInputs { get; set; }

    /// <summary>As in <see cref="ActivationOptions.IntegerOutputs"/>.</summary>
    public bool IntegerOutputs { get; set; }

    /// <summary>Names of nodes to leave in float.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];

    internal QuantizeInt4Options ToInt4() => new()
    {
        Group = Group,
        KeepEnds = KeepEnds,
        Int8 = Int8,
        Rounding = WeightRounding.Nearest,
        Method = Method,
        Percentile = Percentile,
        Skip = Skip,
        BiasCorrection = false,
    };

    internal QuantizeOptions ToInt8() => ToInt4().ToInt8() with { PerChannel = PerChannel, Symmetric = Symmetric };
}
