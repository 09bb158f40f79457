using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;

namespace EdgeRuntime.Cli;

/// <summary><c>edge demo</c>: a keyword spotter compressed in every way, with nothing to download.</summary>
public sealed class DemoVerb : Verb
{
    /// <summary>What is made of the network: a name, and a recipe that is shipped or, ending in .json, the demonstration's own.</summary>
    private static readonly (string Name, string? Recipe)[] Ways =
        [("float", null), ("int8", "int8"), ("int4", "int4.json"), ("pruned", "pruned.json"), ("low-rank", "low-rank.json"), ("binary", "binary.json")];

    // The report shows the smallest network that loses no more than this.
    private const double LossAllowed = 0.015;

    private static readonly NetworkSource Source = new();

    /// <inheritdoc/>
    public override string Name => "demo";

    /// <inheritdoc/>
    public override string Summary => "compress a network for spoken digits in six ways, compare size, accuracy and speed";

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        new("--output", "FOLDER", "where to put the network, data, clips and packed models (artifacts/demo)") { Alias = "-o" },
        new("--only", "NAME,…", $"some of {string.Join(", ", Ways.Select(w => w.Name))} (all)"),
        new("--threads", "N", "threads for training (all)"),
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        Stopwatch clock = Stopwatch.StartNew();
        string folder = call.Text("--output") ?? Path.Combine("artifacts", "demo");
        Directory.CreateDirectory(folder);
        string File(string name) => Path.Combine(folder, name);
        (string Name, string? Recipe)[] ways = Chosen(call);
        (int training, int test) = DemoFiles.Unpack(folder);
        call.Error.WriteLine($"a DS-CNN for the ten spoken digits, {training} spoken digits to train with, {test} of other voices to test with, in {folder}");
        List<IReadOnlyList<PassReport>> passes = [];
        foreach (var (name, recipe) in ways)
        {
            Arguments compress = new("compress", File("digits.onnx")) { ["--output"] = File($"digits-{name}.edge") };
            if (recipe is not null)
            {
                compress["--recipe"] = recipe.EndsWith(".json", StringComparison.Ordinal) ? File(recipe) : recipe;
                compress["--train"] = File("train.npy");
                compress["--train-labels"] = File("train-labels.npy");
            }
            if (call.Text("--threads") is { } threads) compress["--threads"] = threads;
            passes.Add(Step(call, new CompressVerb(Source), compress, CompressJson.Default.CompressReport).Passes);
        }
        string[] models = [.. ways.Select(w => File($"digits-{w.Name}.edge"))];
        EvalReport eval = Step(call, new EvalVerb(Source), new("eval", models) { ["--data"] = File("test.npy"), ["--labels"] = File("test-labels.npy"), ["--confusion"] = "" }, DemoJson.Default.EvalReport);
        BenchReport bench = Step(call, new BenchVerb(Source), new("bench", models) { ["--threads"] = "1", ["--seconds"] = "1", ["--warm-up"] = "0.05", ["--rounds"] = "10" }, DemoJson.Default.BenchReport);
        DemoReport report = new([.. ways.Select((w, i) => new DemoLine(w.Name, models[i], eval.Results[i].Bytes, eval.Results[i].Top1, bench.Results[i].MinUs, bench.Results[0].MinUs / bench.Results[i].MinUs))],
            File("report.html"), clock.Elapsed.TotalSeconds);
        WriteReport(call, report, passes, eval, ways);
        if (call.IsJson) call.WriteJson(report, DemoJson.Default.DemoReport);
        else Print(report, folder, call.Output);
        return 0;
    }

    private static (string Name, string? Recipe)[] Chosen(VerbCall call)
    {
        if (call.Text("--only") is not { } only) return Ways;
        string[] names = only.Split(',', StringSplitOptions.TrimEntries);
        return Array.Find(names, n => !Array.Exists(Ways, w => w.Name == n)) is { } wrong
            ? throw new UsageException($"--only: there is no '{wrong}'; {string.Join(", ", Ways.Select(w => w.Name))} expected") : [.. Ways.Where(w => names.Contains(w.Name))];
    }

    /// <summary>Runs a verb, having shown the command that does the same.</summary>
    private static T Step<T>(VerbCall call, Verb verb, Arguments words, JsonTypeInfo<T> type)
    {
        call.Error.WriteLine($"$ edge {words}");
        using StringWriter output = new();
        Dictionary<string, IReadOnlyList<string>> options = words.ToDictionary(o => o.Key, o => (IReadOnlyList<string>)[o.Value]);
        options[Json.Name] = [];
        verb.Run(new VerbCall(words.Files, options, output, call.Error) { IsInteractive = call.IsInteractive });
        return JsonSerializer.Deserialize(output.ToString(), type)!;
    }

    private static void WriteReport(VerbCall call, DemoReport report, List<IReadOnlyList<PassReport>> passes, EvalReport eval, (string Name, string? Recipe)[] ways)
    {
        DemoLine chosen = report.Lines.Where(l => l.Accuracy >= report.Lines[0].Accuracy - LossAllowed).MinBy(l => l.Bytes)!;
        int index = report.Lines.ToList().IndexOf(chosen);
        using OpenedModel model = Source.Open(chosen.Model, call);
        new CompressionReport("Spoken digits", CompressionReport.CommandOf(["demo", "-o", Path.GetDirectoryName(report.Report)!, "--only", string.Join(',', ways.Select(w => w.Name))]),
            [.. report.Lines.Select((l, i) => new ReportCandidate(l.Name, l.Bytes, l.Accuracy, l.MinUs) { IsSource = i == 0, IsChosen = i == index, Detail = ways[i].Recipe ?? "as it is" })],
            ReportLayers.Of(model.Graph, passes[index], null))
        {
            Notes = [$"{eval.Samples} test clips of voices that did not train; shown in detail: {chosen.Name}, the smallest that loses at most {LossAllowed:P1}"],
            Classes = CompressionReport.ClassesOf(model.Graph),
            ConfusionBefore = eval.Results[0].Confusion,
            ConfusionAfter = eval.Results[index].Confusion,
        }.Write(report.Report);
    }

    private static void Print(DemoReport report, string folder, TextWriter output)
    {
        output.WriteLine();
        TextTable table = new("network", ">KB", ">accuracy", ">us", ">speed-up");
        foreach (DemoLine l in report.Lines) table.Add(l.Name, $"{l.Bytes / 1024.0:F1}", $"{l.Accuracy:P1}", $"{l.MinUs:F1}", $"{l.SpeedUp:F2}");
        table.Write(output);
        output.WriteLine($"{report.Report}; {report.Seconds:F0} s. Try: edge run {Path.Combine(folder, "digits-int8.edge")} --input {Path.Combine(folder, "clips", "7-0.wav")}");
    }

    /// <summary>The words of a command.</summary>
    private sealed class Arguments(string verb, params string[] files) : Dictionary<string, string>(StringComparer.Ordinal)
    {
        public string[] Files => files;

        public override string ToString() => $"{verb} {string.Join(' ', files)}{string.Concat(this.Select(o => $" {o.Key} {o.Value}".TrimEnd()))}";
    }
}

/// <summary>What <c>demo</c> reports.</summary>
/// <param name="Lines">One a network.</param>
/// <param name="Report">The report's file; its figures lie beside as JSON.</param>
/// <param name="Seconds">Time of the whole.</param>
public sealed record DemoReport(IReadOnlyList<DemoLine> Lines, string Report, double Seconds);

/// <summary>One network.</summary>
/// <param name="Name">The way in which it was compressed.</param>
/// <param name="Model">The packed file.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="Accuracy">Share of test clips that it names rightly, in [0, 1].</param>
/// <param name="MinUs">The shortest run with one thread, microseconds.</param>
/// <param name="SpeedUp">The float network's time over this one's.</param>
public sealed record DemoLine(string Name, string Model, long Bytes, double Accuracy, double MinUs, double SpeedUp);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(DemoReport))]
[JsonSerializable(typeof(EvalReport))]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class DemoJson : JsonSerializerContext;
