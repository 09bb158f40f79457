namespace EdgeRuntime.Kernels;

/// <summary>
/// Everything that is not a convolution: elementwise arithmetic, conversions, pooling, softmax and transposition, over
/// ranges, so that workers can share them. One class per instruction set; each derives from
/// <see cref="ElementwiseReference"/>, the definition, and replaces what it does faster. Integer results are equal bit for bit.
/// </summary>
public abstract unsafe class ElementwiseKernel : Kernel
{
    /// <summary>Adds <paramref name="count"/> pairs; a step of 0 repeats the operand's single element.</summary>
    public abstract void AddInt8(in AddInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count);

    /// <summary>Multiplies pairs; steps as in <see cref="AddInt8"/>.</summary>
    public abstract void MulInt8(in MulInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count);

    /// <summary>y = table[x as an unsigned byte]; any map of one 8-bit type to another.</summary>
    public abstract void Lookup(byte* table, byte* x, byte* y, long count);

    /// <summary>Float to 8 bits by <see cref="Tensors.Requantize.Quantize"/>; min/max −128..127 or 0..255 decide the output's type.</summary>
    public abstract void Quantize(float* x, byte* y, long count, float scale, int zeroPoint, int min, int max);

    /// <summary>scale · (q − zeroPoint) for int8, or for uint8 where <paramref name="isUnsigned"/>.</summary>
    public abstract void Dequantize(byte* x, float* y, long count, float scale, int zeroPoint, bool isUnsigned);

    /// <summary>
    /// Signs of <paramref name="rows"/> rows of <paramref name="channels"/> floats, as <see cref="Tensors.BitPacked"/> rows: bit c = x ≥ thresholds[c].
    /// </summary>
    public abstract void Binarize(float* x, float* thresholds, ulong* y, long rows, int channels);

    /// <summary>As the other, for int8. Bit c = x ≥ thresholds[c], and never where bit c of <paramref name="allowed"/> (a row) is clear.</summary>
    public abstract void Binarize(sbyte* x, sbyte* thresholds, ulong* allowed, ulong* y, long rows, int channels);

    /// <summary>Signs to floats: <paramref name="scale"/> where a bit is set, else −scale.</summary>
    public abstract void Dequantize(ulong* x, float* y, long rows, int channels, float scale);

    /// <summary>Average over <paramref name="count"/> pointers, each to <paramref name="channels"/> values.</summary>
    public abstract void AverageInt8(in AverageInt8Parameters p, sbyte** taps, int count, int channels, sbyte* y);

    /// <summary>Maximum over <paramref name="count"/> pointers, each to <paramref name="channels"/> values.</summary>
    public abstract void MaxInt8(sbyte** taps, int count, int channels, sbyte* y);

    /// <summary>Softmax of one row.</summary>
    public abstract void SoftmaxInt8(SoftmaxInt8Parameters p, sbyte* x, sbyte* y, int count);

    /// <summary>clamp(a ∘ b, min, max); steps as in <see cref="AddInt8"/>.</summary>
    public abstract void Binary(BinaryOperation operation, float* a, int stepA, float* b, int stepB, float* y, long count, float min, float max);

    /// <summary>clamp(x, min, max).</summary>
    public abstract void Clip(float* x, float* y, long count, float min, float max);

    /// <summary>Average over taps, times <paramref name="scale"/> (normally 1/count).</summary>
    public abstract void Average(float** taps, int count, int channels, float* y, float scale);

    /// <summary>Maximum over taps.</summary>
    public abstract void Max(float** taps, int count, int channels, float* y);

    /// <summary>Softmax of one row: exp(beta·(x − max)) / Σ.</summary>
    public abstract void Softmax(float* x, float* y, int count, float beta);

    /// <summary>A function of each element; <paramref name="alpha"/> is its parameter, where it has one.</summary>
    public abstract void Apply(FloatFunction function, float* x, float* y, long count, float alpha = 0);

    /// <summary>y[c, r] = x[r, c] for columns c of x in [<paramref name="firstColumn"/>, <paramref name="endColumn"/>); elements of 1, 2, 4 or 8 bytes.</summary>
    public abstract void Transpose(byte* x, byte* y, int rows, int columns, int elementBytes, int firstColumn, int endColumn);
}
