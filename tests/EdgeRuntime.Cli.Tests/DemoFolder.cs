using System.Text.Json.Nodes;
using EdgeRuntime.Inference;
using EdgeRuntime.Sensors;

namespace EdgeRuntime.Cli.Tests;

/// <summary>A folder filled by <c>edge demo</c>, once for all tests, and the two programs to call on it.</summary>
public sealed class DemoFolder : IDisposable
{
    private static readonly NetworkSource Networks = new() { ReadSound = SoundFeatures.Load };

    public DemoFolder() => Demo = Edge("demo", "-o", Root, "--only", "float,int8", "--json");

    public string Root { get; } = Directory.CreateTempSubdirectory("edge-demo").FullName;

    /// <summary>What the demonstration printed.</summary>
    internal Outcome Demo { get; }

    public string this[string file] => Path.Combine(Root, file);

    internal static Outcome Edge(params string[] args)
    {
        CommandLine program = new("edge", "test", [new CompressVerb(Networks), new EvalVerb(Networks), new TrainVerb(), new SearchVerb(Networks), new RunVerb(Networks), new BenchVerb(Networks), new InspectVerb(Networks), new DemoVerb()]);
        return Capture((output, error) => program.Run(args, output, error, false));
    }

    internal static Outcome Edged(params string[] args)
    {
        PackedModelSource source = new() { ReadSound = SoundFeatures.Load };
        Daemon.CommandLine program = new("edged", "1.2.3", [new RunVerb(source), new BenchVerb(source), new InspectVerb(source), new DoctorVerb(source, "1.2.3")]);
        return Capture((output, error) => program.Run(args, output, error, false));
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static Outcome Capture(Func<TextWriter, TextWriter, int> run)
    {
        using StringWriter output = new(), error = new();
        int code = run(output, error);
        return new Outcome(code, output.ToString(), error.ToString());
    }
}

/// <summary>How a program ended.</summary>
internal sealed record Outcome(int Code, string Output, string Error)
{
    public JsonNode Json => JsonNode.Parse(Output)!;
}
