using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Compares a changed network, usually quantised, with the float network it came from, layer by layer, over the calibration data.</summary>
internal static class NoiseMeter
{
    // Stands for the infinite ratio of equal results, and bounds all others, so that reports hold numbers only.
    private const double Exact = 200;

    /// <summary>Signal-to-noise ratio of each layer's output; errors of earlier layers count in later ones.</summary>
    public static LayerReport[] Measure(Graph reference, Graph graph, Dictionary<string, ValueInfo> quantized, PassContext context)
    {
        using InferenceSession floats = new(reference, context.Options(keepIntermediates: true));
        using InferenceSession integers = new(graph, context.Options(keepIntermediates: true));
        Dictionary<ValueInfo, Node> producers = graph.Producers();
        (ValueInfo Float, ValueInfo Integer, Node Node)[] pairs = [.. reference.Nodes.Select(n => n.Output)
            .Where(v => quantized.TryGetValue(v.Name, out ValueInfo? q) && producers.ContainsKey(q) && q.Shape == v.Shape)
            .Select(v => (v, quantized[v.Name], producers[quantized[v.Name]]))];
        double[] signal = new double[pairs.Length], noise = new double[pairs.Length];
        CalibrationData data = context.RequireCalibration();
        data.ForEach(floats, sample =>
        {
            for (int i = 0; i < graph.Inputs.Count; i++) data.Sample(sample, i, graph.Inputs[i]).Data.Span.CopyTo(integers.InputBytes(i));
            integers.ResetState();
            integers.Run();
            for (int p = 0; p < pairs.Length; p++)
            {
                ReadOnlySpan<float> reals = MemoryMarshal.Cast<byte, float>(floats.ValueBytes(pairs[p].Float));
                ReadOnlySpan<byte> changed = integers.ValueBytes(pairs[p].Integer);
                if (pairs[p].Integer.Quantization is { } q) Add(reals, MemoryMarshal.Cast<byte, sbyte>(changed), q, ref signal[p], ref noise[p]);
                else Add(reals, MemoryMarshal.Cast<byte, float>(changed), ref signal[p], ref noise[p]);
            }
        });
        return [.. pairs.Select((p, i) => Report(p.Node, Decibels(signal[i], noise[i])))];
    }

    private static LayerReport Report(Node node, double decibels)
    {
        ValueInfo? weights = node.Type is OperatorType.Convolution or OperatorType.FullyConnected or OperatorType.Lstm or OperatorType.Gru ? node.Input(1) : null;
        return new LayerReport(node.Name, node.Type.ToString(), decibels)
        {
            Bits = weights?.Type.Bits(),
            Group = weights?.Quantization is { GroupSize: > 0 } q ? q.GroupSize : null,
        };
    }

    private static double Decibels(double signal, double noise) => noise == 0 ? Exact : Math.Clamp(10 * Math.Log10(signal / noise), -Exact, Exact);

    private static void Add(ReadOnlySpan<float> reals, ReadOnlySpan<float> changed, ref double signal, ref double noise)
    {
        for (int i = 0; i < reals.Length; i++)
        {
            double error = reals[i] - (double)changed[i];
            signal += (double)reals[i] * reals[i];
            noise += error * error;
        }
    }

    private static void Add(ReadOnlySpan<float> reals, ReadOnlySpan<sbyte> integers, QuantizationParameters q, ref double signal, ref double noise)
    {
        for (int i = 0; i < reals.Length; i++)
        {
            double error = reals[i] - (double)Requantize.Dequantize(integers[i], q.Scale, q.ZeroPoint);
            signal += (double)reals[i] * reals[i];
            noise += error * error;
        }
    }
}
