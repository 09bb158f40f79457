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
        float Scale(int c) => weightScales[weightScales.Length == 1 ? 0 : c];
        int[] biases = bias is null ? new int[channels] : Bias(bias.Data, inputScale, weightScales);
        (int[] multipliers, int shift) = FixedPointMultiplier.Shared([.. Enumerable.Range(0, channels).Select(c => (double)inputScale * Scale(c) / output.Scale)]);
        int Accumulator(int row, int c) => (int)sums.Data[row * channels + c] + (high is null ? 0 : 16 * (int)high.Data[row * channels + c]) + biases[c];
        Variable y = tape.New(sums.Shape, sums.RequiresGradient || bias is { RequiresGradient: true } || output.Learns);
        tape.For(rows, (from, end, _) =>
        {
            for (int r = from; r < end; r++)
                for (int c = 0; c < channels; c++)
                    y.Data[r * channels + c] = output.Scale * (Requantize.Apply(Accumulator(r, c), multipliers[c], shift, output.ZeroPoint, output.Min, output.Max) - output.ZeroPoint);
        });
        return tape.Record(y, dy =>
        {
            float[]? d = sums.RequiresGradient ? tape.Rent(sums.Count) : null;
            float[] db = tape.Rent(Tape.Chunks * channels), factors = [.. Enumerable.Range(0, channels).Select(c => inputScale * Scale(c) / output.Scale)];
            Array.Clear(db);
            output.Backward(tape, rows, y.Count, (from, end, chunk, sink) =>
            {
                for (int r = from; r < end; r++)
                    for (int c = 0, i = r * channels; c < channels; c++, i++)
                    {
                        float g = output.Inside(Accumulator(r, c) * factors[c], dy[i], ref sink);
                        db[chunk * channels + c] += g;
                        if (d is not null) d[i] = g * Scale(c);
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
            float[]? dx = x.RequiresGradient ? tape.GradientOf(x) : null;
            float inverse = 1 / output.Scale;
            output.Backward(tape, x.Count, x.Count, (from, end, _, sink) =>
            {
                for (int i = from; i < end; i++)
                {
                    float g = output.Inside(x.Data[i] * inverse, dy[i], ref sink);
                    if (dx is not null) dx[i] += g;
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

    /// <summary>The gradient that passes at <paramref name="steps"/> = real / scale; what the step and the low end get is added to <paramref name="sink"/>.</summary>
    public float Inside(float steps, float gradient, ref (double Step, double Low) sink)
    {
        if (steps < _low)
        {
            sink.Step += gradient * _stepAtLow;
            sink.Low += gradient * _lowMoves;
            return 0;
        }
        if (steps > _high)
        {
            sink.Step += gradient * _stepAtHigh;
            sink.Low += gradient * _highMoves;
            return 0;
        }
        sink.Step += gradient * (MathF.Round(steps) - steps);
        return gradient;
    }

    /// <summary>Runs <paramref name="body"/> over [0, <paramref name="count"/>) in chunks and collects what they add for step and low end.</summary>
    public void Backward(Tape tape, int count, int elements, Func<int, int, int, (double Step, double Low), (double Step, double Low)> body)
    {
        var sinks = new (double Step, double Low)[Tape.Chunks];
        tape.For(count, (from, end, chunk) => sinks[chunk] = body(from, end, chunk, default));
        _steps.AddGradient(tape, [sinks.Sum(s => s.Step)], sinks.Sum(s => s.Low), elements);
    }
}
