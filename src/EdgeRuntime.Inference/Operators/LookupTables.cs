using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Tables of 256 entries for maps between 8-bit types.</summary>
internal static class LookupTables
{
    /// <summary>table[x as a byte] = quantise(map(dequantise(x))), exact where map is the identity and the scales are equal.</summary>
    public static byte[] Build(ElementType from, QuantizationParameters x, ElementType to, QuantizationParameters y, Func<float, float> map)
    {
        byte[] table = new byte[256];
        for (int i = 0; i < 256; i++)
        {
            int q = from == ElementType.UInt8 ? i : (sbyte)i;
            float real = map(Requantize.Dequantize(q, x.Scale, x.ZeroPoint));
            table[i] = (byte)Requantize.Quantize(real, y.Scale, y.ZeroPoint, to.MinValue(), to.MaxValue());
        }
        return table;
    }

    /// <summary>The function of a unary node, clamps fused.</summary>
    public static Func<float, float> MapOf(Node node) => node.Type switch
    {
        OperatorType.Sigmoid => QuantizedFunctions.Sigmoid,
        OperatorType.Tanh => QuantizedFunctions.Tanh,
        OperatorType.Sqrt => MathF.Sqrt,
        OperatorType.Clip => Clamp(node.Attributes.Float("min", float.NegativeInfinity), node.Attributes.Float("max", float.PositiveInfinity)),
        _ => x => x,
    };

    private static Func<float, float> Clamp(float min, float max) => x => Math.Min(Math.Max(x, min), max);
}
