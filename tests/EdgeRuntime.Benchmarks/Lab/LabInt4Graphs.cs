using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Benchmarks;

/// <summary>Networks of one layer with int4 weights; null for depthwise layers, which keep 8 bits.</summary>
internal static class LabInt4Graphs
{
    /// <summary>Int8 activations.</summary>
    public static Graph? Int8(ConvolutionShape s, int group) => s.Group > 1 ? null : LabGraphs.Int8(s, Weights(s, group), new ValueInfo("b", Tensor.Vector<int>(new int[s.OutChannels])));

    /// <summary>Float activations, made int8 while running if <paramref name="dynamic"/>.</summary>
    public static Graph? Float32(ConvolutionShape s, int group, bool dynamic) => s.Group > 1 ? null : LabGraphs.Of(s, new ValueInfo("x", ElementType.Float32, LabGraphs.InputShape(s)),
        Weights(s, group), null, new ValueInfo("y", ElementType.Float32, LabGraphs.OutputShape(s)), dynamic ? new AttributeSet().Set("dynamic", 1) : null);

    private static ValueInfo Weights(in ConvolutionShape s, int group)
    {
        TensorShape shape = LabGraphs.WeightShape(s);
        int groups = group == 0 ? 1 : (s.Depth + group - 1) / group;
        byte[] nibbles = new byte[ElementType.Int4.ByteCount(shape.ElementCount)];
        new Random(1).NextBytes(nibbles);
        if (shape.ElementCount % 2 != 0) nibbles[^1] &= 15;
        // Multiples of a sixteenth of the channel's largest, as the pass quantize-int4 makes them.
        float[] scales = [.. Enumerable.Range(0, s.OutChannels * groups).Select(i => LabGraphs.WeightScale * (i % groups == 0 ? 16 : 9 + i % 7))];
        return new ValueInfo("w", new Tensor(ElementType.Int4, shape, nibbles), new QuantizationParameters(scales, default, 0, group));
    }
}
