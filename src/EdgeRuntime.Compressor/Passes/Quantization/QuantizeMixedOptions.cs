namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>quantize-mixed</c>.</summary>
public sealed record QuantizeMixedOptions : ActivationOptions
{
    /// <summary>What weights and their scales may take: bytes if above 1, else a share, see <see cref="Of"/>.</summary>
    public double Budget { get; set; } = 0.5;

    /// <summary>
    /// What a budget of at most 1 is a share of: <c>span</c>, from the fewest bytes that the candidates can make (0) to all layers in int8 (1); <c>int8</c>,
    /// the weights in int8; <c>float</c>, the weights in float.
    /// </summary>
    public string Of { get; set; } = "span";

    /// <summary>What a layer's weights may become: <c>int8</c>, <c>int4</c> (one scale a channel), <c>int4/32</c>, <c>int4/64</c>, <c>int4/128</c> (groups).</summary>
    public IReadOnlyList<string> Candidates { get; set; } = ["int8", "int4", "int4/32"];

    /// <summary>
    /// How much a layer's rounding hurts: <c>noise</c>, the squared error of the outputs (of what goes into a softmax at the end); or <c>kl</c>, the
    /// divergence of the probabilities that a softmax gives.
    /// </summary>
    public string Metric { get; set; } = "noise";

    /// <summary>Calibration samples on which that is measured.</summary>
    public int Samples { get; set; } = 64;

    /// <summary>As in <see cref="QuantizeInt4Options.Rounding"/>.</summary>
    public string? Rounding { get; set; }

    internal QuantizeInt4Options ToInt4() => new(this) { Rounding = Rounding };
}
