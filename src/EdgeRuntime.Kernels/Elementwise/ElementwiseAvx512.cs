using Floats = EdgeRuntime.Kernels.FloatElementwise<EdgeRuntime.Kernels.Avx512Float, System.Runtime.Intrinsics.Vector512<float>>;

namespace EdgeRuntime.Kernels;

/// <summary>What AVX-512 does faster than AVX2: byte look-ups, and floats where the arithmetic outweighs the memory.</summary>
internal sealed unsafe class ElementwiseAvx512 : ElementwiseAvx2
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("elementwise-avx512vbmi", "elementwise", CpuFeature.Avx2 | CpuFeature.Avx512 | CpuFeature.Avx512Vbmi, "512-bit look-ups and float operators; the rest as AVX2");

    public override void Lookup(byte* table, byte* x, byte* y, long count) => LookupAvx512.Run(table, x, y, count);

    public override void Binary(BinaryOperation operation, float* a, int stepA, float* b, int stepB, float* y, long count, float min, float max)
    {
        switch (operation)
        {
            case BinaryOperation.Add: Floats.Binary<FloatAdd>(a, stepA, b, stepB, y, count, min, max); break;
            case BinaryOperation.Sub: Floats.Binary<FloatSub>(a, stepA, b, stepB, y, count, min, max); break;
            case BinaryOperation.Mul: Floats.Binary<FloatMul>(a, stepA, b, stepB, y, count, min, max); break;
            default: Floats.Binary<FloatDiv>(a, stepA, b, stepB, y, count, min, max); break;
        }
    }

    public override void Average(float** taps, int count, int channels, float* y, float scale) => Floats.Average(taps, count, channels, y, scale);

    public override void Softmax(float* x, float* y, int count, float beta) => Floats.Softmax(x, y, count, beta);

    public override void Sigmoid(float* x, float* y, long count) => Floats.Unary<FloatSigmoid>(x, y, count);

    public override void Tanh(float* x, float* y, long count) => Floats.Unary<FloatTanh>(x, y, count);
}
