namespace EdgeRuntime.Kernels;

/// <summary>The elementwise kernels of x86, 256 bits for integers; int8 and conversions are in <see cref="Int8ElementwiseAvx2"/>, transposition in <see cref="TransposeAvx2"/>.</summary>
internal abstract unsafe class ElementwiseX86<S, V> : ElementwiseVectors<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    public override void AddInt8(in AddInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count) =>
        Int8ElementwiseAvx2.Run(new Int8ElementwiseAvx2.Adder(p), a, stepA, b, stepB, y, count);

    public override void MulInt8(in MulInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count)
    {
        if (p.Factor.Shift == 0) Int8ElementwiseAvx2.Run(new Int8ElementwiseAvx2.Multiplier(p), a, stepA, b, stepB, y, count);
        else base.MulInt8(p, a, stepA, b, stepB, y, count);
    }

    public override void Lookup(byte* table, byte* x, byte* y, long count)
    {
        if (count < 64) base.Lookup(table, x, y, count);
        else if (LookupAvx2.IsExclusiveOr(table)) LookupAvx2.ExclusiveOr(table[0], x, y, count);
        else LookupAvx2.Run(table, x, y, count);
    }

    public override void Quantize(float* x, byte* y, long count, float scale, int zeroPoint, int min, int max) =>
        ConversionAvx2.Quantize(x, y, count, scale, zeroPoint, min, max);

    public override void Dequantize(byte* x, float* y, long count, float scale, int zeroPoint, bool isUnsigned) =>
        ConversionAvx2.Dequantize(x, y, count, scale, zeroPoint, isUnsigned);

    public override void AverageInt8(in AverageInt8Parameters p, sbyte** taps, int count, int channels, sbyte* y)
    {
        if (channels < 16 || p.Factor.Shift != 0) base.AverageInt8(p, taps, count, channels, y);
        else Int8PoolingAvx2.Average(p, taps, count, channels, y);
    }

    public override void MaxInt8(sbyte** taps, int count, int channels, sbyte* y)
    {
        if (channels < 16) base.MaxInt8(taps, count, channels, y);
        else Int8PoolingAvx2.Max(taps, count, channels, y);
    }

    /// <summary>A long row takes each of its at most 256 quotients once, and looks them up.</summary>
    public override void SoftmaxInt8(SoftmaxInt8Parameters p, sbyte* x, sbyte* y, int count)
    {
        if (count < 300)
        {
            base.SoftmaxInt8(p, x, y, count);
            return;
        }
        int max = sbyte.MinValue;
        for (int i = 0; i < count; i++) max = Math.Max(max, x[i]);
        long sum = 0;
        for (int i = 0; i < count; i++) sum += p.Table[max - x[i]];
        byte* outputs = stackalloc byte[256];
        for (int q = sbyte.MinValue; q <= max; q++)
        {
            long quotient = (2L * p.Table[max - q] * p.InverseScale + 256 * sum) / (512 * sum);
            outputs[(byte)q] = (byte)Math.Clamp(quotient + p.OutputZeroPoint, sbyte.MinValue, sbyte.MaxValue);
        }
        Lookup(outputs, (byte*)x, (byte*)y, count);
    }

    public override void Transpose(byte* x, byte* y, int rows, int columns, int elementBytes, int firstColumn, int endColumn)
    {
        if (elementBytes == 4) TransposeAvx2.Words((uint*)x, (uint*)y, rows, columns, firstColumn, endColumn);
        else if (elementBytes == 1) TransposeAvx2.Bytes(x, y, rows, columns, firstColumn, endColumn);
        else base.Transpose(x, y, rows, columns, elementBytes, firstColumn, endColumn);
    }
}
