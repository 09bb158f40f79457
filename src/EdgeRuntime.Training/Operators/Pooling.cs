using System.Numerics;
using System.Runtime.InteropServices;
using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Pools and means.</summary>
public static class PoolingOperators
{
    /// <summary>Averages of windows. x NHWC; with <paramref name="countPadding"/> the padding counts as zeros, else it is left out.</summary>
    public static Variable AveragePool(this Tape tape, Variable x, int kernelHeight, int kernelWidth, Window2D window, bool countPadding = false)
    {
        ConvolutionShape s = Shape(x, kernelHeight, kernelWidth, window);
        Variable y = tape.New(new TensorShape(s.Batch, s.OutHeight, s.OutWidth, s.Channels), x.RequiresGradient);
        Array.Clear(y.Data);
        tape.For(s.Batch, (from, end, _) => Visit(s, from, end, countPadding, (input, output, weight) =>
            VectorMath.AddScaled(weight, x.Data.AsSpan(input, s.Channels), y.Data.AsSpan(output, s.Channels))));
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            tape.For(s.Batch, (from, end, _) => Visit(s, from, end, countPadding, (input, output, weight) =>
                VectorMath.AddScaled(weight, dy.AsSpan(output, s.Channels), dx.AsSpan(input, s.Channels))));
        });
    }

    /// <summary>Maxima of windows; the gradient goes to the first largest element.</summary>
    public static Variable MaxPool(this Tape tape, Variable x, int kernelHeight, int kernelWidth, Window2D window)
    {
        ConvolutionShape s = Shape(x, kernelHeight, kernelWidth, window);
        Variable y = tape.New(new TensorShape(s.Batch, s.OutHeight, s.OutWidth, s.Channels), x.RequiresGradient);
        int[] origins = new int[y.Count];
        Array.Fill(y.Data, float.NegativeInfinity);
        tape.For(s.Batch, (from, end, _) => Visit(s, from, end, false, (input, output, _) =>
        {
            for (int c = 0; c < s.Channels; c++)
                if (x.Data[input + c] > y.Data[output + c]) (y.Data[output + c], origins[output + c]) = (x.Data[input + c], input + c);
        }));
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            for (int i = 0; i < dy.Length; i++) dx[origins[i]] += dy[i];
        });
    }

    /// <summary>Mean over <paramref name="axes"/>, which are kept with length 1 where <paramref name="keep"/>.</summary>
    public static Variable Mean(this Tape tape, Variable x, ReadOnlySpan<int> axes, bool keep = false)
    {
        int rank = x.Shape.Rank;
        (TensorShape kept, int[] strides) = Reduced(x.Shape, axes);
        int[] gone = axes.ToArray();
        TensorShape shape = keep ? kept : new TensorShape([.. kept.Dimensions.ToArray().Where((_, i) => !gone.Any(a => (a < 0 ? a + rank : a) == i))]);
        Variable y = tape.New(shape, x.RequiresGradient);
        float weight = (float)y.Count / x.Count;
        // Neighbours on the last axis, where that is kept, go together.
        int run = rank > 0 && strides[^1] == 1 ? x.Shape[-1] : 1;
        TensorShape runs = run > 1 ? x.Shape.With(-1, 1) : x.Shape;
        Array.Clear(y.Data);
        ShapeOperators.Walk(runs, strides, 0, (from, to) => AddWeighted(weight, x.Data.AsSpan(from * run, run), y.Data.AsSpan(to, run)));
        return tape.Record(y, dy =>
        {
            float[] dx = tape.GradientOf(x);
            ShapeOperators.Walk(runs, strides, 0, (to, from) => AddWeighted(weight, dy.AsSpan(from, run), dx.AsSpan(to * run, run)));
        });
    }

    private static void AddWeighted(float weight, ReadOnlySpan<float> x, Span<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        Span<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y);
        for (int i = 0; i < xs.Length; i++) ys[i] += weight * xs[i];
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++) y[i] += weight * x[i];
    }

    /// <summary>The shape with <paramref name="axes"/> of length 1, and where in it an element of <paramref name="shape"/> goes, as strides.</summary>
    internal static (TensorShape Kept, int[] Strides) Reduced(TensorShape shape, ReadOnlySpan<int> axes)
    {
        int rank = shape.Rank;
        int[] dims = shape.Dimensions.ToArray(), strides = new int[rank];
        foreach (int axis in axes) dims[axis < 0 ? axis + rank : axis] = 1;
        TensorShape kept = new(dims);
        for (int i = 0; i < rank; i++) strides[i] = kept[i] == shape[i] ? (int)kept.CountOf(i + 1, rank) : 0;
        return (kept, strides);
    }

    internal static ConvolutionShape Shape(Variable x, int kernelHeight, int kernelWidth, Window2D window) =>
        window.Shape(x.Shape, new TensorShape(x.Shape[3], kernelHeight, kernelWidth, 1), x.Shape[3]);

    /// <summary>Visits the pixels of every window of images [from, end): first elements of input and output, and 1 / count.</summary>
    internal static void Visit(ConvolutionShape s, int from, int end, bool countPadding, Action<int, int, float> visit)
    {
        for (int n = from; n < end; n++)
            for (int oy = 0; oy < s.OutHeight; oy++)
                for (int ox = 0; ox < s.OutWidth; ox++)
                {
                    int y0 = oy * s.StrideY - s.PadTop, x0 = ox * s.StrideX - s.PadLeft;
                    int top = Math.Max(y0, 0), left = Math.Max(x0, 0), bottom = Math.Min(y0 + s.KernelHeight, s.Height), right = Math.Min(x0 + s.KernelWidth, s.Width);
                    float weight = 1f / (countPadding ? s.KernelHeight * s.KernelWidth : (bottom - top) * (right - left));
                    int output = ((n * s.OutHeight + oy) * s.OutWidth + ox) * s.Channels;
                    for (int y = top; y < bottom; y++)
                        for (int x = left; x < right; x++) visit(((n * s.Height + y) * s.Width + x) * s.Channels, output, weight);
                }
    }
}
