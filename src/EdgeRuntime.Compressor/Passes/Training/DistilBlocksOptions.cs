namespace EdgeRuntime.Compressor;

/// <summary>Options of the pass <c>distil-blocks</c>.</summary>
public sealed record DistilBlocksOptions : TuningOptions;
