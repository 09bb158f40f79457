namespace EdgeRuntime.Kernels;

/// <summary>What <see cref="SparseInt8RowTile"/> multiplies, and where it puts that.</summary>
internal unsafe struct SparseInt8RowCall
{
    /// <summary>The row, as <see cref="SparseInt8Slots"/> has it.</summary>
    public byte* Row;

    /// <summary>The bundles of the first group of channels, those of others behind them, and where in the row their slots begin.</summary>
    public byte* Bundles;

    public int* Offsets;

    /// <summary>The number of each group's first bundle; behind the last group's the end.</summary>
    public int* Starts;

    /// <summary>What the sums of each channel start from.</summary>
    public int* Bias;

    /// <summary>Doubled sums of each channel.</summary>
    public int* Sums;

    /// <summary>16 channels each.</summary>
    public nint Groups;
}

/// <summary>
/// Sparse weights of 16 output channels, in the lanes, times one row, in machine code: each lane takes 4 bytes of its own from the 64 of a slot. Called by the System V convention.
/// </summary>
internal static unsafe class SparseInt8RowTile
{
    private const int VectorBytes = 64, Sums = 4, Order = 8, Products = 16;

    private const Register Call = Register.Rdi, Row = Register.Rsi, Bundle = Register.Rdx, Offsets = Register.Rcx, Starts = Register.R8, Bias = Register.R9, Output = Register.R10, Groups = Register.R11,
        Count = Register.Rbx, Offset = Register.Rax;

    private static readonly nint[] Functions = ExecutableCode.Load(1, (code, _) => Assemble(code));

    public static void Run(in SparseInt8RowCall call)
    {
        fixed (SparseInt8RowCall* c = &call) ((delegate* unmanaged[SuppressGCTransition]<SparseInt8RowCall*, void>)Functions[0])(c);
    }

    /// <summary>Makes the code, so that the first run need not.</summary>
    public static void Prepare() => _ = Functions.Length;

    private static void Assemble(X64Assembler code)
    {
        SparseInt8RowCall c = default;
        code.Push(Count);
        code.Load(Row, Address.Field(Call, &c, &c.Row));
        code.Load(Bundle, Address.Field(Call, &c, &c.Bundles));
        code.Load(Offsets, Address.Field(Call, &c, &c.Offsets));
        code.Load(Starts, Address.Field(Call, &c, &c.Starts));
        code.Load(Bias, Address.Field(Call, &c, &c.Bias));
        code.Load(Output, Address.Field(Call, &c, &c.Sums));
        code.Load(Groups, Address.Field(Call, &c, &c.Groups));
        int nextGroup = code.Position;
        code.Load(0, new Address(Bias));
        for (int i = 1; i < Sums; i++) code.Xor(i, i, i);
        code.LoadInt(Count, new(Starts, sizeof(int)));
        code.SubtractInt(Count, new(Starts));
        int isEmpty = code.JumpIfZero(), next = code.Position;
        code.Load(Order, new Address(Bundle));
        for (int slot = 0; slot < SparseInt8Slots.Bundle; slot++)
        {
            code.LoadInt(Offset, new(Offsets, slot * sizeof(int)));
            code.Permute(Products + slot, Order + slot, new(Row, 0, Offset));
            if (slot + 1 < SparseInt8Slots.Bundle) code.ShiftRight(Order + slot + 1, Order + slot, SparseInt8Slots.OrderBits);
            code.DotUnsignedSigned(slot % Sums, Products + slot, new Address(Bundle, (slot + 1) * VectorBytes));
        }
        code.Add(Bundle, SparseInt8Slots.BundleBytes);
        code.Add(Offsets, SparseInt8Slots.Bundle * sizeof(int));
        code.Add(Count, -1);
        code.JumpIfNotZero(next);
        code.Land(isEmpty);
        code.Add(0, 0, 1);
        code.Add(2, 2, 3);
        code.Add(0, 0, 2);
        code.Add(0, 0, 0);
        code.Store(new(Output), 0);
        code.Add(Output, VectorBytes);
        code.Add(Bias, VectorBytes);
        code.Add(Starts, sizeof(int));
        code.Add(Groups, -1);
        code.JumpIfNotZero(nextGroup);
        code.Pop(Count);
        code.Return();
    }
}
