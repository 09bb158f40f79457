using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Cli;

/// <summary>Labelled samples as verbs take them.</summary>
internal static class TrainingFlags
{
    /// <summary>Reads samples and labels, and keeps those of <c>--validate</c> for validation.</summary>
    /// <exception cref="UsageException">They don't fit each other or the network.</exception>
    public static TrainingSamples Load(VerbCall call, Graph graph, string dataOption, string labelsOption)
    {
        if (graph.Inputs.Count != 1) throw new UsageException($"{call.Arguments[0]} has {graph.Inputs.Count} inputs; training feeds one");
        string file = call.Required(dataOption), labelFile = call.Required(labelsOption);
        InputSamples samples = new(graph.Inputs[0], DataFlags.Load(call, file), DataFlags.Describe(call));
        call.CurrentFile = labelFile;
        int[] labels = LabelFile.Load(labelFile);
        if (labels.Length != samples.Count) throw new UsageException($"{file} holds {samples.Count} samples, {labelFile} {labels.Length} labels");
        int length = checked((int)graph.Inputs[0].Shape.ElementCount), classes = graph.Outputs[0].Shape[-1];
        if (graph.Outputs[0].Shape.ElementCount != classes) throw new UsageException($"{call.Arguments[0]} gives {graph.Outputs[0]}, not one score a class");
        if (Array.FindIndex(labels, l => l < 0 || l >= classes) is >= 0 and var wrong) throw new UsageException($"label {wrong} is {labels[wrong]}; {call.Arguments[0]} has classes 0 to {classes - 1}");
        float[] all = new float[(long)length * labels.Length];
        for (int i = 0; i < labels.Length; i++) samples[i].ToFloats().CopyTo(all, i * length);
        if (!call.Has("--validate")) return new(new Dataset(all, labels, length));
        var (first, end) = DataFlags.Range(call, "--validate", labels.Length);
        if (end - first == labels.Length) throw new UsageException("--validate leaves no sample to train on");
        float[] rest = [.. all.AsSpan(0, first * length), .. all.AsSpan(end * length)];
        return new(new Dataset(rest, (int[])[.. labels[..first], .. labels[end..]], length),
            new Dataset(all.AsMemory(first * length, (end - first) * length), labels.AsMemory(first, end - first), length));
    }
}
