using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>How a session runs.</summary>
public sealed record SessionOptions
{
    /// <summary>Workers, the calling thread included.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Processor numbers to pin the workers to, in order; empty leaves them to the system.</summary>
    public IReadOnlyList<int> Processors { get; init; } = [];

    /// <summary>Instruction sets to use; null for all that the processor has. What it lacks is left out.</summary>
    public CpuFeatures? Cpu { get; init; }

    /// <summary>Kernel id to prefer, by node name or by operator type name.</summary>
    public IReadOnlyDictionary<string, string> KernelOverrides { get; init; } = new Dictionary<string, string>();

    /// <summary>The file that the graph was read from, for the weights that it holds in kernels' layouts; null to pack all weights.</summary>
    public PackedModel? Packed { get; init; }

    /// <summary>Whether weights in kernels' layouts are left in the file and packed anew: hashes find damage in them, not malice.</summary>
    public bool IgnoresPanels { get; init; }

    /// <summary>Caches of the machine; null to ask the system.</summary>
    public CacheSizes? Caches { get; init; }

    /// <summary>Whether consecutive layers become one step that runs band by band (never with <see cref="KeepIntermediates"/>).</summary>
    public ChainFusion Fusion { get; init; }

    /// <summary>Whether to time every step (see <see cref="InferenceSession.StepTicks"/>).</summary>
    public bool Profile { get; init; }

    /// <summary>Whether every value keeps its own memory, so that it can be read after a run (calibration, debugging).</summary>
    public bool KeepIntermediates { get; init; }
}

/// <summary>When consecutive layers become one step.</summary>
public enum ChainFusion
{
    /// <summary>Where it is estimated to pay; factors of one layer also where it makes no difference.</summary>
    Auto,

    /// <summary>Never.</summary>
    Off,

    /// <summary>Wherever it can be done.</summary>
    Always,
}
