namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>quantize-int4</c>. Settable for the reason that <see cref="QuantizeOptions"/> gives.</summary>
public sealed record QuantizeInt4Options
{
    /// <summary>Weights of a group along the reduction axis: 32, 64 or 128; 0 for one scale per output channel.</summary>
    public int Group { get; set; }

    /// <summary><c>int8</c> (from calibration), <c>dynamic</c> (int8, row by row while running) or <c>float</c>.</summary>
    public string Activations { get; set; } = "int8";

    /// <summary><c>nearest</c>, <c>adaround</c> or <c>gptq</c>; null for the last where there are calibration data, else the first.</summary>
    public string? Rounding { get; set; }

    /// <summary>Whether the first and the last layer keep int8 weights.</summary>
    public bool KeepEnds { get; set; } = true;

    /// <summary>Names of further nodes that keep int8 weights.</summary>
    public IReadOnlyList<string> Int8 { get; set; } = [];

    /// <summary>As in <see cref="QuantizeOptions.Method"/>.</summary>
    public string Method { get; set; } = "mse";

    /// <summary>As in <see cref="QuantizeOptions.Percentile"/>.</summary>
    public double Percentile { get; set; } = 99.99;

    /// <summary>As in <see cref="QuantizeOptions.BiasCorrection"/>.</summary>
    public bool BiasCorrection { get; set; } = true;

    /// <summary>As in <see cref="QuantizeOptions.IntegerInputs"/>.</summary>
    public bool IntegerInputs { get; set; }

    /// <summary>As in <see cref="QuantizeOptions.IntegerOutputs"/>.</summary>
    public bool IntegerOutputs { get; set; }

    /// <summary>Names of nodes to leave in float.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];

    internal QuantizeOptions ToInt8() => new()
    {
        Rounding = Rounding ?? WeightRounding.Feedback,
        Method = Method,
        Percentile = Percentile,
        BiasCorrection = BiasCorrection,
        IntegerInputs = IntegerInputs,
        IntegerOutputs = IntegerOutputs,
        Skip = Skip,
    };
}
