namespace EdgeRuntime.Kernels;

/// <summary>What a binary convolution makes of its sums.</summary>
public enum BinaryOutput
{
    /// <summary>Real numbers.</summary>
    Float32,

    /// <summary>Quantised integers.</summary>
    Int8,

    /// <summary>Signs, as bits.</summary>
    Binary,
}

/// <summary>
/// The constants of a convolution of signs with signs. With acc[o] = Σ x · w[o] over the window, where padding counts as 0
/// (taps in it contribute nothing) and each product is ±1:
/// <code>
/// Float32: y[o] = clamp(acc[o] · Scales[o] + Offsets[o], FloatMin, FloatMax)           rounded after · and after +
/// Int8:    y[o] = Requantize.Apply(acc[o] · 2^BiasBits + Bias[o], Multipliers[o], Shift, OutputZeroPoint, Min, Max)
/// Binary:  y[o] = +1 if acc[o] + Bias[o] ≥ 0, else −1
/// </code>
/// The caller guarantees |acc · 2^BiasBits + Bias| &lt; <see cref="Tensors.Requantize.AccumulatorLimit"/>.
/// </summary>
public sealed class ConvolutionBinaryParameters
{
    /// <summary>Fraction bits of an Int8 output's bias: sums of signs are too coarse a unit for it.</summary>
    public const int BiasBits = 8;

    /// <summary>What is made.</summary>
    public required BinaryOutput Output { get; init; }

    /// <summary>Factors [O] of a Float32 output.</summary>
    public float[] Scales { get; init; } = [];

    /// <summary>Biases [O] of a Float32 output.</summary>
    public float[] Offsets { get; init; } = [];

    /// <summary>Biases [O] of an Int8 or Binary output.</summary>
    public int[] Bias { get; init; } = [];

    /// <summary>Q31 multipliers [O] of an Int8 output.</summary>
    public int[] Multipliers { get; init; } = [];
}

/// <summary>One execution of a binary convolution. All pointers are valid for the extents that the shape implies.</summary>
public unsafe struct ConvolutionBinaryCall
{
    /// <summary>Geometry.</summary>
    public ConvolutionShape Shape;

    /// <summary>What is made.</summary>
    public BinaryOutput OutputKind;

    /// <summary>The clamp of a Float32 output.</summary>
    public float FloatMin, FloatMax;

    /// <summary>Left shift, zero point and clamp of an Int8 output.</summary>
    public int Shift, OutputZeroPoint, Min, Max;

    /// <summary>What <see cref="ConvolutionBinaryKernel.Pack"/> wrote, 64-byte aligned.</summary>
    public byte* Packed;

    /// <summary>Input [N,H,W,C] as bits, rows of C in whole words (<see cref="Tensors.BitPacked"/>).</summary>
    public ulong* Input;

    /// <summary>Output [N,OutH,OutW,O]: floats, int8, or rows of bits like the input's.</summary>
    public void* Output;

    /// <summary><see cref="ConvolutionBinaryKernel.ScratchBytes"/> bytes shared by all workers, 64-byte aligned, contents undefined.</summary>
    public byte* Scratch;

    /// <summary>The same execution with all constants of <paramref name="parameters"/> that are not packed.</summary>
    public static ConvolutionBinaryCall Of(in ConvolutionShape shape, ConvolutionBinaryParameters parameters) => new()
    {
        Shape = shape,
        OutputKind = parameters.Output,
        FloatMin = float.NegativeInfinity,
        FloatMax = float.PositiveInfinity,
        Min = sbyte.MinValue,
        Max = sbyte.MaxValue,
    };
}

/// <summary>
/// An implementation of convolutions and fully connected layers whose inputs and weights are signs: Σ x · w is the number of
/// products less twice the differing bits. All kernels give the same bits, floats included. One stage, portions as in
/// <see cref="ConvolutionInt8Kernel"/>.
/// </summary>
public abstract class ConvolutionBinaryKernel : Kernel
{
    /// <summary>Whether this kernel can do it.</summary>
    public abstract bool Supports(in ConvolutionShape shape, BinaryOutput output);

    /// <summary>Estimated cost in cycles of a typical core of the required instruction set; the catalog takes the least.</summary>
    public abstract double EstimateCycles(in ConvolutionShape shape);

    /// <summary>Bytes that <see cref="Pack"/> writes.</summary>
    public abstract long PackedBytes(in ConvolutionShape shape);

    /// <summary>Brings weights, rows of C/group signs for each [O,kH,kW] in whole words, and the constants to this kernel's layout.</summary>
    public abstract void Pack(in ConvolutionShape shape, ConvolutionBinaryParameters parameters, ReadOnlySpan<ulong> weights, Span<byte> destination);

    /// <summary>Bytes of scratch for one execution on <paramref name="workers"/> workers.</summary>
    public abstract long ScratchBytes(in ConvolutionShape shape, int workers);

    /// <summary>Into how many portions the work divides; portions are of about equal cost.</summary>
    public abstract int Portions(in ConvolutionShape shape);

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>) as worker number <paramref name="worker"/>.</summary>
    public abstract void Run(in ConvolutionBinaryCall call, int first, int end, int worker);
}
