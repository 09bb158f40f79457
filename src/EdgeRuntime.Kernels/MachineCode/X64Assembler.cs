using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>A general register of x86-64, by its number in machine code.</summary>
internal enum Register
{
    Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15,
}

/// <summary>The bytes at base + index + displacement; for operands of vectors 4 of them, in every lane, if it is <paramref name="IsBroadcast"/>.</summary>
internal readonly record struct Address(Register Base, int Displacement = 0, Register? Index = null, bool IsBroadcast = false)
{
    /// <summary>A field of the structure that <paramref name="register"/> points to, by any of its kind and that one's field.</summary>
    public static unsafe Address Field(Register register, void* structure, void* field) => new(register, (int)((byte*)field - (byte*)structure));
}

/// <summary>
/// Writes the few instructions of x86-64 and AVX-512 that kernels are made of (Intel 64 and IA-32 Architectures Software Developer's Manual,
/// volume 2, chapter 2: REX and EVEX prefixes, ModR/M, SIB, compressed displacements). Vector registers are given by number, 0 to 31, and are 512 bits.
/// </summary>
internal sealed class X64Assembler
{
    private const int Map0F = 1, Map0F38 = 2, NoPrefix = 0, Prefix66 = 1, PrefixF3 = 2;

    private readonly List<byte> _code = [];

    /// <summary>Bytes so far: where the next instruction begins.</summary>
    public int Position => _code.Count;

    /// <summary>The code.</summary>
    public byte[] ToArray() => [.. _code];

    /// <summary>Begins a function at a cache line.</summary>
    public void Align()
    {
        while (_code.Count % 64 != 0) _code.Add(0xCC);
    }

    /// <summary>VMOVDQU32: loads.</summary>
    public void Load(int to, Address from) => Vector(PrefixF3, Map0F, 0x6F, to, 0, from, 64);

    /// <summary>VMOVDQU32: stores.</summary>
    public void Store(Address to, int from) => Vector(PrefixF3, Map0F, 0x7F, from, 0, to, 64);

    /// <summary>VPBROADCASTD: 4 bytes in every lane.</summary>
    public void Broadcast(int to, Address from) => Vector(Prefix66, Map0F38, 0x58, to, 0, from, 4);

    /// <summary>VPBROADCASTD: the low half of a general register in every lane.</summary>
    public void BroadcastRegister(int to, Register from) => Vector(Prefix66, Map0F38, 0x7C, to, 0, (int)from);

    /// <summary>VPDPBUSD: sum + Σ unsigned · signed over 4 bytes.</summary>
    public void DotUnsignedSigned(int sum, int unsigned, int signed) => Vector(Prefix66, Map0F38, 0x50, sum, unsigned, signed);

    /// <summary>VPDPBUSD with weights in memory.</summary>
    public void DotUnsignedSigned(int sum, int unsigned, Address signed) => Vector(Prefix66, Map0F38, 0x50, sum, unsigned, signed, 64);

    /// <summary>VPXORD.</summary>
    public void Xor(int to, int a, int b) => Vector(Prefix66, Map0F, 0xEF, to, a, b);

    /// <summary>VPANDD.</summary>
    public void And(int to, int a, int b) => Vector(Prefix66, Map0F, 0xDB, to, a, b);

    /// <summary>VPSRLD.</summary>
    public void ShiftRight(int to, int from, byte count) => Shift(2, to, from, count);

    /// <summary>VPSRAD.</summary>
    public void ShiftRightSigned(int to, int from, byte count) => Shift(4, to, from, count);

    /// <summary>VPMULLD: the low half of products.</summary>
    public void MultiplyIntegers(int to, int a, int b) => Vector(Prefix66, Map0F38, 0x40, to, a, b);

    /// <summary>VPMOVZXBD: 16 unsigned bytes as integers.</summary>
    public void WidenBytes(int to, Address from) => Vector(Prefix66, Map0F38, 0x31, to, 0, from, 16);

    /// <summary>VPADDD.</summary>
    public void Add(int to, int a, int b) => Vector(Prefix66, Map0F, 0xFE, to, a, b);

    /// <summary>VPSUBD.</summary>
    public void Subtract(int to, int a, int b) => Vector(Prefix66, Map0F, 0xFA, to, a, b);

    /// <summary>VCVTDQ2PS: integers to floats.</summary>
    public void ToFloat(int to, int from) => Vector(NoPrefix, Map0F, 0x5B, to, 0, from);

