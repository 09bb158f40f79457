namespace EdgeRuntime.Training;

/// <summary>Softmax over the last axis.</summary>
public static class SoftmaxOperator
{
    /// <summary>exp(x − max) / Σ exp over the last axis.</summary>
    public static Variable Softmax(this Tape tape, Variable x)
    {
        int classes = x.Shape[-1], rows = x.Count / classes;
        Variable y = tape.New(x.Shape, x.RequiresGradient);
        for (int r = 0; r < rows; r++) Row(x.Data.AsSpan(r * classes, classes), y.Data.AsSpan(r * classes, classes));
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            for (int r = 0; r < rows; r++)
            {
                ReadOnlySpan<float> p = y.Data.AsSpan(r * classes, classes), g = dy.AsSpan(r * classes, classes);
                float mean = VectorMath.Dot(p, g);
                for (int c = 0; c < classes; c++) dx[r * classes + c] += p[c] * (g[c] - mean);
            }
        });
    }

    /// <summary>log of the softmax over the last axis.</summary>
    public static Variable LogSoftmax(this Tape tape, Variable x)
    {
        int classes = x.Shape[-1], rows = x.Count / classes;
        Variable y = tape.New(x.Shape, x.RequiresGradient);
        for (int r = 0; r < rows; r++)
        {
            float norm = VectorMath.LogSumExp(x.Data.AsSpan(r * classes, classes));
            for (int c = 0; c < classes; c++) y.Data[r * classes + c] = x.Data[r * classes + c] - norm;
        }
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            for (int r = 0; r < rows; r++)
            {
                float sum = 0;
                foreach (float g in dy.AsSpan(r * classes, classes)) sum += g;
                for (int i = r * classes; i < (r + 1) * classes; i++) dx[i] += dy[i] - sum * MathF.Exp(y.Data[i]);
            }
        });
    }

    /// <summary>The softmax of one row; x and y may be the same memory.</summary>
    internal static void Row(ReadOnlySpan<float> x, Span<float> y)
    {
        float norm = VectorMath.LogSumExp(x);
        for (int c = 0; c < x.Length; c++) y[c] = MathF.Exp(x[c] - norm);
    }
}
