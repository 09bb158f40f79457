namespace EdgeRuntime.Kernels;

/// <summary>What a function of <see cref="SparseInt8VnniTile"/> multiplies, and where it puts that.</summary>
internal unsafe struct SparseInt8VnniCall
{
    /// <summary>The first unit of the first row; units of all rows follow one another.</summary>
    public byte* Units;

    /// <summary>The number of each row's first unit; behind the last row's the end.</summary>
    public int* Starts;

    /// <summary>What the sums of each channel start from.</summary>
    public int* Bias;

    /// <summary>Input as [step][position], unsigned.</summary>
    public byte* Panel;

    /// <summary>Doubled sums, a row for each channel, or words of results, a row for four.</summary>
    public int* Output;

    /// <summary>Bytes from one row to the next.</summary>
    public nint Pitch;

    /// <summary>Four channels each.</summary>
    public nint Groups;

    /// <summary>For results: each channel's factor and its scale, negated, see <see cref="ExactFloatScale"/>.</summary>
    public float* Factors, Scales;

    /// <summary><see cref="Int8FloatOutput.Whole"/> and the zero point; the bits of the first.</summary>
    public float Zero, Whole;

    /// <summary>Smallest and largest result, in each of 4 bytes.</summary>
    public int Min, Max;

    /// <summary>Bytes of four channels as words of a position.</summary>
    public fixed byte Order[16];
}

/// <summary>
/// Sparse weights of groups of four output channels times up to 7 vectors of 16 positions, in machine code: a step is a unit's 4 bytes of weights in all lanes, times
/// as many of each position. Units of one channel, or of four that share loads of input. There is a function for each number of vectors, called by the System V convention.
/// </summary>
internal static unsafe class SparseInt8VnniTile
{
    /// <summary>Vectors of positions, with units of one channel and of four.</summary>
    public const int VectorsOfOne = 7, VectorsOfFour = 4;

    private const int Rows = 4, VectorBytes = 64, Sizes = VectorsOfOne + VectorsOfFour;

    // Sums are registers from 0 on, rows after rows. Of four channels there are fewer, so that more are left for operands.
    private const int Weight = 28, Input = 29, Inputs = 3, WeightOfFour = 16, InputOfFour = 20, Zero = 28, Whole = 29, Min = 30, Max = 31;

    private const Register Call = Register.Rdi, Unit = Register.Rsi, Starts = Register.Rdx, Bias = Register.Rcx, Panel = Register.R8, Output = Register.R9, Pitch = Register.R10, Groups = Register.R11,
        Count = Register.Rbx, Offset = Register.Rax, Factors = Register.R12, Scales = Register.R13;

    // Those that a function has to leave as they were.
    private static readonly Register[] Saved = [Register.Rbx, Register.R12, Register.R13];

    // For sums, then for results; of each for units of one channel, then for units of four.
    private static readonly nint[] Functions = ExecutableCode.Load(2 * Sizes, (code, i) =>
        Assemble(code, i % Sizes < VectorsOfOne ? i % Sizes + 1 : i % Sizes - VectorsOfOne + 1, i % Sizes < VectorsOfOne, i >= Sizes));

    /// <summary>Runs for so many vectors of positions, and units of so many channels.</summary>
    public static void Run(in SparseInt8VnniCall call, int vectors, int unitRows, bool hasResults)
    {
        nint function = Functions[(hasResults ? Sizes : 0) + (unitRows == 1 ? 0 : VectorsOfOne) + vectors - 1];
        fixed (SparseInt8VnniCall* c = &call) ((delegate* unmanaged[SuppressGCTransition]<SparseInt8VnniCall*, void>)function)(c);
    }

    /// <summary>Makes the code, so that the first run need not.</summary>
    public static void Prepare() => _ = Functions.Length;

    private static void Assemble(X64Assembler code, int vectors, bool isOne, bool hasResults)
    {
        SparseInt8VnniCall c = default;
        foreach (Register r in Saved) code.Push(r);
        code.Load(Unit, Address.Field(Call, &c, &c.Units));
        code.Load(Starts, Address.Field(Call, &c, &c.Starts));
        code.Load(Bias, Address.Field(Call, &c, &c.Bias));
        code.Load(Panel, Address.Field(Call, &c, &c.Panel));
        code.Load(Output, Address.Field(Call, &c, &c.Output));
        code.Load(Pitch, Address.Field(Call, &c, &c.Pitch));
        code.Load(Groups, Address.Field(Call, &c, &c.Groups));
        code.Load(Factors, Address.Field(Call, &c, &c.Factors));
        code.Load(Scales, Address.Field(Call, &c, &c.Scales));
        int nextGroup = code.Position;
        if (isOne)
            for (int row = 0; row < Rows; row++) AssembleRow(code, row, vectors);
        else AssembleFourRows(code, vectors);
        if (hasResults) AssembleResults(code, vectors);
        else AssembleSums(code, vectors);
        code.Add(Bias, Rows * sizeof(int));
        code.Add(Starts, (isOne ? Rows : 1) * sizeof(int));
        code.Add(Factors, Rows * sizeof(float));
        code.Add(Scales, Rows * sizeof(float));
        code.Add(Groups, -1);
        code.JumpIfNotZero(nextGroup);
        foreach (Register r in Saved.Reverse()) code.Pop(r);
        code.Return();
    }

