using System.Numerics;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Training;

/// <summary>
/// Batch normalisation over all axes but the last (Ioffe and Szegedy 2015). With μ and v the batch's mean and variance (biased):
/// <code>
/// y  = (x − μ) · scale / √(v + ε) + bias = x·a + b
/// dx = a · (dy − mean(dy) − x̂ · mean(dy·x̂)),   x̂ = (x − μ)/√(v + ε)
/// </code>
/// </summary>
public static class BatchNormalizationOperator
{
    /// <summary>
    /// x [..., C]. In training the batch's statistics are used, and the running ones moved by <paramref name="momentum"/>
    /// towards them (the variance unbiased); otherwise the running ones are used.
    /// </summary>
    public static Variable BatchNormalization(this Tape tape, Variable x, Variable scale, Variable bias, Variable runningMean, Variable runningVariance,
        float epsilon = 1e-5f, float momentum = 0.1f)
    {
        int channels = x.Shape[-1], rows = x.Count / channels;
        float[] mean = runningMean.Data, variance = runningVariance.Data;
        bool usesBatch = tape.IsTraining;
        if (usesBatch)
        {
            (mean, variance) = (tape.Rent(channels), tape.Rent(channels));
            Moments(tape, x.Data, rows, channels, mean, variance);
            float unbiased = rows > 1 ? rows / (rows - 1f) : 1;
            for (int c = 0; c < channels; c++)
            {
                runningMean.Data[c] += momentum * (mean[c] - runningMean.Data[c]);
                runningVariance.Data[c] += momentum * (unbiased * variance[c] - runningVariance.Data[c]);
            }
        }
        float[] a = tape.Rent(channels), b = tape.Rent(channels), inverse = tape.Rent(channels);
        for (int c = 0; c < channels; c++)
        {
            inverse[c] = 1 / MathF.Sqrt(variance[c] + epsilon);
            a[c] = scale.Data[c] * inverse[c];
            b[c] = bias.Data[c] - mean[c] * a[c];
        }
        Variable y = tape.New(x.Shape, x.RequiresGradient || scale.RequiresGradient || bias.RequiresGradient);
        tape.For(rows, (from, end, _) =>
        {
            for (int r = from; r < end; r++) Affine(x.Data.AsSpan(r * channels, channels), a, b, y.Data.AsSpan(r * channels, channels));
        });
        return tape.Record(y, dy => Backward(tape, x, scale, bias, dy, rows, mean, inverse, a, usesBatch));
    }

    private static void Backward(Tape tape, Variable x, Variable scale, Variable bias, float[] dy, int rows, float[] mean, float[] inverse, float[] a, bool usesBatch)
    {
        int channels = mean.Length;
        // Σ dy and Σ dy·(x − μ) of each channel.
        float[] sums = tape.Rent(channels), products = tape.Rent(channels), partial = tape.Rent(2 * Tape.Chunks * channels);
        Array.Clear(partial);
        tape.For(rows, (from, end, chunk) =>
        {
            Span<float> s = partial.AsSpan(2 * chunk * channels, channels), p = partial.AsSpan((2 * chunk + 1) * channels, channels);
            for (int r = from; r < end; r++) AddSums(dy.AsSpan(r * channels, channels), x.Data.AsSpan(r * channels, channels), mean, s, p);
        });
        Array.Clear(sums);
        Array.Clear(products);
        for (int c = 0; c < Tape.Chunks; c++)
        {
            VectorMath.Add(partial.AsSpan(2 * c * channels, channels), sums);
            VectorMath.Add(partial.AsSpan((2 * c + 1) * channels, channels), products);
        }
        if (bias.RequiresGradient) VectorMath.Add(sums, tape.GradientOf(bias));
        if (scale.RequiresGradient) VectorMath.AddProduct(products, inverse, tape.GradientOf(scale));
        if (!x.RequiresGradient) return;
        // dx = a·dy + x·u + w: the two means of the formula above as one affine function of x.
        float[] u = tape.Rent(channels), w = tape.Rent(channels), dx = tape.GradientOf(x, out bool isNew);
        for (int c = 0; c < channels; c++)
        {
            u[c] = usesBatch ? -a[c] * inverse[c] * inverse[c] * products[c] / rows : 0;
            w[c] = usesBatch ? -a[c] * sums[c] / rows - u[c] * mean[c] : 0;
        }
        tape.For(rows, (from, end, _) =>
        {
            for (int r = from; r < end; r++)
            {
                Span<float> row = dx.AsSpan(r * channels, channels);
                if (isNew) row.Clear();
                AddGradient(dy.AsSpan(r * channels, channels), x.Data.AsSpan(r * channels, channels), a, u, w, row);
            }
        });
    }

