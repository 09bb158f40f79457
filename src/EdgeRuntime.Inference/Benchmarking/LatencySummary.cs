using System.Diagnostics;

namespace EdgeRuntime.Inference;

/// <summary>Times of many runs, in microseconds; percentiles by nearest rank.</summary>
/// <param name="Runs">How many.</param>
/// <param name="MinUs">The shortest.</param>
/// <param name="MeanUs">The mean.</param>
/// <param name="MedianUs">Half are at most this.</param>
/// <param name="P90Us">90 % are at most this.</param>
/// <param name="P99Us">99 % are at most this.</param>
/// <param name="MaxUs">The longest.</param>
public sealed record LatencySummary(int Runs, double MinUs, double MeanUs, double MedianUs, double P90Us, double P99Us, double MaxUs)
{
    /// <summary>Sums up times in <see cref="Stopwatch"/> ticks, which are sorted in place.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static LatencySummary Of(Span<long> ticks)
    {
        if (ticks.IsEmpty) throw new ArgumentException("no times", nameof(ticks));
        ticks.Sort();
        double sum = 0;
        foreach (long t in ticks) sum += t;
        return new LatencySummary(ticks.Length, Us(ticks[0]), Us(sum / ticks.Length), Rank(ticks, 0.5), Rank(ticks, 0.9), Rank(ticks, 0.99), Us(ticks[^1]));
    }

    /// <summary><see cref="Stopwatch"/> ticks in microseconds.</summary>
    public static double Us(double ticks) => ticks * 1e6 / Stopwatch.Frequency;

    private static double Rank(ReadOnlySpan<long> sorted, double share) => Us(sorted[(int)Math.Ceiling(share * sorted.Length) - 1]);
}
