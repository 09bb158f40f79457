using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Empirical bias correction (Nagel et al., 2019, section 4.2): in execution order, the mean over the calibration data of
/// each output channel before its clamp is brought to that of the float network, with all layers before quantised and
/// corrected. All samples go through one layer before the next, so every layer runs once. A mean error is only as good as
/// the samples: it is shrunk by the part of its square that chance explains, (1 − (s/√n)² / mean²), to nothing if that is all.
/// </summary>
internal static class BiasCorrector
{
    /// <summary>Changes the Int32 biases of <paramref name="graph"/>, which came from <paramref name="reference"/>.</summary>
    public static void Correct(Graph reference, Graph graph, Dictionary<string, ValueInfo> quantized, PassContext context)
    {
        Dictionary<ValueInfo, double[][]> targets = FloatMeans(reference, quantized, context);
        CalibrationData data = context.RequireCalibration();
        Dictionary<ValueInfo, byte[][]> activations = [];
        for (int i = 0; i < graph.Inputs.Count; i++)
            activations[graph.Inputs[i]] = [.. Enumerable.Range(0, data.Count).Select(s => data.Sample(s, i, graph.Inputs[i]).Data.ToArray())];
        for (int n = 0; n < graph.Nodes.Count; n++)
        {
            Node node = graph.Nodes[n];
            if (targets.TryGetValue(node.Output, out double[][]? target)) CorrectNode(node, target, activations[node.Input(0)], graph, context);
            RunAll(node, activations, data.Count, context);
            HashSet<ValueInfo> needed = [.. graph.Nodes.Skip(n + 1).SelectMany(later => later.Inputs.OfType<ValueInfo>())];
            foreach (ValueInfo v in activations.Keys.Where(v => !needed.Contains(v)).ToArray()) activations.Remove(v);
        }
    }

    // Mean of each channel before the clamp, sample by sample, by the integer value that the layer makes in the quantised graph.
    private static Dictionary<ValueInfo, double[][]> FloatMeans(Graph reference, Dictionary<string, ValueInfo> quantized, PassContext context)
    {
        CalibrationData data = context.RequireCalibration();
        Node[] layers = [.. reference.Nodes.Where(n => Weights.Of(n) is not null && quantized.ContainsKey(n.Output.Name))];
        NodeRunner[] runners = [.. layers.Select(n => NodeRunner.Unclamped(n, context))];
        Dictionary<ValueInfo, double[][]> means = layers.ToDictionary(n => quantized[n.Output.Name], _ => new double[data.Count][]);
        using (InferenceSession session = new(reference, context.Options(keepIntermediates: true)))
            data.ForEach(session, s =>
            {
                for (int i = 0; i < layers.Length; i++)
                    means[quantized[layers[i].Output.Name]][s] = ChannelMeans(runners[i].Run(session.ValueBytes(layers[i].Input(0)).ToArray()), layers[i]);
            });
        foreach (NodeRunner runner in runners) runner.Dispose();
        return means;
    }

    private static void CorrectNode(Node node, double[][] target, byte[][] inputs, Graph graph, PassContext context)
    {
        QuantizationParameters x = node.Input(0).Quantization!;
        double[][] errors = new double[inputs.Length][];
        using (NodeRunner runner = NodeRunner.Unclamped(node, context))
            for (int s = 0; s < inputs.Length; s++)
            {
                float[] reals = Array.ConvertAll(inputs[s], b => Requantize.Dequantize((sbyte)b, x.Scale, x.ZeroPoint));
                double[] means = ChannelMeans(runner.Run(MemoryMarshal.AsBytes(reals.AsSpan()).ToArray()), node);
                errors[s] = [.. target[s].Zip(means, (wanted, found) => wanted - found)];
            }
        float[] scales = [.. Int8Weights.From(node.Input(1).Constant!, node.Input(1).Quantization!)!.Scales.Select(s => Math.Max(x.Scale * s, float.Epsilon))];
        int[] bias = node.OptionalInput(2)?.Constant?.ToInts() ?? new int[node.Output.Shape[-1]];
        for (int c = 0; c < bias.Length; c++)
        {
            double steps = Math.Round(Trusted(errors, c) / scales[scales.Length == 1 ? 0 : c]);
            bias[c] = (int)Math.Clamp(bias[c] + steps, 1 - Requantize.AccumulatorLimit, Requantize.AccumulatorLimit - 1);
        }
        string name = node.OptionalInput(2)?.Name ?? GraphEditor.UniqueName(graph, node.Name + ".bias");
        if (node.Inputs.Count < 3) node.Inputs.Add(null);
        node.Inputs[2] = new ValueInfo(name, Tensor.Vector<int>(bias), new QuantizationParameters(scales, axis: scales.Length == 1 ? -1 : 0));
    }

    /// <summary>Adds what the node gives for every sample.</summary>
    private static void RunAll(Node node, Dictionary<ValueInfo, byte[][]> activations, int count, PassContext context)
    {
        ValueInfo[] inputs = [.. node.Inputs.OfType<ValueInfo>().Where(v => !v.IsConstant).Distinct()];
        foreach (ValueInfo output in node.Outputs) activations[output] = new byte[count][];
        using NodeRunner runner = new(node, context);
        for (int s = 0; s < count; s++)
        {
            runner.Run([.. inputs.Select(v => (ReadOnlyMemory<byte>)activations[v][s])]);
            for (int i = 0; i < node.Outputs.Count; i++) activations[node.Outputs[i]][s] = runner.Output(i).ToArray();
        }
    }

    private static double[] ChannelMeans(ReadOnlySpan<byte> output, Node node)
    {
        ReadOnlySpan<float> reals = MemoryMarshal.Cast<byte, float>(output);
        double[] means = new double[node.Output.Shape[-1]];
        for (int i = 0; i < reals.Length; i++) means[i % means.Length] += reals[i];
        double positions = (double)reals.Length / means.Length;
        return Array.ConvertAll(means, m => m / positions);
    }

    // The mean error of a channel, shrunk. One sample says nothing of chance, and is believed.
    private static double Trusted(double[][] errors, int channel)
    {
        int n = errors.Length;
        double mean = errors.Average(e => e[channel]);
        if (n == 1 || mean == 0) return mean;
        double chance = errors.Sum(e => (e[channel] - mean) * (e[channel] - mean)) / (n - 1) / n;
        return mean * Math.Max(0, 1 - chance / (mean * mean));
    }
}
