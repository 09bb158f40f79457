using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EdgeRuntime.Kernels;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// <c>sparse [--only LAYER|TYPE|PATTERN] [--json FILE] [--write FILE]</c>: the best dense kernel against the best sparse one, on both sides of the break-even of each
/// pattern, and whether the catalog's rule takes the faster, which it must (exit code 1). Rounds alternate, smallest times, one thread:
/// of all runs that were given the same FILE of JSON, as other work on a machine comes in spells of minutes.
/// <c>sparse once TYPE PATTERN ZEROS LAYER dense|sparse FEATURES</c>: one run of one layer (by number), for counting instructions.
/// </summary>
internal static class SparseBenchmark
{
    private static readonly double[] Levels = [0.3, 0.5, 0.65, 0.75, 0.8, 0.9];

    // The rest is left to noise.
    private const double LeastRight = 0.9;

    private static readonly (string Name, ConvolutionShape Shape)[] Shapes =
    [
        ("1×1 56² 64→128", Square(56, 64, 128, 1)), ("1×1 28² 128→256", Square(28, 128, 256, 1)), ("1×1 14² 512→512", Square(14, 512, 512, 1)),
        ("1×1 7² 1024→1024", Square(7, 1024, 1024, 1)), ("1×1 14² 96→576", Square(14, 96, 576, 1)), ("3×3 28² 64→64", Square(28, 64, 64, 3)),
        ("dense M=1 1024→1024", ConvolutionShape.FullyConnected(1, 1024, 1024)), ("dense M=1 4096→4096", ConvolutionShape.FullyConnected(1, 4096, 4096)),
    ];

    /// <summary>Name, then the sides of the blocks that are cleared at random; n of m where the first is negative.</summary>
    private static readonly (string Name, int First, int Second)[] Patterns =
        [("unstructured", 1, 1), ("2:4", -2, 4), ("4:8", -4, 8), ("1:4", -1, 4), ("1x4", 1, 4), ("4x1", 4, 1), ("8x1", 8, 1), ("4x4", 4, 4)];

    /// <summary>One comparison.</summary>
    private sealed record Row(string Layer, string Type, string Pattern, double Zeros, double Dense, double Sparse, bool Chosen)
    {
        public double Ratio => Dense / Sparse;

        /// <summary>Within 5 % either choice is right.</summary>
        public bool IsRight => Chosen ? Ratio > 0.95 : Ratio < 1.05;
    }

