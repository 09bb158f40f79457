namespace EdgeRuntime.Kernels;

/// <summary>What the elementwise kernels of all vector instruction sets share: float operators by <see cref="FloatElementwise{S, V}"/>, and signs.</summary>
internal abstract unsafe class ElementwiseVectors<S, V> : ElementwiseReference where S : struct, IFloatVector<V> where V : unmanaged
{
    public override void Binarize(float* x, float* thresholds, ulong* y, long rows, int channels) => SignBits.Pack(x, thresholds, y, rows, channels);

    public override void Binarize(sbyte* x, sbyte* thresholds, ulong* allowed, ulong* y, long rows, int channels) =>
        SignBits.Pack(x, thresholds, allowed, y, rows, channels);

    public override void Binary(BinaryOperation operation, float* a, int stepA, float* b, int stepB, float* y, long count, float min, float max)
    {
        switch (operation)
        {
            case BinaryOperation.Add: FloatElementwise<S, V>.Binary<FloatAdd>(a, stepA, b, stepB, y, count, min, max); break;
            case BinaryOperation.Sub: FloatElementwise<S, V>.Binary<FloatSub>(a, stepA, b, stepB, y, count, min, max); break;
            case BinaryOperation.Mul: FloatElementwise<S, V>.Binary<FloatMul>(a, stepA, b, stepB, y, count, min, max); break;
            case BinaryOperation.Maximum: FloatElementwise<S, V>.Binary<FloatMaximum>(a, stepA, b, stepB, y, count, min, max); break;
            case BinaryOperation.Minimum: FloatElementwise<S, V>.Binary<FloatMinimum>(a, stepA, b, stepB, y, count, min, max); break;
            default: FloatElementwise<S, V>.Binary<FloatDiv>(a, stepA, b, stepB, y, count, min, max); break;
        }
    }

    public override void Clip(float* x, float* y, long count, float min, float max) => FloatElementwise<S, V>.Clip(x, y, count, min, max);

    public override void Average(float** taps, int count, int channels, float* y, float scale) => FloatElementwise<S, V>.Average(taps, count, channels, y, scale);

    public override void Max(float** taps, int count, int channels, float* y) => FloatElementwise<S, V>.Max(taps, count, channels, y);

    public override void Softmax(float* x, float* y, int count, float beta) => FloatElementwise<S, V>.Softmax(x, y, count, beta);

    public override void Apply(FloatFunction function, float* x, float* y, long count, float alpha = 0)
    {
        switch (function)
        {
            case FloatFunction.Sigmoid: FloatElementwise<S, V>.Unary<FloatSigmoid>(x, y, count); break;
            case FloatFunction.Tanh: FloatElementwise<S, V>.Unary<FloatTanh>(x, y, count); break;
            case FloatFunction.Abs: FloatElementwise<S, V>.Unary<FloatAbs>(x, y, count); break;
            case FloatFunction.Exp: FloatElementwise<S, V>.Unary<FloatExp>(x, y, count); break;
            case FloatFunction.LeakyRelu: FloatElementwise<S, V>.LeakyRelu(x, y, count, alpha); break;
            case FloatFunction.HardSwish: FloatElementwise<S, V>.Unary<FloatHardSwish>(x, y, count); break;
            default: base.Apply(function, x, y, count, alpha); break;
        }
    }
}
