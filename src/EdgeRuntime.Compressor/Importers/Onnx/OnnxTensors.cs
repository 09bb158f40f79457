using System.Runtime.InteropServices;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using static EdgeRuntime.Compressor.Onnx.TensorProto.Types;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Turns a TensorProto into a tensor. The elements lie in raw_data, in a typed field or in a file beside the network.
/// Types that the project has no element type for are widened to one that holds every value: half, bfloat16 and double
/// to Float32 (double rounds), uint4 to UInt8, uint16 to Int32, uint32 and uint64 to Int64.
/// </summary>
internal static class OnnxTensors
{
    /// <summary>The tensor in <paramref name="proto"/>; <paramref name="folder"/> holds external data.</summary>
    /// <exception cref="ModelException">The tensor is damaged, or its type is not supported.</exception>
    public static Tensor Read(TensorProto proto, string? folder)
    {
        TensorShape shape = Shape(proto);
        DataType type = (DataType)proto.DataType;
        int bits = Bits(type);
        if (shape.ElementCount > int.MaxValue) throw Damaged($"dimensions {shape} have 2^31 elements or more");
        int count = (int)shape.ElementCount;
        int bytes = checked((int)(((long)count * bits + 7) / 8));
        ReadOnlyMemory<byte> raw = proto.DataLocation == DataLocation.External ? External(proto, folder, bytes)
            : proto.RawData.Length > 0 ? proto.RawData.Memory : Typed(proto, type, bytes);
        if (raw.Length != bytes) throw Damaged($"{raw.Length} bytes of data where {type} {shape} takes {bytes}");
        return Widen(type, shape, raw, count);
    }

    /// <summary>The element type that values of an ONNX type are imported as.</summary>
    /// <exception cref="ModelException">The type is not supported.</exception>
    public static ElementType ElementTypeOf(int dataType) => (DataType)dataType switch
    {
        DataType.Float or DataType.Float16 or DataType.Bfloat16 or DataType.Double => ElementType.Float32,
        DataType.Int8 => ElementType.Int8,
        DataType.Uint8 or DataType.Uint4 => ElementType.UInt8,
        DataType.Int16 => ElementType.Int16,
        DataType.Int32 or DataType.Uint16 => ElementType.Int32,
        DataType.Int64 or DataType.Uint32 or DataType.Uint64 => ElementType.Int64,
        DataType.Bool => ElementType.Bool,
        DataType.Int4 => ElementType.Int4,
        _ => throw new ModelException(ModelErrorKind.Unsupported, "", $"values of type {NameOf(dataType)}"),
    };

    private static string NameOf(int dataType) => Enum.IsDefined((DataType)dataType) ? ((DataType)dataType).ToString() : $"number {dataType}";

    private static TensorShape Shape(TensorProto proto)
    {
        int[] dims = new int[proto.Dims.Count];
        if (dims.Length > TensorShape.MaxRank) throw new ModelException(ModelErrorKind.Unsupported, "", $"a constant of rank {dims.Length}");
        for (int i = 0; i < dims.Length; i++)
            dims[i] = proto.Dims[i] is >= 0 and <= int.MaxValue ? (int)proto.Dims[i] : throw Damaged($"dimension {i} is {proto.Dims[i]}");
        return new TensorShape(dims);
    }

    private static int Bits(DataType type) => type switch
    {
        DataType.Double or DataType.Int64 or DataType.Uint64 => 64,
        DataType.Float or DataType.Int32 or DataType.Uint32 => 32,
        DataType.Float16 or DataType.Bfloat16 or DataType.Int16 or DataType.Uint16 => 16,
        DataType.Int8 or DataType.Uint8 or DataType.Bool => 8,
        DataType.Int4 or DataType.Uint4 => 4,
        _ => ElementTypeOf((int)type).Bits(),
    };

    /// <summary>The typed field's elements as the bytes that raw_data would hold.</summary>
    private static byte[] Typed(TensorProto proto, DataType type, int bytes) => type switch
    {
        DataType.Float => [.. MemoryMarshal.AsBytes<float>(proto.FloatData.ToArray())],
        DataType.Double => [.. MemoryMarshal.AsBytes<double>(proto.DoubleData.ToArray())],
        DataType.Int64 => [.. MemoryMarshal.AsBytes<long>(proto.Int64Data.ToArray())],
        DataType.Uint64 => [.. MemoryMarshal.AsBytes<ulong>(proto.Uint64Data.ToArray())],
        DataType.Uint32 => Narrow<ulong>(proto.Uint64Data.ToArray(), 4),
        DataType.Int4 or DataType.Uint4 => Narrow<int>(proto.Int32Data.ToArray(), 1),
        _ => Narrow<int>(proto.Int32Data.ToArray(), Bits(type) / 8),
    };

