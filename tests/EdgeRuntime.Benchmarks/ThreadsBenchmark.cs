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
            IReadOnlyList<int> processors = WorkerPool.AllowedProcessors;
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
        Meeting meeting = new(threads);
        List<double> awake = [], parked = [];
        for (int i = 0; i < 20_000; i++) awake.Add(Time());
        for (int i = 0; i < 50; i++)
        {
            while (pool.Parked < threads - 1) Thread.Sleep(1);
            parked.Add(Time());
        }
        awake.Sort();
        parked.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"A stage in which {threads} workers do nothing but meet takes {awake[awake.Count / 20]:F2} µs (fastest twentieth; median {awake[awake.Count / 2]:F2}) "
            + $"while they spin, {parked[parked.Count / 20]:F0} µs (median {parked[parked.Count / 2]:F0}) where they must be woken.");

        double Time()
        {
            long start = Stopwatch.GetTimestamp();
            pool.Run(meeting, 0, threads, threads, wakes: true);
            return LatencySummary.Us(Stopwatch.GetTimestamp() - start);
        }
    }

    private static string Idle(int threads)
    {
        using WorkerPool pool = new(threads, []);
        Meeting meeting = new(threads);
        for (int i = 0; i < 100; i++) pool.Run(meeting, 0, threads, threads, wakes: true);
        long start = Stopwatch.GetTimestamp();
        while (pool.Parked < threads - 1) { }
        double parking = LatencySummary.Us(Stopwatch.GetTimestamp() - start);
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        Thread.Sleep(1000);
        double used = (Process.GetCurrentProcess().TotalProcessorTime - before).TotalMilliseconds;
        return string.Create(CultureInfo.InvariantCulture, $"They park {parking:F0} µs after the last stage; in a second after that the process uses {used:F0} ms of processor time.");
    }

    /// <summary>Every portion waits until all have begun, each on a worker of its own.</summary>
    private sealed class Meeting(int workers) : IPortions
    {
        private int _arrived;

        public void Run(int stage, int first, int end, int worker)
        {
            int round = Interlocked.Increment(ref _arrived), all = (round + workers - 1) / workers * workers;
            while (Volatile.Read(ref _arrived) < all) { }
        }
    }
}
