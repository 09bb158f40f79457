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
    private readonly MachineLimits _limits = MachineLimits.Measure();
    private readonly CacheSizes _caches = CacheSizes.Detect();
    private readonly StringBuilder _table = new("| network | operators | µs | GMAC/s | instruction | of its peak | MACs / byte | roofline µs | of the roofline |\n|---|---|--:|--:|---|--:|--:|--:|--:|\n");

    /// <summary>The table.</summary>
    public string Table => $"{LabBenchmark.Machine(_limits)}\n\n{_table}";

    private sealed record Step(string Kind, string Instruction, double Microseconds, long MultiplyAccumulates, long Bytes, double Bound);

    /// <summary>Adds a network: what it takes as a session runs it, and ONNX Runtime's time, are known.</summary>
    public void Add(string name, string path, double goal, double ours, double theirs)
    {
        Graph graph = NetworkImporter.Load(path);
        GraphOptimizer.Optimize(graph);
        using InferenceSession session = new(graph, new SessionOptions { Profile = true, Fusion = ChainFusion.Off });
        NetworkBenchmark.Fill(session.InputBytes(0), session.Inputs[0].Type);
        double[] times = NetworkBenchmark.StepTimes(session);
        List<Step> steps = [.. session.Steps.Select((s, i) => Of(s, times[i]))];
        foreach (IGrouping<string, Step> kind in steps.GroupBy(s => s.Kind).OrderByDescending(g => g.Sum(s => s.Microseconds))) Append(name, $"{kind.Key} ({kind.Count()})", [.. kind]);
        Append(name, "all, one by one", steps);
        _table.Append(CultureInfo.InvariantCulture, $"| {name} | as a session runs it: ONNX Runtime {theirs:F1}, ratio {ours / theirs:F2}, goal {goal:F2} | {ours:F1} | {steps.Sum(s => s.MultiplyAccumulates) / ours / 1e3:F1} | | | | {steps.Sum(s => s.Bound):F1} | {steps.Sum(s => s.Bound) / ours:P0} |\n");
    }

    private Step Of(StepInfo step, double us)
    {
        Node node = step.Node;
        long macs = step.MultiplyAccumulates;
        long bytes = node.Inputs.Sum(v => v?.ByteCount ?? 0) + node.Outputs.Sum(o => o.ByteCount);
        double reading = bytes / 1e3 / Rate(bytes);
        KernelDescriptor? kernel = KernelCatalog.All.Select(k => k.Descriptor).FirstOrDefault(d => d.Id == step.KernelId);
        LabFamily? family = LabFamilies.All.FirstOrDefault(f => f.KernelFamily == kernel?.Family);
        if (step.KernelId == "alias") return new("others", "", us, 0, 0, 0);
        if (macs == 0 || family is null) return new("others", "", us, macs, bytes, reading);
        string instruction = family.Limit(kernel!);
        return new(Kind(ConvolutionShapes.Of(node)), instruction, us, macs, bytes, Math.Max(macs / 1e3 / _limits.Peak(instruction), reading));
    }

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

    private void Append(string network, string operators, IReadOnlyList<Step> steps)
    {
        double us = steps.Sum(s => s.Microseconds), macs = steps.Sum(s => s.MultiplyAccumulates), bound = steps.Sum(s => s.Bound);
        string instructions = string.Join(", ", steps.Select(s => s.Instruction).Where(i => i != "").Distinct());
        // At the peak of each layer's own instruction.
        double atPeak = steps.Where(s => s.Instruction != "").Sum(s => s.MultiplyAccumulates / 1e3 / _limits.Peak(s.Instruction));
        _table.Append(CultureInfo.InvariantCulture, $"| {network} | {operators} | {us:F1} | ").Append(macs == 0 ? "– | – | – | – | "
            : FormattableString.Invariant($"{macs / us / 1e3:F1} | {instructions} | {atPeak / us:P0} | {macs / steps.Sum(s => s.Bytes):F1} | "))
            .Append(CultureInfo.InvariantCulture, $"{bound:F1} | {bound / us:P0} |\n");
    }
}
