using System.Runtime.InteropServices;

namespace EdgeRuntime.Tensors;

/// <summary>
/// A dense row-major tensor whose bytes may be managed memory or a window of a mapped file. Elements below eight bits
/// are packed without gaps (see <see cref="ElementType"/>).
/// </summary>
public sealed class Tensor
{
    private readonly ReadOnlyMemory<byte> _data;
    private readonly Func<byte[]>? _contents;
    private readonly WeakReference<byte[]?> _made = new(null);

    /// <summary>Wraps <paramref name="data"/> without a copy.</summary>
    /// <exception cref="ArgumentException">The byte count does not fit type and shape.</exception>
    public Tensor(ElementType type, TensorShape shape, ReadOnlyMemory<byte> data)
    {
        if (data.Length != type.ByteCount(shape.ElementCount))
            throw new ArgumentException($"{data.Length} bytes for {type} {shape}, which takes {type.ByteCount(shape.ElementCount)}", nameof(data));
        Type = type;
        Shape = shape;
        _data = data;
    }

    private Tensor(Func<byte[]> contents, ElementType type, TensorShape shape)
    {
        Type = type;
        Shape = shape;
        _contents = contents;
    }

    /// <summary>Element type.</summary>
    public ElementType Type { get; }

    /// <summary>Dimensions, outermost first.</summary>
    public TensorShape Shape { get; }

    /// <summary>The elements' bytes, little-endian.</summary>
    public ReadOnlyMemory<byte> Data
    {
        get
        {
            if (_contents is null) return _data;
            if (_made.TryGetTarget(out byte[]? bytes)) return bytes;
            _made.SetTarget(bytes = _contents());
            return bytes;
        }
    }

    /// <summary>Number of elements.</summary>
    public int Count => checked((int)Shape.ElementCount);

    /// <summary>The elements as <typeparamref name="T"/>, whose size must be the element type's.</summary>
    /// <exception cref="InvalidOperationException">The sizes differ.</exception>
    public ReadOnlySpan<T> AsSpan<T>() where T : unmanaged
    {
        if (Type.Bits() != Marshal.SizeOf<T>() * 8)
            throw new InvalidOperationException($"a {Type} tensor can't be read as {typeof(T).Name}");
        return MemoryMarshal.Cast<byte, T>(Data.Span);
    }

    /// <summary>
    /// A tensor whose bytes <paramref name="contents"/> makes when they are asked for, and again after the collector has taken
    /// them: contents that are stored in another form.
    /// </summary>
    public static Tensor Deferred(ElementType type, TensorShape shape, Func<byte[]> contents) => new(contents, type, shape);

    /// <summary>Makes a tensor that holds a copy of <paramref name="values"/>.</summary>
    public static Tensor From<T>(TensorShape shape, ReadOnlySpan<T> values) where T : unmanaged =>
        new(TypeOf<T>(), shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>A scalar or vector of <typeparamref name="T"/>.</summary>
    public static Tensor Vector<T>(params ReadOnlySpan<T> values) where T : unmanaged =>
        From(new TensorShape(values.Length), values);

    /// <summary>The same bytes under another shape with as many elements.</summary>
    public Tensor Reshape(TensorShape shape) => _contents is null ? new(Type, shape, _data) : Deferred(Type, shape, _contents);

    /// <summary>The element type that stores <typeparamref name="T"/>.</summary>
    public static ElementType TypeOf<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? ElementType.Float32 :
        typeof(T) == typeof(Half) ? ElementType.Float16 :
        typeof(T) == typeof(sbyte) ? ElementType.Int8 :
        typeof(T) == typeof(byte) ? ElementType.UInt8 :
        typeof(T) == typeof(short) ? ElementType.Int16 :
        typeof(T) == typeof(int) ? ElementType.Int32 :
        typeof(T) == typeof(long) ? ElementType.Int64 :
        typeof(T) == typeof(bool) ? ElementType.Bool :
        throw new NotSupportedException($"no element type stores {typeof(T).Name}");

    /// <summary>All elements converted to float; integers as they are, without scale and zero point.</summary>
    public float[] ToFloats()
    {
        float[] result = new float[Count];
        switch (Type)
        {
            case ElementType.Float32: AsSpan<float>().CopyTo(result); break;
            case ElementType.Float16:
                ReadOnlySpan<Half> halves = AsSpan<Half>();
                for (int i = 0; i < result.Length; i++) result[i] = (float)halves[i];
                break;
            case ElementType.Int64:
                ReadOnlySpan<long> longs = AsSpan<long>();
                for (int i = 0; i < result.Length; i++) result[i] = longs[i];
                break;
            default:
                int[] integers = ToInts();
                for (int i = 0; i < result.Length; i++) result[i] = integers[i];
                break;
        }
        return result;
    }

    /// <summary>All elements of an integer tensor as 32-bit integers.</summary>
    /// <exception cref="OverflowException">A 64-bit element does not fit.</exception>
    /// <exception cref="InvalidOperationException">The type is not an integer type.</exception>
    public int[] ToInts()
    {
        int[] result = new int[Count];
        ReadOnlySpan<byte> bytes = Data.Span;
        for (int i = 0; i < result.Length; i++)
            result[i] = Type switch
            {
                ElementType.Int8 => (sbyte)bytes[i],
                ElementType.UInt8 or ElementType.Bool => bytes[i],
                ElementType.Int16 => MemoryMarshal.Cast<byte, short>(bytes)[i],
                ElementType.Int32 => MemoryMarshal.Cast<byte, int>(bytes)[i],
                ElementType.Int64 => checked((int)MemoryMarshal.Cast<byte, long>(bytes)[i]),
                ElementType.Int4 => (sbyte)(bytes[i / 2] << (i % 2 == 0 ? 4 : 0)) >> 4,
                ElementType.Binary => (bytes[i / 8] >> (i % 8) & 1) * 2 - 1,
                _ => throw new InvalidOperationException($"a {Type} tensor has no integers"),
            };
        return result;
    }

    /// <summary>For example <c>Int8 [64,1,1,64]</c>.</summary>
    public override string ToString() => $"{Type} {Shape}";
}
