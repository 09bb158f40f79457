using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Low-rank chains at half the multiplies beside the dense layer, as one step and layer by layer, one thread, rounds
/// alternating: <c>lowrank [--write FILE.md]</c>. Weights are random: times do not depend on them.
/// </summary>
internal static class LowRankBenchmark
{
    private const int Rounds = 40;

    /// <summary>One layer of a chain: output channels, window, whether it is depthwise.</summary>
    private readonly record struct Part(int Outputs, int KernelHeight, int KernelWidth, bool IsDepthwise);

    private static readonly (string Name, int Height, int Width, int Channels, int Outputs, int Kernel)[] Whole =
    [
        ("dense 512×512, 1 row", 1, 1, 512, 512, 1), ("dense 512×512, 64 rows", 64, 1, 512, 512, 1),
        ("3×3, 128→128, 14×14", 14, 14, 128, 128, 3), ("3×3, 128→128, 28×28", 28, 28, 128, 128, 3),
    ];

    public static void Run(string[] args)
    {
        StringBuilder table = new("| layer | type | factors | ranks | multiplies | whole µs | one step µs | layer by layer µs | the runtime takes | whole, no Winograd ÷ that | whole ÷ that | arena KiB, layer by layer → one step |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (var layer in Whole)
            foreach (bool isInt8 in (bool[])[false, true])
                foreach (string row in Measure(layer.Name, layer.Height, layer.Width, layer.Channels, [new(layer.Outputs, layer.Kernel, layer.Kernel, false)], isInt8))
                {
                    Console.WriteLine(row);
                    table.Append(row).Append('\n');
                }
        if (Array.IndexOf(args, "--write") is >= 0 and var i) MarkdownTable.Replace(args[i + 1], "lowrank", table.ToString());
    }

    private static IEnumerable<string> Measure(string name, int height, int width, int channels, Part[] whole, bool isInt8)
    {
        Graph dense = Build(height, width, channels, whole, isInt8);
        long all = Macs(dense);
        (string Form, int Rank, Graph Graph)[] chains = [.. (whole[0].KernelHeight == 1 ? (string[])["two factors"] : ["channel", "spatial", "tucker", "cp"])
            .Select(form => Half(form, height, width, channels, whole[0], isInt8, all))];
        using InferenceSession plain = new(dense), direct = new(dense, new SessionOptions { KernelOverrides = Direct(dense) });
        InferenceSession[] sessions = [plain, direct, .. chains.Select(c => new InferenceSession(c.Graph, new SessionOptions { Fusion = ChainFusion.Always })),
            .. chains.Select(c => new InferenceSession(c.Graph, new SessionOptions { Fusion = ChainFusion.Off }))];
        foreach (InferenceSession s in sessions) BenchmarkRunner.FillInputs(s);
        double[] us = Times(sessions);
        for (int c = 0; c < chains.Length; c++)
        {
            InferenceSession fused = sessions[2 + c], apart = sessions[2 + chains.Length + c];
            using InferenceSession chosen = new(chains[c].Graph);
            bool isOne = chosen.Steps.Count == fused.Steps.Count;
            double one = us[2 + c], layers = us[2 + chains.Length + c], taken = isOne ? one : layers;
            yield return string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {(isInt8 ? "int8" : "fp32")} | {chains[c].Form} | {chains[c].Rank} | {(double)Macs(chains[c].Graph) / all:P0} | {us[0]:F1} | {one:F1} | {layers:F1} | {(isOne ? "one step" : "layers")} | {us[1] / taken:F2} | {us[0] / taken:F2} | {apart.ArenaBytes / 1024.0:F0} → {fused.ArenaBytes / 1024.0:F0} |");
        }
        foreach (InferenceSession s in sessions[2..]) s.Dispose();
    }

    /// <summary>The chain of the largest rank, a multiple of 8, that takes at most half of the multiplies.</summary>
    private static (string, int, Graph) Half(string form, int height, int width, int channels, Part whole, bool isInt8, long all)
    {
        for (int rank = whole.Outputs * 3 / 8 * 8; ; rank -= 8)
        {
            int k = whole.KernelHeight, o = whole.Outputs;
            Part[] parts = form switch
            {
                "spatial" => [new(rank, k, 1, false), new(o, 1, k, false)],
                "tucker" => [new(rank, 1, 1, false), new(rank, k, k, false), new(o, 1, 1, false)],
                "cp" => [new(rank, 1, 1, false), new(rank, k, 1, true), new(rank, 1, k, true), new(o, 1, 1, false)],
                _ => [new(rank, k, k, false), new(o, 1, 1, false)],
            };
            Graph graph = Build(height, width, channels, parts, isInt8);
            if (Macs(graph) * 2 <= all) return (form, rank, graph);
        }
    }

    private static Graph Build(int height, int width, int channels, Part[] parts, bool isInt8)
    {
        Graph graph = new("layer");
        Random random = new(1);
        ValueInfo x = Value("x", new TensorShape(1, height, width, channels), isInt8);
        graph.Inputs.Add(x);
        foreach (Part p in parts)
        {
            TensorShape shape = new(p.Outputs, p.KernelHeight, p.KernelWidth, p.IsDepthwise ? 1 : x.Shape[3]);
            string name = $"part{graph.Nodes.Count}";
            sbyte[] integers = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => (sbyte)random.Next(-127, 128))];
            float scale = 1f / 127 / MathF.Sqrt(shape.ElementCount / p.Outputs);
            ValueInfo w = isInt8 ? new ValueInfo(name + ".w", Tensor.From<sbyte>(shape, integers), new QuantizationParameters(scale, 0))
                : new ValueInfo(name + ".w", Tensor.From<float>(shape, Array.ConvertAll(integers, v => v * scale)));
            int y = p.KernelHeight / 2, z = p.KernelWidth / 2;
            Node node = new(OperatorType.Convolution, name, [x, w], [Value(name + ".y", x.Shape, isInt8)],
                new AttributeSet().Set("strides", 1, 1).Set("dilations", 1, 1).Set("pads", y, z, y, z).Set("group", p.IsDepthwise ? p.Outputs : 1));
            node.Output.Shape = ShapeInference.Infer(node);
            graph.Nodes.Add(node);
            x = node.Output;
        }
        graph.Outputs.Add(x);
        return graph;
    }

    private static ValueInfo Value(string name, TensorShape shape, bool isInt8) =>
        isInt8 ? new ValueInfo(name, ElementType.Int8, shape, new QuantizationParameters(0.02f, 3)) : new ValueInfo(name, ElementType.Float32, shape);

    private static long Macs(Graph graph) => graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);

    /// <summary>The cheapest kernel that multiplies as often as the definition does.</summary>
    private static Dictionary<string, string> Direct(Graph graph)
    {
        using InferenceSession session = new(graph);
        StepInfo step = session.Steps[0];
        int next = step.Reason.IndexOf("next ", StringComparison.Ordinal) + 5;
        bool isTransform = step.KernelId.Contains("winograd", StringComparison.Ordinal) && next > 5;
        return new() { [step.Name] = isTransform ? step.Reason[next..step.Reason.LastIndexOf(':')] : step.KernelId };
    }

    /// <summary>Smallest time of one run of each.</summary>
    private static double[] Times(InferenceSession[] sessions)
    {
        double[] least = new double[sessions.Length];
        int[] runs = new int[sessions.Length];
        Array.Fill(least, double.PositiveInfinity);
        for (int round = -1; round < Rounds; round++)
            for (int i = 0; i < sessions.Length; i++)
            {
                long begin = Stopwatch.GetTimestamp();
                int count = 0;
                // The first round warms up, and finds how many runs take 3 ms.
                while (round < 0 ? Stopwatch.GetElapsedTime(begin).TotalMilliseconds < 200 : count < runs[i])
                {
                    long start = Stopwatch.GetTimestamp();
                    sessions[i].Run();
                    if (round >= 0) least[i] = Math.Min(least[i], Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                    count++;
                }
                if (round < 0) runs[i] = Math.Max(5, count * 3 / 200);
            }
        return least;
    }
}
