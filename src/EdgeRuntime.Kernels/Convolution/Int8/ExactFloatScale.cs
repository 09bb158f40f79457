using System.Numerics;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Requantisation of one channel by a float multiplication that gives the integers of <c>Requantize.Apply</c>. With a whole factor s,
/// by which weights and bias are multiplied too, and a float m ≈ M · 2^shift / (2^31 · s):
/// <code>clamp(roundHalfEven(s·acc · m) + zeroPoint) = clamp(Requantize.Scale(acc, M, shift) + zeroPoint)   for all |acc| ≤ reach</code>
/// Both sides are staircases that never descend, of at most 255 steps after the clamp: they are equal if every step is taken at the
/// same accumulator, which is what is looked at. A multiplier of 25 to 31 bits is no float; m is then off by up to 2^-25 of it and
/// a step may come one early or late, so several s are tried.
/// </summary>
internal readonly record struct ExactFloatScale(int Factor, float Scale)
{
    /// <summary>Whole numbers up to here are floats.</summary>
    private const long FloatIntegers = 1L << 24;

    /// <summary>What the sum of the scaled accumulator and 1.5 · 2^23 may hold: no step is near this.</summary>
    private const double LargestResult = 1 << 22;

    /// <summary>With it nine-bit weights, doubled, fit 16 bits.</summary>
    public const int LargestFactor = 63;

    /// <summary>
    /// A pair with the smallest factor for which there is one. Sums are integers, converted at the end. Conversion never descends, so that only sums at which a result
    /// may change must be floats: beyond, the clamp decides.
    /// </summary>
    public static bool TryFind(int multiplier, int shift, long reach, int zeroPoint, int min, int max, int largestFactor, out ExactFloatScale found)
    {
        long last = multiplier == 0 ? 0 : (2L * 256 + 1 << 30) / ((long)multiplier << shift) + 1;
        return TryFind(multiplier, shift, reach, Math.Min(reach, last), zeroPoint, min, max, (int)Math.Min(largestFactor, Requantize.AccumulatorLimit / Math.Max(reach, 1)), out found);
    }

    /// <summary>As above for a channel of a convolution with these weights.</summary>
    public static bool TryFind(ConvolutionInt8Parameters p, int channel, ReadOnlySpan<sbyte> weights, int largestFactor, out ExactFloatScale found)
    {
        int zero = p.WeightZeroPoints.Length == 0 ? 0 : p.WeightZeroPoints[channel];
        long magnitude = 0;
        foreach (sbyte w in weights) magnitude += Math.Abs(w - zero);
        long reach = Math.Abs((long)p.Bias[channel]) + Math.Max(127 - p.InputZeroPoint, p.InputZeroPoint + 128) * magnitude;
        return TryFind(p.Multipliers[channel], p.Shift, reach, p.OutputZeroPoint, p.Min, p.Max, largestFactor, out found);
    }

    /// <summary>As above for as many channels of a convolution from <paramref name="first"/> on as <paramref name="found"/> has room for; false if one has none.</summary>
    public static bool TryFind(ConvolutionInt8Parameters p, int first, ReadOnlySpan<sbyte> weights, int largestFactor, Span<ExactFloatScale> found)
    {
        int depth = weights.Length / p.Bias.Length;
        for (int c = 0; c < found.Length; c++)
            if (!TryFind(p, first + c, weights.Slice((first + c) * depth, depth), largestFactor, out found[c])) return false;
        return true;
    }

    /// <summary>For each channel of a depthwise convolution; null if there is none for one. Kept with the parameters, as support and contents ask for it.</summary>
    public static ExactFloatScale[]? OfDepthwise(ConvolutionInt8Parameters p)
    {
        ExactFloatScale[] scales = p.Derived(FindForDepthwise);
        return scales.Length == 0 ? null : scales;
    }

    private static ExactFloatScale[] FindForDepthwise(ConvolutionInt8Parameters p)
    {
        ExactFloatScale[] scales = new ExactFloatScale[p.Bias.Length];
        return TryFind(p, 0, p.Weights.Span, LargestFactor, scales) ? scales : [];
    }

    private static bool TryFind(int multiplier, int shift, long reach, long floats, int zeroPoint, int min, int max, int largestFactor, out ExactFloatScale found)
    {
        long scaled = (long)multiplier << shift;
        double real = scaled / 2147483648.0;
        found = new(1, 0);
        if (multiplier == 0) return floats <= FloatIntegers;
        if (reach << shift > int.MaxValue || reach * real > LargestResult) return false;
        for (int factor = 1; factor <= largestFactor && factor * floats <= FloatIntegers; factor += 2)
        {
            float nearest = (float)(real / factor);
            foreach (float scale in (ReadOnlySpan<float>)[nearest, MathF.BitIncrement(nearest), MathF.BitDecrement(nearest)])
            {
                found = new(factor, scale);
                if (found.IsExact(scaled, nearest) || found.HasSameSteps(scaled, reach, min - zeroPoint, max - zeroPoint)) return true;
            }
        }
        return false;
    }

    /// <summary>Whether the float is the multiplier itself, and no product lies half way between integers: a step at acc = (2k + 1) · 2^30 / M needs M's odd part in 2k + 1.</summary>
    private bool IsExact(long scaled, float nearest) =>
        Factor == 1 && Scale == nearest && Scale * 2147483648.0 == scaled && scaled >> BitOperations.TrailingZeroCount(scaled) > 1023;

    /// <summary>Whether the results pass from ≤ k to > k at the same accumulator, for all k in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    private bool HasSameSteps(long scaled, long reach, int low, int high)
    {
        // Products of 24 by 24 bits: exact. Neither side may lie on a half, whose rounding would depend on the parity.
        double perUnit = (double)Factor * Scale;
        for (int k = low; k < high; k++)
        {
            // The first accumulator with acc · M + 2^30 ≥ (k + 1) · 2^31.
            long at = CeilingOfQuotient(((2L * k) + 1) << 30, scaled);
            double half = k + 0.5;
            if (at <= reach && Math.Max(at, -reach) * perUnit <= half) return false;
            if (at > -reach && Math.Min(at - 1, reach) * perUnit >= half) return false;
        }
        return true;
    }

    private static long CeilingOfQuotient(long a, long b) => a > 0 ? (a + b - 1) / b : a / b;
}
