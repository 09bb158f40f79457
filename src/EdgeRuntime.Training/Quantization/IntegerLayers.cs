using System.Numerics;
using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// The runtime's integer arithmetic on the tape. Values are the real numbers s · (q − z) that integers stand for; gradients are those
/// with respect to these reals, straight through the rounding.
/// </summary>
internal static class IntegerLayers
{
    /// <summary>
    /// Integers are held as floats: sums of products are exact while every partial sum stays below 2^24, that is while
    /// max|x| · Σ|w| of an output does. Above that, weights are split in two, w = 16 · high + low with |low| ≤ 8.
    /// </summary>
    public const int ExactLimit = 1 << 24;

    private const int Block = 256;

    // Beyond this a bias decides alone, and sum and bias together stay within the kernels' accumulators.
    private const double BiasLimit = 1 << 29;

    /// <summary>q − z, as integers, of reals with step <paramref name="step"/>; gradients pass unchanged.</summary>
    public static Variable ToIntegers(Tape tape, Variable x, float step)
    {
        Variable y = tape.New(x.Shape, x.RequiresGradient);
        tape.ForElements(x.Count, (from, end) => FakeQuantizeOperator.Round(x.Data.AsSpan(from, end - from), y.Data.AsSpan(from, end - from), step, -ExactLimit / 8, ExactLimit / 8, 1));
        return tape.Record(y, dy => tape.GiveGradient(x, dy));
    }

    /// <summary>Integer weights as 16 · high + low. All of their gradient comes by the low part.</summary>
    public static (Variable High, Variable Low) Split(Tape tape, Variable weights)
    {
        Variable high = tape.New(weights.Shape, false), low = tape.New(weights.Shape, weights.RequiresGradient);
        for (int i = 0; i < weights.Count; i++)
        {
            high.Data[i] = MathF.Round(weights.Data[i] / 16);
            low.Data[i] = weights.Data[i] - 16 * high.Data[i];
        }
        return (high, tape.Record(low, dy => tape.GiveGradient(weights, dy)));
    }

    /// <summary>Integer biases, in steps of input scale · weight scale.</summary>
    public static int[] Bias(ReadOnlySpan<float> bias, float inputScale, float[] weightScales)
    {
        int[] integers = new int[bias.Length];
        for (int c = 0; c < integers.Length; c++)
            integers[c] = (int)Math.Clamp(Math.Round(bias[c] / ((double)inputScale * weightScales[weightScales.Length == 1 ? 0 : c]), MidpointRounding.ToEven), -BiasLimit, BiasLimit);
        return integers;
    }

    /// <summary>
    /// Output of a layer from its exact integer sums [..., channels], requantised as the kernels do. Gradients of <paramref name="sums"/>
    /// are those of their reals over the input's scale, so that the product's gradients are those of the real inputs.
    /// </summary>
    /// <param name="tape">The tape.</param>
    /// <param name="sums">Σ x·w.</param>
    /// <param name="high">Sums that count 16 times, or null.</param>
    /// <param name="bias">Real biases, or null.</param>
    /// <param name="inputScale">Scale of the input.</param>
    /// <param name="weightScales">One scale, or one for each channel.</param>
    /// <param name="output">Quantisation of the output, and its clamp.</param>
    public static Variable Requantized(Tape tape, Variable sums, Variable? high, Variable? bias, float inputScale, float[] weightScales, QuantizedOutput output)
    {
        int channels = sums.Shape[-1], rows = sums.Count / channels;
        float[] scales = weightScales.Length == 1 ? [.. Enumerable.Repeat(weightScales[0], channels)] : weightScales;
        int[] biases = bias is null ? new int[channels] : Bias(bias.Data, inputScale, weightScales);
        (int[] multipliers, int shift) = FixedPointMultiplier.Shared(Array.ConvertAll(scales, s => (double)inputScale * s / output.Scale));
        double[] wideBiases = Array.ConvertAll(biases, b => (double)b), wideMultipliers = Array.ConvertAll(multipliers, m => (double)m);
        Variable y = tape.New(sums.Shape, sums.RequiresGradient || bias is { RequiresGradient: true } || output.Learns);
        tape.For(rows, (from, end, _) =>
        {
            for (int r = from * channels; r < end * channels; r += channels)
                output.FromSums(sums.Data.AsSpan(r, channels), high is null ? [] : high.Data.AsSpan(r, channels), wideBiases, wideMultipliers, shift, y.Data.AsSpan(r, channels));
        });
        return tape.Record(y, dy =>
        {
            float[]? d = sums.RequiresGradient ? tape.Rent(sums.Count) : null;
            float[] db = tape.Rent(Tape.Chunks * channels), work = tape.Rent(Tape.Chunks * 2 * channels);
            float[] factors = Array.ConvertAll(scales, s => inputScale * s / output.Scale), offsets = [.. biases.Zip(factors, (b, f) => b * f)];
            Array.Clear(db);
            output.Backward(tape, rows, y.Count, (from, end, chunk, sink) =>
            {
                Span<float> u = work.AsSpan(2 * chunk * channels, channels), g = work.AsSpan((2 * chunk + 1) * channels, channels);
                for (int r = from * channels; r < end * channels; r += channels)
                {
                    offsets.CopyTo(u);
                    VectorMath.AddProduct(sums.Data.AsSpan(r, channels), factors, u);
                    if (high is not null)
                        for (int c = 0; c < channels; c++) u[c] += 16 * high.Data[r + c] * factors[c];
                    g.Clear();
                    output.Gradient(u, dy.AsSpan(r, channels), g, ref sink);
                    VectorMath.Add(g, db.AsSpan(chunk * channels, channels));
                    if (d is null) continue;
                    d.AsSpan(r, channels).Clear();
                    VectorMath.AddProduct(g, scales, d.AsSpan(r, channels));
                }
                return sink;
            });
            if (bias is { RequiresGradient: true })
                for (int c = 0; c < Tape.Chunks; c++) VectorMath.Add(db.AsSpan(c * channels, channels), tape.GradientOf(bias));
            if (d is null) return;
            if (high is { RequiresGradient: true }) VectorMath.AddScaled(16, d, tape.GradientOf(high));
            tape.GiveGradient(sums, d);
        });
    }

