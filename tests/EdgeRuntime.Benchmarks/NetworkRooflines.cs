using System.Globalization;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Where the time of a network goes, by kind of operator, under the roofline of this machine: each layer as a step of its own (the
/// session's chains taken apart), beside what its multiply-accumulates take at the measured peak of the instruction, or its input, weights and
/// output at the rate of the cache that holds them, whichever is longer.
/// </summary>
internal sealed class NetworkRooflines
{
    private readonly CacheSizes _caches = CacheSizes.Detect();
    private readonly List<Network> _networks = [];
    private MachineLimits _limits = MachineLimits.Measure();

    private sealed record Step(string Kind, string Instruction, double Microseconds, long MultiplyAccumulates, long Bytes);

    private sealed record Network(string Name, double Goal, double Ours, double Theirs, IReadOnlyList<Step> Steps);

    /// <summary>The table; the limits are the largest seen since the first network.</summary>
    public string Table
    {
        get
        {
            StringBuilder table = new($"{LabBenchmark.Machine(_limits)}\n\n| network | operators | µs | GMAC/s | instruction | of its peak | MACs / byte | roofline µs | of the roofline |\n|---|---|--:|--:|---|--:|--:|--:|--:|\n");
            foreach (Network n in _networks)
            {
                foreach (IGrouping<string, Step> kind in n.Steps.GroupBy(s => s.Kind).OrderByDescending(g => g.Sum(s => s.Microseconds))) table.Append(Row(n.Name, $"{kind.Key} ({kind.Count()})", [.. kind]));
                table.Append(Row(n.Name, "all, one by one", n.Steps));
                double bound = n.Steps.Sum(Bound);
                table.Append(CultureInfo.InvariantCulture,
                    $"| {n.Name} | as a session runs it: ONNX Runtime {n.Theirs:F1}, ratio {n.Ours / n.Theirs:F2}, goal {n.Goal:F2} | {n.Ours:F1} | {n.Steps.Sum(s => s.MultiplyAccumulates) / n.Ours / 1e3:F1} | | | | {bound:F1} | {bound / n.Ours:P0} |\n");
            }
            return table.ToString();
        }
    }

    /// <summary>Adds a network: what it takes as a session runs it, and ONNX Runtime's time, are known.</summary>
    public void Add(string name, string path, double goal, double ours, double theirs)
    {
        Graph graph = NetworkImporter.Load(path);
        GraphOptimizer.Optimize(graph);
        using InferenceSession session = new(graph, new SessionOptions { Profile = true, Fusion = ChainFusion.Off });
        NetworkBenchmark.Fill(session.InputBytes(0), session.Inputs[0].Type);
        double[] times = NetworkBenchmark.StepTimes(session);
        _networks.Add(new(name, goal, ours, theirs, [.. session.Steps.Select((s, i) => Of(s, times[i]))]));
        _limits = MachineLimits.Measure().OrBetter(_limits.Products, _limits.Reads);
    }

    private static Step Of(StepInfo step, double us)
    {
        Node node = step.Node;
        long bytes = step.KernelId == "alias" ? 0 : node.Inputs.Sum(v => v?.ByteCount ?? 0) + node.Outputs.Sum(o => o.ByteCount);
        KernelDescriptor? kernel = KernelCatalog.All.Select(k => k.Descriptor).FirstOrDefault(d => d.Id == step.KernelId);
        return step.MultiplyAccumulates == 0 || LabFamilies.All.FirstOrDefault(f => f.KernelFamily == kernel?.Family) is not { } family ? new("others", "", us, 0, bytes)
            : new(Kind(ConvolutionShapes.Of(node)), family.Limit(kernel!), us, step.MultiplyAccumulates, bytes);
    }

    /// <summary>Microseconds of the products at their instruction's peak; 0 where there are none.</summary>
    private double AtPeak(Step s) => s.Instruction == "" ? 0 : s.MultiplyAccumulates / 1e3 / _limits.Peak(s.Instruction);

    private double Bound(Step s) => Math.Max(AtPeak(s), s.Bytes / 1e3 / Rate(s.Bytes));

    private static string Kind(in ConvolutionShape s) => s switch
    {
        { IsDepthwise: true } => FormattableString.Invariant($"depthwise {s.KernelHeight}×{s.KernelWidth}"),
        { Positions: 1, KernelHeight: 1 } => "dense",
        { IsPointwise: true } => "pointwise",
        { ChannelsPerGroup: <= 4 } => "first convolution",
        _ => FormattableString.Invariant($"convolution {s.KernelHeight}×{s.KernelWidth}"),
    };

    /// <summary>GB/s of the nearest level that holds so many bytes.</summary>
    private double Rate(long bytes) => _limits.Reads[bytes <= _caches.L1 ? 0 : bytes <= _caches.L2 ? 1 : bytes <= _caches.L3 ? 2 : 3].Giga;

    private string Row(string network, string operators, IReadOnlyList<Step> steps)
    {
        double us = steps.Sum(s => s.Microseconds), macs = steps.Sum(s => s.MultiplyAccumulates), bound = steps.Sum(Bound);
        string instructions = string.Join(", ", steps.Select(s => s.Instruction).Where(i => i != "").Distinct());
        string products = macs == 0 ? "– | – | – | –" : FormattableString.Invariant($"{macs / us / 1e3:F1} | {instructions} | {steps.Sum(AtPeak) / us:P0} | {macs / steps.Sum(s => s.Bytes):F1}");
        return FormattableString.Invariant($"| {network} | {operators} | {us:F1} | {products} | {bound:F1} | {bound / us:P0} |\n");
    }
}
