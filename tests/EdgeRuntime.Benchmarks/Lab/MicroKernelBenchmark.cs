using System.Globalization;
using EdgeRuntime.Kernels;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Every tile of the dense families on matrix products whose operands lie in the first-level cache together, as a share of what the
/// instruction reaches from registers: what is lost between the tile's loop and the peak. Whole calls of a kernel are timed, its
/// conversions and epilogue included. <c>micro [--only TEXT] [--write FILE.md]</c>.
/// </summary>
internal static class MicroKernelBenchmark
{
    /// <summary>What input, packed weights and output may take: of 32 KiB, some are left for the stack and converted rows.</summary>
    private const long Budget = 29 << 10;

    private const double WarmUpMicroseconds = 500;

    private const int Rounds = 4;

    public static void Run(string[] args)
    {
        string only = Options.Text(args, "--only") ?? "";
        CpuFeatures cpu = CpuFeatures.Detect();
        // Rounds, as the machine's clock and its neighbours change within seconds: kernels and peaks each get their best moment.
        MachineLimits limits = MachineLimits.Measure();
        Dictionary<(LabFamily Family, KernelDescriptor Kernel), (ConvolutionShape Shape, double Giga)> results = [];
        for (int round = 0; round < Rounds; round++)
            foreach (LabFamily family in LabFamilies.All.Where(f => f.Name is "f32" or "s8" or "w1" or "b1"))
                foreach (KernelDescriptor kernel in KernelCatalog.All.Select(k => k.Descriptor).Where(d => d.Family == family.KernelFamily && IsTile(d) && cpu.Has(d.Requires) && d.Id.Contains(only, StringComparison.Ordinal)))
                {
                    if (Best(family.Name, kernel.Id, cpu) is { } best && best.Giga > results.GetValueOrDefault((family, kernel)).Giga) results[(family, kernel)] = best;
                    limits = limits.OrBetter(MachineLimits.MeasureProducts(), []);
                }
        List<string> rows = ["| kernel | rows × depth × columns | KiB | G/s | instruction | its peak G/s | share |", "|---|---|--:|--:|---|--:|--:|"];
        foreach (var ((family, kernel), (shape, giga)) in results)
        {
            string limit = family.Limit(kernel);
            double peak = limits.Peak(limit);
            rows.Add(string.Create(CultureInfo.InvariantCulture,
                $"| `{kernel.Id}`{(family.Name == "w1" ? ", ±1 weights" : "")} | {shape.Height} × {shape.Channels} × {shape.OutChannels} | {Bytes(family.Name, shape) / 1024.0:F0} | {giga:F1} | {limit} | {peak:F1} | {giga / peak:P0} |"));
        }
        Console.WriteLine(string.Join('\n', rows));
        if (Options.Text(args, "--write") is { } document) MarkdownTable.Replace(document, "micro-kernels", string.Join('\n', rows) + "\n");
    }

    /// <summary>Products of matrices are what the tiles do; the other kernels do something else besides.</summary>
    private static bool IsTile(KernelDescriptor d) => !new[] { "reference", "sparse", "depthwise", "winograd", "gemv", "s8s4", "words" }.Any(w => d.Id.Contains(w, StringComparison.Ordinal));

    /// <summary>The fastest of the products that fit.</summary>
    private static (ConvolutionShape Shape, double Giga)? Best(string kind, string id, CpuFeatures cpu)
    {
        (ConvolutionShape, double Giga)? best = null;
        foreach (int rows in new[] { 12, 24, 48 })
            foreach (int depth in new[] { 128, 256, 512, 1024, 2048 })
                foreach (int columns in new[] { 16, 32, 64, 128 })
                {
                    ConvolutionShape shape = ConvolutionShape.FullyConnected(rows, depth, columns);
                    if (Bytes(kind, shape) > Budget || kind == "b1" && depth % 256 != 0) continue;
                    (string taken, Action run) = KernelRuns.Prepare(kind, shape, cpu, id);
                    if (taken != id) continue;
                    double giga = shape.MultiplyAccumulates / Least(run) / 1e3;
                    if (best is null || giga > best.Value.Giga) best = (shape, giga);
                }
        return best;
    }

    /// <summary>Of input, weights and output in the forms that are multiplied: int8 kernels widen both to 16 bits.</summary>
    private static long Bytes(string kind, ConvolutionShape s)
    {
        long operands = (long)(s.Height + s.OutChannels) * s.Channels, outputs = (long)s.Height * s.OutChannels;
        return kind switch { "f32" => 4 * (operands + outputs), "b1" => (operands + outputs) / 8, _ => 2 * operands + outputs };
    }

    private static double Least(Action run)
    {
        double spent = 0, once = double.PositiveInfinity;
        for (; spent < WarmUpMicroseconds; spent += once) once = Math.Min(once, SideBySide.Time(run, 1));
        int repeats = (int)Math.Clamp(30 / once, 1, 1000);
        return Enumerable.Range(0, 50).Min(_ => SideBySide.Time(run, repeats));
    }
}
