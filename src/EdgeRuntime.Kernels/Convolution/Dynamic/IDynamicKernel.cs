namespace EdgeRuntime.Kernels;

/// <summary>One execution of an <see cref="IDynamicKernel"/>.</summary>
public unsafe struct ConvolutionDynamicCall
{
    /// <summary>Shape, packed weights, quantised input and scratch; its zero point is what padding is filled with.</summary>
    public ConvolutionInt8Call Integers;

    /// <summary>Scales and zero points of the input: one a row if <see cref="RowStep"/> is 1, one for all if it is 0.</summary>
    public float* RowScales;

    /// <summary>See <see cref="RowScales"/>.</summary>
    public int* RowZeros;

    /// <summary>See <see cref="RowScales"/>.</summary>
    public int RowStep;

    /// <summary>Scales of the weights and biases [O].</summary>
    public float* Scales, Bias;

    /// <summary>The fused clamp.</summary>
    public float Min, Max;

    /// <summary>Output [N,OutH,OutW,O].</summary>
    public float* Output;
}

/// <summary>
/// A kernel for layers whose input became int8 while the network runs: the products are integers, the results floats,
/// y = clamp(float(Σ x·w − z·Σ w) · (row's scale · channel's scale) + bias), each operation rounded by itself, so that they are the same on every processor. Weights, which have no zero points,
/// are packed with biases of 0. The members are as those of <see cref="ConvolutionInt8Kernel"/>.
/// </summary>
public interface IDynamicKernel : IKernel
{
    /// <summary>Whether this kernel can do it.</summary>
    bool SupportsDynamic(in ConvolutionShape shape, ConvolutionInt8Parameters parameters);

    /// <summary>Estimated cost in cycles of a typical core of the required instruction set; the catalog takes the least.</summary>
    double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters);

    /// <summary>Bytes that <see cref="Pack"/> writes.</summary>
    long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters);

    /// <summary>Brings weights [O,kH,kW,C/group] to this kernel's layout.</summary>
    void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination);

    /// <summary>Bytes of scratch for one execution on <paramref name="workers"/> workers.</summary>
    long ScratchBytes(in ConvolutionShape shape, int workers);

    /// <summary>Number of stages.</summary>
    int Stages(in ConvolutionShape shape);

    /// <summary>Into how many portions a stage divides.</summary>
    int Portions(in ConvolutionShape shape, int stage);

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>) of a stage as worker number <paramref name="worker"/>.</summary>
    void RunFloat(in ConvolutionDynamicCall call, int stage, int first, int end, int worker);
}
