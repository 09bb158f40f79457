using System.Runtime.InteropServices;

namespace EdgeRuntime.Tensors;

/// <summary>
/// Zeroed native memory, aligned to <see cref="Alignment"/> bytes, outside the garbage collector's reach. The owner
/// disposes it; a finalizer frees what was forgotten.
/// </summary>
public sealed unsafe partial class NativeBuffer : IDisposable
{
    /// <summary>Alignment in bytes: a cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    // Large weights are read once a run, and processors remember few translations: buffers from here on ask for huge pages.
    private const nuint HugePage = 2 << 20;

    private const int AdviceHugePage = 14;

    private void* _pointer;

    /// <summary>Allocates <paramref name="length"/> bytes; zero is allowed.</summary>
    public NativeBuffer(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        nuint bytes = (nuint)Math.Max(length, 1);
        _pointer = NativeMemory.AlignedAlloc(bytes, bytes >= HugePage ? HugePage : Alignment);
        // Whole pages only, so that nothing more becomes resident. A kernel that has none refuses, and all is as before.
        if (bytes >= HugePage && OperatingSystem.IsLinux()) _ = Advise(_pointer, bytes / HugePage * HugePage, AdviceHugePage);
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

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);

    private void Free()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }
}
