using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>
/// The IDX format of MNIST and its kin, plain or gzipped: two zero bytes, a type, a rank, big-endian dimensions, big-endian
/// elements (yann.lecun.com/exdb/mnist).
/// </summary>
public static class IdxFile
{
    /// <summary>Reads the file at <paramref name="path"/>; binary64 becomes <see cref="ElementType.Float32"/>.</summary>
    /// <exception cref="ModelException">It is damaged, or of another format.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static Tensor Load(string path)
    {
        string name = Path.GetFileName(path);
        using FileStream file = File.OpenRead(path);
        bool packed = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
        file.Position = 0;
        using Stream stream = packed ? new GZipStream(file, CompressionMode.Decompress) : file;
        // Deflate packs at most 1032 to 1, so that a larger claim is false.
        long limit = Math.Min(Array.MaxLength, packed ? file.Length * 1032 : file.Length);
        try
        {
            return Read(stream, limit, name);
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException or OverflowException)
        {
            throw Bad(name, "the file is damaged or cut short: " + e.Message, e);
        }
    }

    private static Tensor Read(Stream stream, long limit, string name)
    {
        Span<byte> word = stackalloc byte[4];
        stream.ReadExactly(word);
        (ElementType type, int size) = word[2] switch
        {
            0x08 => (ElementType.UInt8, 1),
            0x09 => (ElementType.Int8, 1),
            0x0B => (ElementType.Int16, 2),
            0x0C => (ElementType.Int32, 4),
            0x0D => (ElementType.Float32, 4),
            0x0E => (ElementType.Float32, 8),
            _ => throw Bad(name, $"no IDX file: its type is {word[2]}"),
        };
        int rank = word[3];
        if (word[0] != 0 || word[1] != 0 || rank > TensorShape.MaxRank) throw Bad(name, "no IDX file: its first bytes are others");
        int[] dimensions = new int[rank];
        for (int i = 0; i < rank; i++)
        {
            stream.ReadExactly(word);
            dimensions[i] = checked((int)BinaryPrimitives.ReadUInt32BigEndian(word));
        }
        TensorShape shape = new(dimensions);
        long bytes = checked(shape.ElementCount * size);
        if (bytes > limit) throw Bad(name, $"{shape} takes {bytes} bytes, more than the file can hold");
        byte[] data = GC.AllocateUninitializedArray<byte>((int)bytes);
        stream.ReadExactly(data);
        if (stream.ReadByte() >= 0) throw Bad(name, $"more bytes than {shape} takes");
        SwapBytes(data, size);
        if (size < 8) return new Tensor(type, shape, data);
        return Tensor.From<float>(shape, Array.ConvertAll(MemoryMarshal.Cast<byte, double>(data).ToArray(), v => (float)v));
    }

    private static void SwapBytes(byte[] data, int size)
    {
        for (int i = 0; size > 1 && i < data.Length; i += size) data.AsSpan(i, size).Reverse();
    }

    private static ModelException Bad(string name, string message, Exception? inner = null) =>
        new(ModelErrorKind.InvalidData, name, message, inner);
}
