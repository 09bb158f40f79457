using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Cli;

/// <summary>The page of <c>edge compress --report FILE.html</c>: the network before and after.</summary>
internal static class CompressPage
{
    /// <summary>Measures both networks and gathers what the passes did.</summary>
    /// <param name="source">The network before.</param>
    /// <param name="graph">The network after.</param>
    /// <param name="evaluation">Samples to measure accuracy with; null for none.</param>
    /// <param name="report">What <c>compress</c> reports.</param>
    /// <param name="samples">Inputs to compare layers with; null for none.</param>
    public static CompressionReport Of(Graph source, Graph graph, Dataset? evaluation, CompressReport report, CalibrationData? samples)
    {
        int[][]? before = evaluation is null ? null : NetworkEvaluator.Confusion(source, evaluation), after = evaluation is null ? null : NetworkEvaluator.Confusion(graph, evaluation);
        RuntimeProfile? profile = report.Profile is { } name ? RuntimeProfiles.Find(name) : null;
        using MemoryStream packed = new();
        ModelWriter.Write(source, packed);
        string how = report.Recipe ?? "as it is";
        List<string> notes = [$"Recipe {how}: {string.Join(" → ", report.Passes.Select(p => p.Pass))}."];
        if (evaluation is not null) notes.Add($"Accuracy on {evaluation.Count} samples.");
        if (report.Latency is { } latency) notes.Add($"Latency on one core of {latency.Profile}: {latency.TotalUs:N0} µs, {latency.Basis}.");
        return new CompressionReport($"{Path.GetFileName(report.Source)} compressed", CompressionReport.CommandOf(Environment.GetCommandLineArgs().Skip(1)),
            [Candidate("source", source, packed.Length, before, profile) with { IsSource = true, Detail = "float" }, Candidate(how, graph, report.Bytes - report.PanelBytes, after, profile) with { IsChosen = true, Detail = how }],
            ReportLayers.Of(graph, report.Passes, report.Latency, source, samples ?? (evaluation is null ? null : new TrainingSamples(evaluation).Calibration(source.Inputs[0]))))
        {
            Notes = notes,
            LatencyOf = report.Profile ?? "",
            Classes = CompressionReport.ClassesOf(graph),
            ConfusionBefore = before,
            ConfusionAfter = after,
        };
    }

    private static ReportCandidate Candidate(string name, Graph graph, long bytes, int[][]? confusion, RuntimeProfile? profile)
    {
        using InferenceSession session = new(graph);
        BenchmarkRunner.FillInputs(session);
        double us = BenchmarkRunner.Measure(session, new BenchmarkOptions { WarmUpSeconds = 0.1, Seconds = 0.3 }).MedianUs;
        return new ReportCandidate(name, bytes, confusion is null ? null : NetworkEvaluator.Accuracy(confusion), us)
        {
            PredictedUs = profile is null ? new Dictionary<string, double>() : new Dictionary<string, double> { [profile.Name] = new LatencyModel(profile).Predict(graph).TotalUs },
        };
    }
}
