using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;

namespace EdgeRuntime.Cli;

/// <summary>Shows each trial as it ends, and the Pareto front where it grew.</summary>
internal sealed class SearchProgress(VerbCall call, StudySettings settings, IStudyStore store)
{
    private readonly SearchSpace _space = SearchSpace.Parse(settings.Space, "study");

    public void Show(Trial trial)
    {
        call.Progress("");
        IReadOnlyList<Trial> trials = store.Trials(), front = SearchSampler.ParetoFront(trials);
        string step = settings.Rungs > 1 ? $" step {trial.Rung + 1}/{settings.Rungs}" : "";
        call.Error.WriteLine($"trial {trial.Id}{step} ({trials.Count(t => t.Result is not null)} done): {_space.NameOf(trial.Choices)}: {Describe(trial.Result!)}");
        if (!trial.IsDone || !front.Any(t => t.Key == trial.Key && t.Rung == trial.Rung)) return;
        call.Error.WriteLine("  Pareto front: " + string.Join(" · ", front.Select(t => $"{t.Result!.Bytes / 1e3:F1} KB {t.Result.Accuracy:P1}")));
    }

    public static string Describe(TrialResult r) => r.Error is { } error ? "failed: " + error
        : $"{r.Bytes:N0} bytes, {r.Accuracy:P2}, {r.MeasuredUs:N0} µs here{string.Concat(r.PredictedUs.Select(p => $", {p.Value:N0} µs on {p.Key}"))}";
}
