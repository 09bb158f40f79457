namespace EdgeRuntime.Compressor;

/// <summary>How one layer fared: its output in the changed network against the float network's.</summary>
/// <param name="Name">The node.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="SignalToNoise">10·log10(Σ float² / Σ (float − changed)²) over the calibration data, in dB.</param>
public sealed record LayerReport(string Name, string Operator, double SignalToNoise)
{
    /// <summary>Bits of a weight; null for layers without weights.</summary>
    public int? Bits { get; init; }

    /// <summary>Weights that share a scale, where that is not a whole channel's.</summary>
    public int? Group { get; init; }
}

/// <summary>How one layer was split in factors.</summary>
/// <param name="Name">The node.</param>
/// <param name="Method">The form of the chain.</param>
/// <param name="Ranks">Channels between the factors.</param>
/// <param name="RelativeError">‖weights − product of the factors‖ / ‖weights‖; over calibration data, of the outputs.</param>
/// <param name="MacsBefore">Multiply-accumulates of the layer.</param>
/// <param name="MacsAfter">Multiply-accumulates of its factors.</param>
public sealed record FactorReport(string Name, string Method, IReadOnlyList<int> Ranks, double RelativeError, long MacsBefore, long MacsAfter);

/// <summary>What a pass did. The pipeline adds sizes and costs.</summary>
/// <param name="Pass">Name of the pass.</param>
/// <param name="Changes">Rewrites made, or layers changed.</param>
public sealed record PassReport(string Pass, int Changes)
{
    /// <summary>Per-layer results, in execution order, of passes that measure.</summary>
    public IReadOnlyList<LayerReport> Layers { get; init; } = [];

    /// <summary>Layers split in factors, in execution order.</summary>
    public IReadOnlyList<FactorReport> Factors { get; init; } = [];

    /// <summary>Remarks for the reader: layers left alone, and why.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Nodes of the graph afterwards.</summary>
    public int Nodes { get; init; }

    /// <summary>Bytes of all constants afterwards.</summary>
    public long ConstantBytes { get; init; }

    /// <summary>Multiply-accumulates of one run afterwards.</summary>
    public long MultiplyAccumulates { get; init; }

    /// <summary>Predicted latency on one core of the board, microseconds; null where none was named, or where the network is in no form to be run.</summary>
    public double? PredictedUs { get; init; }
}
