using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Elements of 4 to 32 bits, one after another, for code that moves them about.</summary>
internal readonly ref struct SparseElements
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _size;

    private SparseElements(ReadOnlySpan<byte> bytes, int size)
    {
        _bytes = bytes;
        _size = size;
    }

    /// <summary>Bytes of an element when nibbles are taken apart.</summary>
    public static int Size(ElementType type) => Math.Max(1, type.Bits() / 8);

    /// <summary>The elements in <paramref name="bytes"/>; nibbles are taken apart.</summary>
    public static SparseElements Of(ElementType type, ReadOnlySpan<byte> bytes)
    {
        if (type != ElementType.Int4) return new(bytes, Size(type));
        byte[] apart = new byte[bytes.Length * 2];
        for (int i = 0; i < apart.Length; i++) apart[i] = (byte)(bytes[i / 2] >> (i % 2 * 4) & 15);
        return new(apart, 1);
    }

    /// <summary>One element.</summary>
    public ReadOnlySpan<byte> this[int index] => _bytes.Slice(index * _size, _size);

    /// <summary>Whether all bits of an element are 0.</summary>
    public bool IsZero(int index) => !this[index].ContainsAnyExcept((byte)0);

    /// <summary>Nibbles put together again; other elements as they are.</summary>
    public static byte[] Pack(ElementType type, byte[] elements)
    {
        if (type != ElementType.Int4) return elements;
        byte[] packed = new byte[(elements.Length + 1) / 2];
        for (int i = 0; i < elements.Length; i++) packed[i / 2] |= (byte)(elements[i] << (i % 2 * 4));
        return packed;
    }
}
