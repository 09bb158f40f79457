using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The constants of an int8 convolution, all in the units of the quantised integers. With x the input, w the weights:
/// <code>
/// acc[o] = bias[o] + Σ (x − InputZeroPoint) · (w[o] − WeightZeroPoints[o])       padding counts as x = InputZeroPoint
/// y[o]   = clamp(Requantize.Scale(acc[o], Multipliers[o], Shift) + OutputZeroPoint, Min, Max)
/// </code>
/// The caller guarantees |acc| &lt; <see cref="Requantize.AccumulatorLimit"/> for every possible input.
/// </summary>
public sealed record ConvolutionInt8Parameters
{
    /// <summary>Zero point of the input, −128 to 127.</summary>
    public required int InputZeroPoint { get; init; }

    /// <summary>Zero points of the weights: empty for symmetric weights, else one per output channel.</summary>
    public required int[] WeightZeroPoints { get; init; }

    /// <summary>8, or 4 where every weight is a number of −8 to 7 times its multiplier, so that it can be stored as a nibble; 1 where every weight is −1 or +1.</summary>
    public int WeightBits { get; init; } = 8;

    /// <summary>Consecutive weights of an output channel that share a multiplier; counts only if there are multipliers.</summary>
    public int WeightGroup { get; init; }

    /// <summary>For weights of 4 bits in groups: the multipliers [O, ⌈Depth / WeightGroup⌉], 1 to 16; else empty.</summary>
    public byte[] WeightMultipliers { get; init; } = [];

    /// <summary>Biases [O].</summary>
    public required int[] Bias { get; init; }

    /// <summary>Q31 multipliers [O] (see <see cref="FixedPointMultiplier"/>).</summary>
    public required int[] Multipliers { get; init; }

    /// <summary>Left shift shared by all channels; 0 unless a factor is at least 1.</summary>
    public required int Shift { get; init; }

    /// <summary>Zero point of the output.</summary>
    public required int OutputZeroPoint { get; init; }

    /// <summary>Smallest output integer.</summary>
    public required int Min { get; init; }

    /// <summary>Largest output integer.</summary>
    public required int Max { get; init; }

    private readonly ReadOnlyMemory<sbyte> _weights;

    // Of one set of weights.
    private readonly Dictionary<Type, object> _derived = [];

    /// <summary>The weights [O,kH,kW,C/group] for kernels whose layout or cost depends on their values; empty if not known.</summary>
    public ReadOnlyMemory<sbyte> Weights
    {
        get => _weights;
        init => (_weights, _derived) = (value, []);
    }

    /// <summary>What a kernel derives from the weights, a type of its own: made once, as support, cost, size and contents ask for it in turn.</summary>
    internal T Derived<T>(Func<ConvolutionInt8Parameters, T> make) where T : class
    {
        if (!_derived.TryGetValue(typeof(T), out object? state)) _derived.Add(typeof(T), state = make(this));
        return (T)state;
    }
}

/// <summary>One execution of an int8 convolution. All pointers are valid for the extents that the shape implies.</summary>
public unsafe struct ConvolutionInt8Call
{
    /// <summary>Geometry.</summary>
    public ConvolutionShape Shape;

    /// <summary><see cref="ConvolutionInt8Kernel.Plan"/> of the shape, made once for many calls; null to make it in each.</summary>
    public object? Plan;

    /// <summary>Constants that are not in <see cref="Packed"/>: zero points, shift and clamp.</summary>
    public int InputZeroPoint, Shift, OutputZeroPoint, Min, Max;

    /// <summary>What <see cref="ConvolutionInt8Kernel.Pack"/> wrote, 64-byte aligned.</summary>
    public byte* Packed;

    /// <summary>Input [N,H,W,C].</summary>
    public sbyte* Input;

    /// <summary>Output [N,OutH,OutW,O].</summary>
    public sbyte* Output;

    /// <summary><see cref="ConvolutionInt8Kernel.ScratchBytes"/> bytes shared by all workers, 64-byte aligned, contents undefined.</summary>
    public byte* Scratch;
}

/// <summary>
/// An implementation of int8 convolutions (dense, grouped, depthwise, fully connected): it packs the weights once, then
/// runs in stages (for example: copy the padded input; multiply). The stages run one after another with a barrier between;
/// the portions of one stage may run on any worker in any order.
/// </summary>
public abstract class ConvolutionInt8Kernel : Kernel
{
    /// <summary>Whether this kernel can do it.</summary>
    public abstract bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters);

    /// <summary>Estimated cost in cycles of a typical core of the required instruction set; the catalog takes the least.</summary>
    public abstract double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters);

    /// <summary>Bytes that <see cref="Pack"/> writes.</summary>
    public abstract long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters);

    /// <summary>Brings weights [O,kH,kW,C/group], biases, multipliers and folded zero-point terms to this kernel's layout.</summary>
    public abstract void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination);

    /// <summary>The parameters to keep when weights are packed: without these, but with what <see cref="EstimateCycles"/> needs of them.</summary>
    public virtual ConvolutionInt8Parameters WithoutWeights(ConvolutionInt8Parameters parameters) => parameters with { Weights = default };

    /// <summary>Bytes of scratch for one execution on <paramref name="workers"/> workers.</summary>
    public abstract long ScratchBytes(in ConvolutionShape shape, int workers);

    /// <summary>What this kernel derives from a shape, for <see cref="ConvolutionInt8Call.Plan"/>; null if nothing worth keeping.</summary>
    public virtual object? Plan(in ConvolutionShape shape) => null;

    /// <summary>Number of stages.</summary>
    public virtual int Stages(in ConvolutionShape shape) => 1;

    /// <summary>Into how many portions a stage divides; portions are of about equal cost.</summary>
    public abstract int Portions(in ConvolutionShape shape, int stage);

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>) of a stage as worker number <paramref name="worker"/>.</summary>
    public abstract void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker);
}