    /// <summary>The low <paramref name="size"/> bytes of each element.</summary>
    private static byte[] Narrow<T>(T[] values, int size) where T : unmanaged
    {
        int wide = Marshal.SizeOf<T>();
        byte[] result = new byte[checked(values.Length * size)];
        ReadOnlySpan<byte> source = MemoryMarshal.AsBytes<T>(values);
        for (int i = 0; i < values.Length; i++) source.Slice(i * wide, size).CopyTo(result.AsSpan(i * size));
        return result;
    }

    private static byte[] External(TensorProto proto, string? folder, int bytes)
    {
        Dictionary<string, string> entries = [];
        foreach (StringStringEntryProto e in proto.ExternalData) entries[e.Key] = e.Value;
        if (!entries.TryGetValue("location", out string? location)) throw Damaged("external data without a location");
        if (folder is null) throw Damaged($"its data lies in {location}; load the network from its file, with that one beside it");
        string root = Path.GetFullPath(folder) + Path.DirectorySeparatorChar, path = Path.GetFullPath(Path.Combine(root, location));
        if (!path.StartsWith(root, StringComparison.Ordinal)) throw Damaged($"its data would lie in {location}, outside the network's folder");
        if (!File.Exists(path)) throw Damaged($"its data lies in {location}, which is missing beside the network");
        long offset = Number(entries, "offset", 0), length = Number(entries, "length", bytes);
        using FileStream stream = File.OpenRead(path);
        if (length != bytes || offset < 0 || offset > stream.Length - bytes)
            throw Damaged($"its data is [{offset}, +{length}) of {location}, which has {stream.Length} bytes, and should be {bytes} long");
        stream.Position = offset;
        byte[] result = new byte[bytes];
        stream.ReadExactly(result);
        return result;
    }

    private static long Number(Dictionary<string, string> entries, string key, long fallback) =>
        !entries.TryGetValue(key, out string? text) ? fallback
        : long.TryParse(text, out long value) ? value : throw Damaged($"external data's {key} is '{text}', not a number");

    private static Tensor Widen(DataType type, TensorShape shape, ReadOnlyMemory<byte> raw, int count)
    {
        ReadOnlySpan<byte> s = raw.Span;
        switch (type)
        {
            case DataType.Float16: return Convert(shape, MemoryMarshal.Cast<byte, Half>(s), h => (float)h);
            case DataType.Bfloat16: return Convert(shape, MemoryMarshal.Cast<byte, ushort>(s), b => BitConverter.Int32BitsToSingle(b << 16));
            case DataType.Double: return Convert(shape, MemoryMarshal.Cast<byte, double>(s), d => (float)d);
            case DataType.Uint16: return Convert(shape, MemoryMarshal.Cast<byte, ushort>(s), u => (int)u);
            case DataType.Uint32: return Convert(shape, MemoryMarshal.Cast<byte, uint>(s), u => (long)u);
            case DataType.Uint64: return Convert(shape, MemoryMarshal.Cast<byte, ulong>(s), u => checked((long)u));
            case DataType.Uint4:
                byte[] nibbles = new byte[count];
                for (int i = 0; i < count; i++) nibbles[i] = (byte)(s[i / 2] >> (i % 2 * 4) & 15);
                return new Tensor(ElementType.UInt8, shape, nibbles);
            default: return new Tensor(ElementTypeOf((int)type), shape, raw);
        }
    }

    private static Tensor Convert<TFrom, TTo>(TensorShape shape, ReadOnlySpan<TFrom> from, Func<TFrom, TTo> convert) where TTo : unmanaged
    {
        TTo[] to = new TTo[from.Length];
        for (int i = 0; i < to.Length; i++) to[i] = convert(from[i]);
        return Tensor.From<TTo>(shape, to);
    }

    private static ModelException Damaged(string message) => new(ModelErrorKind.InvalidSource, "", message);
}
