using Xunit;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Instructions as another assembler writes them: with low and high registers, bases that need a SIB byte or a displacement, short and long displacements.</summary>
public sealed class X64AssemblerTests
{
    private static readonly (string Text, Action<X64Assembler> Write, string Bytes)[] Instructions =
    [
        ("vmovdqu32 zmm9, [rax+0x40]", a => a.Load(9, new(Register.Rax, 0x40)), "62717E486F4801"),
        ("vmovdqu32 zmm27, [r10]", a => a.Load(27, new(Register.R10)), "62417E486F1A"),
        ("vmovdqu32 zmm17, [r10+0x10]", a => a.Load(17, new(Register.R10, 0x10)), "62C17E486F8A10000000"),
        ("vmovdqu32 [rbp], zmm30", a => a.Store(new(Register.Rbp), 30), "62617E487F7500"),
        ("vmovdqu32 [r12+0x1fc0], zmm3", a => a.Store(new(Register.R12, 0x1FC0), 3), "62D17E487F5C247F"),
        ("vmovdqu32 [rax+0x2000], zmm3", a => a.Store(new(Register.Rax, 0x2000), 3), "62F17E487F9800200000"),
        ("vpbroadcastd zmm28, [rbx+r14]", a => a.Broadcast(28, new(Register.Rbx, 0, Register.R14)), "62227D48582433"),
        ("vpbroadcastd zmm5, [rsi+0xc]", a => a.Broadcast(5, new(Register.Rsi, 12)), "62F27D48586E03"),
        ("vpdpbusd zmm23, zmm29, zmm26", a => a.DotUnsignedSigned(23, 29, 26), "6282154050FA"),
        ("vpdpbusd zmm1, zmm2, zmm3", a => a.DotUnsignedSigned(1, 2, 3), "62F26D4850CB"),
        ("vpbroadcastd zmm30, esi", a => a.BroadcastRegister(30, Register.Rsi), "62627D487CF6"),
        ("vpbroadcastd zmm3, r9d", a => a.BroadcastRegister(3, Register.R9), "62D27D487CD9"),
        ("vpandd zmm25, zmm27, zmm30", a => a.And(25, 27, 30), "62012540DBCE"),
        ("vpsrld zmm26, zmm8, 4", a => a.ShiftRight(26, 8, 4), "62D12D4072D004"),
        ("vpsrad zmm2, zmm18, 4", a => a.ShiftRightSigned(2, 18, 4), "62B16D4872E204"),
        ("vpmulld zmm11, zmm11, zmm25", a => a.MultiplyIntegers(11, 11, 25), "6212254840D9"),
        ("vpmovzxbd zmm24, [r10+0x200]", a => a.WidenBytes(24, new(Register.R10, 0x200)), "62427D48314220"),
        ("vpaddd zmm16, zmm16, zmm16", a => a.Add(16, 16, 16), "62A17D40FEC0"),
        ("vpsubd zmm8, zmm8, zmm25", a => a.Subtract(8, 8, 25), "62113D48FAC1"),
        ("vcvtdq2ps zmm21, zmm21", a => a.ToFloat(21, 21), "62A17C485BED"),
        ("vmulps zmm21, zmm21, [rcx+0xc0]", a => a.Multiply(21, 21, new(Register.Rcx, 0xC0)), "62E15440596903"),
        ("vfnmadd132ps zmm12, zmm24, [rax+0x80]", a => a.MultiplyAddNegated(12, 24, new(Register.Rax, 0x80)), "62723D409C6002"),
        ("vpmaxsd zmm7, zmm7, zmm26", a => a.Max(7, 7, 26), "629245483DFA"),
        ("vpminsd zmm7, zmm7, zmm27", a => a.Min(7, 7, 27), "6292454839FB"),
        ("vpmovdb [rdx+0x30], zmm11", a => a.StoreLowBytes(new(Register.Rdx, 0x30), 11, false), "62727E48315A03"),
        ("vpmovdb [rdx+0x30]{k1}, zmm31", a => a.StoreLowBytes(new(Register.Rdx, 0x30), 31, true), "62627E49317A03"),
        ("kmovw k1, [rsi+0x18]", a => a.LoadMask(new(Register.Rsi, 0x18)), "C5F8904E18"),
        ("mov r9, [rax+0x18]", a => a.Load(Register.R9, new(Register.Rax, 0x18)), "4C8B4818"),
        ("mov rbx, [r12]", a => a.Load(Register.Rbx, new(Register.R12)), "498B1C24"),
        ("movsxd r14, [r11]", a => a.LoadInt(Register.R14, new(Register.R11)), "4D6333"),
        ("mov rsi, 0xf0f0f0f", a => a.Set(Register.Rsi, 0x0F0F0F0F), "48C7C60F0F0F0F"),
        ("mov r14, 0", a => a.Set(Register.R14, 0), "49C7C600000000"),
        ("add rdx, r8", a => a.Add(Register.Rdx, Register.R8), "4903D0"),
        ("add r13, -1", a => a.Add(Register.R13, -1), "4981C5FFFFFFFF"),
        ("push rbx; push r13; pop r12", a => { a.Push(Register.Rbx); a.Push(Register.R13); a.Pop(Register.R12); }, "534155415C"),
        ("vzeroupper; ret", a => a.Return(), "C5F877C3"),
    ];

    [Fact]
    public void WritesInstructionsAsOthersDo()
    {
        foreach (var (text, write, bytes) in Instructions)
        {
            X64Assembler assembler = new();
            write(assembler);
            Assert.Equal($"{text}: {bytes}", $"{text}: {Convert.ToHexString(assembler.ToArray())}");
        }
    }

    [Fact]
    public void JumpsBack()
    {
        X64Assembler assembler = new();
        assembler.Add(Register.R13, -1);
        assembler.JumpIfNotZero(0);
        Assert.Equal("4981C5FFFFFFFF0F85F3FFFFFF", Convert.ToHexString(assembler.ToArray()));
    }
}
