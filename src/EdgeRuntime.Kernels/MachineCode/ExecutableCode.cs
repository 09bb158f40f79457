using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Machine code made while running, for instructions that .NET has no intrinsics for. It is written first and executable afterwards, never both.
/// </summary>
internal static unsafe partial class ExecutableCode
{
    private const int ReadWrite = 1 | 2, ReadExecute = 1 | 4, PrivateAnonymous = 2 | 0x20;

    /// <summary>Whether this process may have such code: on Linux, unless its policy forbids it.</summary>
    public static bool IsAllowed { get; } = OperatingSystem.IsLinux() && Load([0xC3]) is not null;

    /// <summary>
    /// Whether AVX-512 VNNI can be used: the processor has AVX-512 F, BW (leaf 7, EBX 16 and 30) and VNNI (ECX 11), and the operating system saves all that they need (OSXSAVE; bits of XCR0 for SSE, AVX, masks and the
    /// two halves of 512-bit registers). A program that was compiled without AVX-512 has it all the same.
    /// </summary>
    public static bool HasAvx512Vnni { get; } = X86Base.IsSupported && IsAllowed && (X86Base.CpuId(1, 0).Ecx & 1 << 27) != 0
        && X86Base.CpuId(7, 0) is var leaf && (leaf.Ebx & 1 << 16) != 0 && (leaf.Ebx & 1 << 30) != 0 && (leaf.Ecx & 1 << 11) != 0 && (SavedRegisters() & 0xE6) == 0xE6;

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

    /// <summary>The addresses of <paramref name="count"/> functions, each written by <paramref name="write"/>; none where code may not be made.</summary>
    /// <exception cref="PlatformNotSupportedException">That is no longer allowed.</exception>
    public static nint[] Load(int count, Action<X64Assembler, int> write)
    {
        if (!IsAllowed) return [];
        X64Assembler code = new();
        nint[] functions = new nint[count];
        for (int i = 0; i < count; i++)
        {
            code.Align();
            functions[i] = code.Position;
            write(code, i);
        }
        nint start = (nint)Load(code.ToArray());
        if (start == 0) throw new PlatformNotSupportedException("this process may no longer make code executable");
        return Array.ConvertAll(functions, f => start + f);
    }

    // XOR ECX, ECX; XGETBV; RET: the low half of XCR0.
    private static int SavedRegisters()
    {
        void* code = Load([0x31, 0xC9, 0x0F, 0x01, 0xD0, 0xC3]);
        return code is null ? 0 : ((delegate* unmanaged<int>)code)();
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}
