using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Reads the primitives of SPEC.md from one section; whatever does not fit throws with its place in the file.</summary>
internal ref struct SectionReader(ReadOnlySpan<byte> bytes, SectionId? section, long fileOffset, string file)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _last;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    /// <summary>Bytes left.</summary>
    public readonly int Remaining => _bytes.Length - Position;

    /// <summary>The error <paramref name="fault"/> at the primitive read last.</summary>
    public readonly ModelFormatException Fail(FormatFault fault, string message, Exception? inner = null) =>
        new(fault, file, section, fileOffset + _last, message, inner);

    /// <summary>The next <paramref name="count"/> bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int count)
    {
        _last = Position;
        if (count > Remaining) throw Fail(FormatFault.Malformed, $"{count} bytes expected, {Remaining} are left");
        Position += count;
        return _bytes.Slice(_last, count);
    }

    /// <summary>One byte.</summary>
    public byte Byte() => Bytes(1)[0];

    /// <summary>A little-endian 16-bit number.</summary>
    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    /// <summary>A little-endian 32-bit number.</summary>
    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    /// <summary>A little-endian 64-bit number.</summary>
    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    /// <summary>A binary32 number.</summary>
    public float Single() => BinaryPrimitives.ReadSingleLittleEndian(Bytes(4));

    /// <summary>An unsigned LEB128 number of at most 63 bits in its shortest form.</summary>
    public long Varint()
    {
        long value = 0;
        int start = Position;
        for (int shift = 0; shift < 63; shift += 7)
        {
            byte b = Byte();
            value |= (long)(b & 0x7F) << shift;
            if (b >= 0x80) continue;
            _last = start;
            return b == 0 && shift > 0 ? throw Fail(FormatFault.Malformed, "a number is not in its shortest form") : value;
        }
        _last = start;
        throw Fail(FormatFault.Malformed, "a number has more than 63 bits");
    }

    /// <summary>A number of at most <paramref name="limit"/>.</summary>
    public long Number(long limit, string what)
    {
        long value = Varint();
        return value <= limit ? value : throw Fail(FormatFault.LimitExceeded, $"{what} is {value}, above the limit of {limit}");
    }

    /// <summary>A count of records of at least <paramref name="leastBytes"/> each, which the bytes left can hold.</summary>
    public int Count(int limit, int leastBytes, string what)
    {
        int count = (int)Number(limit, $"the count of {what}");
        if ((long)count * leastBytes > Remaining)
            throw Fail(FormatFault.LimitExceeded, $"{count} {what} can't be in the {Remaining} bytes left");
        return count;
    }

    /// <summary>An index below <paramref name="count"/>.</summary>
    public int Index(int count, string what)
    {
        long value = Varint();
        return value < count ? (int)value : throw Fail(FormatFault.InvalidReference, $"{what} {value} of {count}");
    }

    /// <summary>A zigzag-coded 32-bit number.</summary>
    public int Signed()
    {
        long value = Varint();
        return value <= uint.MaxValue ? (int)(value >> 1) ^ -(int)(value & 1)
            : throw Fail(FormatFault.Malformed, "a number has more than 32 bits");
    }

    /// <summary>A text stored in place.</summary>
    public string InlineText(int limit, string what)
    {
        ReadOnlySpan<byte> utf8 = Bytes(Count(limit, 1, $"bytes of {what}"));
        return Utf8.IsValid(utf8) ? Encoding.UTF8.GetString(utf8) : throw Fail(FormatFault.InvalidText, $"{what} is not UTF-8");
    }

    /// <summary>A text stored as an index into the strings section.</summary>
    public string Text(string[] strings) => strings[Index(strings.Length, "string")];

    /// <summary>An element type.</summary>
    public ElementType Type()
    {
        ElementType type = (ElementType)Byte();
        return Enum.IsDefined(type) ? type : throw Fail(FormatFault.InvalidTensor, $"element type {(byte)type} is not known");
    }

    /// <summary>A shape.</summary>
    public TensorShape Shape()
    {
        int[] dimensions = new int[Count(FormatLimits.Rank, 1, "dimensions")];
        long product = 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            dimensions[i] = (int)Number(int.MaxValue, "a dimension");
            product *= Math.Max(dimensions[i], 1);
            if (product > FormatLimits.Elements) throw Fail(FormatFault.InvalidTensor, $"a value has more than {FormatLimits.Elements} elements");
        }
        return new TensorShape(dimensions);
    }

    /// <summary>Checks that nothing is left.</summary>
    public void End()
    {
        _last = Position;
        if (Remaining != 0) throw Fail(FormatFault.Malformed, $"{Remaining} bytes are left after the last record");
    }
}
