namespace EdgeRuntime.Compressor;

/// <summary>Options that all passes share that quantise activations after training.</summary>
/// <remarks>Settable, not init-only: source-generated JSON would overwrite init-only defaults of options not given.</remarks>
public abstract record ActivationOptions
{
    /// <summary>How activation ranges are chosen: <c>min-max</c>, <c>percentile</c>, <c>entropy</c> or <c>mse</c>.</summary>
    public string Method { get; set; } = "mse";

    /// <summary>For <c>percentile</c>: the share of elements inside the range, in percent.</summary>
    public double Percentile { get; set; } = 99.99;

    /// <summary>Whether biases make up for the mean error that rounding brings to each channel.</summary>
    public bool BiasCorrection { get; set; } = true;

    /// <summary>Whether graph inputs become Int8, in the quantisation found for them; else they stay float.</summary>
    public bool IntegerInputs { get; set; }

    /// <summary>Whether graph outputs become Int8; else they stay float.</summary>
    public bool IntegerOutputs { get; set; }

    /// <summary>Names of nodes to leave in float.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];
}
