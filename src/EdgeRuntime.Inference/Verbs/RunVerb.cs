using System.Diagnostics;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary><c>run</c>: runs a model on data files, writes its outputs.</summary>
public sealed class RunVerb(ModelSource source) : Verb
{
    private const int TopCount = 5;

    private static readonly VerbOption Input = new("--input", "[NAME=]FILE",
        "data of an input (.npy, .npz, .bin, IDX), or sound (.wav) where the model says how it is prepared; any number of samples stacked on the first axis; without it: zeros")
    { IsRepeatable = true };

    private static readonly VerbOption Output = new("--output", "[NAME=]FILE", "where to write an output (.npy)") { IsRepeatable = true, IsWritten = true };

    /// <inheritdoc/>
    public override string Name => "run";

    /// <inheritdoc/>
    public override string Summary => "run a model on data, write and show its outputs";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("MODEL", $"the model ({source.Formats})", 1, 1);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        Input,
        Output,
        new("--keep-state", null, "samples are one sequence: the states of recurrent layers last from sample to sample; else each begins anew"),
        .. DataFlags.Options,
        .. SessionFlags.Options,
        .. source.Options,
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        using OpenedModel model = source.Open(call.Arguments[0], call);
        string?[] inputFiles = NamedFiles.Assign(call, Input, model.Graph.Inputs), outputFiles = NamedFiles.Assign(call, Output, model.Graph.Outputs);
        using InferenceSession session = model.NewSession(SessionFlags.Read(call));
        if (call.Has("--keep-state") && session.StateBytes == 0) throw new UsageException("--keep-state: no layer keeps a state; edge compress --stateful makes recurrent layers keep theirs");
        InputSamples?[] inputs = LoadInputs(call, session, inputFiles, out int samples);
        byte[][] outputs = [.. session.Outputs.Select(o => new byte[checked(o.ByteCount * samples)])];
        long[] ticks = new long[samples];
        for (int s = 0; s < samples; s++)
        {
            for (int i = 0; i < inputs.Length; i++) inputs[i]?.Copy(s, session.InputBytes(i));
            if (!call.Has("--keep-state")) session.ResetState();
            long start = Stopwatch.GetTimestamp();
            session.Run();
            ticks[s] = Stopwatch.GetTimestamp() - start;
            for (int i = 0; i < outputs.Length; i++) session.OutputBytes(i).CopyTo(outputs[i].AsSpan(s * session.OutputBytes(i).Length));
        }
        Report(call, model, outputs, outputFiles, ticks);
        return 0;
    }

    private InputSamples?[] LoadInputs(VerbCall call, InferenceSession session, string?[] files, out int samples)
    {
        DataDescription description = DataFlags.Describe(call);
        InputSamples?[] inputs = new InputSamples?[files.Length];
        for (int i = 0; i < files.Length; i++)
        {
            if (files[i] is { } file) inputs[i] = new InputSamples(session.Inputs[i], source.LoadData(call, file, session.Graph), description);
            else FillZeros(session, i);
        }
        int[] counts = [.. inputs.OfType<InputSamples>().Select(i => i.Count).Distinct()];
        if (counts.Length > 1) throw new UsageException($"the inputs' files hold different numbers of samples: {string.Join(", ", counts)}");
        samples = counts.Length == 0 ? 1 : counts[0];
        return inputs;
    }

    /// <summary>Real zeros: an integer input's zero point.</summary>
    private static void FillZeros(InferenceSession session, int index)
    {
        if (session.Inputs[index] is { Quantization: { IsPerTensor: true } q, Type: ElementType.Int8 or ElementType.UInt8 }) session.InputBytes(index).Fill((byte)q.ZeroPoint);
        else session.InputBytes(index).Clear();
    }

    private static void Report(VerbCall call, OpenedModel model, byte[][] outputs, string?[] files, long[] ticks)
    {
        string[] labels = model.Graph.Metadata.TryGetValue(MetadataKeys.Labels, out string? text) ? text.Split('\n') : [];
        List<RunOutput> reports = [];
        for (int i = 0; i < outputs.Length; i++)
        {
            ValueInfo value = model.Graph.Outputs[i];
            TensorShape shape = ticks.Length == 1 ? value.Shape
                : value.Shape.Rank == 0 ? new TensorShape(ticks.Length) : value.Shape.With(0, checked(value.Shape[0] * ticks.Length));
            call.CurrentFile = files[i];
            if (files[i] is { } file) NumpyFile.Save(file, new Tensor(value.Type, shape, outputs[i]));
            Tensor first = new(value.Type, value.Shape, outputs[i].AsMemory(0, (int)value.ByteCount));
            reports.Add(new RunOutput(value.Name, value.Type.ToString(), shape.Dimensions.ToArray(), files[i], Top(first, value.Quantization, labels)));
        }
        int samples = ticks.Length;
        RunReport report = new(model.Path, samples, LatencySummary.Of(ticks).MedianUs, reports);
        if (call.IsJson) call.WriteJson(report, VerbJson.Default.RunReport);
        else Print(report, call.Output);
    }

    private static List<RunElement> Top(Tensor output, QuantizationParameters? quantization, string[] labels)
    {
        float[] values = output.ToFloats();
        if (quantization is { IsPerTensor: true } q)
            for (int i = 0; i < values.Length; i++) values[i] = q.Scale * (values[i] - q.ZeroPoint);
        int[] order = new int[values.Length];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(order, (a, b) => values[b].CompareTo(values[a]) is var c && c != 0 ? c : a.CompareTo(b));
        return [.. order.Take(TopCount).Select(i => new RunElement(i, i < labels.Length ? labels[i] : null, values[i]))];
    }

    private static void Print(RunReport report, TextWriter output)
    {
        output.WriteLine($"{report.Model}: {report.Samples} samples, median {report.MedianUs:F1} us");
        foreach (RunOutput o in report.Outputs)
        {
            output.WriteLine($"{o.Name} {o.Type} [{string.Join(",", o.Shape)}]" + (o.File is null ? "" : $" written to {o.File}"));
            foreach (RunElement e in o.Top) output.WriteLine($"  {e.Index,5}  {e.Value,12:G6}  {e.Label}".TrimEnd());
        }
    }
}
