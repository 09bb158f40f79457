using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Empirical bias correction (Nagel et al., 2019, section 4.2): in execution order, the mean over the calibration data of
/// each output channel before its clamp is brought to that of the float network, with all layers before quantised and
/// corrected. All samples go through one layer before the next, so every layer runs once.
/// </summary>
internal static class BiasCorrector
{
    /// <summary>Changes the Int32 biases of <paramref name="graph"/>, which came from <paramref name="reference"/>.</summary>
    public static void Correct(Graph reference, Graph graph, Dictionary<string, ValueInfo> quantized, PassContext context)
    {
        Dictionary<ValueInfo, double[]> targets = FloatMeans(reference, quantized, context);
        CalibrationData data = context.RequireCalibration();
        Dictionary<ValueInfo, byte[][]> activations = [];
        for (int i = 0; i < graph.Inputs.Count; i++)
            activations[graph.Inputs[i]] = [.. Enumerable.Range(0, data.Count).Select(s => data.Sample(s, i, graph.Inputs[i]).Data.ToArray())];
        for (int n = 0; n < graph.Nodes.Count; n++)
        {
            Node node = graph.Nodes[n];
            if (targets.TryGetValue(node.Output, out double[]? target)) CorrectNode(node, target, activations[node.Input(0)], graph, context);
            activations[node.Output] = RunAll(node, activations, data.Count, context);
            HashSet<ValueInfo> needed = [.. graph.Nodes.Skip(n + 1).SelectMany(later => later.Inputs.OfType<ValueInfo>())];
            foreach (ValueInfo v in activations.Keys.Where(v => !needed.Contains(v)).ToArray()) activations.Remove(v);
        }
    }

    // Mean of each channel before the clamp, by the integer value that the layer makes in the quantised graph.
    private static Dictionary<ValueInfo, double[]> FloatMeans(Graph reference, Dictionary<string, ValueInfo> quantized, PassContext context)
    {
        CalibrationData data = context.RequireCalibration();
        Node[] layers = [.. reference.Nodes.Where(n => Weights.Of(n) is not null && quantized.ContainsKey(n.Output.Name))];
        NodeRunner[] runners = [.. layers.Select(n => NodeRunner.Unclamped(n, context))];
        double[][] sums = [.. layers.Select(n => new double[n.Output.Shape[-1]])];
        using (InferenceSession session = new(reference, context.Options(keepIntermediates: true)))
            data.ForEach(session, _ =>
            {
                for (int i = 0; i < layers.Length; i++)
                    AddChannels(runners[i].Run(session.ValueBytes(layers[i].Input(0)).ToArray()), sums[i]);
            });
        foreach (NodeRunner runner in runners) runner.Dispose();
        Dictionary<ValueInfo, double[]> means = [];
        for (int i = 0; i < layers.Length; i++) means[quantized[layers[i].Output.Name]] = Means(sums[i], layers[i].Output.Shape, data.Count);
        return means;
    }

    private static void CorrectNode(Node node, double[] target, byte[][] inputs, Graph graph, PassContext context)
    {
        QuantizationParameters x = node.Input(0).Quantization!, w = node.Input(1).Quantization!;
        double[] sums = new double[target.Length];
        using (NodeRunner runner = NodeRunner.Unclamped(node, context))
            foreach (byte[] input in inputs)
            {
                float[] reals = Array.ConvertAll(input, b => Requantize.Dequantize((sbyte)b, x.Scale, x.ZeroPoint));
                AddChannels(runner.Run(MemoryMarshal.AsBytes(reals.AsSpan()).ToArray()), sums);
            }
        double[] means = Means(sums, node.Output.Shape, inputs.Length);
        float[] scales = [.. w.Scales.ToArray().Select(s => Math.Max(x.Scale * s, float.Epsilon))];
        int[] bias = node.OptionalInput(2)?.Constant?.ToInts() ?? new int[target.Length];
        for (int c = 0; c < bias.Length; c++)
        {
            double steps = Math.Round((target[c] - means[c]) / scales[scales.Length == 1 ? 0 : c]);
            bias[c] = (int)Math.Clamp(bias[c] + steps, 1 - Requantize.AccumulatorLimit, Requantize.AccumulatorLimit - 1);
        }
        string name = node.OptionalInput(2)?.Name ?? GraphEditor.UniqueName(graph, node.Name + ".bias");
        if (node.Inputs.Count < 3) node.Inputs.Add(null);
        node.Inputs[2] = new ValueInfo(name, Tensor.Vector<int>(bias), new QuantizationParameters(scales, axis: scales.Length == 1 ? -1 : 0));
    }

    private static byte[][] RunAll(Node node, Dictionary<ValueInfo, byte[][]> activations, int count, PassContext context)
    {
        ValueInfo[] inputs = [.. node.Inputs.OfType<ValueInfo>().Where(v => !v.IsConstant).Distinct()];
        byte[][] results = new byte[count][];
        using NodeRunner runner = new(node, context);
        for (int s = 0; s < count; s++)
            results[s] = runner.Run([.. inputs.Select(v => (ReadOnlyMemory<byte>)activations[v][s])]).ToArray();
        return results;
    }

    private static void AddChannels(ReadOnlySpan<byte> output, double[] sums)
    {
        ReadOnlySpan<float> reals = MemoryMarshal.Cast<byte, float>(output);
        for (int i = 0; i < reals.Length; i++) sums[i % sums.Length] += reals[i];
    }

    private static double[] Means(double[] sums, TensorShape shape, int samples) =>
        Array.ConvertAll(sums, s => s / ((double)samples * shape.ElementCount / shape[-1]));
}