    /// <summary>VMULPS with a factor in memory.</summary>
    public void Multiply(int to, int a, Address b) => Vector(NoPrefix, Map0F, 0x59, to, a, b, 64);

    /// <summary>VFNMADD132PS: to = addend − to · factor.</summary>
    public void MultiplyAddNegated(int to, int addend, Address factor) => Vector(Prefix66, Map0F38, 0x9C, to, addend, factor, 64);

    /// <summary>VPMAXSD.</summary>
    public void Max(int to, int a, int b) => Vector(Prefix66, Map0F38, 0x3D, to, a, b);

    /// <summary>VPMINSD.</summary>
    public void Min(int to, int a, int b) => Vector(Prefix66, Map0F38, 0x39, to, a, b);

    /// <summary>VPMAXSB.</summary>
    public void MaxBytes(int to, int a, int b) => Vector(Prefix66, Map0F38, 0x3C, to, a, b);

    /// <summary>VPMINSB.</summary>
    public void MinBytes(int to, int a, int b) => Vector(Prefix66, Map0F38, 0x38, to, a, b);

    /// <summary>VPACKSSDW: int32 to int16, saturated, within 128 bits.</summary>
    public void PackInts(int to, int a, int b) => Vector(Prefix66, Map0F, 0x6B, to, a, b);

    /// <summary>VPACKSSWB: int16 to int8, saturated, within 128 bits.</summary>
    public void PackShorts(int to, int a, int b) => Vector(Prefix66, Map0F, 0x63, to, a, b);

    /// <summary>VPSHUFB: bytes of a in the order of b, within 128 bits.</summary>
    public void ShuffleBytes(int to, int a, int b) => Vector(Prefix66, Map0F38, 0x00, to, a, b);

    /// <summary>VPERMD: 4 bytes of the table for each lane, by the low 4 bits of its order.</summary>
    public void Permute(int to, int order, Address table) => Vector(Prefix66, Map0F38, 0x36, to, order, table, 64);

    /// <summary>VMOVDQA32 of two registers.</summary>
    public void Move(int to, int from) => Vector(Prefix66, Map0F, 0x6F, to, 0, from);

    /// <summary>VBROADCASTI32X4: 16 bytes four times.</summary>
    public void BroadcastFour(int to, Address from) => Vector(Prefix66, Map0F38, 0x5A, to, 0, from, 16);

    /// <summary>VPMOVDB: stores the low byte of every lane, or of those of mask register k1.</summary>
    public void StoreLowBytes(Address to, int from, bool isMasked) => Vector(PrefixF3, Map0F38, 0x31, from, 0, to, 16, isMasked ? 1 : 0);

    /// <summary>KMOVW: loads mask register k1.</summary>
    public void LoadMask(Address from)
    {
        _code.AddRange([0xC5, 0xF8, 0x90]);
        Memory(1, from, 1);
    }

    /// <summary>MOV: loads 8 bytes.</summary>
    public void Load(Register to, Address from) => General(0x8B, (int)to, from);

    /// <summary>MOVSXD: loads 4 bytes, sign-extended to 8.</summary>
    public void LoadInt(Register to, Address from) => General(0x63, (int)to, from);

    /// <summary>MOV of a number, sign-extended to 8 bytes.</summary>
    public void Set(Register to, int number) => General(0xC7, 0, to, number);

    /// <summary>MOV of two registers.</summary>
    public void Move(Register to, Register from) => General(0x8B, to, from);

    /// <summary>ADD of two registers.</summary>
    public void Add(Register to, Register from) => General(0x03, to, from);

    /// <summary>ADD of a number, which sets the zero flag.</summary>
    public void Add(Register to, int number) => General(0x81, 0, to, number);

    /// <summary>SUB of 4 bytes, which sets the zero flag; the upper half becomes 0.</summary>
    public void SubtractInt(Register to, Address from)
    {
        if (((int)to | (int)from.Base) >= 8) _code.Add((byte)(0x40 | (int)to >> 3 << 2 | (int)from.Base >> 3));
        _code.Add(0x2B);
        Memory((int)to, from, 1);
    }

    /// <summary>JZ to a place that comes later: where <see cref="Land"/> is told what this gives.</summary>
    public int JumpIfZero()
    {
        _code.AddRange([0x0F, 0x84, 0, 0, 0, 0]);
        return _code.Count;
    }

    /// <summary>The place where <paramref name="jump"/> goes.</summary>
    public void Land(int jump) => BinaryPrimitives.WriteInt32LittleEndian(CollectionsMarshal.AsSpan(_code)[(jump - sizeof(int))..], _code.Count - jump);

