namespace EdgeRuntime.Kernels;

/// <summary>One execution of a float convolution. All pointers are valid for the extents that the shape implies.</summary>
public unsafe struct ConvolutionFloat32Call
{
    /// <summary>Geometry.</summary>
    public ConvolutionShape Shape;

    /// <summary>The fused clamp; −∞ and +∞ for none.</summary>
    public float Min, Max;

    /// <summary>What <see cref="ConvolutionFloat32Kernel.Pack"/> wrote, 64-byte aligned.</summary>
    public byte* Packed;

    /// <summary>Input [N,H,W,C].</summary>
    public float* Input;

    /// <summary>Output [N,OutH,OutW,O].</summary>
    public float* Output;

    /// <summary><see cref="ConvolutionFloat32Kernel.ScratchBytes"/> bytes shared by all workers, 64-byte aligned, contents undefined.</summary>
    public byte* Scratch;
}

/// <summary>
/// An implementation of float convolutions y = clamp(bias + Σ x · w, Min, Max), dense, grouped, depthwise and fully
/// connected. Stages and portions as in <see cref="ConvolutionInt8Kernel"/>. It may differ from the reference by rounding:
/// at most 2^-22 · Depth · Σ|x·w| in absolute value, or, where it <see cref="MixesNeighbours"/>, 2^-22 · Depth · max|x| · Σ|w|.
/// </summary>
public abstract class ConvolutionFloat32Kernel : Kernel
{
    /// <summary>Whether inputs beside an output's window may touch its rounding, as in transform methods.</summary>
    public virtual bool MixesNeighbours => false;

    /// <summary>Whether this kernel can do it.</summary>
    public abstract bool Supports(in ConvolutionShape shape);

    /// <summary>Estimated cost in cycles of a typical core of the required instruction set; the catalog takes the least.</summary>
    public abstract double EstimateCycles(in ConvolutionShape shape);

    /// <summary>Bytes that <see cref="Pack"/> writes.</summary>
    public abstract long PackedBytes(in ConvolutionShape shape);

    /// <summary>Brings weights [O,kH,kW,C/group] and biases [O] (or none) to this kernel's layout.</summary>
    public abstract void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination);

    /// <summary>Bytes of scratch for one execution on <paramref name="workers"/> workers.</summary>
    public abstract long ScratchBytes(in ConvolutionShape shape, int workers);

    /// <summary>Number of stages.</summary>
    public virtual int Stages(in ConvolutionShape shape) => 1;

    /// <summary>Into how many portions a stage divides; portions are of about equal cost.</summary>
    public abstract int Portions(in ConvolutionShape shape, int stage);

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>) of a stage as worker number <paramref name="worker"/>.</summary>
    public abstract void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker);
}
