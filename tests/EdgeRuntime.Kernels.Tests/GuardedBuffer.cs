using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>
/// Memory that ends (or begins) at a page that cannot be touched, so that a kernel which reads or writes one byte too many
/// crashes the test instead of passing by luck.
/// </summary>
internal sealed unsafe partial class GuardedBuffer : IDisposable
{
    private const int None = 0, ReadWrite = 3, PrivateAnonymous = 0x22;
    private readonly byte* _map;
    private readonly nuint _mapped;

    /// <param name="bytes">Usable size.</param>
    /// <param name="atEnd">Whether the last byte borders on the forbidden page; else the first byte does.</param>
    public GuardedBuffer(long bytes, bool atEnd)
    {
        nuint page = (nuint)Environment.SystemPageSize, usable = ((nuint)bytes + page - 1) / page * page;
        _mapped = usable + 2 * page;
        _map = (byte*)Map(null, _mapped, ReadWrite, PrivateAnonymous, -1, 0);
        if (_map == (byte*)-1) throw new InvalidOperationException("mmap failed");
        if (Protect(_map, page, None) != 0 || Protect(_map + page + usable, page, None) != 0) throw new InvalidOperationException("mprotect failed");
        Pointer = _map + page + (atEnd ? usable - (nuint)bytes : 0);
        Length = bytes;
    }

    public byte* Pointer { get; }

    public long Length { get; }

    public Span<T> Span<T>() where T : unmanaged => new(Pointer, checked((int)(Length / sizeof(T))));

    public void Dispose() => _ = Unmap(_map, _mapped);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}