    /// <summary>JNZ to an earlier <paramref name="position"/>.</summary>
    public void JumpIfNotZero(int position)
    {
        _code.Add(0x0F);
        _code.Add(0x85);
        Int32(position - (_code.Count + 4));
    }

    /// <summary>PUSH.</summary>
    public void Push(Register register) => Stack(0x50, register);

    /// <summary>POP.</summary>
    public void Pop(Register register) => Stack(0x58, register);

    /// <summary>VZEROUPPER and RET.</summary>
    public void Return() => _code.AddRange([0xC5, 0xF8, 0x77, 0xC3]);

    private void Stack(int code, Register register)
    {
        if ((int)register >= 8) _code.Add(0x41);
        _code.Add((byte)(code | (int)register & 7));
    }

    private void General(byte code, int register, Address address)
    {
        Rex(register, (int)(address.Index ?? 0), (int)address.Base);
        _code.Add(code);
        Memory(register, address, 1);
    }

    private void General(byte code, Register to, Register from)
    {
        Rex((int)to, 0, (int)from);
        _code.Add(code);
        _code.Add((byte)(0xC0 | ((int)to & 7) << 3 | (int)from & 7));
    }

    // With a number, the register of ModR/M is more of the code.
    private void General(byte code, int extension, Register to, int number)
    {
        General(code, (Register)extension, to);
        Int32(number);
    }

    private void Rex(int register, int index, int rm) => _code.Add((byte)(0x48 | (register >> 3) << 2 | (index >> 3) << 1 | rm >> 3));

    // The second source is where the result goes, the register of ModR/M more of the code.
    private void Shift(int extension, int to, int from, byte count)
    {
        Vector(Prefix66, Map0F, 0x72, extension, to, from);
        _code.Add(count);
    }

    private void Vector(int prefix, int map, byte code, int register, int second, int third)
    {
        Evex(prefix, map, register, second, third >> 4 & 1, third >> 3 & 1);
        _code.Add(code);
        _code.Add((byte)(0xC0 | (register & 7) << 3 | third & 7));
    }

    /// <param name="prefix">Implied prefix.</param>
    /// <param name="map">Map of the code.</param>
    /// <param name="code">The instruction's code.</param>
    /// <param name="register">Vector register in ModR/M.</param>
    /// <param name="second">Second source.</param>
    /// <param name="memory">Third source.</param>
    /// <param name="unit">Bytes by which a short displacement counts.</param>
    /// <param name="mask">Mask register; 0 for none.</param>
    private void Vector(int prefix, int map, byte code, int register, int second, Address memory, int unit, int mask = 0)
    {
        Evex(prefix, map, register, second, (int)(memory.Index ?? 0) >> 3, (int)memory.Base >> 3, memory.IsBroadcast ? 16 | mask : mask);
        _code.Add(code);
        Memory(register, memory, memory.IsBroadcast ? sizeof(int) : unit);
    }

    // The prefix holds the high bits of registers inverted.
    private void Evex(int prefix, int map, int register, int second, int x, int b, int mask = 0)
    {
        _code.Add(0x62);
        _code.Add((byte)((~register >> 3 & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | (~register >> 4 & 1) << 4 | map));
        _code.Add((byte)((~second & 15) << 3 | 4 | prefix));
        _code.Add((byte)(2 << 5 | (~second >> 4 & 1) << 3 | mask));
    }

    private void Memory(int register, Address address, int unit)
    {
        bool isShort = address.Displacement % unit == 0 && address.Displacement / unit is >= -128 and <= 127;
        int mode = address.Displacement == 0 && ((int)address.Base & 7) != (int)Register.Rbp ? 0 : isShort ? 1 : 2;
        bool hasIndexByte = address.Index is not null || ((int)address.Base & 7) == (int)Register.Rsp;
        _code.Add((byte)(mode << 6 | (register & 7) << 3 | (hasIndexByte ? 4 : (int)address.Base & 7)));
        // Register number 4 as an index: none.
        if (hasIndexByte) _code.Add((byte)(((int)(address.Index ?? Register.Rsp) & 7) << 3 | (int)address.Base & 7));
        if (mode == 1) _code.Add((byte)(address.Displacement / unit));
        if (mode == 2) Int32(address.Displacement);
    }

    private void Int32(int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        foreach (byte b in bytes) _code.Add(b);
    }
}
