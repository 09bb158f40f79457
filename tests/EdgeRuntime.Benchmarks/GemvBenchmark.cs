using System.Globalization;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Inference;
using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Matrix-vector products of 1024² and 4096², one thread, all in alternating rounds: <c>gemv [--rounds N] [--write FILE.md]</c>.
/// The unit is ONNX Runtime's int8 time, the smaller of its two operators' times.
/// </summary>
internal static class GemvBenchmark
{
    /// <summary>A row of the table.</summary>
    /// <param name="Name">What is multiplied, by whom.</param>
    /// <param name="BitsPerWeight">Bits read for each weight, scales included.</param>
    /// <param name="Prepare">For a size, what to time; whatever it holds lives as long as the process.</param>
    /// <param name="IsUnit">Whether it competes for the unit.</param>
    private sealed record Row(string Name, double BitsPerWeight, Func<int, Action> Prepare, bool IsUnit = false);

    /// <summary>A new kind of product is one line here.</summary>
    private static readonly Row[] Rows =
    [
        new("ONNX Runtime int8, QLinearMatMul", 8, n => OnnxRuntime(OnnxMatrixProduct.QLinear(n)), true),
        new("ONNX Runtime int8, MatMulInteger", 8, n => OnnxRuntime(OnnxMatrixProduct.Integer(n)), true),
        new("int8", 8, n => Ours(OnnxMatrixProduct.QLinear(n))),
        new("int4 per channel", 4, n => Ours(LabInt4Graphs.Int8(ConvolutionShape.FullyConnected(1, n, n), 0)!)),
        new("int4, groups of 32", 4.25, n => Ours(LabInt4Graphs.Int8(ConvolutionShape.FullyConnected(1, n, n), 32)!)),
        new("int4, groups of 32, float input made int8 while running", 4.25, n => Ours(LabInt4Graphs.Float32(ConvolutionShape.FullyConnected(1, n, n), 32, true)!)),
        new("int4 per channel × float input", 4, n => Ours(LabInt4Graphs.Float32(ConvolutionShape.FullyConnected(1, n, n), 0, false)!)),
        new("int4, groups of 32 × float input", 5, n => Ours(LabInt4Graphs.Float32(ConvolutionShape.FullyConnected(1, n, n), 32, false)!)),
    ];

    public static void Run(string[] args)
    {
        int rounds = Array.IndexOf(args, "--rounds") is >= 0 and var r ? int.Parse(args[r + 1], CultureInfo.InvariantCulture) : 20;
        StringBuilder table = new("| product | size | µs (median) | GB/s of weights | over ONNX Runtime int8 |\n|---|---|---|---|---|\n");
        foreach (int n in (int[])[1024, 4096])
        {
            var times = SideBySide.Measure([.. Rows.Select(row => row.Prepare(n))], rounds);
            double unit = Rows.Zip(times).Where(p => p.First.IsUnit).Min(p => p.Second.Min);
            foreach (var (row, time) in Rows.Zip(times))
                table.Append(CultureInfo.InvariantCulture, $"| {row.Name} | {n}² | {time.Min:F1} ({time.Median:F1}) | {row.BitsPerWeight / 8 * n * n / time.Min / 1e3:F1} | {time.Min / unit:F2} |\n");
        }
        Console.Write(table);
        if (Array.IndexOf(args, "--write") is >= 0 and var w) MarkdownTable.Replace(args[w + 1], "gemv", table.ToString());
    }

    private static Action Ours(string path)
    {
        Graph graph = NetworkImporter.Load(path);
        GraphOptimizer.Optimize(graph);
        return Ours(graph);
    }

    private static Action Ours(Graph graph)
    {
        InferenceSession session = new(graph);
        BenchmarkRunner.FillInputs(session);
        return session.Run;
    }

    private static Action OnnxRuntime(string path)
    {
        OnnxRuntimeLibrary.Session session = new(path);
        new Random(1).NextBytes(session.Inputs[0].Bytes);
        return session.Run;
    }
}
