using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>What passes may need besides the graph.</summary>
public sealed class PassContext
{
    /// <summary>A context without data, for passes that only rewrite.</summary>
    public static PassContext Empty { get; } = new();

    /// <summary>Representative inputs; null where none were given.</summary>
    public CalibrationData? Calibration { get; init; }

    /// <summary>Worker threads for running the network.</summary>
    public int Threads { get; init; } = 1;

    internal CalibrationData RequireCalibration() => Calibration is { Count: > 0 } data ? data
        : throw new ModelException(ModelErrorKind.InvalidData, "calibration", "quantisation needs representative inputs; give some with --calibrate");

    internal SessionOptions Options(bool keepIntermediates) => new() { Threads = Threads, KeepIntermediates = keepIntermediates };
}
