using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeRuntime.Cli;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// The tables of docs/compression.md: networks trained from scratch, compressed by <c>edge compress</c>, judged as packed files.
/// <c>compression [--dataset digits|digits-lstm|cifar10|fan] [--only LINE] [--seeds N] [--again] [--quick] [--write docs/compression.md]</c>.
/// Networks and results are kept in artifacts/compression: a line with a result is not made again, unless <c>--again</c> is given.
/// </summary>
internal static class CompressionBenchmark
{
    private const int Rounds = 10;

    /// <summary>One line with one seed.</summary>
    private sealed record Result(double Score, long Bytes);

    public static void Run(string[] args)
    {
        Environment.CurrentDirectory = SharedFolder.Repository ?? Environment.CurrentDirectory;
        string? dataset = Options.Text(args, "--dataset"), only = Options.Text(args, "--only"), target = Options.Text(args, "--write");
        int? seeds = Options.Text(args, "--seeds") is { } n ? int.Parse(n, CultureInfo.InvariantCulture) : null;
        bool isQuick = args.Contains("--quick"), isAgain = args.Contains("--again");
        foreach (CompressionTask task in CompressionTask.All.Where(t => dataset is null || t.Name == dataset))
        {
            CompressionLine[] lines = [.. CompressionLine.All.Where(l => l.Task == task.Name)];
            if (only is not null && !Array.Exists(lines, l => l.Name == only || (l.Recipe is not null && Path.GetFileNameWithoutExtension(l.Recipe) == only))) continue;
            string[] folders = [.. Enumerable.Range(0, seeds ?? (task.Name.StartsWith("digits", StringComparison.Ordinal) ? 3 : 1)).Select(s => task.Prepare(s, isQuick))];
            Dictionary<CompressionLine, Result[]> results = [];
            foreach (CompressionLine line in lines)
            {
                bool isWanted = only is null || line.Recipe is null || line.Name == only || Path.GetFileNameWithoutExtension(line.Recipe) == only;
                Result?[] found = [.. folders.Select((folder, seed) => Measure(task, line, folder, seed, isWanted, isAgain))];
                // Of seeds that are missing, the others' mean is compared with the float network's of the same.
                if (found[0] is not null) results[line] = [.. found.TakeWhile(r => r is not null).Select(r => r!)];
            }
            string table = Table(task, results, folders);
            Console.WriteLine($"{task.Name}\n{table}");
            if (target is not null) MarkdownTable.Replace(target, $"compression-{task.Name}", table);
        }
    }

    /// <summary>The stored result of a line, or a new one; null where neither is there.</summary>
    private static Result? Measure(CompressionTask task, CompressionLine line, string folder, int seed, bool isWanted, bool isAgain)
    {
        string output = line.Output(folder), kept = Path.ChangeExtension(output, ".json");
        string[] command = line.Command(folder, seed);
        string recipe = line.Recipe is null ? "" : Recipe.Load(line.Place(folder)).Json;
        if (File.Exists(kept) && (!isAgain || !isWanted) && JsonNode.Parse(File.ReadAllText(kept)) is { } node && node["Recipe"]!.GetValue<string>() == recipe) return node["Result"].Deserialize<Result>();
        if (!isWanted) return null;
        Console.Error.WriteLine($"$ edge {string.Join(' ', command)}");
        try
        {
            Edge(command);
        }
        catch (InvalidOperationException e)
        {
            Console.Error.WriteLine($"  failed: {e.Message}");
            return null;
        }
        double score = task.IsAutoencoder ? AreaUnderCurve(output, LabelledData.Load(Path.Combine(folder, "test")))
            : Edge("eval", output, "--data", Path.Combine(folder, "test.npy"), "--labels", Path.Combine(folder, "test-labels.npy"), "--json")["results"]![0]!["top1"]!.GetValue<double>();
        Result result = new(score, new FileInfo(output).Length);
        Console.Error.WriteLine($"  {task.Name}, seed {seed}, {line.Name}: {result.Score:P2}, {result.Bytes} bytes");
        File.WriteAllText(kept, JsonSerializer.Serialize(new { Recipe = recipe, Result = result }));
        return result;
    }

    /// <summary>Runs <c>edge</c> with the given words in this process, and returns its JSON.</summary>
    private static JsonNode Edge(params string[] words)
    {
        NetworkSource source = new();
        using StringWriter output = new(), error = new();
        string[] all = words.Contains("--json") ? words : [.. words, "--json"];
        int code = new CommandLine("edge", "", [new CompressVerb(source), new EvalVerb(source)]).Run(all, output, error, false);
        return code == 0 ? JsonNode.Parse(output.ToString())! : throw new InvalidOperationException(error.ToString());
    }

