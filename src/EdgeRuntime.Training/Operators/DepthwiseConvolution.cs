using System.Numerics;
using EdgeRuntime.Kernels;

namespace EdgeRuntime.Training;

/// <summary>
/// Convolutions of each channel with a window of its own. Weights are turned to [tap, channel], so that every step is one
/// vector operation over channels.
/// </summary>
internal static class DepthwiseConvolution
{
    public static void Run(Tape tape, ConvolutionShape s, Variable x, Variable weights, Variable? bias, Variable y)
    {
        int inputs = s.Height * s.Width * s.Channels, outputs = s.OutHeight * s.OutWidth * s.Channels;
        float[] taps = tape.Rent(weights.Count);
        Turn(weights.Data, taps, s.Channels);
        tape.For(s.Batch, (from, end, _) =>
        {
            for (int n = from; n < end; n++) Forward(s, x.Data.AsSpan(n * inputs, inputs), taps, bias is null ? [] : bias.Data, y.Data.AsSpan(n * outputs, outputs));
        });
        tape.Record(y, dy =>
        {
            if (bias is { RequiresGradient: true }) DenseOperator.AddRows(tape, dy, s.Batch * s.OutHeight * s.OutWidth, s.Channels, tape.GradientOf(bias));
            if (x.RequiresGradient)
            {
                float[] dx = tape.GradientOf(x);
                tape.For(s.Batch, (from, end, _) =>
                {
                    for (int n = from; n < end; n++) InputGradient(s, dy.AsSpan(n * outputs, outputs), taps, dx.AsSpan(n * inputs, inputs));
                });
            }
            if (weights.RequiresGradient) WeightGradient(tape, s, x.Data, dy, tape.GradientOf(weights));
        });
    }

    private static void WeightGradient(Tape tape, ConvolutionShape s, float[] x, float[] dy, float[] dw)
    {
        int inputs = s.Height * s.Width * s.Channels, outputs = s.OutHeight * s.OutWidth * s.Channels, count = dw.Length;
        float[] partial = tape.Rent(Tape.Chunks * count);
        Array.Clear(partial);
        tape.For(s.Batch, (from, end, chunk) =>
        {
            for (int n = from; n < end; n++) WeightGradient(s, x.AsSpan(n * inputs, inputs), dy.AsSpan(n * outputs, outputs), partial.AsSpan(chunk * count, count));
        });
        for (int c = 1; c < Tape.Chunks; c++) VectorMath.Add(partial.AsSpan(c * count, count), partial.AsSpan(0, count));
        for (int tap = 0, i = 0; tap < count / s.Channels; tap++)
            for (int c = 0; c < s.Channels; c++, i++) dw[c * (count / s.Channels) + tap] += partial[i];
    }

    private static void Forward(in ConvolutionShape s, ReadOnlySpan<float> x, ReadOnlySpan<float> taps, ReadOnlySpan<float> bias, Span<float> y)
    {
        int channels = s.Channels, lanes = Vector<float>.Count;
        for (int oy = 0, to = 0; oy < s.OutHeight; oy++)
            for (int ox = 0; ox < s.OutWidth; ox++, to += channels)
            {
                Window w = new(s, oy, ox);
                int c = 0;
                for (; c <= channels - 4 * lanes; c += 4 * lanes) Four(s, w, c, x, taps, bias, y[to..]);
                for (; c <= channels - lanes; c += lanes)
                {
                    Vector<float> sum = bias.IsEmpty ? default : Load(bias, c);
                    for (int ky = w.FirstY; ky < w.EndY; ky++)
                        for (int kx = w.FirstX; kx < w.EndX; kx++) sum = Vector.FusedMultiplyAdd(Load(x, w.At(ky, kx) + c), Load(taps, (ky * s.KernelWidth + kx) * channels + c), sum);
                    sum.CopyTo(y[(to + c)..]);
                }
                for (; c < channels; c++)
                {
                    float sum = bias.IsEmpty ? 0 : bias[c];
                    for (int ky = w.FirstY; ky < w.EndY; ky++)
                        for (int kx = w.FirstX; kx < w.EndX; kx++) sum = MathF.FusedMultiplyAdd(x[w.At(ky, kx) + c], taps[(ky * s.KernelWidth + kx) * channels + c], sum);
                    y[to + c] = sum;
                }
            }
    }