    /// <summary>
    /// A result <paramref name="x"/> in real numbers whose integers are found by <paramref name="exact"/>, which gives q for element i
    /// before its clamp to the quantisation's range.
    /// </summary>
    public static Variable Rounded(Tape tape, Variable x, QuantizedOutput output, Func<int, int> exact)
    {
        Variable y = tape.New(x.Shape, x.RequiresGradient || output.Learns);
        tape.ForElements(x.Count, (from, end) =>
        {
            for (int i = from; i < end; i++) y.Data[i] = output.Scale * (exact(i) - output.ZeroPoint);
        });
        return tape.Record(y, dy =>
        {
            float[] dx = x.RequiresGradient ? tape.GradientOf(x) : tape.Rent(x.Count);
            float inverse = 1 / output.Scale;
            output.Backward(tape, x.Count, x.Count, (from, end, _, sink) =>
            {
                Span<float> steps = stackalloc float[Block];
                for (int i = from; i < end; i += Block)
                {
                    int count = Math.Min(Block, end - i);
                    for (int k = 0; k < count; k++) steps[k] = x.Data[i + k] * inverse;
                    output.Gradient(steps[..count], dy.AsSpan(i, count), dx.AsSpan(i, count), ref sink);
                }
                return sink;
            });
        });
    }
}

/// <summary>The quantisation of a layer's output with the layer's clamp, and the gradients of both.</summary>
internal sealed class QuantizedOutput
{
    private readonly QuantizationSteps _steps;
    private readonly float _low, _high, _stepAtLow, _stepAtHigh, _lowMoves, _highMoves;

    /// <summary>For a layer that clamps to [<paramref name="min"/>, <paramref name="max"/>], as <c>Requantize.Quantize</c> finds the bounds.</summary>
    public QuantizedOutput(QuantizationSteps steps, float min, float max)
    {
        _steps = steps;
        (Scale, ZeroPoint) = (steps.Step(0), steps.ZeroPoint);
        Min = Requantize.Quantize(min, Scale, ZeroPoint, steps.Min, steps.Max);
        Max = Requantize.Quantize(max, Scale, ZeroPoint, steps.Min, steps.Max);
        (_low, _high) = (Min - ZeroPoint, Max - ZeroPoint);
        // Ends move with the quantisation only where it, and not the layer's own clamp, makes them.
        bool isLowest = min < Scale * (steps.Min - ZeroPoint), isHighest = max > Scale * (steps.Max - ZeroPoint);
        (_stepAtLow, _stepAtHigh) = (isLowest && steps.Move is null ? _low : 0, !isHighest ? 0 : steps.Move is null ? _high : steps.Max - steps.Min);
        (_lowMoves, _highMoves) = (isLowest ? 1 : 0, isHighest ? 1 : 0);
    }

    public float Scale { get; }

    public int ZeroPoint { get; }

    /// <summary>Smallest q.</summary>
    public int Min { get; }

    /// <summary>Largest q.</summary>
    public int Max { get; }

    public bool Learns => _steps.Ratios.RequiresGradient;

