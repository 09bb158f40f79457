using System.Buffers.Binary;

namespace EdgeRuntime.Sensors;

/// <summary>RIFF WAVE files: PCM of 8, 16, 24 and 32 bits and binary32, any number of channels, which are averaged.</summary>
public static class WaveFile
{
    private const int Pcm = 1, Float = 3, Extensible = 0xFFFE;

    /// <summary>Reads the file at <paramref name="path"/>.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or of another kind; the message names it.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static Sound Read(string path) => Parse(File.ReadAllBytes(path), Path.GetFileName(path));

    /// <summary>Reads the bytes of a file; <paramref name="name"/> is for messages.</summary>
    /// <exception cref="InvalidDataException">They are damaged, or of another kind.</exception>
    public static Sound Parse(ReadOnlySpan<byte> bytes, string name)
    {
        if (bytes.Length < 12 || !bytes[..4].SequenceEqual("RIFF"u8) || !bytes[8..12].SequenceEqual("WAVE"u8)) throw new InvalidDataException($"{name} is no WAVE file");
        ReadOnlySpan<byte> format = default;
        for (int at = 12; at + 8 <= bytes.Length;)
        {
            ReadOnlySpan<byte> id = bytes.Slice(at, 4);
            long length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 4)..]);
            // Recorders that were cut off, and pipes, leave a length that is too large.
            ReadOnlySpan<byte> chunk = bytes.Slice(at + 8, (int)Math.Min(length, bytes.Length - at - 8));
            if (id.SequenceEqual("fmt "u8)) format = chunk;
            else if (id.SequenceEqual("data"u8)) return Decode(format, chunk, name);
            at = (int)Math.Min(bytes.Length, at + 8 + length + (length & 1));
        }
        throw new InvalidDataException($"{name} has no sound in it");
    }

    /// <summary>The bytes of a file of 16-bit PCM.</summary>
    public static byte[] Encode(ReadOnlySpan<short> samples, int rate)
    {
        byte[] bytes = new byte[44 + 2 * samples.Length];
        "RIFF"u8.CopyTo(bytes);
        "WAVEfmt "u8.CopyTo(bytes.AsSpan(8));
        "data"u8.CopyTo(bytes.AsSpan(36));
        foreach (var (at, value) in new[] { (4, bytes.Length - 8), (16, 16), (20, Pcm | 1 << 16), (24, rate), (28, 2 * rate), (32, 2 | 16 << 16), (40, 2 * samples.Length) })
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
        for (int i = 0; i < samples.Length; i++) BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(44 + 2 * i), samples[i]);
        return bytes;
    }

    private static Sound Decode(ReadOnlySpan<byte> format, ReadOnlySpan<byte> data, string name)
    {
        if (format.Length < 16) throw new InvalidDataException($"{name} does not say what its samples are");
        int kind = BinaryPrimitives.ReadUInt16LittleEndian(format), channels = BinaryPrimitives.ReadUInt16LittleEndian(format[2..]), bits = BinaryPrimitives.ReadUInt16LittleEndian(format[14..]);
        uint rate = BinaryPrimitives.ReadUInt32LittleEndian(format[4..]);
        if (kind == Extensible && format.Length >= 26) kind = BinaryPrimitives.ReadUInt16LittleEndian(format[24..]);
        if (channels == 0 || rate is 0 or > 768_000 || !(kind == Pcm && bits is 8 or 16 or 24 or 32) && !(kind == Float && bits == 32))
            throw new InvalidDataException($"{name} has {channels} channels of {bits} bits in format {kind}; PCM of 8, 16, 24 or 32 bits and binary32 are read");
        int size = bits / 8;
        float[] samples = new float[data.Length / (size * channels)];
        for (int i = 0; i < samples.Length * channels; i++) samples[i / channels] += Sample(data.Slice(i * size, size), kind) / channels;
        return new Sound(samples, (int)rate);
    }

    private static float Sample(ReadOnlySpan<byte> bytes, int kind) => (kind, bytes.Length) switch
    {
        (Float, _) => BinaryPrimitives.ReadSingleLittleEndian(bytes) is var f && float.IsFinite(f) ? f : 0,
        (_, 1) => (bytes[0] - 128) / 128f,
        (_, 2) => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768f,
        (_, 3) => ((sbyte)bytes[2] << 16 | bytes[1] << 8 | bytes[0]) / 8388608f,
        _ => BinaryPrimitives.ReadInt32LittleEndian(bytes) / 2147483648f,
    };
}
