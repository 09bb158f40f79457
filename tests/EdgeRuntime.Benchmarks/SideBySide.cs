using System.Diagnostics;

namespace EdgeRuntime.Benchmarks;

/// <summary>Times several pieces of work in alternating rounds, so that all see the same noise.</summary>
internal static class SideBySide
{
    /// <summary>The smallest time and the median of each, in microseconds.</summary>
    public static (double Min, double Median)[] Measure(IReadOnlyList<Action> work, int rounds)
    {
        int[] runs = [.. work.Select(Calibrate)];
        List<double>[] times = [.. work.Select(_ => new List<double>())];
        for (int r = 0; r < rounds; r++)
            for (int i = 0; i < runs.Length; i++)
                for (int n = 0; n < runs[i]; n++)
                {
                    long start = Stopwatch.GetTimestamp();
                    work[i]();
                    times[i].Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                }
        foreach (List<double> t in times) t.Sort();
        return [.. times.Select(t => (t[0], t[t.Count / 2]))];
    }

    /// <summary>Microseconds of one run, of so many at once.</summary>
    public static double Time(Action run, int repeats)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++) run();
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / repeats;
    }

    /// <summary>Warms up for 400 ms (the JIT's tiers included) and returns the runs that fill about 20 ms.</summary>
    private static int Calibrate(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        int runs = 0;
        for (; Stopwatch.GetElapsedTime(start).TotalMilliseconds < 400; runs++) run();
        return Math.Max(3, runs / 20);
    }
}
