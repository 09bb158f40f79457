using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Writes the primitives of SPEC.md, under the limits that <see cref="SectionReader"/> checks.</summary>
internal sealed class SectionWriter(SectionId section)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>What was written so far.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    /// <summary>Raw bytes.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes) => _buffer.Write(bytes);

    /// <summary>One byte.</summary>
    public void Byte(byte value) => _buffer.Write([value]);

    /// <summary>A binary32 number.</summary>
    public void Single(float value)
    {
        BinaryPrimitives.WriteSingleLittleEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
    }

    /// <summary>An unsigned LEB128 number in its shortest form.</summary>
    public void Varint(long value)
    {
        for (; value >= 0x80; value >>= 7) Byte((byte)(value | 0x80));
        Byte((byte)value);
    }

    /// <summary>A number of at most <paramref name="limit"/>.</summary>
    public void Number(long value, long limit, string what) => Varint(value >= 0 && value <= limit ? value
        : throw Fail(FormatFault.LimitExceeded, $"{what} is {value}, above the limit of {limit}"));

    /// <summary>A zigzag-coded 32-bit number.</summary>
    public void Signed(int value) => Varint((uint)(value << 1 ^ value >> 31));

    /// <summary>A text in place.</summary>
    public void InlineText(string text, int limit, string what)
    {
        byte[] utf8;
        try
        {
            utf8 = StrictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException e)
        {
            throw Fail(FormatFault.InvalidText, $"{what} is no Unicode text", e);
        }
        Number(utf8.Length, limit, $"the length of {what}");
        Bytes(utf8);
    }

    /// <summary>A shape.</summary>
    public void Shape(TensorShape shape)
    {
        Varint(shape.Rank);
        long product = 1;
        foreach (int d in shape.Dimensions)
        {
            Varint(d);
            product *= Math.Max(d, 1);
            if (product > FormatLimits.Elements) throw Fail(FormatFault.LimitExceeded, $"{shape} has more than {FormatLimits.Elements} elements");
        }
    }

    /// <summary>The error <paramref name="fault"/> here.</summary>
    public ModelFormatException Fail(FormatFault fault, string message, Exception? inner = null) =>
        new(fault, "model to be written", section, _buffer.WrittenCount, message, inner);
}