    /// <summary>
    /// One row: reals of requantised sums (low + 16 · high + bias) · factor. Without a shift, and for sums below 2^21, products with
    /// 31-bit multipliers and the half that is added are exact in double precision, so that vectors of these find the same integers.
    /// </summary>
    public void FromSums(ReadOnlySpan<float> low, ReadOnlySpan<float> high, ReadOnlySpan<double> bias, ReadOnlySpan<double> multipliers, int shift, Span<float> y)
    {
        int c = 0, lanes = Vector<double>.Count;
        Vector<double> limit = new(1 << 21), zero = new(ZeroPoint), min = new(Min), max = new(Max), unit = new(1.0 / (1L << 31)), half = new(0.5);
        for (; high.IsEmpty && shift == 0 && c <= y.Length - 2 * lanes; c += 2 * lanes)
        {
            Vector.Widen(new Vector<float>(low[c..]), out Vector<double> first, out Vector<double> second);
            first += new Vector<double>(bias[c..]);
            second += new Vector<double>(bias[(c + lanes)..]);
            if (!Vector.LessThanAll(Vector.Max(Vector.Abs(first), Vector.Abs(second)), limit)) break;
            first = Vector.Floor(first * new Vector<double>(multipliers[c..]) * unit + half) + zero;
            second = Vector.Floor(second * new Vector<double>(multipliers[(c + lanes)..]) * unit + half) + zero;
            first = Vector.Min(Vector.Max(first, min), max) - zero;
            second = Vector.Min(Vector.Max(second, min), max) - zero;
            (Vector.Narrow(first, second) * Scale).CopyTo(y[c..]);
        }
        for (; c < y.Length; c++)
        {
            int sum = (int)low[c] + (int)bias[c] + (high.IsEmpty ? 0 : 16 * (int)high[c]);
            y[c] = Scale * (Requantize.Apply(sum, (int)multipliers[c], shift, ZeroPoint, Min, Max) - ZeroPoint);
        }
    }

    /// <summary>
    /// Adds to <paramref name="dx"/> the gradients that pass where results before rounding are <paramref name="steps"/> = real / scale,
    /// and to <paramref name="sink"/> what the step and the low end get.
    /// </summary>
    public void Gradient(ReadOnlySpan<float> steps, ReadOnlySpan<float> dy, Span<float> dx, ref (double Step, double Low) sink)
    {
        ReadOnlySpan<Vector<float>> us = MemoryMarshal.Cast<float, Vector<float>>(steps), gs = MemoryMarshal.Cast<float, Vector<float>>(dy);
        Span<Vector<float>> ds = MemoryMarshal.Cast<float, Vector<float>>(dx);
        Vector<float> low = new(_low), high = new(_high), rounder = new(FakeQuantizeOperator.Rounder), step = default, move = default;
        for (int i = 0; i < us.Length; i++)
        {
            Vector<float> u = us[i], g = gs[i];
            Vector<int> below = Vector.LessThan(u, low), above = Vector.GreaterThan(u, high);
            Vector<float> inside = Vector.AndNot(g, Vector.AsVectorSingle(below | above));
            Vector<float> atLow = g & Vector.AsVectorSingle(below), atHigh = g & Vector.AsVectorSingle(above), n = Vector.Min(Vector.Max(u, low), high);
            ds[i] += inside;
            step += inside * (n + rounder - rounder - n) + atLow * _stepAtLow + atHigh * _stepAtHigh;
            move += atLow * _lowMoves + atHigh * _highMoves;
        }
        sink.Step += Vector.Sum(step);
        sink.Low += Vector.Sum(move);
        for (int i = us.Length * Vector<float>.Count; i < steps.Length; i++)
        {
            float u = steps[i], g = dy[i];
            if (u < _low) (sink.Step, sink.Low) = (sink.Step + g * _stepAtLow, sink.Low + g * _lowMoves);
            else if (u > _high) (sink.Step, sink.Low) = (sink.Step + g * _stepAtHigh, sink.Low + g * _highMoves);
            else
            {
                sink.Step += g * (MathF.Round(u) - u);
                dx[i] += g;
            }
        }
    }

    /// <summary>Runs <paramref name="body"/> over [0, <paramref name="count"/>) in chunks and collects what they add for step and low end.</summary>
    public void Backward(Tape tape, int count, int elements, Func<int, int, int, (double Step, double Low), (double Step, double Low)> body)
    {
        var sinks = new (double Step, double Low)[Tape.Chunks];
        tape.For(count, (from, end, chunk) => sinks[chunk] = body(from, end, chunk, default));
        AddGradient(tape, (sinks.Sum(s => s.Step), sinks.Sum(s => s.Low)), elements);
    }

    /// <summary>Gives step and low end what <paramref name="elements"/> results have sunk.</summary>
    public void AddGradient(Tape tape, (double Step, double Low) sink, int elements) => _steps.AddGradient(tape, [sink.Step], sink.Low, elements);
}
