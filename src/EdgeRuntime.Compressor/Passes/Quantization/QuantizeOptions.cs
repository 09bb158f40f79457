namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>quantize-int8</c>.</summary>
public sealed record QuantizeOptions
{
    /// <summary>How activation ranges are chosen: <c>min-max</c>, <c>percentile</c>, <c>entropy</c> or <c>mse</c>.</summary>
    public string Method { get; init; } = "mse";

    /// <summary>For <c>percentile</c>: the share of elements inside the range, in percent.</summary>
    public double Percentile { get; init; } = 99.99;

    /// <summary>One weight scale for each output channel, else one for each layer.</summary>
    public bool PerChannel { get; init; } = true;

    /// <summary>Whether biases make up for the mean error that rounding brings to each channel.</summary>
    public bool BiasCorrection { get; init; } = true;

    /// <summary>Whether graph inputs become Int8, in the quantisation found for them; else they stay float.</summary>
    public bool IntegerInputs { get; init; }

    /// <summary>Whether graph outputs become Int8; else they stay float.</summary>
    public bool IntegerOutputs { get; init; }

    /// <summary>Names of nodes to leave in float.</summary>
    public IReadOnlyList<string> Skip { get; init; } = [];
}
