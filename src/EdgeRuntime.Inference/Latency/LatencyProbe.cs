using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>Measures the kernels of this machine with built-in layers, for the table of a profile.</summary>
internal static class LatencyProbe
{
    /// <summary>Times that a layer is measured; the shortest median counts, as other programs only ever make it longer.</summary>
    private const int Rounds = 3;

    /// <summary>Measures every built-in layer on one thread.</summary>
    /// <param name="profile">Whose instruction sets and caches to plan with.</param>
    /// <param name="seconds">Time for each layer.</param>
    /// <param name="progress">Told the name of each group.</param>
    public static IReadOnlyList<ProfileMeasurement> Measure(RuntimeProfile profile, double seconds, Action<string> progress)
    {
        List<ProfileMeasurement> table = [];
        BenchmarkOptions options = new() { WarmUpSeconds = seconds / 10, Seconds = seconds / Rounds * 0.9 };
        double empty = MedianUs(ProbeLayers.Empty(), profile, options);
        foreach (var (name, graphs) in ProbeLayers.All())
        {
            progress(name);
            foreach (Graph graph in graphs)
            {
                PlannedPart part = LatencyModel.Plan(graph, profile)[0].Parts[0];
                table.Add(new ProfileMeasurement(part.Kind, ProbeLayers.Describe(part.Node), Math.Round(part.Cycles), 1, Math.Round(Math.Max(0.005, MedianUs(graph, profile, options) - empty), 3)));
            }
        }
        return table;
    }

    private static double MedianUs(Graph graph, RuntimeProfile profile, BenchmarkOptions options)
    {
        using InferenceSession session = new(graph, new SessionOptions { Cpu = profile.Features, KernelOverrides = profile.KernelOverrides });
        BenchmarkRunner.FillInputs(session);
        return Enumerable.Range(0, Rounds).Min(_ => BenchmarkRunner.Measure(session, options).MedianUs);
    }
}
