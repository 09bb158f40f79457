using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Latencies that a profile predicts beside those measured, one thread:
/// <c>latency [--profile NAME|FILE] [--only TEXT] [--rounds N] [--steps] [--write FILE.md]</c>. The profile must describe this machine.
/// Rounds go through all networks in turn, so that a slow spell of the machine meets all of them. The cores of a virtual machine are at
/// times slowed down by others' programs, for milliseconds to minutes: the quiet median is that of the tenth of the runs before and after which a small
/// network ran fastest.
/// </summary>
internal static class LatencyBenchmark
{
    private static readonly string[] Networks =
    [
        "mlperf-tiny/kws_fp32.onnx", "mlperf-tiny/kws_int8.onnx", "mlperf-tiny/vww_fp32.onnx", "mlperf-tiny/vww_int8.onnx", "mlperf-tiny/resnet8_fp32.onnx", "mlperf-tiny/resnet8_int8.onnx",
        "mlperf-tiny/ad_fp32.onnx", "mlperf-tiny/ad_int8.onnx", "mlperf-tiny/sww_fp32.onnx", "mlperf-tiny/sww_int8.onnx", "mobilenet/mobilenet_v1_025_128_fp32.onnx",
        "mobilenet/mobilenet_v1_025_128_uint8.onnx", "mobilenet/mobilenet_v1_224_uint8.onnx", "mobilenet/mobilenet_v2_224_fp32.onnx", "mobilenet/mobilenet_v2_224_int8.onnx",
        "keyword-spotting/micro-speech-int8.tflite", "keyword-spotting/micro-speech-lstm-int8.tflite", "person-detection/person-detect-96-int8.tflite",
        "face-detection/ultraface-RFB-320_simplified.onnx", "face-detection/blazeface-front-128.onnx", "image-classification/mnist-cnn.onnx",
        "sequence/mnist-lstm-float.tflite", "sequence/mnist-lstm-int8.tflite",
    ];

    public static void Run(string[] args)
    {
        RuntimeProfile profile = RuntimeProfiles.Find(Options.Text(args, "--profile") ?? "x64-avx2");
        int rounds = int.Parse(Options.Text(args, "--rounds") ?? "8", CultureInfo.InvariantCulture);
        string only = Options.Text(args, "--only") ?? "";
        LatencyModel model = new(profile);
        using Yardstick yardstick = new(profile);
        Contender[] contenders = [.. Networks.Where(n => n.Contains(only, StringComparison.Ordinal)).Select(n => new Contender(n, profile, model, yardstick))];
        for (int r = 0; r < rounds; r++)
            foreach (Contender c in contenders) c.Measure();
        StringBuilder table = new("| network | predicted µs | shortest µs | difference | quiet median µs | difference | median µs |\n|---|--:|--:|--:|--:|--:|--:|\n");
        foreach (Contender c in contenders) table.Append(c.Row()).Append('\n');
        Console.Write(table);
        Summary(contenders, "shortest", c => c.Shortest);
        Summary(contenders, "quiet median", c => c.QuietMedian);
        Summary(contenders, "median", c => c.Median);
        if (args.Contains("--steps"))
            foreach (Contender c in contenders) c.PrintSteps();
        foreach (Contender c in contenders) c.Dispose();
        if (Options.Text(args, "--write") is { } target) MarkdownTable.Replace(target, "latency", table.ToString());
    }

    private static Graph GraphOf(string file) =>
        GraphOptimizer.Optimize(NetworkImporter.Load(SharedFolder.Locate("models/" + file) ?? throw new FileNotFoundException(SharedFolder.Missing("models/" + file))));

    private static InferenceSession NewSession(Graph graph, RuntimeProfile profile, bool isTimed)
    {
        InferenceSession session = new(graph, new SessionOptions { Cpu = profile.Features, Caches = CacheSizes.Of(profile.Caches, 1), KernelOverrides = profile.KernelOverrides, Profile = isTimed });
        BenchmarkRunner.FillInputs(session);
        return session;
    }

