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
}
