using System.Text.Json.Serialization;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Cli;

/// <summary><c>edge train</c>: trains a classifier on, or from scratch, and writes it as ONNX or packed.</summary>
public sealed class TrainVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "train";

    /// <inheritdoc/>
    public override string Summary => "train a float classifier, alone or from a teacher";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("NETWORK", "the float network (.onnx, .tflite)", 1, 1);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        new("--output", "FILE", "the trained network to write (.onnx or .edge)") { Alias = "-o", IsWritten = true },
        new("--data", "FILE", "training samples stacked on the first axis (.npy, .npz, .bin, IDX)"),
        new("--labels", "FILE", "their class numbers (.npy, IDX, .csv, .txt)"),
        new("--validate", "FIRST:END", "samples kept for validation; the epoch that does best on them is kept (none)"),
        new("--epochs", "N", "passes over the samples (10)"),
        new("--batch", "N", "samples of a step (64)"),
        new("--init", "trained|random", "what to begin with: the network's weights, or random ones (trained)"),
        new("--rate", "R", "peak of the learning rate (0.001)"),
        new("--schedule", "TEXT", "how it falls: cosine, constant, or step:FACTOR,AT,… such as step:0.1,0.5,0.75 (cosine)"),
        new("--warmup", "S", "share of the steps over which it rises from 0 (0)"),
        new("--optimizer", "adam|sgd", "Adam with decoupled weight decay, or gradient descent with momentum (adam)"),
        new("--weight-decay", "W", "weight decay (0)"),
        new("--gradient-limit", "G", "largest norm of all gradients together (none)"),
        new("--average-decay", "D", "keep a moving average of the parameters with this decay, such as 0.999 (none)"),
        new("--label-smoothing", "S", "smoothing of the class targets (0)"),
        new("--patience", "N", "epochs without a better validation accuracy after which to stop (never)"),
        new("--bptt", "N", "steps of recurrent layers that gradients flow back through (all)"),
        new("--augment", "TEXT", "a random change of the samples: mirror, shift:ROWS,COLUMNS, cutout:SIZE, noise:DEVIATION, gain:LOW,HIGH, offset:RANGE, specaugment:FRAMES,BANDS, stretch:SHARE") { IsRepeatable = true },
        new("--teacher", "FILE", "a trained network to learn from besides the labels (.onnx, .tflite, .edge)"),
        new("--alpha", "A", "weight of the teacher's outputs; the labels have the rest (0.5)"),
        new("--temperature", "T", "what logits are divided by before they are compared with the teacher's (2)"),
        new("--soft", "kl|mse", "how they are compared (kl)"),
        new("--hint", "NODE[=NODE]", "a node of the network whose output is to be like that of the teacher's node") { IsRepeatable = true },
        new("--hint-weight", "W", "weight of the hints (1)"),
        new("--attention", null, "hints compare where layers look instead of what they say"),
        new("--deep-supervision", "NODE", "a node that gets a classifier of its own while training") { IsRepeatable = true },
        new("--mutual", "N", "networks trained together that learn from each other; the first is kept (1)"),
        new("--generations", "N", "trainings, each taught by the network before; the best is kept (1)"),
        new("--seed", "N", "seed of everything random (1)"),
        new("--threads", "N", "threads (all)"),
        new("--checkpoint", "FILE", "saved after every epoch; training goes on from it where it exists") { IsWritten = true },
        .. DataFlags.Options,
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        string target = call.Required("--output"), path = call.Arguments[0];
        bool isOnnx = target.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase);
        if (!isOnnx && !target.EndsWith(".edge", StringComparison.OrdinalIgnoreCase)) throw new UsageException($"--output is '{target}'; a name ending in .onnx or .edge expected");
        call.CurrentFile = path;
        Graph graph = GraphOptimizer.PrepareForTraining(NetworkImporter.Load(path));
        TrainingSamples samples = TrainingFlags.Load(call, graph, "--data", "--labels");
        call.CurrentFile = path;
        TuitionResult trained = Train(call, graph, samples);
        call.Progress("");
        call.CurrentFile = target;
        if (isOnnx) OnnxExporter.Write(graph, target);
        else ModelWriter.Write(GraphOptimizer.Optimize(graph), target);
        TrainReport report = new(path, target, samples.Data.Count, samples.Validation?.Count ?? 0, trained.Result.Losses, trained.Result.Accuracies, trained.Result.BestEpoch, trained.Generation);
        if (call.IsJson) call.WriteJson(report, TrainJson.Default.TrainReport);
        else Print(report, call.Output);
        return 0;
    }

    private static TuitionResult Train(VerbCall call, Graph graph, TrainingSamples samples)
    {
        PassContext context = new() { Threads = call.Int("--threads", Environment.ProcessorCount, 1), Seed = call.Int("--seed", 1), Progress = call.Progress };
        try
        {
            return Tuition.Run(graph, samples, Read(call), context, "train", call.Text("--checkpoint"));
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message);
        }
    }

    private static FineTuneOptions Read(VerbCall call) => new()
    {
        Epochs = call.Int("--epochs", 10, 1),
        Batch = call.Int("--batch", 64, 1),
        Init = call.Text("--init") ?? "trained",
        Rate = call.Positive("--rate") ?? 1e-3,
        Schedule = call.Text("--schedule") ?? "cosine",
        Warmup = call.Positive("--warmup") ?? 0,
        Optimizer = call.Text("--optimizer") ?? "adam",
        WeightDecay = call.Positive("--weight-decay") ?? 0,
        GradientLimit = call.Positive("--gradient-limit") ?? 0,
        AverageDecay = call.Positive("--average-decay") ?? 0,
        LabelSmoothing = call.Positive("--label-smoothing") ?? 0,
        Patience = call.Int("--patience", 0),
        Window = call.Int("--bptt", 0, 1),
        Augment = call.All("--augment"),
        Teacher = call.Text("--teacher"),
        Alpha = call.Positive("--alpha") ?? 0.5,
        Temperature = call.Positive("--temperature") ?? 2,
        Soft = call.Text("--soft") ?? "kl",
        Hints = call.All("--hint"),
        HintWeight = call.Positive("--hint-weight") ?? 1,
        Attention = call.Has("--attention"),
        DeepSupervision = call.All("--deep-supervision"),
        Mutual = call.Int("--mutual", 1, 1),
        Generations = call.Int("--generations", 1, 1),
    };

    private static void Print(TrainReport report, TextWriter output)
    {
        TextTable table = report.Accuracies.Count > 0 ? new("epoch", ">loss", ">accuracy") : new("epoch", ">loss");
        for (int i = 0; i < report.Losses.Count; i++)
            if (report.Accuracies.Count > 0) table.Add($"{i + 1}", $"{report.Losses[i]:F4}", $"{report.Accuracies[i]:P2}");
            else table.Add($"{i + 1}", $"{report.Losses[i]:F4}");
        table.Write(output);
        output.WriteLine($"{report.Model}: the parameters of epoch {report.BestEpoch}{(report.Generation > 1 ? $" of generation {report.Generation}" : "")}, trained on {report.Samples} samples");
    }
}

/// <summary>What <c>train</c> reports.</summary>
/// <param name="Source">The network it began with.</param>
/// <param name="Model">The network written.</param>
/// <param name="Samples">Samples trained on.</param>
/// <param name="ValidationSamples">Samples kept for validation.</param>
/// <param name="Losses">Mean training loss of each epoch.</param>
/// <param name="Accuracies">Validation accuracy after each, in [0, 1].</param>
/// <param name="BestEpoch">The epoch whose parameters were written.</param>
/// <param name="Generation">The generation they are of.</param>
public sealed record TrainReport(string Source, string Model, int Samples, int ValidationSamples, IReadOnlyList<double> Losses, IReadOnlyList<double> Accuracies, int BestEpoch, int Generation);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(TrainReport))]
internal sealed partial class TrainJson : JsonSerializerContext;
