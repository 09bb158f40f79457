using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Whole networks beside ONNX Runtime, one thread, batch 1, in one process: rounds of the two alternate, so that both see
/// the same noise. <c>networks [--rounds N] [--only TEXT] [--cpu LIST] [--ops] [--roofline] [--write FILE.md]</c>; with --roofline, where the
/// time goes in networks that miss their goal (see <see cref="NetworkRooflines"/>).
/// </summary>
internal static class NetworkBenchmark
{
    /// <summary>ONNX Runtime gets its fastest form of each network; so do we get the same file. The goal is our time over its.</summary>
    private static readonly (string Name, string File, double Goal)[] Networks =
    [
        ("kws int8", "mlperf-tiny/kws_int8_u8.onnx", 0.80), ("vww int8", "mlperf-tiny/vww_int8_u8.onnx", 0.60), ("resnet8 int8", "mlperf-tiny/resnet8_int8_u8.onnx", 0.85),
        ("ad int8", "mlperf-tiny/ad_int8_u8.onnx", 0.20), ("sww int8", "mlperf-tiny/sww_int8_u8.onnx", 0.55),
        ("mobilenet-v1-0.25-128 int8", "mobilenet/mobilenet_v1_025_128_uint8.onnx", 0.38), ("mobilenet-v1-224 int8", "mobilenet/mobilenet_v1_224_uint8.onnx", 0.65),
        ("mobilenet-v2-224 int8", "mobilenet/mobilenet_v2_224_int8_u8.onnx", 1.15),
        ("kws fp32", "mlperf-tiny/kws_fp32.onnx", 0.95), ("vww fp32", "mlperf-tiny/vww_fp32.onnx", 0.95), ("resnet8 fp32", "mlperf-tiny/resnet8_fp32.onnx", 0.95),
        ("ad fp32", "mlperf-tiny/ad_fp32.onnx", 0.95), ("sww fp32", "mlperf-tiny/sww_fp32.onnx", 0.95),
        ("mobilenet-v1-0.25-128 fp32", "mobilenet/mobilenet_v1_025_128_fp32.onnx", 0.95), ("mobilenet-v2-224 fp32", "mobilenet/mobilenet_v2_224_fp32.onnx", 0.95),
    ];

    public static void Run(string[] args)
    {
        int rounds = int.Parse(Options.Text(args, "--rounds") ?? "20", CultureInfo.InvariantCulture);
        string only = Options.Text(args, "--only") ?? "";
        CpuFeatures? cpu = Options.Text(args, "--cpu") is { } sets ? CpuFeatures.Parse(sets) : null;
        if (!OnnxRuntimeLibrary.IsAvailable) throw new InvalidOperationException(OnnxRuntimeLibrary.Missing);
        StringBuilder table = new("| network | million MACs | ours µs (median) | ONNX Runtime µs (median) | ratio of minima | goal |\n|---|---|---|---|---|---|\n");
        NetworkRooflines? rooflines = args.Contains("--roofline") ? new() : null;
        foreach (var (name, path, goal) in WithGoals(only))
        {
            Graph graph = NetworkImporter.Load(path);
            GraphOptimizer.Optimize(graph);
            using InferenceSession ours = new(graph, new SessionOptions { Profile = args.Contains("--ops"), Cpu = cpu });
            using OnnxRuntimeLibrary.Session theirs = new(path);
            Fill(ours.InputBytes(0), ours.Inputs[0].Type);
            ours.InputBytes(0).CopyTo(theirs.Inputs[0].Bytes);
            var times = SideBySide.Measure([ours.Run, theirs.Run], rounds);
            var (a, b) = (times[0], times[1]);
            double macs = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates) / 1e6;
            string row = string.Create(CultureInfo.InvariantCulture, $"| {name} | {macs:F2} | {a.Min:F1} ({a.Median:F1}) | {b.Min:F1} ({b.Median:F1}) | {a.Min / b.Min:F2} | {goal:F2} |");
            Console.WriteLine(row);
            table.Append(row).Append('\n');
            if (args.Contains("--ops")) PrintSteps(ours);
            if (a.Min > goal * b.Min) rooflines?.Add(name, path, goal, a.Min, b.Min);
        }
        if (rooflines is not null) Console.WriteLine(rooflines.Table);
        if (Options.Text(args, "--write") is not { } target) return;
        if (rooflines is null) MarkdownTable.Replace(target, "networks", table.ToString());
        else MarkdownTable.Replace(target, "network-rooflines", rooflines.Table);
    }

    /// <summary>Names and paths of the networks whose names contain <paramref name="only"/>.</summary>
    public static IEnumerable<(string Name, string Path)> Files(string only) => WithGoals(only).Select(n => (n.Name, n.Path));

    private static IEnumerable<(string Name, string Path, double Goal)> WithGoals(string only) => Networks.Where(n => n.Name.Contains(only, StringComparison.Ordinal))
        .Select(n => (n.Name, SharedFolder.Locate("models/" + n.File) ?? throw new FileNotFoundException(SharedFolder.Missing("models/" + n.File)), n.Goal));

    private static void PrintSteps(InferenceSession session)
    {
        double[] best = StepTimes(session);
        for (int i = 0; i < best.Length; i++)
        {
            StepInfo s = session.Steps[i];
            double macs = s.MultiplyAccumulates;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"    {best[i],8:F1} µs {macs / best[i] / 1e3,7:F1} GMAC/s  {s.Type,-15} {s.Node.Input(0).Shape,-16} -> {s.Node.Output.Shape,-16} {s.KernelId}"));
        }
    }

    /// <summary>The smallest time of each step of a session that profiles, microseconds.</summary>
    internal static double[] StepTimes(InferenceSession session)
    {
        const int Runs = 200;
        double[] best = new double[session.Steps.Count];
        Array.Fill(best, double.MaxValue);
        for (int r = 0; r < Runs; r++)
        {
            session.ResetProfile();
            session.Run();
            for (int i = 0; i < best.Length; i++) best[i] = Math.Min(best[i], session.StepTicks[i] * 1e6 / Stopwatch.Frequency);
        }
        return best;
    }

    internal static void Fill(Span<byte> bytes, ElementType type)
    {
        Random random = new(1);
        for (int i = 0; i < bytes.Length; i += type == ElementType.Float32 ? 4 : 1)
            if (type == ElementType.Float32) BitConverter.TryWriteBytes(bytes[i..], (float)random.NextDouble() * 2 - 1);
            else bytes[i] = (byte)random.Next(256);
    }
}
