using System.Numerics;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Training;

/// <summary>Clamps, ReLU among them: by far the most frequent activation.</summary>
public static class ClipOperator
{
    /// <summary>min(max(x, min), max); the gradient is that of the identity inside, 0 outside.</summary>
    public static Variable Clip(this Tape tape, Variable x, float min, float max)
    {
        Variable y = tape.New(x.Shape, x.RequiresGradient);
        tape.ForElements(x.Count, (from, end) => Forward(x.Data.AsSpan(from, end - from), y.Data.AsSpan(from, end - from), min, max));
        return tape.Record(y, dy =>
        {
            tape.ForElements(x.Count, (from, end) => Backward(x.Data.AsSpan(from, end - from), dy.AsSpan(from, end - from), min, max));
            tape.GiveGradient(x, dy);
        });
    }

    private static void Forward(ReadOnlySpan<float> x, Span<float> y, float min, float max)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        Span<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y);
        Vector<float> low = new(min), high = new(max);
        for (int i = 0; i < xs.Length; i++) ys[i] = Vector.Min(Vector.Max(xs[i], low), high);
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++) y[i] = MathF.Min(MathF.Max(x[i], min), max);
    }

    /// <summary>Clears the gradients outside.</summary>
    private static void Backward(ReadOnlySpan<float> x, Span<float> dy, float min, float max)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        Span<Vector<float>> gs = MemoryMarshal.Cast<float, Vector<float>>(dy);
        Vector<float> low = new(min), high = new(max);
        for (int i = 0; i < xs.Length; i++)
            gs[i] = Vector.ConditionalSelect(Vector.GreaterThan(xs[i], low) & Vector.LessThan(xs[i], high), gs[i], Vector<float>.Zero);
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++)
            if (!(x[i] > min && x[i] < max)) dy[i] = 0;
    }
}
