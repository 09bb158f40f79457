namespace EdgeRuntime.Kernels;

/// <summary>Some rows and a panel, for <see cref="Int4VnniTile"/>.</summary>
internal unsafe struct Int4VnniCall
{
    /// <summary>Where each row starts.</summary>
    public sbyte** Rows;

    /// <summary>See <see cref="Int4Block.Panel"/>.</summary>
    public byte* Panel;

    /// <summary>What the rows' sums lack: in groups those of each chunk, <see cref="StartBytes"/> behind those of the one before, else all.</summary>
    public int* Starts;

    /// <summary>See <see cref="Starts"/>.</summary>
    public int StartBytes;

    /// <summary>Sums, <see cref="Int4Block.Columns"/> a row.</summary>
    public int* Sums;

    /// <summary>Chunks of a segment.</summary>
    public int SegmentChunks;

    /// <summary>A row's segments; the bytes from the end of each to the next of the inner loop, and from there to the next of the outer one.</summary>
    public int OuterCount, OuterSkip, InnerCount, InnerSkip;
}

/// <summary>
/// The tile of <see cref="ConvolutionInt4VnniGemm"/> in machine code: up to 6 rows × 2 vectors of 16 channels, all sums in registers. VPDPBUSD takes nibbles, w + 8, for unsigned bytes and the input as it is.
/// A single row leaves high nibbles where they are: their products, 16 times too large, have sums of their own, which are shifted at the end. For several rows nibbles are shifted, once. There is a function for
/// each number of rows, without multipliers and with them, called by the System V convention.
/// </summary>
internal static unsafe class Int4VnniTile
{
    /// <summary>Rows of the largest tile.</summary>
    public const int Rows = 6;

    /// <summary>Elements of a row for which no sum of products that are 16 times too large can wrap: 15 · 16 · 128 each, of every other one.</summary>
    public const int MostDepth = 1 << 17;

    private const int Vectors = 2, VectorBytes = 64, Step = 8;

    // Sums are registers from 0 on, rows after rows, a single one's as if there were four: those of low and high nibbles, of even and odd steps. Totals of groups follow; then nibbles, in whose place
    // multipliers come, rows' 4 bytes, masks.
    private const int Total = Rows * Vectors, Low = Total + Rows * Vectors, High = Low + Vectors, Multiplier = Low, Input = High + Vectors, Inputs = 2, LowMask = Input + Inputs, HighMask = LowMask + 1;

    private const Register Call = Register.Rdi, Scratch = Register.Rsi, Starts = Register.R11, StartBytes = Register.Rax, Weights = Register.R10, Offset = Register.R14,
        Chunks = Register.R13, Inner = Register.R12, Outer = Register.R15;

    private static readonly Register[] Windows = [Register.Rcx, Register.Rdx, Register.R8, Register.R9, Register.Rbx, Register.Rbp];

    // Those that a function has to leave as they were.
    private static readonly Register[] Saved = [Register.Rbx, Register.Rbp, Register.R12, Register.R13, Register.R14, Register.R15];

    private static readonly nint[] Functions = ExecutableCode.Load(2 * Rows, (code, i) => Assemble(code, i % Rows + 1, i >= Rows));

    /// <summary>Stores the sums of some rows, which have a chunk at least.</summary>
    public static void Run(int rows, bool isGrouped, in Int4VnniCall call)
    {
        fixed (Int4VnniCall* c = &call) ((delegate* unmanaged[SuppressGCTransition]<Int4VnniCall*, void>)Functions[(isGrouped ? Rows : 0) + rows - 1])(c);
    }

    /// <summary>Makes the code, so that the first run need not.</summary>
    public static void Prepare() => _ = Functions.Length;

