using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The elementwise kernels of ARM64; int8 and conversions are in <see cref="Int8ElementwiseNeon"/>, transposition in <see cref="TransposeNeon"/>.</summary>
internal sealed unsafe class ElementwiseNeon : ElementwiseVectors<NeonFloat, Vector128<float>>
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("elementwise-neon", "elementwise", CpuFeature.Neon, "128-bit vectors; integers equal to the reference bit for bit");

    public override void AddInt8(in AddInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count) =>
        Int8ElementwiseNeon.Run(new Int8ElementwiseNeon.Adder(p), a, stepA, b, stepB, y, count);

    public override void MulInt8(in MulInt8Parameters p, sbyte* a, int stepA, sbyte* b, int stepB, sbyte* y, long count) =>
        Int8ElementwiseNeon.Run(new Int8ElementwiseNeon.Multiplier(p), a, stepA, b, stepB, y, count);

    public override void Lookup(byte* table, byte* x, byte* y, long count)
    {
        if (count < 64) base.Lookup(table, x, y, count);
        else LookupNeon.Run(table, x, y, count);
    }

    public override void Quantize(float* x, byte* y, long count, float scale, int zeroPoint, int min, int max) =>
        ConversionNeon.Quantize(x, y, count, scale, zeroPoint, min, max);

    public override void Dequantize(byte* x, float* y, long count, float scale, int zeroPoint, bool isUnsigned) =>
        ConversionNeon.Dequantize(x, y, count, scale, zeroPoint, isUnsigned);

    public override void AverageInt8(in AverageInt8Parameters p, sbyte** taps, int count, int channels, sbyte* y)
    {
        if (channels < 16) base.AverageInt8(p, taps, count, channels, y);
        else Int8PoolingNeon.Average(p, taps, count, channels, y);
    }

    public override void MaxInt8(sbyte** taps, int count, int channels, sbyte* y)
    {
        if (channels < 16) base.MaxInt8(taps, count, channels, y);
        else Int8PoolingNeon.Max(taps, count, channels, y);
    }

    public override void Transpose(byte* x, byte* y, int rows, int columns, int elementBytes, int firstColumn, int endColumn)
    {
        if (elementBytes == 4) TransposeNeon.Words((uint*)x, (uint*)y, rows, columns, firstColumn, endColumn);
        else if (elementBytes == 1) TransposeNeon.Bytes(x, y, rows, columns, firstColumn, endColumn);
        else base.Transpose(x, y, rows, columns, elementBytes, firstColumn, endColumn);
    }
}
