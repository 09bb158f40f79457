using System.Numerics;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Training;

/// <summary>Loops over floats that several operators share, as wide as the processor's vectors.</summary>
internal static class VectorMath
{
    /// <summary>y += x.</summary>
    public static void Add(ReadOnlySpan<float> x, Span<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        Span<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y[..x.Length]);
        for (int i = 0; i < ys.Length; i++) ys[i] += xs[i];
        for (int i = ys.Length * Vector<float>.Count; i < x.Length; i++) y[i] += x[i];
    }

    /// <summary>y += a · x.</summary>
    public static void AddScaled(float a, ReadOnlySpan<float> x, Span<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        Span<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y[..x.Length]);
        Vector<float> factor = new(a);
        for (int i = 0; i < ys.Length; i++) ys[i] = Vector.FusedMultiplyAdd(factor, xs[i], ys[i]);
        for (int i = ys.Length * Vector<float>.Count; i < x.Length; i++) y[i] = MathF.FusedMultiplyAdd(a, x[i], y[i]);
    }

    /// <summary>y += a · b, element by element.</summary>
    public static void AddProduct(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y)
    {
        ReadOnlySpan<Vector<float>> u = MemoryMarshal.Cast<float, Vector<float>>(a), v = MemoryMarshal.Cast<float, Vector<float>>(b[..a.Length]);
        Span<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y[..a.Length]);
        for (int i = 0; i < ys.Length; i++) ys[i] = Vector.FusedMultiplyAdd(u[i], v[i], ys[i]);
        for (int i = ys.Length * Vector<float>.Count; i < a.Length; i++) y[i] = MathF.FusedMultiplyAdd(a[i], b[i], y[i]);
    }

    /// <summary>Σ x · y.</summary>
    public static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x), ys = MemoryMarshal.Cast<float, Vector<float>>(y[..x.Length]);
        Vector<float> sums = default;
        for (int i = 0; i < xs.Length; i++) sums = Vector.FusedMultiplyAdd(xs[i], ys[i], sums);
        float sum = Vector.Sum(sums);
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++) sum += x[i] * y[i];
        return sum;
    }

    /// <summary>Σ x², in double precision.</summary>
    public static double SumOfSquares(ReadOnlySpan<float> x)
    {
        double sum = 0;
        // Blocks keep the error of the single-precision sums small.
        for (int i = 0; i < x.Length; i += 1024)
        {
            ReadOnlySpan<float> block = x.Slice(i, Math.Min(1024, x.Length - i));
            sum += Dot(block, block);
        }
        return sum;
    }

    /// <summary>log Σ exp x.</summary>
    public static float LogSumExp(ReadOnlySpan<float> x)
    {
        float max = float.NegativeInfinity, sum = 0;
        foreach (float v in x) max = MathF.Max(max, v);
        if (float.IsNegativeInfinity(max)) return max;
        foreach (float v in x) sum += MathF.Exp(v - max);
        return max + MathF.Log(sum);
    }
}
