namespace EdgeRuntime.Model;

/// <summary>Numbers of 1 to 8 bits in a row, the earlier in the lower bits.</summary>
internal static class BitPacking
{
    /// <summary>The number of <paramref name="width"/> bits at bit <paramref name="at"/>.</summary>
    public static int Read(ReadOnlySpan<byte> bytes, long at, int width)
    {
        int first = (int)(at / 8), shift = (int)(at % 8), value = bytes[first];
        if (shift + width > 8) value |= bytes[first + 1] << 8;
        return value >> shift & ((1 << width) - 1);
    }

    /// <summary>Writes a number over bits that are 0.</summary>
    public static void Write(Span<byte> bytes, long at, int value)
    {
        int first = (int)(at / 8), bits = value << (int)(at % 8);
        bytes[first] |= (byte)bits;
        if (bits > 255) bytes[first + 1] |= (byte)(bits >> 8);
    }

    /// <summary>Whether any bit from bit <paramref name="used"/> on is set.</summary>
    public static bool HasSpareBits(ReadOnlySpan<byte> bytes, long used)
    {
        int whole = (int)(used / 8);
        return whole < bytes.Length && (bytes[whole] >> (int)(used % 8) != 0 || bytes[(whole + 1)..].ContainsAnyExcept((byte)0));
    }
}
