using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// What sharing costs and gains: the time of an empty stage on awake and on parked workers, processor time of idle workers, and
/// networks on one thread and on more, in alternating rounds. <c>threads [--threads N] [--rounds N] [--only TEXT] [--write FILE.md]</c>.
/// </summary>
internal static class ThreadsBenchmark
{
    public static void Run(string[] args)
    {
        int threads = int.Parse(Options.Text(args, "--threads") ?? "2", CultureInfo.InvariantCulture), rounds = int.Parse(Options.Text(args, "--rounds") ?? "15", CultureInfo.InvariantCulture);
        string barrier = Barrier(threads), idle = Idle(threads);
        Console.WriteLine(barrier);
        Console.WriteLine(idle);
        StringBuilder table = new($"| network | shared steps | 1 thread µs (median) | {threads} threads µs (median) | ratio of minima | of medians |\n|---|--:|--:|--:|--:|--:|\n");
        foreach (var (name, path) in NetworkBenchmark.Files(Options.Text(args, "--only") ?? ""))
        {
            Graph graph = NetworkImporter.Load(path);
            GraphOptimizer.Optimize(graph);
            IReadOnlyList<int> processors = WorkerPool.AllowedProcessors();
            using InferenceSession one = new(graph), many = new(graph, new SessionOptions { Threads = threads, Processors = processors.Count < threads ? [] : [.. processors.Take(threads)] });
            BenchmarkRunner.FillInputs(one);
            BenchmarkRunner.FillInputs(many);
            var times = SideBySide.Measure([one.Run, many.Run], rounds);
            var (a, b) = (times[0], times[1]);
            string row = string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {many.SharedSteps} of {many.Steps.Count} | {a.Min:F1} ({a.Median:F1}) | {b.Min:F1} ({b.Median:F1}) | {b.Min / a.Min:F2} | {b.Median / a.Median:F2} |");
            Console.WriteLine(row);
            table.Append(row).Append('\n');
        }
        if (Options.Text(args, "--write") is { } target) MarkdownTable.Replace(target, "threads", barrier + "\n" + idle + "\n\n" + table);
    }

    private static string Barrier(int threads)
    {
        using WorkerPool pool = new(threads, []);
        Nothing nothing = new();
        List<double> awake = [], parked = [];
        for (int i = 0; i < 20_000; i++) awake.Add(Time(false));
        for (int i = 0; i < 50; i++)
        {
            while (pool.Parked < threads - 1) Thread.Sleep(1);
            parked.Add(Time(true));
        }
        awake.Sort();
        parked.Sort();
        return string.Create(CultureInfo.InvariantCulture,
            $"An empty stage on {threads} workers takes {awake[0]:F2} µs (median {awake[awake.Count / 2]:F2}) while they spin, {parked[0]:F1} µs (median {parked[parked.Count / 2]:F1}) with waking parked ones.");

        double Time(bool wakes)
        {
            long start = Stopwatch.GetTimestamp();
            pool.Run(nothing, 0, threads, threads, wakes);
            return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
    }

    private static string Idle(int threads)
    {
        using WorkerPool pool = new(threads, []);
        pool.Run(new Nothing(), 0, threads, threads, true);
        long start = Stopwatch.GetTimestamp();
        while (pool.Parked < threads - 1) Thread.Yield();
        double parking = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        Thread.Sleep(1000);
        double used = (Process.GetCurrentProcess().TotalProcessorTime - before).TotalMilliseconds;
        return string.Create(CultureInfo.InvariantCulture, $"They park {parking:F0} µs after the last stage; a second later the process has used {used:F0} ms of processor time.");
    }

    private sealed class Nothing : IPortions
    {
        public void Run(int stage, int first, int end, int worker) { }
    }
}