    private static string Table(CompressionTask task, Dictionary<CompressionLine, Result[]> results, string[] folders)
    {
        CompressionLine[] lines = [.. results.Keys];
        double[] times = Time([.. lines.Select(l => l.Output(folders[0]))]);
        Result[] first = results[lines[0]];
        double Mean(Result[] r) => r.Average(x => x.Score);
        bool isMany = folders.Length > 1;
        string table = $"| line | {(task.IsAutoencoder ? "AUC" : "accuracy")} | {(task.IsAutoencoder ? "loss" : "loss, points")} |{(isMany ? " loss of each seed |" : "")} goal | bytes | of float | µs | speed-up |\n|---|--:|--:|{(isMany ? "---|" : "")}---|--:|--:|--:|--:|\n";
        for (int i = 0; i < lines.Length; i++)
        {
            Result[] r = results[lines[i]];
            double bytes = r.Average(x => x.Bytes), loss = Mean(first[..r.Length]) - Mean(r);
            string accuracy = task.IsAutoencoder ? Format($"{Mean(r):F4} | {loss:F4}") : Format($"{100 * Mean(r):F2} % | {100 * loss:F2}");
            string each = isMany ? $" {string.Join(" ", r.Zip(first, (own, whole) => Format($"{100 * (whole.Score - own.Score):F1}")))} |" : "";
            table += Format($"| {lines[i].Name} | {accuracy} |{each} {lines[i].Goal} | {bytes:F0} | 1/{first.Average(x => x.Bytes) / bytes:F1} | {times[i]:F1} | {times[0] / times[i]:F2} |\n");
        }
        return table + $"\n{Note(task, folders.Length)}\n\n" + string.Concat(lines.Select(l => $"    edge {string.Join(' ', l.Command(folders[0], 0).Select(w => w.Contains(' ') ? $"\"{w}\"" : w))}\n"));
    }

    private static string Note(CompressionTask task, int seeds) => task.Name.StartsWith("digits", StringComparison.Ordinal)
        ? seeds == 1 ? $"One seed, its speaker held out of training ({SpokenDigits.Speakers[0]})."
            : $"Mean of {seeds} seeds, each with another speaker held out of training ({string.Join(", ", SpokenDigits.Speakers.Take(seeds))}), or of the first ones where the losses of fewer are given; the commands are those of the first."
        : seeds == 1 ? "One seed." : $"Mean of {seeds} seeds; the commands are those of the first.";

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>The shortest run of each file with one thread, in alternating rounds.</summary>
    private static double[] Time(string[] files)
    {
        PackedModel[] models = [.. files.Select(f => ModelReader.Open(f))];
        InferenceSession[] sessions = [.. models.Select(m => new InferenceSession(m.Graph, new SessionOptions { Threads = 1, Packed = m }))];
        foreach (InferenceSession s in sessions) BenchmarkRunner.FillInputs(s);
        double[] times = [.. SideBySide.Measure([.. sessions.Select(s => (Action)s.Run)], Rounds).Select(t => t.Min)];
        foreach (InferenceSession s in sessions) s.Dispose();
        foreach (PackedModel m in models) m.Dispose();
        return times;
    }

    /// <summary>How often an anomaly's reconstruction error is larger than a normal sample's (Mann and Whitney 1947).</summary>
    private static double AreaUnderCurve(string file, LabelledData test)
    {
        using PackedModel model = ModelReader.Open(file);
        using InferenceSession session = new(model.Graph, new SessionOptions { Packed = model });
        double[] errors = new double[test.Labels.Length];
        for (int i = 0; i < errors.Length; i++)
        {
            ReadOnlySpan<float> sample = test.Samples.AsSpan(i * test.Length, test.Length);
            sample.CopyTo(session.Input<float>(0));
            session.Run();
            for (int j = 0; j < sample.Length; j++) errors[i] += Math.Pow(sample[j] - session.Output<float>(0)[j], 2);
        }
        double[] normal = [.. errors.Where((_, i) => test.Labels[i] == 0)], anomalies = [.. errors.Where((_, i) => test.Labels[i] == 1)];
        return anomalies.Sum(a => normal.Sum(n => a > n ? 1 : a == n ? 0.5 : 0)) / ((double)normal.Length * anomalies.Length);
    }
}