    private static void AssembleRow(X64Assembler code, int row, int vectors)
    {
        int sum = row * vectors;
        code.Broadcast(sum, new(Bias, row * sizeof(int)));
        for (int v = 1; v < vectors; v++) code.Move(sum + v, sum);
        code.LoadInt(Count, new(Starts, (row + 1) * sizeof(int)));
        code.SubtractInt(Count, new(Starts, row * sizeof(int)));
        int isEmpty = code.JumpIfZero(), next = code.Position;
        code.LoadInt(Offset, new(Unit, sizeof(int)));
        code.Broadcast(Weight, new(Unit));
        for (int v = 0; v < vectors; v++)
        {
            code.Load(Input + v % Inputs, new(Panel, v * VectorBytes, Offset));
            code.DotUnsignedSigned(sum + v, Input + v % Inputs, Weight);
        }
        code.Add(Unit, 2 * sizeof(int));
        code.Add(Count, -1);
        code.JumpIfNotZero(next);
        code.Land(isEmpty);
    }

    private static void AssembleFourRows(X64Assembler code, int vectors)
    {
        for (int row = 0; row < Rows; row++)
        {
            code.Broadcast(row * vectors, new(Bias, row * sizeof(int)));
            for (int v = 1; v < vectors; v++) code.Move(row * vectors + v, row * vectors);
        }
        code.LoadInt(Count, new(Starts, sizeof(int)));
        code.SubtractInt(Count, new(Starts));
        int isEmpty = code.JumpIfZero(), next = code.Position;
        code.LoadInt(Offset, new(Unit, Rows * sizeof(int)));
        for (int v = 0; v < vectors; v++) code.Load(InputOfFour + v, new(Panel, v * VectorBytes, Offset));
        for (int row = 0; row < Rows; row++)
        {
            code.Broadcast(WeightOfFour + row, new(Unit, row * sizeof(int)));
            for (int v = 0; v < vectors; v++) code.DotUnsignedSigned(row * vectors + v, InputOfFour + v, WeightOfFour + row);
        }
        code.Add(Unit, (Rows + 1) * sizeof(int));
        code.Add(Count, -1);
        code.JumpIfNotZero(next);
        code.Land(isEmpty);
    }

    private static void AssembleSums(X64Assembler code, int vectors)
    {
        for (int row = 0; row < Rows; row++)
        {
            for (int v = 0; v < vectors; v++)
            {
                int sum = row * vectors + v;
                code.Add(sum, sum, sum);
                code.Store(new(Output, v * VectorBytes), sum);
            }
            code.Add(Output, Pitch);
        }
    }

    private static void AssembleResults(X64Assembler code, int vectors)
    {
        SparseInt8VnniCall c = default;
        code.Broadcast(Zero, Address.Field(Call, &c, &c.Zero));
        code.Broadcast(Whole, Address.Field(Call, &c, &c.Whole));
        code.Broadcast(Min, Address.Field(Call, &c, &c.Min));
        code.Broadcast(Max, Address.Field(Call, &c, &c.Max));
        for (int v = 0; v < vectors; v++)
        {
            for (int row = 0; row < Rows; row++)
            {
                int sum = row * vectors + v;
                code.ToFloat(sum, sum);
                code.Multiply(sum, sum, new(Factors, row * sizeof(float), IsBroadcast: true));
                code.MultiplyAddNegated(sum, Zero, new(Scales, row * sizeof(float), IsBroadcast: true));
                code.Subtract(sum, sum, Whole);
            }
            int first = v, second = vectors + v, third = 2 * vectors + v;
            code.PackInts(first, first, second);
            code.PackInts(third, third, third + vectors);
            code.PackShorts(first, first, third);
            code.BroadcastFour(second, Address.Field(Call, &c, c.Order));
            code.MaxBytes(first, first, Min);
            code.MinBytes(first, first, Max);
            code.ShuffleBytes(first, first, second);
            code.Store(new(Output, v * VectorBytes), first);
        }
        code.Add(Output, Pitch);
    }
}
