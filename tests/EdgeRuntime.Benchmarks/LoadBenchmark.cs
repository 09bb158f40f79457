using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// What it takes until a model is ready, in a process of its own: the native program is started anew for each file, in rounds that
/// alternate between files. <c>load [--rounds N] [--write FILE.md] EDGED MODEL.edge…</c>.
/// </summary>
internal static class LoadBenchmark
{
    public static void Run(string[] args)
    {
        int rounds = int.Parse(Options.Text(args, "--rounds") ?? "25", CultureInfo.InvariantCulture);
        string[] files = [.. args.Where((a, i) => !a.StartsWith("--", StringComparison.Ordinal) && (i == 0 || !args[i - 1].StartsWith("--", StringComparison.Ordinal)))];
        if (files.Length < 2) throw new ArgumentException("usage: load EDGED MODEL.edge…");
        string program = files[0];
        files = files[1..];
        var best = files.ToDictionary(f => f, _ => (Start: double.MaxValue, Init: double.MaxValue, Peak: double.MaxValue, Weights: 0L));
        for (int round = 0; round < rounds; round++)
            foreach (string file in files)
            {
                var (start, init, peak, weights) = Once(program, file);
                var b = best[file];
                best[file] = (Math.Min(b.Start, start), Math.Min(b.Init, init), Math.Min(b.Peak, peak), weights);
            }
        StringBuilder table = new("| file | bytes | open to ready, ms | process start to end, ms | peak memory, MiB | weights packed at load, KiB |\n|---|--:|--:|--:|--:|--:|\n");
        foreach (string file in files)
            table.Append(CultureInfo.InvariantCulture,
                $"| {Path.GetFileName(file)} | {new FileInfo(file).Length:N0} | {best[file].Init:F2} | {best[file].Start:F1} | {best[file].Peak:F1} | {best[file].Weights / 1024.0:N0} |\n");
        Console.WriteLine(table);
        if (Options.Text(args, "--write") is { } target) MarkdownTable.Replace(target, "load", table.ToString());
    }

    private static (double Start, double Init, double Peak, long Weights) Once(string program, string file)
    {
        long start = Stopwatch.GetTimestamp();
        using Process process = Process.Start(new ProcessStartInfo(program, ["bench", file, "--runs", "1", "--warm-up", "0.000001", "--json"]) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        double ms = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} bench {file} failed");
        JsonElement result = JsonDocument.Parse(output).RootElement.GetProperty("results")[0];
        return (ms, result.GetProperty("init_ms").GetDouble(), result.GetProperty("peak_memory_bytes").GetInt64() / 1048576.0, result.GetProperty("weight_bytes").GetInt64());
    }
}
