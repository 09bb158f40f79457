using System.Numerics;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Training;

/// <summary>
/// Rounding to integers in the forward pass, with gradients as if there were none (straight-through; Bengio, Léonard and Courville
/// 2013). With n = q − z of <see cref="QuantizationSteps"/> and the range's ends l = Min − z and h = Max − z:
/// <code>
/// inside (l ≤ x/s ≤ h):  dx = dy,  ds += dy · (n − x/s)
/// outside:               dx = 0,   ds += dy · n if symmetric; else ds += dy · (0 or Max − Min), dβ += dy
/// sign:                  dx = dy where |x| ≤ SignLimit · s,  ds += dy · n
/// </code>
/// </summary>
public static class FakeQuantizeOperator
{
    // Adding and subtracting 1.5 · 2^23 rounds to the nearest integer, halves to even, where |x| < 2^22.
    internal const float Rounder = 12582912;

    /// <summary>The real numbers that the integers of <paramref name="x"/> stand for.</summary>
    public static Variable FakeQuantize(this Tape tape, Variable x, QuantizationSteps steps) => Run(tape, x, steps, steps.Step, _ => 1);

    /// <summary>
    /// The integers themselves, times <paramref name="unit"/> of their step. Their gradient is taken for that of the real numbers
    /// they stand for, once multiplied by <paramref name="factor"/> of their channel.
    /// </summary>
    internal static Variable Integers(this Tape tape, Variable x, QuantizationSteps steps, Func<int, float> unit, Func<int, float> factor) => Run(tape, x, steps, unit, factor);

    private static Variable Run(Tape tape, Variable x, QuantizationSteps q, Func<int, float> unitOf, Func<int, float> factor)
    {
        Variable y = tape.New(x.Shape, x.RequiresGradient || q.Ratios.RequiresGradient || q.Move is { RequiresGradient: true });
        float[] steps = q.Steps();
        int zero = q.ZeroPoint;
        float low = q.Min - zero, high = q.Max - zero;
        ForRuns(tape, q, x.Count, (step, from, end, _) =>
        {
            ReadOnlySpan<float> source = x.Data.AsSpan(from, end - from);
            Span<float> target = y.Data.AsSpan(from, end - from);
            float unit = unitOf(step);
            if (q.IsSign)
                for (int i = 0; i < source.Length; i++) target[i] = source[i] >= 0 ? unit : -unit;
            else Round(source, target, steps[step], low, high, unit);
        });
        return tape.Record(y, dy =>
        {
            double[] ds = new double[Tape.Chunks * steps.Length], db = new double[Tape.Chunks];
            float[]? dx = x.RequiresGradient ? tape.GradientOf(x) : null;
            ForRuns(tape, q, x.Count, (step, from, end, chunk) =>
            {
                (double s, double b) = Backward(x.Data.AsSpan(from, end - from), dy.AsSpan(from, end - from), dx is null ? [] : dx.AsSpan(from, end - from), q, steps[step], low, high, factor(step / q.Groups));
                ds[chunk * steps.Length + step] += s;
                db[chunk] += b;
            });
            for (int c = 1; c < Tape.Chunks; c++)
                for (int i = 0; i < steps.Length; i++) ds[i] += ds[c * steps.Length + i];
            q.AddGradient(tape, ds.AsSpan(0, steps.Length), db.Sum(), x.Count);
        });
    }

    /// <summary>target = unit · clamp(round(source / step)).</summary>
    internal static void Round(ReadOnlySpan<float> source, Span<float> target, float step, float low, float high, float unit)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(source);
        Span<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(target);
        Vector<float> s = new(step), l = new(low), h = new(high), r = new(Rounder);
        for (int i = 0; i < xs.Length; i++) ys[i] = (Vector.Min(Vector.Max(xs[i] / s, l), h) + r - r) * unit;
        for (int i = xs.Length * Vector<float>.Count; i < source.Length; i++) target[i] = (Math.Min(Math.Max(source[i] / step, low), high) + Rounder - Rounder) * unit;
    }

    private static (double Step, double Low) Backward(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dx, QuantizationSteps q, float step, float low, float high, float factor)
    {
        double ds = 0, db = 0;
        float inverse = 1 / step, limit = q.IsSign ? q.SignLimit : float.PositiveInfinity;
        // What ds is multiplied by at the ends: with a low end of its own, the lower one does not move with the step.
        float atLow = q.Move is null ? low : 0, atHigh = q.Move is null ? high : q.Max - q.Min;
        for (int i = 0; i < x.Length; i++)
        {
            float v = x[i] * inverse, g = dy[i] * factor;
            bool inside = q.IsSign ? Math.Abs(v) <= limit : v >= low && v <= high;
            if (q.IsSign) ds += v >= 0 ? g : -g;
            else if (inside) ds += g * (v + Rounder - Rounder - v);
            else
            {
                ds += g * (v < low ? atLow : atHigh);
                db += g;
            }
            if (inside && !dx.IsEmpty) dx[i] += g;
        }
        return (ds, db);
    }

    /// <summary>Visits runs of elements that share a step, each with the chunk of work that it belongs to.</summary>
    private static void ForRuns(Tape tape, QuantizationSteps q, int count, Action<int, int, int, int> visit)
    {
        if (q.Channels == 1 && q.Groups == 1) tape.For(count, (from, end, chunk) => visit(0, from, end, chunk));
        else
            tape.For(q.Channels, (first, last, chunk) =>
            {
                for (int c = first; c < last; c++)
                    for (int g = 0; g < q.Groups; g++)
                        visit(c * q.Groups + g, c * q.Depth + g * q.Size, c * q.Depth + Math.Min((g + 1) * q.Size, q.Depth), chunk);
            });
    }
}
