using System.Runtime.InteropServices;

namespace EdgeRuntime.Tensors;

/// <summary>
/// Signs as bits: set = +1, clear = −1, and 0 counts as positive: sign(x) = +1 for x ≥ 0, else −1 (NaN too). This is the one
/// definition of the project. Files store them dense (<see cref="ElementType.Binary"/>); while a network runs, the innermost
/// axis of a value is padded to whole words of 64 bits, the earlier element in the lower bit, and the padding is clear, so that
/// the exclusive or of two padded rows counts the differing signs of the real elements only.
/// </summary>
public static class BitPacked
{
    /// <summary>Bits of a word.</summary>
    public const int WordBits = 64;

    /// <summary>Words that a row of <paramref name="elements"/> signs takes.</summary>
    public static int Words(int elements) => (elements + WordBits - 1) / WordBits;

    /// <summary>Bytes of a value of this shape while a network runs.</summary>
    public static long ByteCount(TensorShape shape) =>
        shape.Rank == 0 ? sizeof(ulong) : checked(shape.CountOf(0, shape.Rank - 1) * Words(shape[-1]) * sizeof(ulong));

    /// <summary>Dense bits, in rows of <paramref name="rowElements"/>, to rows of whole words.</summary>
    public static ulong[] ToRows(ReadOnlySpan<byte> dense, long elements, int rowElements)
    {
        if (rowElements == 0) return [];
        int rows = checked((int)(elements / rowElements)), words = Words(rowElements);
        ulong[] result = new ulong[checked(rows * words)];
        if (rowElements % WordBits == 0)
        {
            dense.CopyTo(MemoryMarshal.AsBytes(result.AsSpan()));
            return result;
        }
        for (long bit = 0, row = 0; row < rows; row++)
            for (int i = 0; i < rowElements; i++, bit++)
                result[row * words + i / WordBits] |= (ulong)(dense[(int)(bit / 8)] >> (int)(bit % 8) & 1) << i;
        return result;
    }

    /// <summary>The dense bits of the signs of <paramref name="values"/>.</summary>
    public static byte[] Signs(ReadOnlySpan<float> values)
    {
        byte[] dense = new byte[(values.Length + 7) / 8];
        for (int i = 0; i < values.Length; i++)
            if (values[i] >= 0) dense[i / 8] |= (byte)(1 << (i % 8));
        return dense;
    }
}
