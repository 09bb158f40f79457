using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// <c>conv-s4 [--network TEXT] [--cpu LIST] [--write FILE.md]</c>: each dense layer with int8 weights, with int4 weights per channel and with those in
/// groups of 32, as a session runs it; one thread, the three in turns.
/// </summary>
internal static class ConvolutionInt4Benchmark
{
    private const double BudgetMs = 60;

    public static void Run(string[] args)
    {
        string filter = Options.Text(args, "--network") ?? "";
        CpuFeatures? cpu = Options.Text(args, "--cpu") is { } sets ? CpuFeatures.Parse(sets) : null;
        StringBuilder table = new("| network | dense layers | int8 µs | int4 per channel µs | groups of 32 µs | int4 / int8 | groups / int8 | largest ratio of a layer |\n|---|---|---|---|---|---|---|---|\n");
        foreach ((string network, List<ConvolutionShape> shapes) in Layers.All())
        {
            if (!network.Contains(filter, StringComparison.Ordinal)) continue;
            double[] totals = new double[3];
            double worst = 0;
            int layers = 0;
            foreach (IGrouping<ConvolutionShape, ConvolutionShape> same in shapes.Where(s => s.Group == 1).GroupBy(s => s))
            {
                double[] times = Time(same.Key, cpu);
                for (int i = 0; i < 3; i++) totals[i] += times[i] * same.Count();
                layers += same.Count();
                worst = Math.Max(worst, Math.Max(times[1], times[2]) / times[0]);
            }
            table.Append(CultureInfo.InvariantCulture,
                $"| {network} | {layers} | {totals[0]:F1} | {totals[1]:F1} | {totals[2]:F1} | {totals[1] / totals[0]:F2} | {totals[2] / totals[0]:F2} | {worst:F2} |\n");
        }
        Console.Write(table);
        if (Options.Text(args, "--write") is { } file) MarkdownTable.Replace(file, "conv-s4", table.ToString());
    }

    private static double[] Time(ConvolutionShape s, CpuFeatures? cpu)
    {
        Graph[] graphs = [LabGraphs.Int8(s), LabInt4Graphs.Int8(s, 0)!, LabInt4Graphs.Int8(s, 32)!];
        InferenceSession[] sessions = [.. graphs.Select(g => new InferenceSession(g, new SessionOptions { Cpu = cpu }))];
        double[] best = [double.MaxValue, double.MaxValue, double.MaxValue];
        int[] repeats = [1, 1, 1];
        long begin = Stopwatch.GetTimestamp();
        for (int round = 0; round < 40 || Stopwatch.GetElapsedTime(begin).TotalMilliseconds < BudgetMs; round++)
            for (int i = 0; i < 3; i++)
            {
                long start = Stopwatch.GetTimestamp();
                for (int r = 0; r < repeats[i]; r++) sessions[i].Run();
                double us = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                best[i] = Math.Min(best[i], us / repeats[i]);
                if (us < 20) repeats[i] *= 2;
            }
        Console.Error.WriteLine($"{s.Height}x{s.Width}x{s.Channels}→{s.OutChannels} {s.KernelHeight}x{s.KernelWidth}/{s.StrideY}: {string.Join(" | ", best.Select((us, i) => $"{us:F2} {sessions[i].Steps[0].KernelId}"))}");
        foreach (InferenceSession session in sessions) session.Dispose();
        return best;
    }
}
