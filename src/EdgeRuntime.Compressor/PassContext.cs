namespace EdgeRuntime.Compressor;

/// <summary>What passes may need besides the graph.</summary>
public sealed class PassContext
{
    /// <summary>A context without data, for passes that only rewrite.</summary>
    public static PassContext Empty { get; } = new();

    /// <summary>Representative inputs; null where none were given.</summary>
    public CalibrationData? Calibration { get; init; }

    /// <summary>Worker threads for running the network; 0 for as many as there are processors.</summary>
    public int Threads { get; init; } = 1;
}
