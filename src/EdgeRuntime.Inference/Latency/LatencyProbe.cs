using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>Measures the kernels of this machine with built-in layers, for the table of a profile.</summary>
internal static class LatencyProbe
{
    /// <summary>
    /// Times that a layer is measured, in turn with the others of its group; the shortest median counts. Other programs, and on virtual
    /// machines others' programs on the same core, slow down spells of milliseconds to seconds, and never make anything faster.
    /// </summary>
    private const int Rounds = 10;

    /// <summary>Measures every built-in layer on one thread.</summary>
    /// <param name="profile">Whose instruction sets and caches to plan with.</param>
    /// <param name="seconds">Time for each layer.</param>
    /// <param name="progress">Told the name of each group.</param>
    public static IReadOnlyList<ProfileMeasurement> Measure(RuntimeProfile profile, double seconds, Action<string> progress)
    {
        List<ProfileMeasurement> table = [];
        BenchmarkOptions options = new() { WarmUpSeconds = seconds / Rounds / 10, Seconds = seconds / Rounds * 0.9 };
        double empty = MediansUs([ProbeLayers.Empty()], profile, options)[0];
        foreach (var (name, graphs) in ProbeLayers.All())
        {
            progress(name);
            double[] medians = MediansUs(graphs, profile, options);
            for (int i = 0; i < medians.Length; i++)
            {
                PlannedPart part = LatencyModel.Plan(graphs[i], profile)[0].Parts[0];
                table.Add(new ProfileMeasurement(part.Kind, ProbeLayers.Describe(part.Node), Math.Round(part.Cycles), 1, Math.Round(Math.Max(0.005, medians[i] - empty), 3)));
            }
        }
        return table;
    }

    private static double[] MediansUs(IReadOnlyList<Graph> graphs, RuntimeProfile profile, BenchmarkOptions options)
    {
        InferenceSession[] sessions = [.. graphs.Select(g => new InferenceSession(g, new SessionOptions { Cpu = profile.Features, KernelOverrides = profile.KernelOverrides }))];
        double[] shortest = new double[sessions.Length];
        Array.Fill(shortest, double.PositiveInfinity);
        foreach (InferenceSession session in sessions) BenchmarkRunner.FillInputs(session);
        for (int round = 0; round < Rounds; round++)
            for (int i = 0; i < sessions.Length; i++) shortest[i] = Math.Min(shortest[i], BenchmarkRunner.Measure(sessions[i], options).MedianUs);
        foreach (InferenceSession session in sessions) session.Dispose();
        return shortest;
    }
}
