namespace EdgeRuntime.Compressor;

/// <summary>What calibration learns of one value: first its range, then how its elements spread over that range.</summary>
internal sealed class ValueStatistics
{
    public const int BinCount = 2048;

    /// <summary>Smallest element, at most 0: the range includes 0, which padding and ReLU need exactly.</summary>
    public float Min { get; private set; }

    /// <summary>Largest element, at least 0.</summary>
    public float Max { get; private set; }

    /// <summary>
    /// Elements in each of <see cref="BinCount"/> equal parts of [Min, Max]. Zeros, which ReLU makes in great number and
    /// integers represent exactly, are left out: they would outweigh what is to be rounded.
    /// </summary>
    public double[] Bins { get; } = new double[BinCount];

    /// <summary>Width of a bin.</summary>
    public double BinWidth => ((double)Max - Min) / BinCount;

    public void Widen(ReadOnlySpan<float> values)
    {
        foreach (float v in values)
        {
            if (!float.IsFinite(v)) continue;
            Min = Math.Min(Min, v);
            Max = Math.Max(Max, v);
        }
    }

    /// <summary>Counts values into bins; all ranges must have been seen by <see cref="Widen"/>.</summary>
    public void Count(ReadOnlySpan<float> values)
    {
        if (Max == Min) return;
        double scale = 1 / BinWidth;
        foreach (float v in values)
            if (v != 0 && float.IsFinite(v)) Bins[Math.Clamp((int)(((double)v - Min) * scale), 0, BinCount - 1)]++;
    }
}
