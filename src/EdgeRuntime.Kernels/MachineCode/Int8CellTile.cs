namespace EdgeRuntime.Kernels;

/// <summary>
/// The tile of <see cref="CellProductAvx512Vnni"/> in machine code: up to 6 vectors × 4 gates of 16 units, all sums in registers; a step is 4 bytes of each vector, unsigned, times as many of each
/// unit's weights. There is a function for each size of tile, called by the System V convention.
/// </summary>
internal static unsafe class Int8CellTile
{
    /// <summary>Vectors of the largest tile.</summary>
    public const int Rows = 6;

    // Sums are registers from 0 on, rows after rows; weights and vectors' 4 bytes follow.
    private const int Gates = 4, Weight = Rows * Gates, Input = Weight + Gates, Inputs = 4, RegisterBytes = 64, StepBytes = 4;

    // Arguments in their order; the fourth of the vectors, and the distance between two of them doubled.
    private const Register First = Register.Rdi, Distance = Register.Rsi, Weights = Register.Rdx, Steps = Register.Rcx, Sums = Register.R8, Fourth = Register.R9, Twice = Register.Rax;

    private static readonly nint[] Functions = ExecutableCode.Load(Rows * Gates, (code, i) => Assemble(code, i / Gates + 1, i % Gates + 1));

    /// <summary>
    /// Stores sums[vector][gate][unit] of <paramref name="rows"/> vectors, <paramref name="distance"/> bytes apart, with a panel [step][gate][unit][4]; there is a step at least.
    /// </summary>
    public static void Run(int rows, int gates, byte* first, nint distance, sbyte* weights, nint steps, int* sums) =>
        ((delegate* unmanaged[SuppressGCTransition]<byte*, nint, sbyte*, nint, int*, void>)Functions[(rows - 1) * Gates + gates - 1])(first, distance, weights, steps, sums);

    private static void Assemble(X64Assembler code, int rows, int gates)
    {
        for (int i = 0; i < rows * gates; i++) code.Xor(i, i, i);
        code.Move(Twice, Distance);
        code.Add(Twice, Distance);
        if (rows > 3)
        {
            code.Move(Fourth, First);
            code.Add(Fourth, Twice);
            code.Add(Fourth, Distance);
        }
        int next = code.Position;
        for (int g = 0; g < gates && rows > 1; g++) code.Load(Weight + g, new(Weights, g * RegisterBytes));
        for (int r = 0; r < rows; r++)
        {
            int input = Input + r % Inputs;
            code.Broadcast(input, new(r < 3 ? First : Fourth, 0, (r % 3) switch { 0 => null, 1 => Distance, _ => Twice }));
            for (int g = 0; g < gates; g++)
                if (rows > 1) code.DotUnsignedSigned(r * gates + g, input, Weight + g);
                else code.DotUnsignedSigned(g, input, new Address(Weights, g * RegisterBytes));
        }
        code.Add(Weights, gates * RegisterBytes);
        code.Add(First, StepBytes);
        if (rows > 3) code.Add(Fourth, StepBytes);
        code.Add(Steps, -1);
        code.JumpIfNotZero(next);
        for (int i = 0; i < rows * gates; i++) code.Store(new(Sums, i * RegisterBytes), i);
        code.Return();
    }
}
