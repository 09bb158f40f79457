using System.IO.Compression;
using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>
/// NumPy's files: .npy, one array, and .npz, a ZIP archive of arrays. Little-endian booleans, integers and floats are read,
/// in C or Fortran order; binary64 becomes <see cref="ElementType.Float32"/>, unsigned integers of 16 and 32 bits the next
/// larger signed type.
/// </summary>
public static class NumpyFile
{
    /// <summary>Reads the .npy file at <paramref name="path"/>.</summary>
    /// <exception cref="ModelException">It is damaged, or of a type that is not read.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static Tensor Load(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Read(stream, stream.Length, Path.GetFileName(path));
    }

    /// <summary>Reads one array of .npy form.</summary>
    /// <param name="stream">Positioned at its first byte.</param>
    /// <param name="length">Its length in bytes, header included, which is checked before anything is allocated.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="ModelException">It is damaged, or of a type that is not read.</exception>
    public static Tensor Read(Stream stream, long length, string name)
    {
        try
        {
            NumpyHeader header = NumpyHeader.Read(stream, out int headerBytes);
            long expected = checked(header.Shape.ElementCount * header.ElementSize), actual = length - headerBytes;
            if (expected != actual)
                throw Bad(name, $"{actual} bytes follow the header, where {header.Descr} {header.Shape} takes {expected}");
            if (expected > Array.MaxLength) throw Bad(name, $"{expected} bytes are too many for one tensor; split the array");
            byte[] data = GC.AllocateUninitializedArray<byte>((int)expected);
            stream.ReadExactly(data);
            return ToTensor(header, data, name);
        }
        catch (Exception e) when (e is FormatException or NotSupportedException or EndOfStreamException or OverflowException or InvalidDataException)
        {
            throw new ModelException(ModelErrorKind.InvalidData, name, e.Message, e);
        }
    }

    /// <summary>Reads all arrays of the .npz file at <paramref name="path"/>, in the archive's order.</summary>
    /// <exception cref="ModelException">The archive, or an array in it, is damaged; or it would take 2 GB or more.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static IReadOnlyList<KeyValuePair<string, Tensor>> LoadArchive(string path)
    {
        string name = Path.GetFileName(path);
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(path);
            List<KeyValuePair<string, Tensor>> arrays = [];
            long total = 0;
            foreach (ZipArchiveEntry entry in archive.Entries)
            {
                // Deflate packs at most 1032 to 1: a larger claim is false, and must not make us allocate.
                total += entry.Length;
                if (entry.Length > entry.CompressedLength * 1032 + 1024 || total > Array.MaxLength)
                    throw Bad(name, $"entry {entry.FullName} claims {entry.Length} bytes, packed in {entry.CompressedLength}");
                using Stream stream = entry.Open();
                string key = entry.FullName.EndsWith(".npy", StringComparison.Ordinal) ? entry.FullName[..^4] : entry.FullName;
                arrays.Add(new(key, Read(stream, entry.Length, $"{name}, entry {entry.FullName}")));
            }
            return arrays.Count > 0 ? arrays : throw Bad(name, "the archive is empty");
        }
        catch (InvalidDataException e)
        {
            throw new ModelException(ModelErrorKind.InvalidData, name, "not a ZIP archive, or a damaged one: " + e.Message, e);
        }
    }

    /// <summary>Writes <paramref name="tensor"/> to a .npy file (format 1.0, C order), replacing it whole.</summary>
    /// <exception cref="IOException">It can't be written.</exception>
    public static void Save(string path, Tensor tensor) => AtomicFile.Write(path, stream => Write(stream, tensor));

    /// <summary>Writes <paramref name="tensor"/> in .npy form; elements below eight bits as int8.</summary>
    public static void Write(Stream stream, Tensor tensor)
    {
        if (tensor.Type is ElementType.Int4 or ElementType.Binary)
            tensor = Tensor.From<sbyte>(tensor.Shape, Array.ConvertAll(tensor.ToInts(), i => (sbyte)i));
        string descr = tensor.Type switch
        {
            ElementType.Float32 => "<f4",
            ElementType.Float16 => "<f2",
            ElementType.Int8 => "|i1",
            ElementType.UInt8 => "|u1",
            ElementType.Int16 => "<i2",
            ElementType.Int32 => "<i4",
            ElementType.Int64 => "<i8",
            ElementType.Bool => "|b1",
            _ => throw new ArgumentException($"NumPy has no {tensor.Type}", nameof(tensor)),
        };
        stream.Write(new NumpyHeader(descr, false, tensor.Shape).ToBytes());
        stream.Write(tensor.Data.Span);
    }

    private static Tensor ToTensor(NumpyHeader header, byte[] data, string name)
    {
        byte[] elements = header.Descr switch
        {
            "<f8" => Convert<double, float>(data, v => (float)v),
            "<u2" => Convert<ushort, int>(data, v => v),
            "<u4" => Convert<uint, long>(data, v => v),
            _ => data,
        };
        if (header.Type == ElementType.Bool && data.AsSpan().ContainsAnyExceptInRange((byte)0, (byte)1)) throw Bad(name, "a boolean is neither 0 nor 1");
        if (!header.IsFortranOrder || header.Shape.Rank < 2) return new Tensor(header.Type, header.Shape, elements);
        int[] reversed = [.. Enumerable.Range(0, header.Shape.Rank).Reverse()];
        return GraphEditor.Transpose(new Tensor(header.Type, header.Shape.Permute(reversed), elements), reversed);
    }

    private static byte[] Convert<TFrom, TTo>(byte[] data, Func<TFrom, TTo> convert) where TFrom : unmanaged where TTo : unmanaged
    {
        ReadOnlySpan<TFrom> from = MemoryMarshal.Cast<byte, TFrom>(data);
        TTo[] to = new TTo[from.Length];
        for (int i = 0; i < to.Length; i++) to[i] = convert(from[i]);
        return MemoryMarshal.AsBytes<TTo>(to).ToArray();
    }

    private static ModelException Bad(string name, string message) => new(ModelErrorKind.InvalidData, name, message);
}
