namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>quantize-int4</c>.</summary>
public sealed record QuantizeInt4Options : ActivationOptions
{
    /// <summary>The defaults.</summary>
    public QuantizeInt4Options()
    {
    }

    internal QuantizeInt4Options(ActivationOptions shared)
        : base(shared)
    {
    }

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

    internal QuantizeOptions ToInt8() => new(this) { Rounding = Rounding ?? WeightRounding.Feedback };
}
