using System.Text.Json;

namespace EdgeRuntime.Compressor;

/// <summary>A latency that the network may take on a board.</summary>
/// <param name="Profile">The board's profile.</param>
/// <param name="Us">Microseconds on one core.</param>
public sealed record LatencyLimit(string Profile, double Us);

/// <summary>What a search is to reach; what is null does not matter.</summary>
/// <param name="Bytes">Bytes of the file at most.</param>
/// <param name="Latencies">Predicted latencies at most.</param>
/// <param name="Accuracy">Accuracy on the validation samples at least, in [0, 1].</param>
public sealed record SearchTargets(long? Bytes, IReadOnlyList<LatencyLimit> Latencies, double? Accuracy)
{
    /// <summary>How far a result is from the targets: the sum of relative excesses; 0 where all are met.</summary>
    public double Excess(TrialResult result)
    {
        double excess = Bytes is { } bytes ? Math.Max(0, (double)result.Bytes / bytes - 1) : 0;
        foreach (LatencyLimit target in Latencies) excess += Math.Max(0, result.PredictedUs[target.Profile] / target.Us - 1);
        // A point of accuracy weighs as much as 10 % of size or time.
        return excess + (Accuracy is { } accuracy ? Math.Max(0, accuracy - result.Accuracy) * 10 : 0);
    }

    /// <summary>What a result lacks, in words; empty where it meets all.</summary>
    public string Lacks(TrialResult result)
    {
        List<string> lacks = [];
        if (Bytes is { } bytes && result.Bytes > bytes) lacks.Add($"{result.Bytes:N0} bytes, {bytes:N0} allowed");
        foreach (LatencyLimit t in Latencies)
            if (result.PredictedUs[t.Profile] > t.Us) lacks.Add($"{result.PredictedUs[t.Profile]:N0} µs on {t.Profile}, {t.Us:N0} allowed");
        if (Accuracy is { } accuracy && result.Accuracy < accuracy) lacks.Add($"accuracy {result.Accuracy:P2}, {accuracy:P2} wanted");
        return string.Join("; ", lacks);
    }
}

/// <summary>What all workers of a study need to know; it never changes.</summary>
public sealed record StudySettings
{
    /// <summary>The network's file name, for reports.</summary>
    public required string Network { get; init; }

    /// <summary>The command that began the study.</summary>
    public string Command { get; init; } = "";

    /// <summary>The search space as JSON.</summary>
    public required string Space { get; init; }

    /// <summary>The targets.</summary>
    public required SearchTargets Targets { get; init; }

    /// <summary>Boards whose latency is predicted.</summary>
    public required IReadOnlyList<string> Profiles { get; init; }

    /// <summary>Recipes to try.</summary>
    public int Trials { get; init; } = 40;

    /// <summary>Steps of successive halving: the last trains in full.</summary>
    public int Rungs { get; init; } = 1;

    /// <summary>How many times fewer recipes, and more training, from step to step.</summary>
    public int Reduction { get; init; } = 3;

    /// <summary>Seed of everything random.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Hash of the packed float network among the study's blobs.</summary>
    public required string NetworkBlob { get; init; }

    /// <summary>Hashes of samples (float32) and labels (int32) to train with, then of those to validate with.</summary>
    public required IReadOnlyList<string> DataBlobs { get; init; }

    /// <summary>The share of training that step <paramref name="rung"/> does.</summary>
    public double Fidelity(int rung) => Math.Pow(Reduction, rung - (Rungs - 1));

    /// <summary>As JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SearchJson.Default.StudySettings);

    /// <summary>From JSON.</summary>
    public static StudySettings Parse(string json) => JsonSerializer.Deserialize(json, SearchJson.Default.StudySettings)!;
}

/// <summary>What a trial measured.</summary>
/// <param name="Bytes">Bytes of the packed file.</param>
/// <param name="Accuracy">Accuracy of the packed network on the validation samples, in [0, 1].</param>
/// <param name="MeasuredUs">Median latency on the worker's machine, microseconds.</param>
/// <param name="PredictedUs">Predicted latency by board, microseconds on one core.</param>
/// <param name="Seconds">What the trial took.</param>
/// <param name="Error">Why it failed; null where it did not.</param>
public sealed record TrialResult(long Bytes, double Accuracy, double MeasuredUs, IReadOnlyDictionary<string, double> PredictedUs, double Seconds, string? Error = null)
{
    /// <summary>As JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, SearchJson.Default.TrialResult);

    /// <summary>From JSON.</summary>
    public static TrialResult Parse(string json) => JsonSerializer.Deserialize(json, SearchJson.Default.TrialResult)!;
}

/// <summary>One recipe at one step of successive halving.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Choices">The choice of each stage.</param>
/// <param name="Rung">The step, from 0.</param>
/// <param name="Result">What came out; null while it waits or runs.</param>
public sealed record Trial(int Id, IReadOnlyList<int> Choices, int Rung, TrialResult? Result)
{
    /// <summary>Whether it was computed and can be compared.</summary>
    public bool IsDone => Result is { Error: null };

    /// <summary>What identifies the recipe.</summary>
    public string Key => string.Join(',', Choices);
}

/// <summary>A study that several workers share. Every call is atomic.</summary>
public interface IStudyStore : IDisposable
{
    /// <summary>The settings; null before <see cref="Create"/>.</summary>
    StudySettings? Settings { get; }

    /// <summary>Begins a study, unless another process did so just now.</summary>
    void Create(StudySettings settings);

    /// <summary>Keeps bytes under their SHA-256.</summary>
    string PutBlob(ReadOnlySpan<byte> bytes);

    /// <summary>The bytes of a hash.</summary>
    byte[] Blob(string hash);

    /// <summary>All trials, by number.</summary>
    IReadOnlyList<Trial> Trials();

    /// <summary>Adds a trial that waits; false where there is one of the same recipe and step.</summary>
    bool TryAdd(IReadOnlyList<int> choices, int rung);

    /// <summary>Takes a trial that waits, or whose worker has been silent for the length of its lease; null where there is none.</summary>
    Trial? Claim(string worker, TimeSpan lease);

    /// <summary>Renews the lease; false where another worker has taken the trial.</summary>
    bool Renew(int trial, string worker, TimeSpan lease);

    /// <summary>Ends a trial; nothing happens where another worker has taken it.</summary>
    void Complete(int trial, string worker, TrialResult result, string recipe, byte[] model);

    /// <summary>Lets another worker take the trial.</summary>
    void Release(int trial, string worker);

    /// <summary>The recipe and the packed network of a trial that is done.</summary>
    (string Recipe, byte[] Model) Artifacts(int trial);

    /// <summary>How often trials were taken again after a worker was lost.</summary>
    int Retaken { get; }
}
