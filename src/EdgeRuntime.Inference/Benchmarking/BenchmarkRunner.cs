using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>How long to measure.</summary>
public sealed record BenchmarkOptions
{
    /// <summary>Seconds of runs that are not counted, so that caches, clock and compiler settle; one run at least.</summary>
    public double WarmUpSeconds { get; init; } = 0.3;

    /// <summary>Seconds of runs that are counted.</summary>
    public double Seconds { get; init; } = 1;

    /// <summary>Runs to count; null to let <see cref="Seconds"/> decide.</summary>
    public int? Runs { get; init; }

    /// <summary>Runs at least, however long they take.</summary>
    public const int MinimumRuns = 10;

    /// <summary>Runs at most.</summary>
    public const int MaximumRuns = 200_000;
}

/// <summary>Time of one step of a network.</summary>
/// <param name="Name">The node.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Kernel">The kernel that runs it.</param>
/// <param name="MeanUs">Mean time, microseconds.</param>
/// <param name="Share">Share of all steps' time.</param>
/// <param name="Macs">Multiply-accumulates.</param>
public sealed record OperatorTime(string Name, string Operator, string Kernel, double MeanUs, double Share, long Macs);

/// <summary>Times a session: warm-up, then runs one by one.</summary>
public static class BenchmarkRunner
{
    /// <summary>Fills all inputs with the same pseudo-random numbers in every process: reals in [−1, 1), integers of their whole range.</summary>
    public static void FillInputs(InferenceSession session)
    {
        Random random = new(1);
        for (int i = 0; i < session.Inputs.Count; i++)
        {
            if (session.Inputs[i].Type != ElementType.Float32) random.NextBytes(session.InputBytes(i));
            else foreach (ref float x in session.Input<float>(i)) x = random.NextSingle() * 2 - 1;
        }
    }

    /// <summary>Measures <see cref="InferenceSession.Run"/>.</summary>
    public static LatencySummary Measure(InferenceSession session, BenchmarkOptions options)
    {
        long warmUpEnd = Stopwatch.GetTimestamp() + (long)(options.WarmUpSeconds * Stopwatch.Frequency);
        do session.Run();
        while (Stopwatch.GetTimestamp() < warmUpEnd);

        int limit = options.Runs ?? BenchmarkOptions.MaximumRuns;
        List<long> times = new(limit);
        long start = Stopwatch.GetTimestamp(), end = options.Runs is null ? start + (long)(options.Seconds * Stopwatch.Frequency) : long.MaxValue;
        while (times.Count < limit && (start < end || times.Count < BenchmarkOptions.MinimumRuns))
        {
            session.Run();
            long now = Stopwatch.GetTimestamp();
            times.Add(now - start);
            start = now;
        }
        return LatencySummary.Of(CollectionsMarshal.AsSpan(times));
    }

    /// <summary>Mean time of each step; the session must have been made with <see cref="SessionOptions.Profile"/>.</summary>
    public static IReadOnlyList<OperatorTime> MeasureSteps(InferenceSession session, BenchmarkOptions options)
    {
        for (int i = 0; i < BenchmarkOptions.MinimumRuns; i++) session.Run();
        session.ResetProfile();
        int runs = Measure(session, options with { WarmUpSeconds = 0 }).Runs + 1;
        double all = Math.Max(1, Sum(session.StepTicks));
        IReadOnlyList<StepInfo> steps = session.Steps;
        List<OperatorTime> times = [];
        for (int i = 0; i < steps.Count; i++)
        {
            double ticks = session.StepTicks[i];
            times.Add(new OperatorTime(steps[i].Name, steps[i].Type.ToString(), steps[i].KernelId, LatencySummary.Us(ticks / runs), ticks / all,
                steps[i].MultiplyAccumulates));
        }
        return times;
    }

    private static double Sum(ReadOnlySpan<long> values)
    {
        double sum = 0;
        foreach (long v in values) sum += v;
        return sum;
    }
}
