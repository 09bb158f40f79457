using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>What passes may need besides the graph.</summary>
public sealed record PassContext
{
    /// <summary>A context without data, for passes that only rewrite.</summary>
    public static PassContext Empty { get; } = new();

    /// <summary>Representative inputs; null where none were given.</summary>
    public CalibrationData? Calibration { get; init; }

    /// <summary>Labelled samples to train with; null where none were given.</summary>
    public TrainingSamples? Training { get; init; }

    /// <summary>The network as it was before the first pass, to learn from; the pipeline sets it.</summary>
    public Graph? Source { get; init; }

    /// <summary>Worker threads for running and training the network.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Seed of everything random.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The board to compress for, whose latency is predicted; null where none was named.</summary>
    public RuntimeProfile? Profile { get; init; }

    /// <summary>Told how far long work is, a line at a time.</summary>
    public Action<string>? Progress { get; init; }

    /// <summary>Ends training early, with an <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken Cancel { get; init; }

    internal CalibrationData RequireCalibration() => Calibration is { Count: > 0 } data ? data
        : throw new ModelException(ModelErrorKind.InvalidData, "calibration", "quantisation needs representative inputs; give some with --calibrate");

    internal TrainingSamples RequireTraining(string pass) => Training
        ?? throw new ModelException(ModelErrorKind.InvalidData, pass, "this pass trains the network and needs labelled samples; give some with --train and --train-labels");

    /// <summary>The board named by a pass's option, else the one to compress for.</summary>
    internal RuntimeProfile RequireProfile(string pass, string? name) => name is not null ? RuntimeProfiles.Find(name) : Profile
        ?? throw new ModelException(ModelErrorKind.InvalidData, pass, "a latency is that of a board; give its profile with the option profile, or with --profile");

    internal SessionOptions Options(bool keepIntermediates) => new() { Threads = Threads, KeepIntermediates = keepIntermediates };
}
