using System.Text.Json.Serialization;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Cli;

/// <summary><c>edge train</c>: trains a classifier on, or from scratch, and writes it as ONNX or packed.</summary>
public sealed class TrainVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "train";

    /// <inheritdoc/>
    public override string Summary => "train a float classifier on";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("NETWORK", "the float network (.onnx, .tflite)", 1, 1);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        new("--output", "FILE", "the trained network to write (.onnx or .edge)") { Alias = "-o" },
        new("--data", "FILE", "training samples stacked on the first axis (.npy, .npz, .bin, IDX)"),
        new("--labels", "FILE", "their class numbers (.npy, IDX, .csv, .txt)"),
        new("--validate", "FIRST:END", "samples kept for validation; the epoch that does best on them is kept (none)"),
        new("--epochs", "N", "passes over the samples (10)"),
        new("--batch", "N", "samples of a step (64)"),
        new("--rate", "R", "peak of the learning rate, which falls as a cosine (0.001)"),
        new("--weight-decay", "W", "decoupled weight decay (0)"),
        new("--patience", "N", "epochs without a better validation accuracy after which to stop (never)"),
        new("--bptt", "N", "steps of recurrent layers that gradients flow back through (all)"),
        new("--noise", "D", "adds normal noise of a deviation up to D to the samples (none)"),
        new("--seed", "N", "seed of everything random (1)"),
        new("--threads", "N", "threads (all)"),
        new("--checkpoint", "FILE", "saved after every epoch; training goes on from it where it exists"),
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
        (Dataset data, Dataset? validation) = TrainingFlags.Load(call, graph, "--data", "--labels");
        call.CurrentFile = path;
        TrainingResult result = new Trainer(new TrainableNetwork(graph), data, validation, Read(call)).Run();
        call.Progress("");
        call.CurrentFile = target;
        if (isOnnx) OnnxExporter.Write(graph, target);
        else ModelWriter.Write(GraphOptimizer.Optimize(graph), target);
        TrainReport report = new(path, target, data.Count, validation?.Count ?? 0, result.Losses, result.Accuracies, result.BestEpoch);
        if (call.IsJson) call.WriteJson(report, TrainJson.Default.TrainReport);
        else Print(report, call.Output);
        return 0;
    }

    private static TrainingOptions Read(VerbCall call) => new()
    {
        Epochs = call.Int("--epochs", 10, 1),
        BatchSize = call.Int("--batch", 64, 1),
        Schedule = LearningRateSchedule.Cosine((float)(call.Positive("--rate") ?? 1e-3)),
        WeightDecay = (float)(call.Positive("--weight-decay") ?? 0),
        Patience = call.Int("--patience", 0),
        Window = call.Int("--bptt", 0, 1),
        Augment = call.Positive("--noise") is { } deviation ? Augmentations.Noise((float)deviation) : null,
        Seed = call.Int("--seed", 1),
        Workers = call.Int("--threads", 0, 1),
        Checkpoint = call.Text("--checkpoint"),
        OnProgress = p => call.Progress($"epoch {p.Epoch}/{p.Epochs}, step {p.Step}/{p.Steps}, loss {p.Loss:F4}" + (double.IsNaN(p.Accuracy) ? "" : $", accuracy {p.Accuracy:P2}") + $", {p.Remaining:h\\:mm\\:ss} left"),
    };

    private static void Print(TrainReport report, TextWriter output)
    {
        TextTable table = report.Accuracies.Count > 0 ? new("epoch", ">loss", ">accuracy") : new("epoch", ">loss");
        for (int i = 0; i < report.Losses.Count; i++)
            if (report.Accuracies.Count > 0) table.Add($"{i + 1}", $"{report.Losses[i]:F4}", $"{report.Accuracies[i]:P2}");
            else table.Add($"{i + 1}", $"{report.Losses[i]:F4}");
        table.Write(output);
        output.WriteLine($"{report.Model}: the parameters of epoch {report.BestEpoch}, trained on {report.Samples} samples");
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
public sealed record TrainReport(string Source, string Model, int Samples, int ValidationSamples, IReadOnlyList<double> Losses, IReadOnlyList<double> Accuracies, int BestEpoch);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(TrainReport))]
internal sealed partial class TrainJson : JsonSerializerContext;
