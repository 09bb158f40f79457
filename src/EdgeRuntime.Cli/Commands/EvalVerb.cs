using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Cli;

/// <summary><c>edge eval</c>: the accuracy of classifiers on labelled data, before and after compression in one table.</summary>
public sealed class EvalVerb(ModelSource source) : Verb
{
    /// <inheritdoc/>
    public override string Name => "eval";

    /// <inheritdoc/>
    public override string Summary => "measure the accuracy of classifiers on labelled data";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("MODEL", $"models ({source.Formats})", 1, 1000);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        new("--data", "FILE", "samples stacked on the first axis (.npy, .npz, .bin, IDX)"),
        new("--labels", "FILE", "class numbers, one a sample (.npy, IDX, .csv, .txt)"),
        new("--range", "FIRST:END", "samples to use (all)"),
        new("--confusion", null, "show how often each class is taken for each other"),
        .. DataFlags.Options,
        .. SessionFlags.Options,
        .. source.Options,
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        int[] labels = LoadLabels(call);
        Tensor data = DataFlags.Load(call, call.Required("--data"));
        DataDescription description = DataFlags.Describe(call);
        SessionOptions options = SessionFlags.Read(call);
        var (first, end) = DataFlags.Range(call, "--range", labels.Length);
        List<EvalResult> results = [];
        foreach (string path in call.Arguments)
        {
            using OpenedModel model = source.Open(path, call);
            using InferenceSession session = model.NewSession(options);
            if (session.Inputs.Count != 1) throw new UsageException($"{path} has {session.Inputs.Count} inputs; eval feeds one");
            InputSamples samples = new(session.Inputs[0], data, description);
            if (samples.Count != labels.Length)
                throw new UsageException($"{call.Required("--data")} holds {samples.Count} samples for {path}, {call.Required("--labels")} {labels.Length} labels");
            results.Add(Evaluate(call, path, session, samples, labels, first, end));
        }
        call.Progress("");
        EvalReport report = new(end - first, results);
        if (call.IsJson) call.WriteJson(report, EvalJson.Default.EvalReport);
        else Print(report, call.Output);
        return 0;
    }

    /// <summary>Runs samples [first, end) and counts where the right class stands.</summary>
    internal static EvalResult Evaluate(VerbCall call, string path, InferenceSession session, InputSamples samples, int[] labels, int first, int end)
    {
        int classes = session.Outputs[0].Shape is { Rank: > 0 } shape ? shape[-1] : 1;
        if (session.Outputs[0].Shape.ElementCount != classes) throw new UsageException($"{path} gives {session.Outputs[0]}, not one score a class");
        int wrong = Array.FindIndex(labels, l => l < 0 || l >= classes);
        if (wrong >= 0) throw new UsageException($"label {wrong} is {labels[wrong]}; {path} has classes 0 to {classes - 1}");
        int[][] confusion = [.. Enumerable.Range(0, classes).Select(_ => new int[classes])];
        int top1 = 0, top5 = 0;
        float[] scores = new float[classes];
        for (int s = first; s < end; s++)
        {
            samples.Copy(s, session.InputBytes(0));
            session.ResetState();
            session.Run();
            Scores(session, scores);
            int best = 0;
            for (int c = 1; c < classes; c++)
                if (scores[c] > scores[best]) best = c;
            float right = scores[labels[s]];
            // Equal scores stand in class order, so that the result does not depend on how they came about.
            int rank = scores.Index().Count(p => p.Item > right || p.Item == right && p.Index < labels[s]);
            if (rank == 0) top1++;
            if (rank < 5) top5++;
            confusion[labels[s]][best]++;
            if (s % 100 == 0) call.Progress($"{path}: {s - first} of {end - first}");
        }
        double count = end - first;
        return new EvalResult(path, top1 / count, top5 / count, end - first, new FileInfo(path) is { Exists: true } f ? f.Length : 0,
            call.Has("--confusion") ? confusion : null);
    }

    private static void Scores(InferenceSession session, float[] scores)
    {
        ReadOnlySpan<byte> bytes = session.OutputBytes(0);
        switch (session.Outputs[0].Type)
        {
            case ElementType.Float32: MemoryMarshal.Cast<byte, float>(bytes).CopyTo(scores); break;
            case ElementType.Int8: for (int i = 0; i < scores.Length; i++) scores[i] = (sbyte)bytes[i]; break;
            case ElementType.UInt8: for (int i = 0; i < scores.Length; i++) scores[i] = bytes[i]; break;
            default: throw new ModelException(ModelErrorKind.Unsupported, session.Outputs[0].Name, $"scores of type {session.Outputs[0].Type} can't be ranked");
        }
    }

    private static int[] LoadLabels(VerbCall call)
    {
        string path = call.Required("--labels");
        call.CurrentFile = path;
        return LabelFile.Load(path);
    }

    /// <summary>Prints one row a model, and confusion tables where asked for.</summary>
    internal static void Print(EvalReport report, TextWriter output)
    {
        TextTable table = new("model", ">bytes", ">top-1 %", ">top-5 %", ">samples");
        foreach (EvalResult r in report.Results)
            table.Add(Path.GetFileName(r.Model), $"{r.Bytes:N0}", $"{r.Top1 * 100:F2}", $"{r.Top5 * 100:F2}", $"{r.Samples}");
        table.Write(output);
        foreach (EvalResult r in report.Results)
        {
            if (r.Confusion is not { } confusion) continue;
            output.WriteLine();
            output.WriteLine($"{Path.GetFileName(r.Model)}: rows are the true classes, columns the answers");
            TextTable classes = new(["class", .. confusion.Select((_, c) => $">{c}"), ">right %"]);
            foreach (var (c, row) in confusion.Index())
                classes.Add([$"{c}", .. row.Select(n => $"{n}"), row.Sum() == 0 ? "-" : $"{100.0 * row[c] / row.Sum():F1}"]);
            classes.Write(output);
        }
    }
}

/// <summary>What <c>eval</c> reports.</summary>
/// <param name="Samples">Samples used.</param>
/// <param name="Results">One a model, in the order given.</param>
public sealed record EvalReport(int Samples, IReadOnlyList<EvalResult> Results);

/// <summary>One model's accuracy.</summary>
/// <param name="Model">The file.</param>
/// <param name="Top1">Share of samples whose class has the highest score, in [0, 1].</param>
/// <param name="Top5">Share of samples whose class is among the five highest scores, in [0, 1].</param>
/// <param name="Samples">Samples used.</param>
/// <param name="Bytes">Bytes of the file.</param>
/// <param name="Confusion">Counts by true class and answer; null unless asked for.</param>
public sealed record EvalResult(string Model, double Top1, double Top5, int Samples, long Bytes, int[][]? Confusion);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, GenerationMode = JsonSourceGenerationMode.Serialization)]
[JsonSerializable(typeof(EvalReport))]
internal sealed partial class EvalJson : JsonSerializerContext;
