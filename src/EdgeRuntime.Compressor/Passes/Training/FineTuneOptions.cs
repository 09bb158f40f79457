namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>fine-tune</c>.</summary>
public sealed record FineTuneOptions : TuningOptions;
