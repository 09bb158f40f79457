using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.TestSupport;
using Google.Protobuf;
using static EdgeRuntime.Compressor.Onnx.AttributeProto.Types;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Single LSTM and GRU layers with random weights beside ONNX Runtime, one thread, batch 1, in one process, rounds alternating:
/// fp32 against its fp32, int8 (calibrated, 16-bit cell) against its DynamicQuantizeLSTM, where it has one; and int8 with four fifths
/// of the blocks of 8 units × 4 inputs pruned; and weights of 8 and 4 bits with inputs and states that become int8 while running.
/// <c>recurrent [--rounds N] [--only TEXT] [--write FILE.md]</c>.
/// </summary>
internal static class RecurrentBenchmark
{
    public static void Run(string[] args)
    {
        int rounds = int.Parse(Option(args, "--rounds") ?? "12", CultureInfo.InvariantCulture);
        string only = Option(args, "--only") ?? "";
        if (!OnnxRuntimeLibrary.IsAvailable) throw new InvalidOperationException(OnnxRuntimeLibrary.Missing);
        StringBuilder table = new("| layer | steps | ours fp32 µs | ONNX Runtime fp32 µs | ratio | ours int8 µs | ONNX Runtime int8 µs | ratio | int8 / fp32 | int8, 80 % zeros µs | / dense | int8 while running µs | / ONNX Runtime int8 | with int4 weights µs |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (string cell in new[] { "LSTM", "GRU" })
            foreach (int size in new[] { 128, 256 })
                foreach (int steps in new[] { 1, 32 })
                {
                    if (!$"{cell} {size} {steps}".Contains(only, StringComparison.Ordinal)) continue;
                    string row = Measure(cell, size, steps, rounds);
                    Console.WriteLine(row);
                    table.Append(row).Append('\n');
                }
        if (Option(args, "--write") is { } target) MarkdownTable.Replace(target, "recurrent", table.ToString());
    }

    private static string Measure(string cell, int size, int steps, int rounds)
    {
        ModelProto floats = Layer(cell, size, steps, quantized: false);
        string file = Save(floats), quantizedFile = cell == "LSTM" ? Save(Layer(cell, size, steps, quantized: true)) : "";
        Graph graph = GraphOptimizer.Optimize(OnnxImporter.Load(file)), integers = GraphCopy.Of(graph);
        Graph sparse = GraphCopy.Of(graph);
        new Prune(new PruneOptions { Pattern = "8x4", Sparsity = 0.8 }).Apply(sparse, PassContext.Empty);
        foreach (Graph g in new[] { integers, sparse })
            new QuantizeInt8(new QuantizeOptions { IntegerInputs = true, IntegerOutputs = true }).Apply(g, new PassContext { Calibration = Data(graph) });
        Graph dynamic = GraphCopy.Of(graph), nibbles = GraphCopy.Of(graph);
        new QuantizeInt4(new QuantizeInt4Options { Activations = "dynamic", Int8 = [.. graph.Nodes.Select(n => n.Name)] }).Apply(dynamic, PassContext.Empty);
        new QuantizeInt4(new QuantizeInt4Options { Activations = "dynamic" }).Apply(nibbles, PassContext.Empty);
        using InferenceSession oursDynamic = new(dynamic), oursNibbles = new(nibbles);
        using InferenceSession ours = new(graph), oursInt8 = new(integers), oursSparse = new(sparse);
        using OnnxRuntimeLibrary.Session theirs = new(file);
        using OnnxRuntimeLibrary.Session? theirsInt8 = quantizedFile.Length > 0 ? new(quantizedFile) : null;
        float[] x = Numbers(steps * size, 7);
        foreach (InferenceSession s in new[] { ours, oursDynamic, oursNibbles }) x.CopyTo(s.Input<float>(0));
        foreach (OnnxRuntimeLibrary.Session? s in new[] { theirs, theirsInt8 })
            if (s is not null) MemoryMarshal.AsBytes(x.AsSpan()).CopyTo(s.Inputs[0].Bytes);
        Action[] runs = [ours.Run, theirs.Run, oursInt8.Run, oursSparse.Run, oursDynamic.Run, oursNibbles.Run, .. theirsInt8 is null ? Array.Empty<Action>() : [theirsInt8.Run]];
        double[] times = Times(runs, rounds);
        CultureInfo c = CultureInfo.InvariantCulture;
        string peer = theirsInt8 is null ? "– | –" : string.Create(c, $"{times[6]:F1} | {times[2] / times[6]:F2}"), ratio = theirsInt8 is null ? "–" : (times[4] / times[6]).ToString("F2", c);
        File.Delete(file);
        if (quantizedFile.Length > 0) File.Delete(quantizedFile);
        return string.Create(c, $"| {cell} {size} | {steps} | {times[0]:F1} | {times[1]:F1} | {times[0] / times[1]:F2} | {times[2]:F1} | {peer} | {times[2] / times[0]:F2} | {times[3]:F1} | {times[3] / times[2]:F2} | {times[4]:F1} | {ratio} | {times[5]:F1} |");
    }

    /// <summary>Smallest time of each, in microseconds.</summary>
    private static double[] Times(Action[] runs, int rounds)
    {
        double[] least = new double[runs.Length];
        int[] counts = new int[runs.Length];
        Array.Fill(least, double.PositiveInfinity);
        for (int i = 0; i < runs.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            int n = 0;
            for (; Stopwatch.GetElapsedTime(start).TotalMilliseconds < 100; n++) runs[i]();
            counts[i] = Math.Max(3, n / 10);
        }
        for (int r = 0; r < rounds; r++)
            for (int i = 0; i < runs.Length; i++)
                for (int n = 0; n < counts[i]; n++)
                {
                    long start = Stopwatch.GetTimestamp();
                    runs[i]();
                    least[i] = Math.Min(least[i], Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                }
        return least;
    }

    private static CalibrationData Data(Graph graph)
    {
        CalibrationData data = new();
        for (int i = 0; i < 4; i++) data.Add(Tensor.From<float>(graph.Inputs[0].Shape, Numbers((int)graph.Inputs[0].Shape.ElementCount, i)));
        return data;
    }

    /// <summary>x [T,1,I] → y [T,1,1,H], I = H. DynamicQuantizeLSTM wants weights transposed, in int8, with scales and zero points.</summary>
    private static ModelProto Layer(string cell, int size, int steps, bool quantized)
    {
        int gates = cell == "LSTM" ? 4 : 3;
        ModelProto model = new() { IrVersion = 7, Graph = new GraphProto { Name = cell } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 14 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        model.Graph.Input.Add(Value("x", steps, 1, size));
        model.Graph.Output.Add(Value("y", steps, 1, 1, size));
        NodeProto node = new() { OpType = quantized ? "DynamicQuantizeLSTM" : cell, Domain = quantized ? "com.microsoft" : "", Name = "layer" };
        node.Input.AddRange(["x", "w", "r", "b"]);
        node.Output.Add("y");
        node.Attribute.Add(new AttributeProto { Name = "hidden_size", Type = AttributeType.Int, I = size });
        if (cell == "GRU") node.Attribute.Add(new AttributeProto { Name = "linear_before_reset", Type = AttributeType.Int, I = 1 });
        model.Graph.Node.Add(node);
        model.Graph.Initializer.Add(Floats("b", Numbers(2 * gates * size, 3), 1, 2 * gates * size));
        foreach ((string name, int seed) in new[] { ("w", 1), ("r", 2) })
        {
            float[] values = Array.ConvertAll(Numbers(gates * size * size, seed), v => v * 2 / MathF.Sqrt(size));
            if (!quantized)
            {
                model.Graph.Initializer.Add(Floats(name, values, 1, gates * size, size));
                continue;
            }
            float scale = values.Max(MathF.Abs) / 127;
            byte[] turned = new byte[values.Length];
            for (int row = 0; row < gates * size; row++)
                for (int k = 0; k < size; k++) turned[k * gates * size + row] = (byte)(sbyte)MathF.Round(values[row * size + k] / scale);
            model.Graph.Initializer.Add(Bytes(name, turned, 1, size, gates * size));
            model.Graph.Initializer.Add(Floats(name + "_scale", [scale], 1));
            model.Graph.Initializer.Add(Bytes(name + "_zero", [0], 1));
        }
        if (quantized) node.Input.AddRange(["", "", "", "", "w_scale", "w_zero", "r_scale", "r_zero"]);
        return model;
    }

    private static ValueInfoProto Value(string name, params int[] shape)
    {
        ValueInfoProto value = new() { Name = name, Type = new TypeProto { TensorType = new() { ElemType = (int)DataType.Float, Shape = new TensorShapeProto() } } };
        foreach (int d in shape) value.Type.TensorType.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = d });
        return value;
    }

    private static TensorProto Floats(string name, float[] values, params int[] shape) => Raw(name, DataType.Float, MemoryMarshal.AsBytes(values.AsSpan()), shape);

    private static TensorProto Bytes(string name, byte[] values, params int[] shape) => Raw(name, DataType.Int8, values, shape);

    private static TensorProto Raw(string name, DataType type, ReadOnlySpan<byte> raw, int[] shape)
    {
        TensorProto tensor = new() { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(raw) };
        tensor.Dims.AddRange(shape.Select(d => (long)d));
        return tensor;
    }

    private static string Save(ModelProto model)
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, model.ToByteArray());
        return path;
    }

    private static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var i && i + 1 < args.Length ? args[i + 1] : null;
}
