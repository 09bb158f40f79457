namespace EdgeRuntime.Tensors;

/// <summary>Nibbles: two's complement, the earlier element in the low half of a byte.</summary>
public static class Int4
{
    /// <summary>A tensor of the numbers <paramref name="values"/>, each −8 to 7.</summary>
    public static Tensor Pack(TensorShape shape, ReadOnlySpan<sbyte> values)
    {
        byte[] bytes = new byte[ElementType.Int4.ByteCount(values.Length)];
        for (int i = 0; i < values.Length; i++) bytes[i / 2] |= (byte)((values[i] & 15) << (i % 2 * 4));
        return new Tensor(ElementType.Int4, shape, bytes);
    }
}
