using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary><c>inspect</c>: shows what a model holds.</summary>
public sealed class InspectVerb(ModelSource source) : Verb
{
    private const int LongestText = 60;

    /// <inheritdoc/>
    public override string Name => "inspect";

    /// <inheritdoc/>
    public override string Summary => "show a model's header, sections, inputs, outputs, layers and memory";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("MODEL", $"the model ({source.Formats})", 1, 1);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } = source.Options;

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        using OpenedModel model = source.Open(call.Arguments[0], call);
        ModelSummary summary = model.Packed is { } packed ? ModelSummary.Of(packed) : ModelSummary.Of(model.Graph);
        long? arena = null, weights = null, states = null;
        string? problem = null;
        try
        {
            using InferenceSession session = model.NewSession();
            (arena, weights, states) = (session.ArenaBytes, session.WeightBytes, session.StateBytes);
        }
        catch (ModelException e)
        {
            problem = e.Message;
        }
        InspectReport report = new(model.Path, arena, weights, states, problem, summary);
        if (call.IsJson) call.WriteJson(report, VerbJson.Default.InspectReport);
        else Print(report, call.Output);
        return 0;
    }

    private static void Print(InspectReport report, TextWriter output)
    {
        ModelSummary s = report.Summary;
        output.WriteLine($"{report.Model}: {s.Name}");
        if (s.File is { } file) PrintFile(file, output);
        foreach (var (key, value) in s.Metadata) output.WriteLine($"{key}: {Shorten(value)}");
        foreach (ValueSummary v in s.Inputs) output.WriteLine($"input {Describe(v)}");
        foreach (ValueSummary v in s.Outputs) output.WriteLine($"output {Describe(v)}");
        output.WriteLine();
        TextTable layers = new("layer", "operator", "type", "output", "weights", "stored as", ">bytes", ">MACs");
        foreach (LayerSummary l in s.Layers)
            layers.Add(Shorten(l.Name), l.Operator, l.Output.Type, Shape(l.Output.Shape), l.WeightShape is null ? "-" : Shape(l.WeightShape), l.WeightStorage ?? "-",
                $"{l.ConstantBytes:N0}", $"{l.MultiplyAccumulates:N0}");
        layers.Write(output);
        output.WriteLine();
        output.WriteLine($"{s.Totals.Layers} layers, {s.Totals.Parameters:N0} parameters, {s.Totals.ConstantBytes:N0} bytes of constants, {s.Totals.MultiplyAccumulates:N0} multiply-accumulates");
        output.WriteLine(report.Problem is { } problem ? $"can't be run here: {problem}" : $"in memory: arena {report.ArenaBytes:N0} bytes, packed weights {report.WeightBytes:N0} bytes"
            + (report.StateBytes > 0 ? $", states kept from run to run {report.StateBytes:N0} bytes" : ""));
    }

    private static void PrintFile(FileSummary file, TextWriter output)
    {
        output.WriteLine($"format {file.Version}, readable from {file.MinimumReader} on; {file.Bytes:N0} bytes; identity {file.Identity}");
        TextTable sections = new("section", "required", ">offset", ">bytes", "sha-256");
        foreach (SectionSummary s in file.Sections) sections.Add(s.Name, s.Required ? "yes" : "no", $"{s.Offset:N0}", $"{s.Bytes:N0}", s.Sha256[..16]);
        sections.Write(output);
        output.WriteLine($"golden samples: {file.GoldenSamples}; prepacked for: {(file.PrepackedKernels.Count == 0 ? "no kernel" : string.Join(", ", file.PrepackedKernels))}");
    }

    private static string Describe(ValueSummary v) => $"{v.Name} {v.Type} {Shape(v.Shape)} {v.Quantization}".TrimEnd();

    private static string Shape(IReadOnlyList<int> dimensions) => $"[{string.Join(",", dimensions)}]";

    private static string Shorten(string text)
    {
        text = text.ReplaceLineEndings(" ");
        return text.Length <= LongestText ? text : text[..LongestText] + "…";
    }
}
