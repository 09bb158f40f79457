using System.Globalization;
using EdgeRuntime.Kernels;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Binary layers beside the same layers in float and int8, on one thread, each with the kernel that the catalog chooses; smallest
/// times of alternating rounds. Options: <c>--write FILE</c> puts the table into a document; <c>--once KIND [FEATURES]</c> runs the
/// 3×3 layer of 256 channels once as b1, s8, w1, or f32, for counting instructions in an emulator.
/// </summary>
internal static class BinaryBenchmark
{
    private static readonly (string Name, ConvolutionShape Shape)[] Shapes =
    [
        ("3×3, 256 → 256, 14×14", Square(14, 256, 256, 3)),
        ("3×3, 64 → 64, 56×56", Square(56, 64, 64, 3)),
        ("3×3, 128 → 128, 28×28", Square(28, 128, 128, 3)),
        ("3×3, 512 → 512, 7×7", Square(7, 512, 512, 3)),
        ("1×1, 256 → 256, 14×14", Square(14, 256, 256, 1)),
        ("1×1, 96 → 96, 28×28", Square(28, 96, 96, 1)),
        ("fully connected 1024 → 1024", ConvolutionShape.FullyConnected(1, 1024, 1024)),
        ("fully connected 4096 → 4096", ConvolutionShape.FullyConnected(1, 4096, 4096)),
    ];

    public static void Run(string[] args)
    {
        if (args is ["--once", var kind, ..])
        {
            CpuFeatures wanted = args.Length > 2 ? CpuFeatures.Parse(args[2]) : CpuFeatures.Detect();
            (string id, Action run) = KernelRuns.Prepare(kind, Shapes[0].Shape, wanted);
            run();
            Console.WriteLine($"{id}: {Shapes[0].Name}");
            return;
        }
        CpuFeatures cpu = CpuFeatures.Detect();
        string[] kinds = ["f32", "s8", "w1", "b1"];
        List<string> rows = ["| layer | fp32 µs | int8 µs | ±1 weights × int8 µs | binary µs | binary products/ns | fp32 / binary | int8 / binary | int8 / ±1×int8 |", "|---|---|---|---|---|---|---|---|---|"];
        foreach ((string name, ConvolutionShape shape) in Shapes)
        {
            (string Id, Action Run)[] runs = [.. kinds.Select(k => KernelRuns.Prepare(k, shape, cpu))];
            double[] us = Measure([.. runs.Select(r => r.Run)]);
            rows.Add(string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {us[0]:F1} | {us[1]:F1} | {us[2]:F1} | {us[3]:F1} | {shape.MultiplyAccumulates / us[3] / 1000:F0} | {us[0] / us[3]:F1} | {us[1] / us[3]:F1} | {us[1] / us[2]:F2} |"));
            Console.WriteLine($"{rows[^1]} {string.Join(' ', runs.Select(r => r.Id))}");
        }
        if (Array.IndexOf(args, "--write") is >= 0 and int at) MarkdownTable.Replace(args[at + 1], "binary", string.Join('\n', rows) + "\n");
    }

    private static ConvolutionShape Square(int size, int channels, int outChannels, int kernel) =>
        new(1, size, size, channels, outChannels, kernel, kernel, 1, 1, 1, 1, kernel / 2, kernel / 2, kernel / 2, kernel / 2, 1);

    private static double[] Measure(Action[] runs)
    {
        double[] least = new double[runs.Length];
        Array.Fill(least, double.PositiveInfinity);
        int[] repetitions = new int[runs.Length];
        for (int round = 0; round < 40; round++)
            for (int i = 0; i < runs.Length; i++)
            {
                if (round == 0) runs[i]();
                if (round < 4) repetitions[i] = Math.Clamp((int)(2000 / SideBySide.Time(runs[i], 1)), 1, 2000);
                least[i] = Math.Min(least[i], SideBySide.Time(runs[i], repetitions[i]));
            }
        return least;
    }
}
