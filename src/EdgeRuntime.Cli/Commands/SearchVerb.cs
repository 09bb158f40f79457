using System.Globalization;
using System.Runtime.InteropServices;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Cli;

/// <summary><c>edge search</c>: finds a recipe that meets a budget; <c>edge search worker</c> helps another process's search.</summary>
public sealed class SearchVerb(ModelSource source) : Verb
{
    /// <inheritdoc/>
    public override string Name => "search";

    /// <inheritdoc/>
    public override string Summary => "search for the recipe that meets a size, a latency and an accuracy";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("NETWORK|worker", $"the float network ({source.Formats}); 'worker' takes trials of the study that --study names; none goes on with that study", 0, 1);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        new("--study", "FILE|URL", "the study database: an SQLite file (study.db), or postgres://USER@HOST/DATABASE"),
        new("--train", "FILE", "labelled samples"),
        new("--train-labels", "FILE", "their class numbers (.npy, IDX, .csv, .txt)"),
        new("--validate", "FIRST:END", "samples kept to measure accuracy with (the last fifth)"),
        new("--target-size", "SIZE", "bytes of the file at most, for example 20KB (1 KB is 1,000 bytes, 1 KiB 1,024)"),
        new("--target-latency", "TIME@PROFILE", "predicted latency on one core of a board at most, for example 2ms@NAME") { IsRepeatable = true },
        new("--min-accuracy", "SHARE", "accuracy on the validation samples at least, in [0, 1]"),
        new("--profile", "NAME|FILE", "a further board whose latency to predict") { IsRepeatable = true },
        new("--space", "NAME|FILE", $"what to choose from: {string.Join(", ", SearchSpace.Shipped)}, or a JSON file (default)"),
        new("--trials", "N", "recipes to try (40)"),
        new("--rungs", "N", "steps of successive halving; each trains three times as much as the one before (3; 1 where nothing trains)"),
        new("--seed", "N", "seed of everything random (1)"),
        new("--threads", "N", "threads of training (all)"),
        new("--lease", "S", "seconds that a worker may be silent before its trial is given to another (60)"),
        new("--output", "FOLDER", "where to put recipes and networks (the study's name without ending)") { Alias = "-o" },
        new("--report", "FILE.html", "where to write the report; its figures as JSON beside it") { IsWritten = true },
        .. DataFlags.Options,
        .. source.Options,
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        string address = call.Text("--study") ?? "study.db";
        bool isWorker = call.Arguments is ["worker"];
        // An SQLite file is made where there is none, so what only goes on looks first.
        if ((isWorker || call.Arguments.Count == 0) && !address.Contains("://", StringComparison.Ordinal) && !File.Exists(address))
            throw new UsageException($"there is no study {address}; begin one with edge search NETWORK --study {address}");
        using IStudyStore store = SqlStudyStore.Open(address);
        if (isWorker && store.Settings is null) throw new UsageException($"{address} holds no study; begin one with edge search NETWORK --study {address}");
        if (call.Arguments is [string path] && !isWorker && store.Settings is null) Begin(call, store, path);
        StudySettings settings = store.Settings ?? throw new UsageException($"{address} holds no study; begin one with edge search NETWORK");
        using CancellationTokenSource stop = new();
        ConsoleCancelEventHandler onCancel = (_, e) => { e.Cancel = !stop.IsCancellationRequested; stop.Cancel(); };
        Console.CancelKeyPress += onCancel;
        SearchProgress progress = new(call, settings, store);
        SearchWorker worker = new(store, $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}", TimeSpan.FromSeconds(call.Positive("--lease") ?? 60), call.Int("--threads", Environment.ProcessorCount, 1))
        {
            OnProgress = call.Progress,
            OnTrial = progress.Show,
        };
        try
        {
            worker.Run(stop.Token);
        }
        catch (OperationCanceledException)
        {
            call.Progress("");
            call.Error.WriteLine($"stopped; edge search --study {address} goes on");
            return 1;
        }
        finally
        {
            Console.CancelKeyPress -= onCancel;
        }
        call.Progress("");
        if (isWorker) return 0;
        return new SearchOutcome(call, settings, store).Finish(call.Text("--output") ?? (address.Contains("://", StringComparison.Ordinal) ? "study" : Path.ChangeExtension(address, null)));
    }

    private void Begin(VerbCall call, IStudyStore store, string path)
    {
        using OpenedModel model = source.Open(path, call);
        TrainingSamples samples = TrainingFlags.Load(call, model.Graph, "--train", "--train-labels");
        Dataset all = samples.Data, data = samples.Data, validation = samples.Validation ?? Last(all);
        if (samples.Validation is null) data = First(all, all.Count - validation.Count);
        SearchSpace space = SearchSpace.Load(call.Text("--space") ?? "default");
        LatencyLimit[] latencies = [.. call.All("--target-latency").Select(Latency)];
        using MemoryStream network = new();
        ModelWriter.Write(model.Graph, network);
        store.Create(new StudySettings
        {
            Network = Path.GetFileName(path),
            Command = CompressionReport.CommandOf(Environment.GetCommandLineArgs().Skip(1)),
            Space = space.Json,
            Targets = new SearchTargets(call.Text("--target-size") is { } size ? Bytes(size) : null, latencies, call.Positive("--min-accuracy")),
            Profiles = [.. latencies.Select(l => l.Profile).Concat(call.All("--profile").Select(p => RuntimeProfiles.Find(p).Name)).Distinct()],
            Trials = call.Int("--trials", 40, 1),
            Rungs = call.Int("--rungs", space.HasTraining ? 3 : 1, 1),
            Seed = call.Int("--seed", 1),
            NetworkBlob = store.PutBlob(network.ToArray()),
            DataBlobs = [Put(store, data.Samples.Span), Put(store, data.Labels.Span), Put(store, validation.Samples.Span), Put(store, validation.Labels.Span)],
        });
    }

    private static string Put<T>(IStudyStore store, ReadOnlySpan<T> values) where T : unmanaged => store.PutBlob(MemoryMarshal.AsBytes(values));

    private static Dataset Last(Dataset all)
    {
        int count = Math.Max(1, all.Count / 5), first = all.Count - count;
        return new Dataset(all.Samples[(first * all.SampleLength)..], all.Labels[first..], all.SampleLength);
    }

    private static Dataset First(Dataset all, int count) => new(all.Samples[..(count * all.SampleLength)], all.Labels[..count], all.SampleLength);

    /// <summary>For example 20KB, 20 KiB, 20000.</summary>
    internal static long Bytes(string text)
    {
        var (number, factor) = text.Replace(" ", "", StringComparison.Ordinal) switch
        {
            var t when t.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) => (t[..^3], 1024.0),
            var t when t.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (t[..^3], 1048576.0),
            var t when t.EndsWith("KB", StringComparison.OrdinalIgnoreCase) => (t[..^2], 1e3),
            var t when t.EndsWith("MB", StringComparison.OrdinalIgnoreCase) => (t[..^2], 1e6),
            var t => (t, 1.0),
        };
        return double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0 ? (long)(value * factor)
            : throw new UsageException($"--target-size is '{text}'; bytes, or a number with KB, KiB, MB or MiB expected");
    }

    /// <summary>For example 2ms@board, 300us@board.</summary>
    internal static LatencyLimit Latency(string text)
    {
        string[] parts = text.Split('@', 2);
        var (number, factor) = parts[0] switch
        {
            var t when t.EndsWith("ms", StringComparison.Ordinal) => (t[..^2], 1e3),
            var t when t.EndsWith("us", StringComparison.Ordinal) || t.EndsWith("µs", StringComparison.Ordinal) => (t[..^2], 1.0),
            var t when t.EndsWith('s') => (t[..^1], 1e6),
            _ => ("", 0.0),
        };
        if (parts.Length != 2 || !double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || value <= 0)
            throw new UsageException($"--target-latency is '{text}'; a time with us, ms or s, '@' and a profile expected, for example 2ms@NAME");
        return new LatencyLimit(RuntimeProfiles.Find(parts[1]).Name, value * factor);
    }
}