    private static void Summary(Contender[] all, string name, Func<Contender, double> measured) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{all.Count(c => Math.Abs(c.Predicted.TotalUs / measured(c) - 1) <= 0.25)} of {all.Length} within 25 % of the {name}"));

    private sealed class Contender(string file, RuntimeProfile profile, LatencyModel model, Yardstick yardstick) : IDisposable
    {
        /// <summary>Time of one round.</summary>
        private const double RoundMs = 120;

        private readonly string _name = Path.GetFileName(file);
        private readonly Graph _graph = GraphOf(file);
        private readonly List<(double Us, double YardstickUs)> _times = [];
        private InferenceSession? _session;

        public LatencyPrediction Predicted { get; } = model.Predict(GraphOf(file));

        public double Shortest => _times.Min(t => t.Us);

        public double Median => _times.Order().ElementAt(_times.Count / 2).Us;

        /// <summary>Median of the least disturbed runs.</summary>
        public double QuietMedian => _times.OrderBy(t => t.YardstickUs).Take(Math.Max(5, _times.Count / 10)).Select(t => t.Us).Order().ElementAt(Math.Max(5, _times.Count / 10) / 2);

        public void Measure()
        {
            _session ??= NewSession(_graph, profile, false);
            long begin = Stopwatch.GetTimestamp();
            _session.Run();
            double before = yardstick.Us();
            for (int runs = 0; runs < 5 || Stopwatch.GetElapsedTime(begin).TotalMilliseconds < RoundMs; runs++)
            {
                long start = Stopwatch.GetTimestamp();
                _session.Run();
                double us = Stopwatch.GetElapsedTime(start).TotalMicroseconds, after = yardstick.Us();
                _times.Add((us, Math.Max(before, after)));
                before = after;
            }
        }

        public string Row() => string.Create(CultureInfo.InvariantCulture,
            $"| {_name} | {Predicted.TotalUs:N1} | {Shortest:N1} | {Difference(Shortest)} | {QuietMedian:N1} | {Difference(QuietMedian)} | {Median:N1} |");

        public void PrintSteps()
        {
            using InferenceSession session = NewSession(_graph, profile, true);
            double[] best = new double[session.Steps.Count];
            Array.Fill(best, double.MaxValue);
            long begin = Stopwatch.GetTimestamp();
            for (int runs = 0; runs < 10 || Stopwatch.GetElapsedTime(begin).TotalMilliseconds < 5 * RoundMs; runs++)
            {
                session.ResetProfile();
                session.Run();
                for (int i = 0; i < best.Length; i++) best[i] = Math.Min(best[i], session.StepTicks[i] * 1e6 / Stopwatch.Frequency);
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_name}: predicted, shortest; steps {best.Sum():F1} of {Shortest:F1} µs"));
            for (int i = 0; i < best.Length; i++)
            {
                StepInfo s = session.Steps[i];
                StepLatency p = Predicted.Steps[i];
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"    {p.Us,9:F2} {best[i],9:F2} {p.Us / Math.Max(0.01, best[i]) - 1,6:+0 %;-0 %} {s.Type,-15} {s.Nodes[0].Input(0).Shape,-14} -> {s.Node.Output.Shape,-14} {s.KernelId}{(p.Kernel == s.KernelId ? "" : " planned: " + p.Kernel)}"));
            }
        }

        public void Dispose() => _session?.Dispose();

        private string Difference(double measured) => string.Create(CultureInfo.InvariantCulture, $"{Predicted.TotalUs / measured - 1:+0 %;−0 %;0 %}");
    }

    /// <summary>A small network: slower where another program shares the core.</summary>
    private sealed class Yardstick(RuntimeProfile profile) : IDisposable
    {
        private readonly InferenceSession _session = NewSession(GraphOf("keyword-spotting/micro-speech-int8.tflite"), profile, false);

        public double Us()
        {
            long start = Stopwatch.GetTimestamp();
            _session.Run();
            return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        public void Dispose() => _session.Dispose();
    }
}
