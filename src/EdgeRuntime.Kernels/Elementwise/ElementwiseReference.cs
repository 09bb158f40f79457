using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>The definitions as plain loops.</summary>
public unsafe class ElementwiseReference : ElementwiseKernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("elementwise-reference", "elementwise", CpuFeature.None, "plain loops; the definition, and the fallback of processors without vectors");

    /// <inheritdoc/>
    public override void AddInt8(in AddInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count)
    {
        for (long i = 0; i < count; i++) y[i] = (sbyte)p.Apply(a[i * stepA], b[i * stepB]);
    }

    /// <inheritdoc/>
    public override void MulInt8(in MulInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count)
    {
        for (long i = 0; i < count; i++) y[i] = (sbyte)p.Apply(a[i * stepA], b[i * stepB]);
    }

    /// <inheritdoc/>
    public override void Lookup(byte* table, byte* x, byte* y, long count)
    {
        for (long i = 0; i < count; i++) y[i] = table[x[i]];
    }

    /// <inheritdoc/>
    public override void Quantize(float* x, byte* y, long count, float scale, int zeroPoint, int min, int max)
    {
        for (long i = 0; i < count; i++) y[i] = (byte)Requantize.Quantize(x[i], scale, zeroPoint, min, max);
    }

    /// <inheritdoc/>
    public override void Dequantize(byte* x, float* y, long count, float scale, int zeroPoint, bool isUnsigned)
    {
        for (long i = 0; i < count; i++) y[i] = Requantize.Dequantize(isUnsigned ? x[i] : (sbyte)x[i], scale, zeroPoint);
    }

    /// <inheritdoc/>
    public override void Binarize(float* x, float* thresholds, ulong* y, long rows, int channels)
    {
        new Span<ulong>(y, checked((int)(rows * BitPacked.Words(channels)))).Clear();
        for (long r = 0; r < rows; r++, y += BitPacked.Words(channels), x += channels)
            for (int c = 0; c < channels; c++)
                if (x[c] >= thresholds[c]) y[c / BitPacked.WordBits] |= 1UL << c;
    }

    /// <inheritdoc/>
    public override void Binarize(sbyte* x, sbyte* thresholds, ulong* allowed, ulong* y, long rows, int channels)
    {
        new Span<ulong>(y, checked((int)(rows * BitPacked.Words(channels)))).Clear();
        for (long r = 0; r < rows; r++, y += BitPacked.Words(channels), x += channels)
            for (int c = 0; c < channels; c++)
                if (x[c] >= thresholds[c]) y[c / BitPacked.WordBits] |= 1UL << c & allowed[c / BitPacked.WordBits];
    }

    /// <inheritdoc/>
    public override void Dequantize(ulong* x, float* y, long rows, int channels, float scale)
    {
        for (long r = 0; r < rows; r++, x += BitPacked.Words(channels), y += channels)
            for (int c = 0; c < channels; c++) y[c] = (x[c / BitPacked.WordBits] >> c & 1) != 0 ? scale : -scale;
    }

    /// <inheritdoc/>
    public override void AverageInt8(in AverageInt8Parameters p, sbyte** taps, int count, int channels, sbyte* y)
    {
        for (int c = 0; c < channels; c++)
        {
            int sum = -count * p.InputZeroPoint;
            for (int t = 0; t < count; t++) sum += taps[t][c];
            y[c] = (sbyte)p.Apply(sum);
        }
    }

    /// <inheritdoc/>
    public override void MaxInt8(sbyte** taps, int count, int channels, sbyte* y)
    {
        for (int c = 0; c < channels; c++)
        {
            sbyte largest = taps[0][c];
            for (int t = 1; t < count; t++) largest = Math.Max(largest, taps[t][c]);
            y[c] = largest;
        }
    }

    /// <inheritdoc/>
    public override void SoftmaxInt8(SoftmaxInt8Parameters p, sbyte* x, sbyte* y, int count)
    {
        int max = sbyte.MinValue;
        for (int i = 0; i < count; i++) max = Math.Max(max, x[i]);
        long sum = 0;
        for (int i = 0; i < count; i++) sum += p.Table[max - x[i]];
        for (int i = 0; i < count; i++)
        {
            long q = (2L * p.Table[max - x[i]] * p.InverseScale + 256 * sum) / (512 * sum);
            y[i] = (sbyte)Math.Clamp(q + p.OutputZeroPoint, sbyte.MinValue, sbyte.MaxValue);
        }
    }

    /// <inheritdoc/>
    public override void Binary(BinaryOperation operation, float* a, int stepA, float* b, int stepB, float* y, long count, float min, float max)
    {
        for (long i = 0; i < count; i++)
        {
            float u = a[i * stepA], v = b[i * stepB];
            float r = operation switch
            {
                BinaryOperation.Add => u + v,
                BinaryOperation.Sub => u - v,
                BinaryOperation.Mul => u * v,
                BinaryOperation.Maximum => Math.Max(u, v),
                BinaryOperation.Minimum => Math.Min(u, v),
                _ => u / v,
            };
            y[i] = Math.Min(Math.Max(r, min), max);
        }
    }

    /// <inheritdoc/>
    public override void Clip(float* x, float* y, long count, float min, float max)
    {
        for (long i = 0; i < count; i++) y[i] = Math.Min(Math.Max(x[i], min), max);
    }

    /// <inheritdoc/>
    public override void Average(float** taps, int count, int channels, float* y, float scale)
    {
        for (int c = 0; c < channels; c++)
        {
            float sum = 0;
            for (int t = 0; t < count; t++) sum += taps[t][c];
            y[c] = sum * scale;
        }
    }

    /// <inheritdoc/>
    public override void Max(float** taps, int count, int channels, float* y)
    {
        for (int c = 0; c < channels; c++)
        {
            float largest = taps[0][c];
            for (int t = 1; t < count; t++) largest = Math.Max(largest, taps[t][c]);
            y[c] = largest;
        }
    }

    /// <inheritdoc/>
    public override void Softmax(float* x, float* y, int count, float beta)
    {
        float max = float.NegativeInfinity, sum = 0;
        for (int i = 0; i < count; i++) max = Math.Max(max, x[i]);
        for (int i = 0; i < count; i++) sum += y[i] = MathF.Exp(beta * (x[i] - max));
        for (int i = 0; i < count; i++) y[i] /= sum;
    }

    /// <inheritdoc/>
    public override void Apply(FloatFunction function, float* x, float* y, long count, float alpha = 0)
    {
        for (long i = 0; i < count; i++)
            y[i] = function switch
            {
                FloatFunction.Sigmoid => 1 / (1 + MathF.Exp(-x[i])),
                FloatFunction.Tanh => MathF.Tanh(x[i]),
                FloatFunction.Sqrt => MathF.Sqrt(x[i]),
                FloatFunction.Abs => MathF.Abs(x[i]),
                FloatFunction.Exp => x[i] < -87.3f ? 0 : MathF.Exp(Math.Min(x[i], 88)),
                FloatFunction.Log => MathF.Log(x[i]),
                FloatFunction.LeakyRelu => x[i] >= 0 ? x[i] : alpha * x[i],
                FloatFunction.HardSwish => QuantizedFunctions.HardSwish(x[i]),
                _ => throw new ArgumentOutOfRangeException(nameof(function)),
            };
    }

    /// <inheritdoc/>
    public override void Transpose(byte* x, byte* y, int rows, int columns, int elementBytes, int firstColumn, int endColumn)
    {
        switch (elementBytes)
        {
            case 1: Transpose(x, y, rows, columns, firstColumn, endColumn); break;
            case 2: Transpose((ushort*)x, (ushort*)y, rows, columns, firstColumn, endColumn); break;
            case 4: Transpose((uint*)x, (uint*)y, rows, columns, firstColumn, endColumn); break;
            case 8: Transpose((ulong*)x, (ulong*)y, rows, columns, firstColumn, endColumn); break;
            default: throw new ArgumentOutOfRangeException(nameof(elementBytes), elementBytes, "elements of 1, 2, 4 or 8 bytes only");
        }
    }

    private static void Transpose<T>(T* x, T* y, int rows, int columns, int first, int end) where T : unmanaged
    {
        for (int c = first; c < end; c++)
            for (int r = 0; r < rows; r++) y[(long)c * rows + r] = x[(long)r * columns + c];
    }
}