    /// <summary>dx += a·dy + u·x + w.</summary>
    private static void AddGradient(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> a, ReadOnlySpan<float> u, ReadOnlySpan<float> w, Span<float> dx)
    {
        ReadOnlySpan<Vector<float>> g = MemoryMarshal.Cast<float, Vector<float>>(dy), xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        ReadOnlySpan<Vector<float>> va = MemoryMarshal.Cast<float, Vector<float>>(a[..dx.Length]), vu = MemoryMarshal.Cast<float, Vector<float>>(u[..dx.Length]), vw = MemoryMarshal.Cast<float, Vector<float>>(w[..dx.Length]);
        Span<Vector<float>> ds = MemoryMarshal.Cast<float, Vector<float>>(dx);
        for (int i = 0; i < ds.Length; i++) ds[i] = Vector.FusedMultiplyAdd(xs[i], vu[i], Vector.FusedMultiplyAdd(g[i], va[i], ds[i])) + vw[i];
        for (int i = ds.Length * Vector<float>.Count; i < dx.Length; i++) dx[i] = MathF.FusedMultiplyAdd(x[i], u[i], MathF.FusedMultiplyAdd(dy[i], a[i], dx[i])) + w[i];
    }

    /// <summary>Mean and biased variance of each channel, in two passes.</summary>
    private static void Moments(Tape tape, float[] x, int rows, int channels, float[] mean, float[] variance)
    {
        Array.Clear(mean);
        DenseOperator.AddRows(tape, x, rows, channels, mean);
        for (int c = 0; c < channels; c++) mean[c] /= rows;
        float[] partial = tape.Rent(Tape.Chunks * channels);
        Array.Clear(partial);
        tape.For(rows, (from, end, chunk) =>
        {
            for (int r = from; r < end; r++) AddSquares(x.AsSpan(r * channels, channels), mean, partial.AsSpan(chunk * channels, channels));
        });
        Array.Clear(variance);
        for (int c = 0; c < Tape.Chunks; c++) VectorMath.Add(partial.AsSpan(c * channels, channels), variance);
        for (int c = 0; c < channels; c++) variance[c] /= rows;
    }

    private static void Affine(ReadOnlySpan<float> x, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x), u = MemoryMarshal.Cast<float, Vector<float>>(a[..x.Length]), v = MemoryMarshal.Cast<float, Vector<float>>(b[..x.Length]);
        Span<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y);
        for (int i = 0; i < xs.Length; i++) ys[i] = Vector.FusedMultiplyAdd(xs[i], u[i], v[i]);
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++) y[i] = MathF.FusedMultiplyAdd(x[i], a[i], b[i]);
    }

    private static void AddSums(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> mean, Span<float> sums, Span<float> products)
    {
        ReadOnlySpan<Vector<float>> g = MemoryMarshal.Cast<float, Vector<float>>(dy), xs = MemoryMarshal.Cast<float, Vector<float>>(x), m = MemoryMarshal.Cast<float, Vector<float>>(mean[..x.Length]);
        Span<Vector<float>> s = MemoryMarshal.Cast<float, Vector<float>>(sums), p = MemoryMarshal.Cast<float, Vector<float>>(products);
        for (int i = 0; i < xs.Length; i++)
        {
            s[i] += g[i];
            p[i] = Vector.FusedMultiplyAdd(g[i], xs[i] - m[i], p[i]);
        }
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++)
        {
            sums[i] += dy[i];
            products[i] += dy[i] * (x[i] - mean[i]);
        }
    }

    private static void AddSquares(ReadOnlySpan<float> x, ReadOnlySpan<float> mean, Span<float> sums)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x), m = MemoryMarshal.Cast<float, Vector<float>>(mean[..x.Length]);
        Span<Vector<float>> s = MemoryMarshal.Cast<float, Vector<float>>(sums);
        for (int i = 0; i < xs.Length; i++)
        {
            Vector<float> d = xs[i] - m[i];
            s[i] = Vector.FusedMultiplyAdd(d, d, s[i]);
        }
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++) sums[i] += (x[i] - mean[i]) * (x[i] - mean[i]);
    }
}
