using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>What an operator may ask while it is prepared.</summary>
internal sealed class PrepareContext(SessionOptions options, CpuFeatures cpu, PanelStore? panels = null)
{
    public int Workers => options.Threads;

    public CacheSizes Caches { get; } = options.Caches ?? CacheSizes.Detect(options.Threads);

    public CpuFeatures Cpu => cpu;

    public ElementwiseKernel Elementwise { get; } = KernelCatalog.SelectElementwise(cpu).Kernel;

    /// <summary>Where packed weights are looked for, or collected; null to pack all.</summary>
    public PanelStore? Panels => panels;

    /// <summary>For weights that are packed again in another form, which no file holds.</summary>
    public PrepareContext WithoutPanels() => new(options, cpu);

    /// <summary>The kernel id asked for by the user for this node, or null.</summary>
    public string? Wish(Node node) => options.KernelOverrides.TryGetValue(node.Name, out string? id)
        || options.KernelOverrides.TryGetValue(node.Type.ToString(), out id) ? id : null;
}

/// <summary>Where values and scratch lie; all addresses hold for the session's life.</summary>
internal unsafe interface IBinder
{
    byte* Address(ValueInfo value);

    byte* Scratch { get; }
}

/// <summary>
/// One step of the plan. The constructor checks shapes, types and scales, chooses a kernel and packs weights (and may
/// throw); <see cref="Bind"/> learns the addresses; <see cref="Run"/> only computes. The stages of a step run one after
/// another; the portions of one stage may run on any worker.
/// </summary>
internal abstract unsafe class Operator(Node node, string kernelId, string reason) : IDisposable
{
    /// <summary>The node that makes this step's output.</summary>
    public Node Node => node;

    /// <summary>All nodes that this step computes, in order.</summary>
    public virtual IReadOnlyList<Node> Nodes => [node];

    public string KernelId => kernelId;

    public string Reason => reason;

    /// <summary>Bytes of packed weights that this step owns.</summary>
    public virtual long WeightBytes => 0;

    public virtual long ScratchBytes => 0;

    /// <summary>Estimated cycles on one worker.</summary>
    public virtual double EstimatedCycles => node.Outputs[0].ByteCount / 4.0;

    /// <summary>Those of them that workers can share before they wait for each other; decides whether sharing the step pays.</summary>
    public virtual double SharedCycles => EstimatedCycles;

    /// <summary>Inputs whose memory the output may take over, if this step is their last reader.</summary>
    public virtual ReadOnlySpan<int> InPlaceInputs => [];

    /// <summary>Whether the output is the input's memory under another shape, and nothing is computed.</summary>
    public virtual bool IsAlias => false;

    public virtual int Stages => 1;

    public abstract int Portions(int stage);

    public abstract void Bind(IBinder binder);

    public abstract void Run(int stage, int first, int end, int worker);

    public virtual void Dispose() { }

    protected static ModelException Unsupported(Node node, string message) => new(ModelErrorKind.Unsupported, node.ToString(), message);

    protected static ModelException Invalid(Node node, string message) => new(ModelErrorKind.InvalidGraph, node.ToString(), message);

    /// <summary>Per-tensor parameters of an 8-bit value, checked.</summary>
    protected static QuantizationParameters PerTensor(Node node, ValueInfo value)
    {
        if (value.Quantization is not { IsPerTensor: true } q)
            throw Invalid(node, $"{value.Name} is {value.Type} without a per-tensor scale and zero point");
        return q;
    }

    /// <summary>The fused clamp of <paramref name="node"/> in the output's integers.</summary>
    protected static (int Min, int Max) ClampOf(Node node, ValueInfo output)
    {
        QuantizationParameters q = PerTensor(node, output);
        int low = output.Type.MinValue(), high = output.Type.MaxValue();
        int min = Requantize.Quantize(node.Attributes.Float("min", float.NegativeInfinity), q.Scale, q.ZeroPoint, low, high);
        int max = Requantize.Quantize(node.Attributes.Float("max", float.PositiveInfinity), q.Scale, q.ZeroPoint, low, high);
        if (min > max) throw Invalid(node, $"min {node.Attributes.Float("min")} is above max {node.Attributes.Float("max")}");
        return (min, max);
    }

    protected static FixedPointMultiplier Factor(Node node, double factor)
    {
        try
        {
            return FixedPointMultiplier.From(factor);
        }
        catch (ArgumentOutOfRangeException)
        {
            throw Invalid(node, $"its scales give the factor {factor}, which is outside [0, 2^24)");
        }
    }
}
