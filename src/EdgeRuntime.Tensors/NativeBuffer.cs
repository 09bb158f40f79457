using System.Runtime.InteropServices;

namespace EdgeRuntime.Tensors;

/// <summary>
/// Zeroed native memory, aligned to <see cref="Alignment"/> bytes, outside the garbage collector's reach. The owner
/// disposes it; a finalizer frees what was forgotten.
/// </summary>
public sealed unsafe class NativeBuffer : IDisposable
{
    /// <summary>Alignment in bytes: a cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    private void* _pointer;

    /// <summary>Allocates <paramref name="length"/> bytes; zero is allowed.</summary>
    public NativeBuffer(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        nuint bytes = (nuint)Math.Max(length, 1);
        _pointer = NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(_pointer, bytes);
    }

    /// <summary>Frees the memory if the owner did not.</summary>
    ~NativeBuffer() => Free();

    /// <summary>Size in bytes.</summary>
    public long Length { get; }

    /// <summary><paramref name="bytes"/>, rounded up to a multiple of <see cref="Alignment"/>.</summary>
    public static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>First byte; valid until disposal.</summary>
    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer == null, this);
            return (byte*)_pointer;
        }
    }

    /// <summary>Bytes [<paramref name="offset"/>, <paramref name="offset"/> + <paramref name="count"/>·sizeof(T)) as a span.</summary>
    public Span<T> Span<T>(long offset, int count) where T : unmanaged
    {
        if (offset < 0 || count < 0 || offset + (long)count * sizeof(T) > Length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"[{offset}, +{count}·{sizeof(T)}) is outside {Length} bytes");
        return new Span<T>(Pointer + offset, count);
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }
}
