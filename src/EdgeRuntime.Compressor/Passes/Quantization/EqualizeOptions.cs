namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>equalize</c>. Settable for the reason that <see cref="QuantizeOptions"/> gives.</summary>
public sealed record EqualizeOptions
{
    /// <summary>Whether upper bounds between layers (ReLU6) are given up, as the paper does: the function changes where they are reached.</summary>
    public bool DropBounds { get; set; }

    /// <summary>Whether what channels never fall below on the calibration data moves on into the next layer's bias.</summary>
    public bool Absorb { get; set; } = true;

    /// <summary>Names of nodes to leave as they are.</summary>
    public IReadOnlyList<string> Skip { get; set; } = [];
}
