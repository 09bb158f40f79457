using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Machine code made while running, for instructions that .NET has no intrinsics for. It is written first and executable afterwards, never both.
/// </summary>
internal static unsafe partial class ExecutableCode
{
    private const int ReadWrite = 1 | 2, ReadExecute = 1 | 4, PrivateAnonymous = 2 | 0x20;

    /// <summary>Whether this process may have such code: on Linux, unless its policy forbids it.</summary>
    public static bool IsAllowed { get; } = OperatingSystem.IsLinux() && Load([0xC3]) is not null;

    /// <summary>A copy of <paramref name="code"/> that can be called and stays for the life of the process; null where that is refused.</summary>
    public static void* Load(ReadOnlySpan<byte> code)
    {
        nuint length = (nuint)code.Length;
        void* memory = Map(null, length, ReadWrite, PrivateAnonymous, -1, 0);
        if (memory == (void*)-1) return null;
        code.CopyTo(new Span<byte>(memory, code.Length));
        if (Protect(memory, length, ReadExecute) == 0) return memory;
        _ = Unmap(memory, length);
        return null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}
