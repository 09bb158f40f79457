using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Cli;

/// <summary><c>edge demo</c>: the whole way, from data to a measured packed model, with nothing to download.</summary>
public sealed class DemoVerb : Verb
{
    private const int TrainingSamples = 1600, TestSamples = 800, CalibrationSamples = 100;

    /// <inheritdoc/>
    public override string Name => "demo";

    /// <inheritdoc/>
    public override string Summary => "make data and a small network, compress it, compare accuracy, size and speed";

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } = [new("--output", "FOLDER", "where to put data and models (artifacts/demo)") { Alias = "-o" }];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        string folder = call.Text("--output") ?? Path.Combine("artifacts", "demo");
        Directory.CreateDirectory(folder);
        string File(string name) => Path.Combine(folder, name);

        call.Error.WriteLine($"making {TrainingSamples} training and {TestSamples} test pictures of {DemoData.Classes} made-up words");
        DemoData training = DemoData.Make(TrainingSamples, seed: 1), test = DemoData.Make(TestSamples, seed: 2);
        NumpyFile.Save(File("training.npy"), training.Inputs);
        NumpyFile.Save(File("training-labels.npy"), training.Labels);
        NumpyFile.Save(File("test.npy"), test.Inputs);
        NumpyFile.Save(File("test-labels.npy"), test.Labels);

        call.Error.WriteLine("fitting a float network to the training pictures");
        Graph network = DemoNetwork.Fit(training);
        OnnxExporter.Write(network, File("words.onnx"));
        ModelWriter.Write(network, File("words-float.edge"));

        NetworkSource source = new();
        (Verb Verb, string[] Arguments, (string, string)[] Options)[] steps =
        [
            (new CompressVerb(source), [File("words-float.edge")], [("--output", File("words-int8.edge")), ("--calibrate", File("training.npy")), ("--calibrate-range", $"0:{CalibrationSamples}")]),
            (new EvalVerb(source), [File("words-float.edge"), File("words-int8.edge")], [("--data", File("test.npy")), ("--labels", File("test-labels.npy"))]),
            (new BenchVerb(source), [File("words-float.edge"), File("words-int8.edge")], []),
        ];
        List<string> reports = [];
        foreach (var (verb, arguments, options) in steps)
        {
            call.Error.WriteLine();
            call.Error.WriteLine($"$ edge {verb.Name} {string.Join(' ', arguments)}{string.Concat(options.Select(o => $" {o.Item1} {o.Item2}"))}");
            Dictionary<string, IReadOnlyList<string>> given = options.ToDictionary(o => o.Item1, o => (IReadOnlyList<string>)[o.Item2]);
            if (call.IsJson) given[Json.Name] = [];
            using StringWriter json = new();
            int code = verb.Run(new VerbCall(arguments, given, call.IsJson ? json : call.Output, call.Error) { IsInteractive = call.IsInteractive });
            if (code != 0) return code;
            reports.Add($"\"{verb.Name}\": {json}");
        }
        if (call.IsJson) call.Output.WriteLine($"{{{string.Join(", ", reports)}}}");
        return 0;
    }
}
