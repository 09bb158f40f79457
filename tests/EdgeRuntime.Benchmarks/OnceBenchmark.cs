using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// <c>once FAMILY NETWORK|LIST [FEATURES] [--kernel ID] [--layer N]</c>: every layer of a network, or of the laboratory's list, once, by the
/// kernels that the catalog chooses for these instruction sets; <c>once model FILE [FEATURES]</c>: a network with its trained weights. For counting instructions in an emulator, where times mean nothing.
/// </summary>
internal static class OnceBenchmark
{
    public static void Run(string[] args)
    {
        CpuFeatures cpu = args.Length > 2 && !args[2].StartsWith('-') ? CpuFeatures.Parse(args[2]) : CpuFeatures.Detect();
        if (args[0] == "model")
        {
            Graph network = NetworkImporter.Load(SharedFolder.Locate("models/" + args[1]) ?? throw new FileNotFoundException(SharedFolder.Missing("models/" + args[1])));
            GraphOptimizer.Optimize(network);
            using InferenceSession session = new(network, new SessionOptions { Cpu = cpu });
            session.Run();
            return;
        }
        LabFamily family = LabFamilies.Find(args[0]);
        IReadOnlyList<ConvolutionShape> shapes = LabShapes.Lists.Contains(args[1]) ? [.. LabShapes.Of(args[1]).Select(s => s.Shape)] : Layers.All().First(n => n.Network == args[1]).Shapes;
        if (Options.Text(args, "--layer") is { } index) shapes = [shapes[int.Parse(index, System.Globalization.CultureInfo.InvariantCulture)]];
        Dictionary<string, string> wish = Options.Text(args, "--kernel") is { } id ? new() { [LabGraphs.Layer] = id } : [];
        foreach (ConvolutionShape shape in shapes)
        {
            if (family.Build(shape) is not { } graph) continue;
            using InferenceSession session = new(graph, new SessionOptions { Cpu = cpu, KernelOverrides = wish });
            session.Run();
            Console.WriteLine($"{shape.MultiplyAccumulates,12:N0} {session.Steps[0].KernelId,-32} {shape}");
        }
    }
}