    public static void Run(string[] args)
    {
        if (args.Length == 7 && args[0] == "once")
        {
            Once(args[1] == "s8", Patterns.Single(p => p.Name == args[2]), double.Parse(args[3], CultureInfo.InvariantCulture), Shapes[int.Parse(args[4], CultureInfo.InvariantCulture)],
                args[5] == "sparse", CpuFeatures.Detect().Intersect(CpuFeatures.Parse(args[6])));
            return;
        }
        List<Row> rows = [];
        string? only = Options.Text(args, "--only");
        foreach ((string layer, ConvolutionShape shape) in Shapes)
            foreach ((string name, int first, int second) in Patterns)
                foreach (double zeros in first < 0 ? [1 + (double)first / second] : Levels)
                    foreach (bool isInt8 in (bool[])[false, true])
                        if (only is null || $"{layer} {(isInt8 ? "s8" : "f32")} {name}".Contains(only, StringComparison.Ordinal)) Compare(rows, layer, name, shape, first, second, zeros, isInt8);
        if (Options.Text(args, "--json") is { } kept) rows = Smallest(rows, kept);
        foreach (Row r in rows)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Layer,-20} {r.Type} {r.Pattern,-13} {r.Zeros,4:P0} dense {r.Dense,9:F1} us  sparse {r.Sparse,9:F1} us  {r.Ratio,5:F2}×  {(r.Chosen ? "sparse" : "dense ")} {(r.IsRight ? "" : "WRONG")}"));
        if (only is not null) return;
        int right = rows.Count(r => r.IsRight);
        string verdict = string.Create(CultureInfo.InvariantCulture,
            $"The rule took the faster kernel, or one within 5 % of it, in {right} of {rows.Count} comparisons; the worst choice costs {rows.Max(r => r.Chosen ? r.Sparse / r.Dense : r.Dense / r.Sparse) - 1:P0}.");
        string table = Speeds(rows) + "\n" + BreakEvens(rows) + "\n" + verdict + "\n";
        Console.WriteLine(table);
        if (Options.Text(args, "--write") is { } target) MarkdownTable.Replace(target, "sparse", table);
        if (right < LeastRight * rows.Count)
        {
            Console.Error.WriteLine($"the rule must take the faster kernel in {LeastRight:P0} of the comparisons");
            Environment.ExitCode = 1;
        }
    }

    /// <summary>With the smaller times of those that <paramref name="file"/> holds, which is brought up to date.</summary>
    private static List<Row> Smallest(List<Row> rows, string file)
    {
        List<Row> before = File.Exists(file) ? JsonSerializer.Deserialize<List<Row>>(File.ReadAllText(file))! : rows;
        rows = [.. rows.Zip(before, (a, b) => a with { Dense = Math.Min(a.Dense, b.Dense), Sparse = Math.Min(a.Sparse, b.Sparse) })];
        File.WriteAllText(file, JsonSerializer.Serialize(rows));
        return rows;
    }

    private static string Speeds(List<Row> rows)
    {
        (string Type, string Pattern, double Zeros)[] columns =
            [("f32", "unstructured", 0.8), ("f32", "unstructured", 0.9), ("f32", "2:4", 0.5), ("f32", "4x1", 0.75), ("s8", "unstructured", 0.9), ("s8", "1x4", 0.5), ("s8", "1x4", 0.75), ("s8", "4x4", 0.75)];
        StringBuilder text = new("| dense time / sparse time |");
        foreach (var (type, pattern, zeros) in columns) text.Append(CultureInfo.InvariantCulture, $" {type} {pattern} {zeros:P0} |");
        text.Append("\n|---|").AppendJoin("", columns.Select(_ => "---:|")).Append('\n');
        foreach (string layer in rows.Select(r => r.Layer).Distinct())
        {
            text.Append(CultureInfo.InvariantCulture, $"| {layer} |");
            foreach (var (type, pattern, zeros) in columns)
                text.Append(CultureInfo.InvariantCulture, $" {rows.Find(r => r.Layer == layer && r.Type == type && r.Pattern == pattern && r.Zeros == zeros)?.Ratio:F2} |");
            text.Append('\n');
        }
        return text.ToString();
    }

    private static string BreakEvens(List<Row> rows)
    {
        StringBuilder text = new("| share of zeros from which sparse is faster |");
        string[] patterns = [.. Patterns.Where(p => p.First > 0).Select(p => p.Name)], types = ["f32", "s8"];
        foreach (string type in types) text.Append(CultureInfo.InvariantCulture, $" {string.Join(" | ", patterns.Select(p => $"{type} {p}"))} |");
        text.Append("\n|---|").AppendJoin("", types.SelectMany(_ => patterns).Select(_ => "---:|")).Append('\n');
        foreach (string layer in rows.Select(r => r.Layer).Distinct())
        {
            text.Append(CultureInfo.InvariantCulture, $"| {layer} |");
            foreach (string type in types)
                foreach (string pattern in patterns) text.Append(CultureInfo.InvariantCulture, $" {BreakEven([.. rows.Where(r => r.Layer == layer && r.Type == type && r.Pattern == pattern)])} |");
            text.Append('\n');
        }
        return text.ToString();
    }

    /// <summary>Where the ratio passes 1, between the two nearest levels.</summary>
    private static string BreakEven(Row[] rows)
    {
        if (rows[0].Ratio >= 1) return string.Create(CultureInfo.InvariantCulture, $"< {rows[0].Zeros:P0}");
        for (int i = 1; i < rows.Length; i++)
        {
            if (rows[i].Ratio < 1) continue;
            double share = (1 - rows[i - 1].Ratio) / (rows[i].Ratio - rows[i - 1].Ratio);
            return (rows[i - 1].Zeros + share * (rows[i].Zeros - rows[i - 1].Zeros)).ToString("P0", CultureInfo.InvariantCulture);
        }
        return string.Create(CultureInfo.InvariantCulture, $"> {rows[^1].Zeros:P0}");
    }

    private static void Compare(List<Row> rows, string layer, string pattern, in ConvolutionShape dense, int first, int second, double zeros, bool isInt8)
    {
        CpuFeatures cpu = CpuFeatures.Detect();
        sbyte[] weights = Weights(dense, first, second, zeros);
        (Prepared a, Prepared b, bool chosen) = isInt8 ? PrepareInt8(dense, weights, cpu) : PrepareFloat32(dense, weights, cpu);
        (double denseTime, double sparseTime) = Times(a, b);
        rows.Add(new(layer, isInt8 ? "s8" : "f32", pattern, zeros, denseTime, sparseTime, chosen));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{layer,-20} {pattern,-13} {zeros:P0} {a.Id} {denseTime:F1} us, {a.Estimate / denseTime:F0} estimated cycles/us; {b.Id} {sparseTime:F1} us, {b.Estimate / sparseTime:F0}"));
    }

    private static void Once(bool isInt8, (string Name, int First, int Second) pattern, double zeros, (string Name, ConvolutionShape Shape) layer, bool sparse, CpuFeatures cpu)
    {
        sbyte[] weights = Weights(layer.Shape, pattern.First, pattern.Second, zeros);
        (Prepared a, Prepared b, bool chosen) = isInt8 ? PrepareInt8(layer.Shape, weights, cpu) : PrepareFloat32(layer.Shape, weights, cpu);
        (sparse ? b : a).Run();
        Console.WriteLine($"{layer.Name}, {pattern.Name}, {zeros}: {(sparse ? b : a).Id}; the rule takes {(chosen ? b : a).Id}");
    }

    private static sbyte[] Weights(in ConvolutionShape shape, int first, int second, double zeros)
    {
        Random random = new(2);
        return Array.ConvertAll(Mask(shape.OutChannels, shape.Depth, first, second, zeros), u => u ? (sbyte)random.Next(1, 127) : (sbyte)0);
    }

    /// <summary>The dense kernel, the best sparse one, and whether the rule takes that.</summary>
    private static (Prepared Dense, Prepared Sparse, bool Chosen) PrepareInt8(ConvolutionShape dense, sbyte[] weights, CpuFeatures cpu)
    {
        ConvolutionShape sparse = dense with { Units = WeightUnits.Of<sbyte>(weights, dense.OutChannels) };
        ConvolutionInt8Parameters p = KernelRuns.Parameters(dense) with { Weights = weights };
        ConvolutionInt8Kernel best = SparseKernels.Int8.Where(k => cpu.Has(k.Descriptor.Requires) && k.Supports(sparse, p)).MinBy(k => k.EstimateCycles(sparse, p))!;
        return (new(KernelCatalog.Select(dense, p, cpu).Kernel, dense, p, weights), new(best, sparse, p, weights), SparseKernels.Int8.Contains(KernelCatalog.Select(sparse, p, cpu).Kernel));
    }

    private static (Prepared Dense, Prepared Sparse, bool Chosen) PrepareFloat32(ConvolutionShape dense, sbyte[] weights, CpuFeatures cpu)
    {
        float[] floats = Array.ConvertAll(weights, b => b / 64f);
        ConvolutionShape sparse = dense with { Units = WeightUnits.Of<float>(floats, dense.OutChannels) };
        ConvolutionFloat32Kernel best = SparseKernels.Float32.Where(k => cpu.Has(k.Descriptor.Requires) && k.Supports(sparse)).MinBy(k => k.EstimateCycles(sparse))!;
        return (new(KernelCatalog.Select(dense, cpu).Kernel, dense, floats), new(best, sparse, floats), SparseKernels.Float32.Contains(KernelCatalog.Select(sparse, cpu).Kernel));
    }

    private static bool[] Mask(int rows, int columns, int first, int second, double zeros)
    {
        Random random = new(1);
        bool[] used = new bool[rows * columns];
        if (first < 0)
        {
            for (int i = 0; i + second <= used.Length; i += second)
                foreach (int k in Enumerable.Range(0, second).OrderBy(_ => random.Next()).Take(-first)) used[i + k] = true;
            return used;
        }
        for (int r = 0; r < rows; r += first)
            for (int c = 0; c < columns; c += second)
            {
                if (random.NextDouble() < zeros) continue;
                for (int i = r; i < Math.Min(rows, r + first); i++) used.AsSpan(i * columns + c, Math.Min(second, columns - c)).Fill(true);
            }
        return used;
    }

    private static ConvolutionShape Square(int side, int channels, int outputs, int kernel) =>
        new(1, side, side, channels, outputs, kernel, kernel, 1, 1, 1, 1, kernel / 2, kernel / 2, kernel / 2, kernel / 2, 1);

    private static (double A, double B) Times(Prepared a, Prepared b)
    {
        double bestA = double.MaxValue, bestB = double.MaxValue;
        int repeatsA = a.Repeats(), repeatsB = b.Repeats(), rounds = 0;
        for (long begin = Stopwatch.GetTimestamp(); rounds < 10 || Stopwatch.GetElapsedTime(begin).TotalMilliseconds < 6; rounds++)
        {
            bestA = Math.Min(bestA, a.Time(repeatsA));
            bestB = Math.Min(bestB, b.Time(repeatsB));
        }
        return (bestA, bestB);
    }

    /// <summary>A kernel with its operands.</summary>
    /// <param name="Id">The kernel.</param>
    /// <param name="Estimate">Estimated cycles.</param>
    /// <param name="Run">Runs it once.</param>
    private sealed record Prepared(string Id, double Estimate, Action Run)
    {
        public Prepared(ConvolutionInt8Kernel kernel, ConvolutionShape s, ConvolutionInt8Parameters p, sbyte[] weights)
            : this(kernel.Descriptor.Id, kernel.EstimateCycles(s, p), KernelRuns.Of(kernel, s, p, weights)) { }

        public Prepared(ConvolutionFloat32Kernel kernel, ConvolutionShape s, float[] weights)
            : this(kernel.Descriptor.Id, kernel.EstimateCycles(s), KernelRuns.Of(kernel, s, weights)) { }

        /// <summary>Runs that take about 50 µs.</summary>
        public int Repeats()
        {
            Run();
            return Math.Max(1, (int)(50 / Time(1)));
        }

        /// <summary>Microseconds of one run.</summary>
        public double Time(int repeats)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++) Run();
            return Stopwatch.GetElapsedTime(start).TotalMicroseconds / repeats;
        }
    }
}
