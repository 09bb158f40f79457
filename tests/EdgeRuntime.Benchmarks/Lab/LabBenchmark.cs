using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EdgeRuntime.Kernels;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// The kernel laboratory: every family on every list of layers beside the machine's limits and ONNX Runtime, on one thread, in
/// one run. <c>lab [--family NAME,…] [--shapes LIST,…] [--only TEXT] [--cpu LIST] [--chosen] [--brief] [--json FILE [--seconds N]] [--svg FILE]
/// [--write FILE.md]</c>, which replaces the table of every list that was run. With --seconds a run ends early, and the next one goes on with what
/// FILE has not: a laboratory in slices; plots and tables are made when all is there.
/// </summary>
internal static class LabBenchmark
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>What <c>--json</c> holds.</summary>
    private sealed record LabRun(IReadOnlyList<MachineLimit> Products, IReadOnlyList<MachineLimit> Reads, IReadOnlyList<LabResult> Results);

    public static void Run(string[] args)
    {
        CpuFeatures cpu = CpuFeatures.Detect();
        if (Options.Text(args, "--cpu") is { } features) cpu = cpu.Intersect(CpuFeatures.Parse(features));
        LabFamily[] families = Options.Text(args, "--family") is { } names ? [.. names.Split(',').Select(LabFamilies.Find)] : [.. LabFamilies.All];
        string[] lists = Options.Text(args, "--shapes")?.Split(',') ?? LabShapes.Lists;
        string only = Options.Text(args, "--only") ?? "";
        bool brief = args.Contains("--brief");
        string? json = Options.Text(args, "--json");
        long begin = Stopwatch.GetTimestamp();
        double seconds = double.Parse(Options.Text(args, "--seconds") ?? "Infinity", CultureInfo.InvariantCulture);
        LabRun before = json is not null && double.IsFinite(seconds) && File.Exists(json) ? JsonSerializer.Deserialize<LabRun>(File.ReadAllText(json), Json)! : new([], [], []);
        MachineLimits limits = MachineLimits.Measure().OrBetter(before.Products, before.Reads);
        string machine = Machine(limits);
        Console.WriteLine($"{cpu}\n{machine}");
        LabMeasurement measurement = new(limits, cpu, args.Contains("--chosen"));
        List<LabResult> results = [.. before.Results];
        bool isDone = true;
        foreach (string list in lists)
            foreach (var (name, shape) in LabShapes.Of(list).Where(s => s.Name.Contains(only, StringComparison.Ordinal)))
                foreach (LabFamily family in families)
                {
                    if (results.Exists(r => r.Family == family.Name && r.List == list && r.Layer == name)) continue;
                    if (Stopwatch.GetElapsedTime(begin).TotalSeconds > seconds)
                    {
                        isDone = false;
                        continue;
                    }
                    if (measurement.Measure(family, list, name, shape) is not { } result) continue;
                    results.Add(result);
                    if (!brief) Print(result);
                }
        results = [.. results.Select(r => r with { Kernels = [.. r.Kernels.Select(k => k with { Share = k.Giga / limits.Peak(k.Limit) })] })];
        if (json is not null) File.WriteAllText(json, JsonSerializer.Serialize(new LabRun(limits.Products, limits.Reads, results), Json));
        Console.WriteLine($"{results.Count} results{(isDone ? "" : ", more to come: run it again")}");
        if (!isDone) return;
        foreach (string list in lists) Console.WriteLine($"{list}\n\n{Summary([.. results.Where(r => r.List == list)])}");
        if (Options.Text(args, "--svg") is { } svg) File.WriteAllText(svg, RooflinePlot.Draw(limits, results, "Layers by the kernels that sessions run, one thread"));
        if (Options.Text(args, "--write") is not { } document) return;
        foreach (string list in lists) MarkdownTable.Replace(document, $"lab-{list}", machine + "\n\n" + Summary([.. results.Where(r => r.List == list)]));
    }

    internal static string Machine(MachineLimits limits) => string.Create(CultureInfo.InvariantCulture,
        $"Billion multiply-accumulates a second: {string.Join(", ", limits.Products.Select(p => FormattableString.Invariant($"{p.Name} {p.Giga:F0}")))}. "
        + $"Reads in GB/s: {string.Join(", ", limits.Reads.Select(r => FormattableString.Invariant($"{r.Name} {r.Giga:F0}")))}.");

    private static void Print(LabResult r)
    {
        string peer = r.OnnxRuntime is { } ort ? FormattableString.Invariant($", ONNX Runtime {ort:F2} us, ours / its {r.Chosen.Microseconds / ort:F2}") : "";
        Console.WriteLine(FormattableString.Invariant($"{r.Family} {r.Layer}: {r.MultiplyAccumulates / 1e6:F2} M, {r.Bytes / 1024.0:F0} KiB{peer}"));
        foreach (LabTime t in r.Kernels.OrderBy(t => t.Microseconds))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {(t.Chosen ? '*' : ' ')} {t.Kernel,-36} {t.Microseconds,10:F2} us {t.Giga,8:F1} G/s {t.Share,5:P0} of {t.Limit}"));
    }

    /// <summary>Sums of each family: what the chosen kernels take, against the best of ours, the plain loops, and ONNX Runtime.</summary>
    private static string Summary(List<LabResult> results)
    {
        StringBuilder table = new("| family | layers | M MACs | chosen kernels µs | G/s | of the peak | best kernels | plain loops | ONNX Runtime µs | ours / its | median ratio |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        foreach (var group in results.GroupBy(r => r.Family))
        {
            double ours = group.Sum(r => r.Chosen.Microseconds), best = group.Sum(r => r.Kernels.Min(k => k.Microseconds)), macs = group.Sum(r => r.MultiplyAccumulates);
            double peak = group.Sum(r => r.Chosen.Microseconds * r.Chosen.Share) / ours;
            double? plain = group.All(r => r.Kernels.Any(k => k.Reference)) ? group.Sum(r => r.Kernels.First(k => k.Reference).Microseconds) : null;
            LabResult[] compared = [.. group.Where(r => r.OnnxRuntime is not null)];
            double theirs = compared.Sum(r => r.OnnxRuntime!.Value), same = compared.Sum(r => r.Chosen.Microseconds);
            double[] ratios = [.. compared.Select(r => r.Chosen.Microseconds / r.OnnxRuntime!.Value).Order()];
            table.Append(CultureInfo.InvariantCulture, $"| {group.Key} | {group.Count()} | {macs / 1e6:F2} | {ours:F1} | {macs / ours / 1e3:F1} | {peak:P0} | {best / ours:P0} | ")
                .Append(plain is { } p ? FormattableString.Invariant($"{p / ours:F0} ×") : "–")
                .Append(compared.Length == 0 ? " | – | – | – |\n" : FormattableString.Invariant($" | {theirs:F1} | {same / theirs:F2} | {ratios[ratios.Length / 2]:F2} |\n"));
        }
        return table.ToString();
    }
}
