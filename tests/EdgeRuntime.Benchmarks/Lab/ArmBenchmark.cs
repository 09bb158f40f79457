using System.Globalization;
using System.Text;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// The laboratory's ARM64 half, which any machine runs: for each NEON kernel the inner loops, with llvm-mca's cycles on the boards' cores
/// and the share of what their multipliers can issue; for each network the instructions. <c>lab-arm [--tools FOLDER] [--family NAME,…]
/// [--networks] [--write FILE.md]</c>.
/// </summary>
internal static class ArmBenchmark
{
    /// <summary>Loops of a kernel that are shown, those with the most products first.</summary>
    private const int LoopsPerKernel = 4;

    private static readonly (string Processor, string Features, CpuFeature Set)[] Processors =
        [("a72", "neon", CpuFeature.Neon), ("a76", "neon,neondot", CpuFeature.Neon | CpuFeature.NeonDot)];

    public static void Run(string[] args)
    {
        if (ArmTools.Find(args) is not { } tools) return;
        LabFamily[] families = Options.Text(args, "--family") is { } names ? [.. names.Split(',').Select(LabFamilies.Find)] : [.. LabFamilies.All];
        string? document = Options.Text(args, "--write");
        string loops = Loops(tools, families);
        if (document is not null) MarkdownTable.Replace(document, "arm-loops", loops);
        if (!args.Contains("--networks")) return;
        string networks = Networks(tools, families);
        if (document is not null) MarkdownTable.Replace(document, "arm-networks", networks);
    }

    private static string Loops(ArmTools tools, LabFamily[] families)
    {
        StringBuilder table = new($"| kernel | loop in | products | instructions | {string.Join(" | ", ArmTools.Cores)} |\n|---|---|--:|--:|{string.Concat(ArmTools.Cores.Select(_ => "--:|"))}\n");
        HashSet<string> seen = [];
        foreach (LabFamily family in families)
            foreach (var (processor, features, set) in Processors)
                foreach (var (kernel, list, layer) in Chosen(family, set).Where(k => seen.Add(k.Kernel)))
                {
                    ArmLoop[] loops = [.. tools.Loops(processor, "once", family.Name, list, features, "--kernel", kernel, "--layer", $"{layer}")
                        .DistinctBy(l => (l.Method, l.Products, l.Lines.Count)).OrderByDescending(l => l.Products).Take(LoopsPerKernel)];
                    foreach (ArmLoop loop in loops.Where(l => l.Products * 8 >= loops[0].Products))
                    {
                        string row = $"| `{kernel}` | `{ShortName(loop.Method)}` | {loop.Products} | {loop.Lines.Count} | {string.Join(" | ", ArmTools.Cores.Select(c => Cost(loop, c)))} |";
                        Console.WriteLine(row);
                        table.Append(row).Append('\n');
                    }
                }
        return table.ToString();
    }

    /// <summary>Every kernel that the catalog chooses for some layer, with one of the layers; small ones, whose weights are soon packed.</summary>
    private static List<(string Kernel, string List, int Layer)> Chosen(LabFamily family, CpuFeature set)
    {
        Dictionary<string, (string, int, long)> chosen = [];
        foreach (string list in LabShapes.Lists)
        {
            IReadOnlyList<(string Name, ConvolutionShape Shape)> shapes = LabShapes.Of(list);
            for (int i = 0; i < shapes.Count; i++)
            {
                ConvolutionShape s = shapes[i].Shape;
                if ((long)s.OutChannels * s.Depth > 300_000 || s.MultiplyAccumulates > 20_000_000 || family.Build(s) is not { } graph) continue;
                string? kernel = KernelOf(graph, set);
                if (kernel is null || (chosen.TryGetValue(kernel, out var other) && other.Item3 >= s.MultiplyAccumulates)) continue;
                chosen[kernel] = (list, i, s.MultiplyAccumulates);
            }
        }
        return [.. chosen.Select(c => (c.Key, c.Value.Item1, c.Value.Item2))];
    }

    /// <summary>The kernel of the only layer, null where the runtime has none.</summary>
    private static string? KernelOf(Graph graph, CpuFeature set)
    {
        try
        {
            return InferenceSession.Prepack(graph, new SessionOptions { Cpu = new CpuFeatures(set) }).Panels.FirstOrDefault()?.KernelId;
        }
        catch (ModelException)
        {
            return null;
        }
    }

    private static string Cost(ArmLoop loop, string core) => ArmTools.Cycles(loop.Lines, core) is not { } cycles || ArmTools.MultiplyLimit(loop.Lines, core) is not { } limit ? "–"
        : string.Create(CultureInfo.InvariantCulture, $"{cycles:F1} ({limit / cycles:P0})");

    // EdgeRuntime.Kernels.Class`1[…]:Method(…):…
    private static string ShortName(string method)
    {
        string name = method.Split('(')[0].Replace("EdgeRuntime.Kernels.", "", StringComparison.Ordinal);
        return name.Replace("System.Runtime.Intrinsics.", "", StringComparison.Ordinal).Replace("|", "", StringComparison.Ordinal);
    }

    private static string Networks(ArmTools tools, LabFamily[] families)
    {
        StringBuilder table = new("| network | family | NEON | with dotprod |\n|---|---|--:|--:|\n");
        foreach (var (network, _) in Layers.All())
            foreach (LabFamily family in families)
            {
                double[] millions = [.. Processors.Select(p => tools.Instructions(p.Processor, "once", family.Name, network, p.Features) / 1e6)];
                string row = string.Create(CultureInfo.InvariantCulture, $"| {network} | {family.Name} | {millions[0]:G4} | {millions[1]:G4} |");
                Console.WriteLine(row);
                table.Append(row).Append('\n');
            }
        return table.ToString();
    }
}
