namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>quantize-int8</c>.</summary>
public sealed record QuantizeOptions : ActivationOptions
{
    /// <summary>The defaults.</summary>
    public QuantizeOptions()
    {
    }

    internal QuantizeOptions(ActivationOptions shared)
        : base(shared)
    {
    }

    /// <summary>One weight scale for each output channel, else one for each layer.</summary>
    public bool PerChannel { get; set; } = true;

    /// <summary>Whether activations have the zero point 0, which wastes half of the range of what is never negative.</summary>
    public bool Symmetric { get; set; }

    /// <summary>How weights become integers: <c>nearest</c>, <c>adaround</c> or <c>gptq</c>.</summary>
    public string Rounding { get; set; } = WeightRounding.Nearest;
}
