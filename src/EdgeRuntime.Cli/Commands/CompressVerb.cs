using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Cli;

/// <summary><c>edge compress</c>: makes a packed model of a trained network.</summary>
public sealed class CompressVerb(ModelSource source) : Verb
{
    private const string DefaultRecipe = "int8";

    private static readonly VerbOption Calibrate =
        new("--calibrate", "[NAME=]FILE", "representative inputs; a float network is then quantised to int8; one file for each input") { IsRepeatable = true };

    /// <inheritdoc/>
    public override string Name => "compress";

    /// <inheritdoc/>
    public override string Summary => "import, optimise, quantise and pack a network";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("NETWORK", $"the trained network ({source.Formats})", 1, 1);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        new("--output", "FILE", "the packed model to write") { Alias = "-o", IsWritten = true },
        Calibrate,
        new("--calibrate-range", "FIRST:END", "samples to calibrate with (all)"),
        new("--train", "FILE", "labelled samples, for recipes that train; without --calibrate some of them calibrate, too"),
        new("--train-labels", "FILE", "their class numbers (.npy, IDX, .csv, .txt)"),
        new("--validate", "FIRST:END", "training samples kept for validation; the epoch that does best on them is kept (none)"),
        new("--seed", "N", "seed of everything random (1)"),
        new("--recipe", "NAME|FILE", $"passes to apply: {string.Join(", ", Recipe.Shipped)}, or a JSON file ({DefaultRecipe} with --calibrate, else none)"),
        new("--profile", "NAME|FILE", "the board to compress for: weights are stored for its kernels too, its memory is checked"),
        new("--stateful", null, "recurrent layers keep their states from run to run, for streams; TensorFlow Lite's do as they are"),
        new("--compact", null, "numbers for the names of inner layers, no scales that follow from others, of the recipe its name: a smaller file"),
        new("--report", "FILE", "where to write what every pass did: a page (.html, its figures as JSON beside it), or JSON") { IsWritten = true },
        new("--eval", "FILE", "labelled samples to measure accuracy with, for the page (those of --validate)"),
        new("--eval-labels", "FILE", "their class numbers"),
        new("--threads", "N", "threads for running the network (all)"),
        .. DataFlags.Options,
        .. source.Options,
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        string target = call.Required("--output");
        RuntimeProfile? profile = SessionFlags.Profile(call);
        Recipe? recipe = call.Text("--recipe") is { } wish ? Recipe.Load(wish) : call.Has(Calibrate.Name) ? Recipe.Load(DefaultRecipe) : null;
        if (recipe is { NeedsTraining: true } && !call.Has("--train"))
            throw new UsageException($"recipe {recipe.Name} trains the network; give labelled samples with --train FILE and --train-labels FILE");
        if (recipe is { NeedsCalibration: true } && !call.Has(Calibrate.Name) && !call.Has("--train"))
            throw new UsageException($"recipe {recipe.Name} needs representative inputs; give some with --calibrate FILE");
        using OpenedModel model = source.Open(call.Arguments[0], call);
        Graph graph = model.Graph;
        if (call.Has("--stateful")) KeepStates(graph);
        TrainingSamples? training = call.Has("--train") ? TrainingFlags.Load(call, graph, "--train", "--train-labels") : null;
        PassContext context = new()
        {
            Calibration = LoadCalibration(call, graph) ?? training?.Calibration(graph.Inputs[0]),
            Training = training,
            Threads = call.Int("--threads", Environment.ProcessorCount, 1),
            Seed = call.Int("--seed", 1),
            Profile = profile,
            Progress = call.Progress,
        };
        bool isPage = call.Text("--report")?.EndsWith(".html", StringComparison.OrdinalIgnoreCase) == true;
        Graph? before = isPage ? GraphCopy.Of(graph) : null;
        Dataset? evaluation = isPage ? Evaluation(call, graph) ?? training?.Validation : null;
        call.CurrentFile = call.Arguments[0];
        call.Progress($"compressing {model.Path}");
        PipelineReport? pipeline = recipe is null ? null : CompressionPipeline.Run(graph, recipe, context);
        call.Progress("");
        IReadOnlyList<PrepackedPanel> panels = profile is null ? [] : Prepack(call, graph, profile);
        call.CurrentFile = target;
        bool isCompact = call.Has("--compact");
        if (isCompact && recipe is not null) graph.Metadata[MetadataKeys.Recipe] = $"\"{JsonEncodedText.Encode(recipe.Name)}\"";
        ModelWriter.Write(graph, target, new ModelWriterOptions { Prepacked = panels, ShortNames = isCompact, ImpliedScales = isCompact });
        long macs = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
        CompressReport report = new(model.Path, target, new FileInfo(model.Path).Length, new FileInfo(target).Length, graph.Nodes.Count, macs, recipe?.Name, profile?.Name, panels.Sum(p => (long)p.Data.Length),
            profile is null ? null : new LatencyModel(profile).Predict(graph), pipeline?.Passes ?? []);
        if (before is not null) CompressPage.Of(before, graph, evaluation, report, context.Calibration).Write(call.Text("--report")!);
        else if (call.Text("--report") is { } file) AtomicFile.Write(file, s => JsonSerializer.Serialize(s, report, CompressJson.Default.CompressReport));
        if (call.IsJson) call.WriteJson(report, CompressJson.Default.CompressReport);
        else Print(report, call.Output);
        return 0;
    }

    private static void KeepStates(Graph graph)
    {
        Node[] recurrent = [.. graph.Nodes.Where(n => n.Type is OperatorType.Lstm or OperatorType.Gru)];
        if (recurrent.Length == 0) throw new UsageException("--stateful: the network has no recurrent layers");
        if (recurrent.FirstOrDefault(n => n.Attributes.Int("direction") != 0) is { } backward)
            throw new UsageException($"--stateful: {backward} reads sequences from their end, so that it can't go on where a run ended");
        foreach (Node node in recurrent) node.Attributes.Set("stateful", 1);
    }

    private static Dataset? Evaluation(VerbCall call, Graph graph)
    {
        if (!call.Has("--eval")) return null;
        TrainingSamples samples = TrainingFlags.Load(call, graph, "--eval", "--eval-labels");
        return samples.Validation ?? samples.Data;
    }

    private static CalibrationData? LoadCalibration(VerbCall call, Graph graph)
    {
        if (!call.Has(Calibrate.Name)) return null;
        DataDescription description = DataFlags.Describe(call);
        string?[] files = NamedFiles.Assign(call, Calibrate, graph.Inputs);
        if (Array.FindIndex(files, f => f is null) is >= 0 and int missing)
            throw new UsageException($"--calibrate: no data for input {graph.Inputs[missing].Name}; give {graph.Inputs[missing].Name}=FILE");
        InputSamples[] samples = [.. files.Select((file, i) =>
        {
            Tensor data = DataFlags.Load(call, file!);
            return new InputSamples(graph.Inputs[i], data, description);
        })];
        int count = samples[0].Count;
        if (samples.Any(s => s.Count != count)) throw new UsageException($"--calibrate: the files hold {string.Join(", ", samples.Select(s => s.Count))} samples; all must hold as many");
        var (first, end) = DataFlags.Range(call, "--calibrate-range", count);
        CalibrationData calibration = new();
        for (int s = first; s < end; s++) calibration.Add([.. samples.Select(i => i[s])]);
        return calibration;
    }

    /// <summary>Packs weights for the board's kernels, and checks that the board can hold the network.</summary>
    private static IReadOnlyList<PrepackedPanel> Prepack(VerbCall call, Graph graph, RuntimeProfile profile)
    {
        graph.Metadata["profile"] = profile.Name;
        (IReadOnlyList<PrepackedPanel> panels, long bytes) = InferenceSession.Prepack(graph, new SessionOptions
        {
            Cpu = profile.Features,
            KernelOverrides = profile.KernelOverrides,
            Threads = profile.Threads.Count,
        });
        double needed = (bytes + panels.Sum(p => (long)p.Data.Length)) / 1048576.0;
        if (needed > profile.Memory.BudgetMib)
            call.Error.WriteLine($"warning: the network needs {needed:F1} MiB, more than the {profile.Memory.BudgetMib} MiB that profile {profile.Name} grants");
        return panels;
    }

    private static void Print(CompressReport report, TextWriter output)
    {
        foreach (PassReport pass in report.Passes)
        {
            string latency = pass.PredictedUs is { } us ? $", {us:N0} µs" : "";
            output.WriteLine($"{pass.Pass}: {pass.Changes} changes; {pass.Nodes} layers, {pass.ConstantBytes:N0} bytes of constants{latency}");
            foreach (string note in pass.Notes) output.WriteLine($"  {note}");
            if (pass.Factors.Count > 0) PrintFactors(pass.Factors, output);
            if (pass.Layers.Count == 0) continue;
            TextTable layers = new("layer", "operator", ">signal to noise dB");
            foreach (LayerReport l in pass.Layers) layers.Add(l.Name, l.Operator, $"{l.SignalToNoise:F1}");
            layers.Write(output);
        }
        output.WriteLine($"{report.Model}: {report.Bytes:N0} bytes (source {report.SourceBytes:N0}), {report.Nodes} layers, {report.Macs:N0} multiply-accumulates");
        if (report.PanelBytes > 0) output.WriteLine($"with {report.PanelBytes:N0} bytes of weights packed for {report.Profile}");
        if (report.Latency is { } predicted) output.WriteLine($"latency on one core of {predicted.Profile}: {predicted.TotalUs:N0} µs, {predicted.Basis}");
    }

    private static void PrintFactors(IReadOnlyList<FactorReport> factors, TextWriter output)
    {
        TextTable table = new("layer", "factors", ">ranks", ">error", ">MACs before", ">after");
        foreach (FactorReport f in factors) table.Add(f.Name, f.Method, string.Join(" ", f.Ranks), $"{f.RelativeError:P1}", $"{f.MacsBefore:N0}", $"{f.MacsAfter:N0}");
        table.Write(output);
    }
}

/// <summary>What <c>compress</c> reports.</summary>
/// <param name="Source">The network's file.</param>
/// <param name="Model">The packed file.</param>
/// <param name="SourceBytes">Bytes of the network's file.</param>
/// <param name="Bytes">Bytes of the packed file.</param>
/// <param name="Nodes">Layers.</param>
/// <param name="Macs">Multiply-accumulates of one run.</param>
/// <param name="Recipe">The recipe applied; null for none.</param>
/// <param name="Profile">The board profile, if one was named.</param>
/// <param name="PanelBytes">Bytes of weights in the layouts of that board's kernels, part of <paramref name="Bytes"/>.</param>
/// <param name="Latency">What the network is predicted to take on one core of that board.</param>
/// <param name="Passes">What every pass did.</param>
public sealed record CompressReport(string Source, string Model, long SourceBytes, long Bytes, int Nodes, long Macs, string? Recipe, string? Profile, long PanelBytes,
    LatencyPrediction? Latency, IReadOnlyList<PassReport> Passes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(CompressReport))]
internal sealed partial class CompressJson : JsonSerializerContext;