    /// <summary>Four vectors of channels of one window.</summary>
    private static void Four(in ConvolutionShape s, in Window w, int c, ReadOnlySpan<float> x, ReadOnlySpan<float> taps, ReadOnlySpan<float> bias, Span<float> y)
    {
        int lanes = Vector<float>.Count;
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        if (!bias.IsEmpty) (s0, s1, s2, s3) = (Load(bias, c), Load(bias, c + lanes), Load(bias, c + 2 * lanes), Load(bias, c + 3 * lanes));
        for (int ky = w.FirstY; ky < w.EndY; ky++)
            for (int kx = w.FirstX; kx < w.EndX; kx++)
            {
                int at = w.At(ky, kx) + c, tap = (ky * s.KernelWidth + kx) * s.Channels + c;
                s0 = Vector.FusedMultiplyAdd(Load(x, at), Load(taps, tap), s0);
                s1 = Vector.FusedMultiplyAdd(Load(x, at + lanes), Load(taps, tap + lanes), s1);
                s2 = Vector.FusedMultiplyAdd(Load(x, at + 2 * lanes), Load(taps, tap + 2 * lanes), s2);
                s3 = Vector.FusedMultiplyAdd(Load(x, at + 3 * lanes), Load(taps, tap + 3 * lanes), s3);
            }
        s0.CopyTo(y[c..]);
        s1.CopyTo(y[(c + lanes)..]);
        s2.CopyTo(y[(c + 2 * lanes)..]);
        s3.CopyTo(y[(c + 3 * lanes)..]);
    }

    private static void InputGradient(in ConvolutionShape s, ReadOnlySpan<float> dy, ReadOnlySpan<float> taps, Span<float> dx)
    {
        for (int oy = 0, at = 0; oy < s.OutHeight; oy++)
            for (int ox = 0; ox < s.OutWidth; ox++, at += s.Channels)
            {
                Window w = new(s, oy, ox);
                for (int ky = w.FirstY; ky < w.EndY; ky++)
                    for (int kx = w.FirstX; kx < w.EndX; kx++) VectorMath.AddProduct(dy.Slice(at, s.Channels), taps.Slice((ky * s.KernelWidth + kx) * s.Channels, s.Channels), dx[w.At(ky, kx)..]);
            }
    }

    private static void WeightGradient(in ConvolutionShape s, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, Span<float> dtaps)
    {
        for (int oy = 0, at = 0; oy < s.OutHeight; oy++)
            for (int ox = 0; ox < s.OutWidth; ox++, at += s.Channels)
            {
                Window w = new(s, oy, ox);
                for (int ky = w.FirstY; ky < w.EndY; ky++)
                    for (int kx = w.FirstX; kx < w.EndX; kx++) VectorMath.AddProduct(dy.Slice(at, s.Channels), x.Slice(w.At(ky, kx), s.Channels), dtaps[((ky * s.KernelWidth + kx) * s.Channels)..]);
            }
    }

    private static Vector<float> Load(ReadOnlySpan<float> values, int at) => new(values[at..]);

    /// <summary>[channel, tap] to [tap, channel].</summary>
    private static void Turn(float[] weights, float[] taps, int channels)
    {
        int count = weights.Length / channels;
        for (int c = 0; c < channels; c++)
            for (int t = 0; t < count; t++) taps[t * channels + c] = weights[c * count + t];
    }

    /// <summary>The taps of an output's window that lie inside the image.</summary>
    private readonly ref struct Window
    {
        private readonly int _corner, _rowStep, _columnStep;

        public Window(in ConvolutionShape s, int oy, int ox)
        {
            int y = oy * s.StrideY - s.PadTop, x = ox * s.StrideX - s.PadLeft;
            (FirstY, EndY) = Inside(y, s.DilationY, s.KernelHeight, s.Height);
            (FirstX, EndX) = Inside(x, s.DilationX, s.KernelWidth, s.Width);
            _corner = (y * s.Width + x) * s.Channels;
            _rowStep = s.DilationY * s.Width * s.Channels;
            _columnStep = s.DilationX * s.Channels;
        }

        public int FirstY { get; }
        public int EndY { get; }
        public int FirstX { get; }
        public int EndX { get; }

        /// <summary>Offset of a tap's first channel in the image.</summary>
        public int At(int ky, int kx) => _corner + ky * _rowStep + kx * _columnStep;

        private static (int, int) Inside(int start, int step, int taps, int size)
        {
            int first = start >= 0 ? 0 : (-start + step - 1) / step, end = start >= size ? 0 : Math.Min(taps, (size - start + step - 1) / step);
            return (Math.Min(first, taps), Math.Max(end, Math.Min(first, taps)));
        }
    }
}
