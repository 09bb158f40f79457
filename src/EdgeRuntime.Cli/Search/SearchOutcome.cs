using System.Text.Json.Serialization;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Cli;

/// <summary>Ends a search: writes every candidate into a folder, the report, and what was found.</summary>
internal sealed class SearchOutcome(VerbCall call, StudySettings settings, IStudyStore store)
{
    private readonly SearchSpace _space = SearchSpace.Parse(settings.Space, "study");

    /// <returns>0 where the targets are met, else 1.</returns>
    public int Finish(string folder)
    {
        IReadOnlyList<Trial> trials = store.Trials();
        Trial best = new SearchSampler(settings, _space).Best(trials) ?? throw new ModelException(ModelErrorKind.InvalidData, "study", "no trial succeeded; the first error: " + trials.FirstOrDefault(t => t.Result?.Error is not null)?.Result!.Error);
        Directory.CreateDirectory(folder);
        foreach (Trial trial in trials.Where(t => t.IsDone))
        {
            (string recipe, byte[] model) = store.Artifacts(trial.Id);
            File.WriteAllText(Path.Combine(folder, $"trial-{trial.Id:D4}.json"), recipe);
            File.WriteAllBytes(Path.Combine(folder, $"trial-{trial.Id:D4}.edge"), model);
        }
        string lacks = settings.Targets.Lacks(best.Result!);
        if (call.Text("--report") is { } file) Report(trials, best, lacks).Write(file);
        SearchReport report = new(settings.Network, trials.Count, trials.Count(t => t.Result?.Error is not null), store.Retaken, Row(best, folder), lacks.Length == 0, lacks, [.. SearchSampler.ParetoFront(trials).Select(t => Row(t, folder))]);
        if (call.IsJson) call.WriteJson(report, SearchReportJson.Default.SearchReport);
        else Print(report);
        return lacks.Length == 0 ? 0 : 1;
    }

    private SearchRow Row(Trial t, string folder) => new(t.Id, _space.NameOf(t.Choices), t.Rung, t.Result!.Bytes, t.Result.Accuracy, t.Result.MeasuredUs, t.Result.PredictedUs, Path.Combine(folder, $"trial-{t.Id:D4}.edge"));

    private void Print(SearchReport report)
    {
        TextTable table = new([">trial", "recipe", ">bytes", ">accuracy", ">µs here", .. settings.Profiles.Select(p => $">µs {p}"), ""]);
        foreach (SearchRow r in report.Front)
            table.Add([$"{r.Trial}", r.Recipe, $"{r.Bytes:N0}", $"{r.Accuracy:P2}", $"{r.MeasuredUs:N1}", .. settings.Profiles.Select(p => $"{r.PredictedUs[p]:N0}"), r.Trial == report.Best.Trial ? "◀ best" : ""]);
        table.Write(call.Output);
        call.Output.WriteLine($"{report.Trials} trials, {report.Failed} failed; the table is their Pareto front");
        foreach (string profile in settings.Profiles)
            call.Output.WriteLine($"latencies on {profile}: one core, {(new LatencyModel(RuntimeProfiles.Find(profile)).IsMeasured ? "from measured kernel times" : "estimated, as its profile has no measured times")}");
        call.Output.WriteLine(report.IsReached ? $"targets reached: trial {report.Best.Trial}, {report.Best.Recipe}" : $"targets not reached; trial {report.Best.Trial}, {report.Best.Recipe}, comes nearest: {report.Lacks}");
        call.Output.WriteLine(report.Best.Model);
    }

    private CompressionReport Report(IReadOnlyList<Trial> trials, Trial best, string lacks)
    {
        TrialRunner runner = new(store, 1);
        // The float network's size is that of its own packed file.
        TrialResult source = runner.Measure(store.Blob(settings.NetworkBlob), 0);
        using PackedModel model = ModelReader.Read(store.Artifacts(best.Id).Model);
        string board = settings.Profiles.Count > 0 ? settings.Profiles[0] : "";
        PipelineReport? passes = runner.Run(best, null, CancellationToken.None).Report;
        ReportCandidate[] candidates = [Candidate("source", source, "float") with { IsSource = true },
            .. trials.Where(t => t.IsDone && (t.Rung == settings.Rungs - 1 || t.Id == best.Id)).OrderBy(t => t.Result!.Bytes).Select(t => Candidate($"trial {t.Id}", t.Result!, _space.NameOf(t.Choices)) with { IsChosen = t.Id == best.Id })];
        return new CompressionReport($"Search: {settings.Network}", settings.Command, candidates,
            ReportLayers.Of(model.Graph, passes?.Passes ?? [], board.Length > 0 ? new LatencyModel(RuntimeProfiles.Find(board)).Predict(model.Graph) : null))
        {
            Notes = [$"{trials.Count} trials of the space {_space.Name}; accuracy on {runner.Validation.Count} validation samples.", lacks.Length == 0 ? $"Targets reached by trial {best.Id}: {_space.NameOf(best.Choices)}." : $"Targets not reached; nearest is trial {best.Id}, {_space.NameOf(best.Choices)}: {lacks}."],
            LatencyOf = board,
            Classes = CompressionReport.ClassesOf(model.Graph),
            ConfusionBefore = NetworkEvaluator.Confusion(runner.NewGraph(), runner.Validation),
            ConfusionAfter = NetworkEvaluator.Confusion(model.Graph, runner.Validation),
        };
    }

    private static ReportCandidate Candidate(string name, TrialResult r, string detail) => new(name, r.Bytes, r.Accuracy, r.MeasuredUs) { PredictedUs = r.PredictedUs, Detail = detail };
}

/// <summary>What <c>search</c> reports.</summary>
/// <param name="Network">The float network.</param>
/// <param name="Trials">Trials in all.</param>
/// <param name="Failed">Those whose recipe could not be applied.</param>
/// <param name="Retaken">Trials taken again after a worker was lost.</param>
/// <param name="Best">The best one.</param>
/// <param name="IsReached">Whether it meets all targets.</param>
/// <param name="Lacks">What it lacks.</param>
/// <param name="Front">Trials that no other beats in everything.</param>
public sealed record SearchReport(string Network, int Trials, int Failed, int Retaken, SearchRow Best, bool IsReached, string Lacks, IReadOnlyList<SearchRow> Front);

/// <summary>A trial.</summary>
/// <param name="Trial">Its number.</param>
/// <param name="Recipe">The choices made.</param>
/// <param name="Rung">Its step of successive halving.</param>
/// <param name="Bytes">Bytes of the packed file.</param>
/// <param name="Accuracy">Accuracy on the validation samples, in [0, 1].</param>
/// <param name="MeasuredUs">Median latency on the machine that computed it, microseconds.</param>
/// <param name="PredictedUs">Predicted latency by board, microseconds.</param>
/// <param name="Model">The packed file.</param>
public sealed record SearchRow(int Trial, string Recipe, int Rung, long Bytes, double Accuracy, double MeasuredUs, IReadOnlyDictionary<string, double> PredictedUs, string Model);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(SearchReport))]
internal sealed partial class SearchReportJson : JsonSerializerContext;
