using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Whole networks beside ONNX Runtime, one thread, batch 1, in one process: rounds of the two alternate, so that both see
/// the same noise. <c>networks [--rounds N] [--only TEXT] [--ops] [--write FILE.md]</c>.
/// </summary>
internal static class NetworkBenchmark
{
    /// <summary>ONNX Runtime gets its fastest form of each network; so do we get the same file.</summary>
    private static readonly (string Name, string File)[] Networks =
    [
        ("kws int8", "mlperf-tiny/kws_int8_u8.onnx"), ("vww int8", "mlperf-tiny/vww_int8_u8.onnx"), ("resnet8 int8", "mlperf-tiny/resnet8_int8_u8.onnx"),
        ("ad int8", "mlperf-tiny/ad_int8_u8.onnx"), ("sww int8", "mlperf-tiny/sww_int8_u8.onnx"),
        ("mobilenet-v1-0.25-128 int8", "mobilenet/mobilenet_v1_025_128_uint8.onnx"), ("mobilenet-v1-224 int8", "mobilenet/mobilenet_v1_224_uint8.onnx"),
        ("mobilenet-v2-224 int8", "mobilenet/mobilenet_v2_224_int8_u8.onnx"),
        ("kws fp32", "mlperf-tiny/kws_fp32.onnx"), ("vww fp32", "mlperf-tiny/vww_fp32.onnx"), ("resnet8 fp32", "mlperf-tiny/resnet8_fp32.onnx"),
        ("ad fp32", "mlperf-tiny/ad_fp32.onnx"), ("sww fp32", "mlperf-tiny/sww_fp32.onnx"),
        ("mobilenet-v1-0.25-128 fp32", "mobilenet/mobilenet_v1_025_128_fp32.onnx"), ("mobilenet-v2-224 fp32", "mobilenet/mobilenet_v2_224_fp32.onnx"),
    ];

    public static void Run(string[] args)
    {
        int rounds = int.Parse(Options.Text(args, "--rounds") ?? "20", CultureInfo.InvariantCulture);
        string only = Options.Text(args, "--only") ?? "";
        if (!OnnxRuntimeLibrary.IsAvailable) throw new InvalidOperationException(OnnxRuntimeLibrary.Missing);
        StringBuilder table = new("| network | million MACs | ours µs (median) | ONNX Runtime µs (median) | ratio of minima |\n|---|---|---|---|---|\n");
        foreach (var (name, path) in Files(only))
        {
            Graph graph = NetworkImporter.Load(path);
            GraphOptimizer.Optimize(graph);
            using InferenceSession ours = new(graph, new SessionOptions { Profile = args.Contains("--ops") });
            using OnnxRuntimeLibrary.Session theirs = new(path);
            Fill(ours.InputBytes(0), ours.Inputs[0].Type);
            ours.InputBytes(0).CopyTo(theirs.Inputs[0].Bytes);
            var times = SideBySide.Measure([ours.Run, theirs.Run], rounds);
            var (a, b) = (times[0], times[1]);
            double macs = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates) / 1e6;
            string row = string.Create(CultureInfo.InvariantCulture, $"| {name} | {macs:F2} | {a.Min:F1} ({a.Median:F1}) | {b.Min:F1} ({b.Median:F1}) | {a.Min / b.Min:F2} |");
            Console.WriteLine(row);
            table.Append(row).Append('\n');
            if (args.Contains("--ops")) PrintSteps(ours);
        }
        if (Options.Text(args, "--write") is { } target) MarkdownTable.Replace(target, "networks", table.ToString());
    }

    /// <summary>Names and paths of the networks whose names contain <paramref name="only"/>.</summary>
    public static IEnumerable<(string Name, string Path)> Files(string only) => Networks.Where(n => n.Name.Contains(only, StringComparison.Ordinal))
        .Select(n => (n.Name, SharedFolder.Locate("models/" + n.File) ?? throw new FileNotFoundException(SharedFolder.Missing("models/" + n.File))));

    private static void PrintSteps(InferenceSession session)
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
        for (int i = 0; i < best.Length; i++)
        {
            StepInfo s = session.Steps[i];
            double macs = s.MultiplyAccumulates;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"    {best[i],8:F1} µs {macs / best[i] / 1e3,7:F1} GMAC/s  {s.Type,-15} {s.Node.Input(0).Shape,-16} -> {s.Node.Output.Shape,-16} {s.KernelId}"));
        }
    }

    private static void Fill(Span<byte> bytes, ElementType type)
    {
        Random random = new(1);
        for (int i = 0; i < bytes.Length; i += type == ElementType.Float32 ? 4 : 1)
            if (type == ElementType.Float32) BitConverter.TryWriteBytes(bytes[i..], (float)random.NextDouble() * 2 - 1);
            else bytes[i] = (byte)random.Next(256);
    }
}