    private static void Assemble(X64Assembler code, int rows, bool isGrouped)
    {
        Int4VnniCall c = default;
        foreach (Register r in Saved) code.Push(r);
        Broadcast(code, LowMask, 0x0F0F0F0F);
        if (rows == 1) Broadcast(code, HighMask, unchecked((int)0xF0F0F0F0));
        int first = isGrouped ? Total : 0;
        for (int i = 0; i < Math.Max(rows, isGrouped ? 0 : 4) * Vectors; i++) code.Xor(first + i, first + i, first + i);
        code.Load(Scratch, Address.Field(Call, &c, &c.Rows));
        for (int r = 0; r < rows; r++) code.Load(Windows[r], new(Scratch, r * sizeof(long)));
        code.Load(Weights, Address.Field(Call, &c, &c.Panel));
        code.Load(Starts, Address.Field(Call, &c, &c.Starts));
        code.LoadInt(StartBytes, Address.Field(Call, &c, &c.StartBytes));
        code.Set(Offset, 0);
        code.LoadInt(Outer, Address.Field(Call, &c, &c.OuterCount));
        int nextOuter = code.Position;
        code.LoadInt(Inner, Address.Field(Call, &c, &c.InnerCount));
        int nextInner = code.Position;
        code.LoadInt(Chunks, Address.Field(Call, &c, &c.SegmentChunks));
        int nextChunk = code.Position;
        AssembleChunk(code, rows, isGrouped);
        Count(code, Chunks, nextChunk);
        code.LoadInt(Scratch, Address.Field(Call, &c, &c.InnerSkip));
        code.Add(Offset, Scratch);
        Count(code, Inner, nextInner);
        code.LoadInt(Scratch, Address.Field(Call, &c, &c.OuterSkip));
        code.Add(Offset, Scratch);
        Count(code, Outer, nextOuter);
        if (!isGrouped) AssembleEnd(code, rows);
        code.Load(Scratch, Address.Field(Call, &c, &c.Sums));
        for (int i = 0; i < rows * Vectors; i++) code.Store(new(Scratch, i * VectorBytes), first + i);
        foreach (Register r in Saved.Reverse()) code.Pop(r);
        code.Return();
    }

    private static void AssembleChunk(X64Assembler code, int rows, bool isGrouped)
    {
        for (int i = 0; isGrouped && i < rows * Vectors; i++) code.Broadcast(i, new(Starts, i / Vectors * sizeof(int)));
        for (int v = 0; isGrouped && rows == 1 && v < Vectors; v++) code.Xor(Vectors + v, Vectors + v, Vectors + v);
        for (int step = 0; step < Int4Block.Chunk / Step; step++) AssembleStep(code, rows, step, isGrouped ? 0 : step % 2 * 2 * Vectors);
        code.Add(Offset, Int4Block.Chunk);
        if (isGrouped)
        {
            if (rows == 1) AddHigh(code);
            for (int v = 0; v < Vectors; v++) code.WidenBytes(Multiplier + v, new(Weights, Int4Block.ChunkBytes + v * VectorBytes / sizeof(int)));
            for (int i = 0; i < rows * Vectors; i++)
            {
                code.MultiplyIntegers(i, i, Multiplier + i % Vectors);
                code.Add(Total + i, Total + i, i);
            }
            code.Add(Starts, StartBytes);
        }
        code.Add(Weights, Int4Block.ChunkBytes + (isGrouped ? Int4Block.Columns : 0));
    }

    // A single row's sums are at single.
    private static void AssembleStep(X64Assembler code, int rows, int step, int single)
    {
        for (int v = 0; v < Vectors; v++)
        {
            code.Load(High + v, new(Weights, (step * Vectors + v) * VectorBytes));
            code.And(Low + v, High + v, LowMask);
            if (rows > 1) code.ShiftRight(High + v, High + v, 4);
            code.And(High + v, High + v, rows > 1 ? LowMask : HighMask);
        }
        for (int r = 0; r < rows; r++)
        {
            for (int i = 0; i < Inputs; i++) code.Broadcast(Input + i, new(Windows[r], step * Step + i * sizeof(int), Offset));
            for (int v = 0; v < Vectors; v++) code.DotUnsignedSigned(rows > 1 ? r * Vectors + v : single + v, Low + v, Input);
            for (int v = 0; v < Vectors; v++) code.DotUnsignedSigned(rows > 1 ? r * Vectors + v : single + Vectors + v, High + v, Input + 1);
        }
    }

    private static void AssembleEnd(X64Assembler code, int rows)
    {
        for (int i = 0; rows == 1 && i < 2 * Vectors; i++) code.Add(i, i, 2 * Vectors + i);
        if (rows == 1) AddHigh(code);
        for (int r = 0; r < rows; r++)
        {
            code.Broadcast(Input, new(Starts, r * sizeof(int)));
            for (int v = 0; v < Vectors; v++) code.Add(r * Vectors + v, r * Vectors + v, Input);
        }
    }

    private static void AddHigh(X64Assembler code)
    {
        for (int v = 0; v < Vectors; v++)
        {
            code.ShiftRightSigned(Vectors + v, Vectors + v, 4);
            code.Add(v, v, Vectors + v);
        }
    }

    private static void Broadcast(X64Assembler code, int to, int value)
    {
        code.Set(Scratch, value);
        code.BroadcastRegister(to, Scratch);
    }

    private static void Count(X64Assembler code, Register counter, int next)
    {
        code.Add(counter, -1);
        code.JumpIfNotZero(next);
    }
}
