using System.Runtime.InteropServices;
using System.Text;

namespace EdgeRuntime.Compressor;

/// <summary>
/// A FlatBuffers file, read without generated code (format: flatbuffers.dev, "FlatBuffer internals"). Every offset is
/// computed in 64 bits and checked against the file before it is followed, and all reading draws on a budget, because
/// parts of a file may refer to the same bytes many times over.
/// </summary>
internal sealed class FlatBuffer
{
    private long _budget;

    /// <summary>Wraps a file's bytes without a copy.</summary>
    public FlatBuffer(ReadOnlyMemory<byte> data, string name)
    {
        Data = data;
        Name = name;
        _budget = 16L * data.Length + (1 << 20);
    }

    /// <summary>The whole file.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>The file's name, for messages.</summary>
    public string Name { get; }

    /// <summary>The root table.</summary>
    /// <param name="identifier">The four characters expected at byte 4.</param>
    /// <exception cref="FlatBufferException">The file is not of that kind.</exception>
    public FlatTable Root(string identifier)
    {
        long root = Read<uint>(0);
        if (!Slice(4, 4).Span.SequenceEqual(Encoding.ASCII.GetBytes(identifier)))
            throw Bad(4, $"the identifier is not {identifier}");
        return new FlatTable(this, root);
    }

    /// <summary>The bytes [<paramref name="offset"/>, <paramref name="offset"/> + <paramref name="length"/>).</summary>
    public ReadOnlyMemory<byte> Slice(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Data.Length - length)
            throw Bad(offset, $"{length} bytes expected in a file of {Data.Length}");
        return Data.Slice((int)offset, (int)length);
    }

    /// <summary>One little-endian number.</summary>
    public T Read<T>(long offset) where T : unmanaged => MemoryMarshal.Read<T>(Slice(offset, Marshal.SizeOf<T>()).Span);

    /// <summary>Where the offset stored at <paramref name="position"/> leads.</summary>
    public long Follow(long position) => position + Read<uint>(position);

    /// <summary>Accounts for work of <paramref name="bytes"/> bytes.</summary>
    /// <exception cref="FlatBufferException">More is read than an honest file of this size can hold.</exception>
    public void Charge(long position, long bytes)
    {
        _budget -= bytes;
        if (_budget < 0) throw Bad(position, "parts of the file are referred to far too often");
    }

    /// <summary>The error for <paramref name="offset"/>.</summary>
    public FlatBufferException Bad(long offset, string message) => new(Name, offset, message);
}

/// <summary>
/// A table of a <see cref="FlatBuffer"/>. Fields are read by number; an absent field gives its fallback. A union is a type
/// field followed by a table field.
/// </summary>
internal readonly struct FlatTable
{
    private readonly FlatBuffer _buffer;
    private readonly long _fieldOffsets;
    private readonly int _fieldCount;
    private readonly int _size;

    /// <summary>The table at <paramref name="position"/>.</summary>
    /// <exception cref="FlatBufferException">The table or its vtable leaves the file.</exception>
    public FlatTable(FlatBuffer buffer, long position)
    {
        _buffer = buffer;
        Position = position;
        buffer.Charge(position, 8);
        long vtable = position - buffer.Read<int>(position);
        int vtableSize = buffer.Read<ushort>(vtable);
        _size = buffer.Read<ushort>(vtable + 2);
        if (vtableSize < 4 || vtableSize % 2 != 0 || _size < 4) throw buffer.Bad(vtable, $"a vtable of {vtableSize} bytes for a table of {_size}");
        buffer.Slice(vtable, vtableSize);
        buffer.Slice(position, _size);
        _fieldOffsets = vtable + 4;
        _fieldCount = (vtableSize - 4) / 2;
    }

    /// <summary>Byte offset of the table in its file.</summary>
    public long Position { get; }

    /// <summary>A number or boolean (as byte).</summary>
    public T Scalar<T>(int field, T fallback = default) where T : unmanaged =>
        Locate(field, Marshal.SizeOf<T>()) is { } at ? _buffer.Read<T>(at) : fallback;

    /// <summary>A boolean.</summary>
    public bool Flag(int field) => Scalar<byte>(field) != 0;

    /// <summary>A table, or null where absent.</summary>
    public FlatTable? Table(int field) => Locate(field, 4) is { } at ? new FlatTable(_buffer, _buffer.Follow(at)) : null;

    /// <summary>A vector of tables, empty where absent.</summary>
    public FlatTable[] Tables(int field)
    {
        long at = Vector(field, 4, out int count);
        FlatTable[] tables = new FlatTable[count];
        for (int i = 0; i < count; i++) tables[i] = new FlatTable(_buffer, _buffer.Follow(at + 4L * i));
        return tables;
    }

    /// <summary>A vector of numbers, empty where absent.</summary>
    public T[] Scalars<T>(int field) where T : unmanaged
    {
        int size = Marshal.SizeOf<T>();
        long at = Vector(field, size, out int count);
        _buffer.Charge(at, (long)count * size);
        return MemoryMarshal.Cast<byte, T>(_buffer.Slice(at, (long)count * size).Span).ToArray();
    }

    /// <summary>A vector of bytes without a copy, empty where absent.</summary>
    public ReadOnlyMemory<byte> Bytes(int field)
    {
        long at = Vector(field, 1, out int count);
        return _buffer.Slice(at, count);
    }

    /// <summary>A text (UTF-8; what is not becomes U+FFFD), empty where absent.</summary>
    public string Text(int field)
    {
        ReadOnlyMemory<byte> bytes = Bytes(field);
        _buffer.Charge(Position, bytes.Length);
        return Encoding.UTF8.GetString(bytes.Span);
    }

    private long Vector(int field, int elementSize, out int count)
    {
        count = 0;
        if (Locate(field, 4) is not { } at) return 0;
        long start = _buffer.Follow(at);
        long length = _buffer.Read<uint>(start);
        if (length * elementSize > _buffer.Data.Length) throw _buffer.Bad(start, $"a vector of {length} elements");
        _buffer.Slice(start + 4, length * elementSize);
        count = (int)length;
        return start + 4;
    }

    private long? Locate(int field, int size)
    {
        if (field >= _fieldCount) return null;
        int offset = _buffer.Read<ushort>(_fieldOffsets + 2L * field);
        if (offset == 0) return null;
        if (offset < 4 || offset + size > _size) throw _buffer.Bad(Position, $"field {field} lies outside its table");
        return Position + offset;
    }
}
