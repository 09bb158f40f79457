using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>A FlatBuffers table to be written: field numbers and values (numbers, text, vectors, tables).</summary>
internal sealed class TfLiteTable : Dictionary<int, object>;

/// <summary>Writes small TFLite files, so that tests can have any operator.</summary>
internal sealed class TfLiteWriter
{
    private readonly List<TfLiteTable> _tensors = [], _buffers = [[]], _operators = [], _codes = [];

    /// <summary>Adds a tensor; constants have data.</summary>
    public int Tensor(string name, byte type, int[] shape, byte[]? data = null, float[]? scales = null, long[]? zeroPoints = null, int axis = 0, TfLiteTable? sparsity = null)
    {
        TfLiteTable tensor = new() { [0] = shape, [1] = type, [3] = name };
        if (data is not null)
        {
            tensor[2] = _buffers.Count;
            _buffers.Add(new() { [0] = data });
        }
        if (scales is not null) tensor[4] = new TfLiteTable { [2] = scales, [3] = zeroPoints ?? new long[scales.Length], [6] = axis };
        if (sparsity is not null) tensor[6] = sparsity;
        _tensors.Add(tensor);
        return _tensors.Count - 1;
    }

    /// <summary>Adds a constant vector of int32.</summary>
    public int Integers(params int[] values) => Tensor($"c{_tensors.Count}", 2, [values.Length], MemoryMarshal.AsBytes<int>(values).ToArray());

    /// <summary>Adds an operator with one output.</summary>
    public void Operator(int code, int[] inputs, int output, byte optionsType = 0, TfLiteTable? options = null) => Operator(code, inputs, [output], optionsType, options);

    /// <summary>Adds an operator.</summary>
    public void Operator(int code, int[] inputs, int[] outputs, byte optionsType, TfLiteTable? options)
    {
        TfLiteTable op = new() { [0] = _codes.Count, [1] = inputs, [2] = outputs };
        if (options is not null) (op[3], op[4]) = (optionsType, options);
        _operators.Add(op);
        _codes.Add(new() { [0] = (byte)Math.Min(code, 127), [3] = code });
    }

    /// <summary>The file's bytes.</summary>
    public byte[] Write(int[] inputs, int[] outputs)
    {
        TfLiteTable main = new() { [0] = _tensors.ToArray(), [1] = inputs, [2] = outputs, [3] = _operators.ToArray() };
        List<byte> bytes = [0, 0, 0, 0, .. "TFL3"u8];
        Point(bytes, 0, Append(bytes, new TfLiteTable { [0] = 3, [1] = _codes.ToArray(), [2] = new[] { main }, [4] = _buffers.ToArray() }));
        return [.. bytes];
    }

    private static int Append(List<byte> bytes, TfLiteTable table)
    {
        while (bytes.Count % 4 != 0) bytes.Add(0);
        int fields = table.Count == 0 ? 0 : table.Keys.Max() + 1, vtable = bytes.Count, start = vtable + (4 + 2 * fields + 3) / 4 * 4;
        bytes.AddRange(new byte[start - vtable + 4 + 4 * fields]);
        Put(bytes, vtable, (4 + 2 * fields) | (4 + 4 * fields) << 16);
        Put(bytes, start, start - vtable);
        foreach (var (field, value) in table)
        {
            int at = start + 4 + 4 * field;
            bytes[vtable + 4 + 2 * field] = (byte)(4 + 4 * field);
            switch (value)
            {
                case byte b: bytes[at] = b; break;
                case bool b: bytes[at] = (byte)(b ? 1 : 0); break;
                case int i: Put(bytes, at, i); break;
                case float f: Put(bytes, at, BitConverter.SingleToInt32Bits(f)); break;
                case TfLiteTable child: Point(bytes, at, Append(bytes, child)); break;
                case TfLiteTable[] children:
                    int vector = Vector(bytes, children.Length, new byte[4 * children.Length]);
                    Point(bytes, at, vector);
                    for (int i = 0; i < children.Length; i++) Point(bytes, vector + 4 + 4 * i, Append(bytes, children[i]));
                    break;
                case string s: Point(bytes, at, Vector(bytes, s.Length, Encoding.ASCII.GetBytes(s + '\0'))); break;
                case byte[] v: Point(bytes, at, Vector(bytes, v.Length, v)); break;
                case ushort[] v: Point(bytes, at, Vector(bytes, v.Length, MemoryMarshal.AsBytes<ushort>(v))); break;
                case int[] v: Point(bytes, at, Vector(bytes, v.Length, MemoryMarshal.AsBytes<int>(v))); break;
                case float[] v: Point(bytes, at, Vector(bytes, v.Length, MemoryMarshal.AsBytes<float>(v))); break;
                case long[] v: Point(bytes, at, Vector(bytes, v.Length, MemoryMarshal.AsBytes<long>(v))); break;
                default: throw new NotSupportedException(value.GetType().Name);
            }
        }
        return start;
    }

    private static int Vector(List<byte> bytes, int count, ReadOnlySpan<byte> contents)
    {
        while (bytes.Count % 4 != 0) bytes.Add(0);
        int start = bytes.Count;
        bytes.AddRange(new byte[4]);
        Put(bytes, start, count);
        bytes.AddRange(contents);
        return start;
    }

    private static void Point(List<byte> bytes, int at, int to) => Put(bytes, at, to - at);

    private static void Put(List<byte> bytes, int at, int value) =>
        BinaryPrimitives.WriteInt32LittleEndian(CollectionsMarshal.AsSpan(bytes)[at..], value);
}
