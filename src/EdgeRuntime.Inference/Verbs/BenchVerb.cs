using System.Diagnostics;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary><c>bench</c>: times models, by the field's conventions.</summary>
public sealed class BenchVerb(ModelSource source) : Verb
{
    /// <inheritdoc/>
    public override string Name => "bench";

    /// <inheritdoc/>
    public override string Summary => "time models: start-up, first inference, latency percentiles, memory";

    /// <inheritdoc/>
    public override VerbArgument Argument => new("MODEL", $"models ({source.Formats})", 1, 1000);

    /// <inheritdoc/>
    public override IReadOnlyList<VerbOption> Options { get; } =
    [
        .. SessionFlags.Options,
        .. source.Options,
        new("--seconds", "S", "time to measure each model for (1)"),
        new("--warm-up", "S", "time before that which does not count (0.3)"),
        new("--runs", "N", "runs to count, whatever their time"),
        new("--rounds", "N", "parts to divide the time of each model in, which the models take in turn; the part of the least median counts (1)"),
        new("--profile-ops", null, "time every operator as well"),
    ];

    /// <inheritdoc/>
    public override int Run(VerbCall call)
    {
        SessionOptions session = SessionFlags.Read(call);
        BenchmarkOptions options = new();
        int rounds = call.Int("--rounds", 1, 1);
        options = options with
        {
            Seconds = (call.Positive("--seconds") ?? options.Seconds) / rounds,
            WarmUpSeconds = call.Positive("--warm-up") ?? options.WarmUpSeconds,
            Runs = call.Has("--runs") ? call.Int("--runs", 0, 1) : null,
        };
        BenchResult[] results = new BenchResult[call.Arguments.Count];
        for (int round = 0; round < rounds; round++)
            for (int i = 0; i < results.Length; i++)
            {
                call.Progress($"{i + 1} of {results.Length}: {call.Arguments[i]}");
                BenchResult result = Measure(call, call.Arguments[i], session, options);
                if (round == 0 || result.MedianUs < results[i].MedianUs) results[i] = result;
            }
        call.Progress("");
        BenchReport report = new(SystemInfo.Read(), results);
        if (call.IsJson) call.WriteJson(report, VerbJson.Default.BenchReport);
        else Print(report, call.Output);
        return 0;
    }

    private BenchResult Measure(VerbCall call, string path, SessionOptions sessionOptions, BenchmarkOptions options)
    {
        ProcessMemory.ResetPeak();
        long start = Stopwatch.GetTimestamp();
        using OpenedModel model = source.Open(path, call);
        using InferenceSession session = model.NewSession(sessionOptions);
        double initMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        BenchmarkRunner.FillInputs(session);
        start = Stopwatch.GetTimestamp();
        session.Run();
        double firstUs = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        LatencySummary times = BenchmarkRunner.Measure(session, options);
        long peak = ProcessMemory.PeakBytes;
        return new BenchResult(path, sessionOptions.Threads, session.Cpu.ToString(), times.Runs, times.MinUs, times.MeanUs, times.MedianUs, times.P90Us,
            times.P99Us, times.MaxUs, initMs, firstUs, session.ArenaBytes, session.ScratchBytes, session.WeightBytes, peak,
            model.Graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates), Predict(call, model.Graph, sessionOptions), call.Has("--profile-ops") ? Profile(model, sessionOptions, options) : null);
    }

    /// <summary>What the profile's latency model says, which is about one thread; null where none was named.</summary>
    private static double? Predict(VerbCall call, Graph graph, SessionOptions options) =>
        options.Threads == 1 && SessionFlags.Profile(call) is { } profile ? new LatencyModel(profile).Predict(graph).TotalUs : null;

    private static IReadOnlyList<OperatorTime> Profile(OpenedModel model, SessionOptions sessionOptions, BenchmarkOptions options)
    {
        using InferenceSession session = model.NewSession(sessionOptions with { Profile = true });
        BenchmarkRunner.FillInputs(session);
        return BenchmarkRunner.MeasureSteps(session, options);
    }

    private static void Print(BenchReport report, TextWriter output)
    {
        foreach (var (name, value) in report.Machine.Facts()) output.WriteLine($"{name}: {value}");
        BenchResult first = report.Results[0];
        output.WriteLine($"instruction sets: {first.Cpu}; threads: {first.Threads}");
        output.WriteLine();
        TextTable table = new("model", ">min us", ">median us", ">p90 us", ">p99 us", ">runs", ">predicted us", ">init ms", ">first us", ">GMAC/s", ">arena KiB", ">weights KiB", ">peak MiB");
        foreach (BenchResult r in report.Results)
            table.Add(Path.GetFileName(r.Model), $"{r.MinUs:F1}", $"{r.MedianUs:F1}", $"{r.P90Us:F1}", $"{r.P99Us:F1}", $"{r.Runs}", r.PredictedUs is { } us ? $"{us:F1}" : "-", $"{r.InitMs:F1}", $"{r.FirstUs:F0}",
                $"{r.Macs / r.MedianUs / 1e3:F1}", $"{r.ArenaBytes / 1024.0:F1}", $"{r.WeightBytes / 1024.0:F1}", r.PeakMemoryBytes == 0 ? "-" : $"{r.PeakMemoryBytes / 1048576.0:F1}");
        table.Write(output);
        foreach (BenchResult r in report.Results)
            if (r.Operators is { } operators) PrintOperators(r.Model, operators, output);
    }

    private static void PrintOperators(string model, IReadOnlyList<OperatorTime> operators, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine($"{Path.GetFileName(model)} by operator");
        TextTable table = new("layer", "operator", "kernel", ">mean us", ">share", ">GMAC/s");
        foreach (OperatorTime o in operators)
            table.Add(o.Name, o.Operator, o.Kernel, $"{o.MeanUs:F2}", $"{o.Share:P1}", o.Macs == 0 || o.MeanUs == 0 ? "-" : $"{o.Macs / o.MeanUs / 1e3:F1}");
        table.Write(output);
    }
}
