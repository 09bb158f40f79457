namespace EdgeRuntime.Benchmarks;

/// <summary>Benchmarks of kernels: <c>dotnet run -c Release --project tests/EdgeRuntime.Benchmarks -- lab</c>.</summary>
internal static class Program
{
    /// <summary>The subcommands; a new benchmark is one line here.</summary>
    private static readonly Dictionary<string, Action<string[]>> Commands = new()
    {
        ["networks"] = NetworkBenchmark.Run,
        ["gemv"] = GemvBenchmark.Run,
        ["lab"] = LabBenchmark.Run,
        ["micro"] = MicroKernelBenchmark.Run,
        ["lab-arm"] = ArmBenchmark.Run,
        ["lab-x64"] = X64Benchmark.Run,
        ["load"] = LoadBenchmark.Run,
        ["latency"] = LatencyBenchmark.Run,
        ["threads"] = ThreadsBenchmark.Run,
        ["elementwise"] = ElementwiseBenchmark.Run,
        ["conv-s4"] = ConvolutionInt4Benchmark.Run,
        ["binary"] = BinaryBenchmark.Run,
        ["lowrank"] = LowRankBenchmark.Run,
        ["sparse"] = SparseBenchmark.Run,
        ["once"] = OnceBenchmark.Run,
        ["training"] = TrainingBenchmark.Run,
        ["recurrent"] = RecurrentBenchmark.Run,
        ["digits"] = DigitsTraining.Run,
        ["compression"] = CompressionBenchmark.Run,
        ["recurrent-once"] = RecurrentOnceBenchmark.Run,
    };

    private static int Main(string[] args)
    {
        if (args.Length > 0 && Commands.TryGetValue(args[0], out Action<string[]>? run))
        {
            run(args[1..]);
            return 0;
        }
        Console.Error.WriteLine($"usage: EdgeRuntime.Benchmarks {string.Join('|', Commands.Keys)} [options]");
        return 2;
    }
}
