namespace EdgeRuntime.Kernels;

/// <summary>What turns sums into results in <see cref="Int8VnniTile"/>: clamp(round(factor · sum · scale) + zero point), see <see cref="ExactFloatScale"/>.</summary>
internal unsafe struct Int8VnniOutput
{
    /// <summary>Factors of the panel's channels; their scales, negated, are the tile's multipliers.</summary>
    public float* Factors;

    /// <summary><see cref="Int8FloatOutput.Whole"/> and the zero point; the bits of the first.</summary>
    public float Zero, Whole;

    /// <summary>Smallest and largest result.</summary>
    public int Min, Max;

    /// <summary>The channels that are there of the last 16, a bit each.</summary>
    public int Mask;
}

/// <summary>
/// The tile of <see cref="ConvolutionInt8VnniGemm"/> in machine code: up to 6 positions × 4 vectors of 16 channels, all sums in registers; a step is 4 bytes of each position's
/// window, as unsigned bytes, times as many of each channel's weights. There is a function for each size of tile, called by the System V convention.
/// </summary>
internal static unsafe class Int8VnniTile
{
    /// <summary>Positions and vectors of channels of the largest tile.</summary>
    public const int Rows = 6, Vectors = 4;

    // Sums are registers from 0 on, rows after rows; weights and positions' 4 bytes follow, in whose place constants of results come.
    private const int Weight = Rows * Vectors, Input = Weight + Vectors, Inputs = 4, Zero = Weight, Whole = Zero + 1, Min = Zero + 2, Max = Zero + 3;

    private const int VectorBytes = 64, StepBytes = 4, Sizes = Rows * Vectors;

    private const Register Tile = Register.Rdi, Output = Register.Rsi, Pointer = Register.Rax, Weights = Register.R10, Segment = Register.R11, Segments = Register.R12, Steps = Register.R13,
        Offset = Register.R14, Factors = Register.Rcx, Results = Register.Rdx, Stride = Register.R8;

    private static readonly Register[] Windows = [Register.Rcx, Register.Rdx, Register.R8, Register.R9, Register.Rbx, Register.Rbp];

    // Those that a function has to leave as they were.
    private static readonly Register[] Saved = [Register.Rbx, Register.Rbp, Register.R12, Register.R13, Register.R14];

    // For sums, then for results.
    private static readonly nint[] Functions = ExecutableCode.Load(2 * Sizes, (code, i) => Assemble(code, i % Sizes / Vectors + 1, i % Vectors + 1, i >= Sizes));

    /// <summary>Stores the doubled sums bias[column] + Σ window[row] · weights[column] of a tile, which has at least one step.</summary>
    public static void StoreSums(in ConvolutionInt8Tile tile)
    {
        fixed (ConvolutionInt8Tile* t = &tile) Call(0, t, null);
    }

    /// <summary>Stores a tile's results, of its present columns.</summary>
    public static void StoreResults(in ConvolutionInt8Tile tile, in Int8VnniOutput output)
    {
        fixed (ConvolutionInt8Tile* t = &tile)
        fixed (Int8VnniOutput* o = &output) Call(Sizes, t, o);
    }

    /// <summary>Makes the code, so that the first run need not.</summary>
    public static void Prepare() => _ = Functions.Length;

    private static void Call(int first, ConvolutionInt8Tile* tile, Int8VnniOutput* output) =>
        ((delegate* unmanaged[SuppressGCTransition]<ConvolutionInt8Tile*, Int8VnniOutput*, void>)Functions[first + (tile->Rows - 1) * Vectors + tile->PaddedColumns * sizeof(int) / VectorBytes - 1])(tile, output);

    private static void Assemble(X64Assembler code, int rows, int vectors, bool hasResults)
    {
        ConvolutionInt8Tile t = default;
        foreach (Register r in Saved) code.Push(r);
        code.Load(Pointer, Address.Field(Tile, &t, &t.Bias));
        code.LoadInt(Stride, Address.Field(Tile, &t, &t.BiasStride));
        for (int i = 0; i < rows * vectors; i++)
        {
            code.Load(i, new(Pointer, i % vectors * VectorBytes));
            if (i % vectors == vectors - 1) code.Add(Pointer, Stride);
        }
        code.Load(Weights, Address.Field(Tile, &t, &t.Weights));
        code.Load(Segment, Address.Field(Tile, &t, &t.SegmentOffsets));
        code.LoadInt(Segments, Address.Field(Tile, &t, &t.Segments));
        int nextSegment = code.Position;
        code.LoadInt(Offset, new(Segment));
        code.Add(Segment, sizeof(int));
        code.Load(Pointer, Address.Field(Tile, &t, &t.Windows));
        for (int r = 0; r < rows; r++) code.Load(Windows[r], new(Pointer, r * sizeof(long)));
        code.LoadInt(Steps, Address.Field(Tile, &t, &t.SegmentSteps));
        int nextStep = code.Position;
        for (int v = 0; v < vectors; v++) code.Load(Weight + v, new(Weights, v * VectorBytes));
        for (int r = 0; r < rows; r++)
        {
            int input = Input + r % Inputs;
            code.Broadcast(input, new(Windows[r], 0, Offset));
            for (int v = 0; v < vectors; v++) code.DotUnsignedSigned(r * vectors + v, input, Weight + v);
        }
        code.Add(Weights, vectors * VectorBytes);
        code.Add(Offset, StepBytes);
        code.Add(Steps, -1);
        code.JumpIfNotZero(nextStep);
        code.Add(Segments, -1);
        code.JumpIfNotZero(nextSegment);
        if (hasResults) AssembleResults(code, rows, vectors);
        else AssembleSums(code, rows * vectors);
        foreach (Register r in Saved.Reverse()) code.Pop(r);
        code.Return();
    }

    private static void AssembleSums(X64Assembler code, int count)
    {
        ConvolutionInt8Tile t = default;
        code.Load(Pointer, Address.Field(Tile, &t, &t.Accumulators));
        for (int i = 0; i < count; i++)
        {
            code.Add(i, i, i);
            code.Store(new(Pointer, i * VectorBytes), i);
        }
    }

    private static void AssembleResults(X64Assembler code, int rows, int vectors)
    {
        ConvolutionInt8Tile t = default;
        Int8VnniOutput o = default;
        code.Broadcast(Zero, Constant(&o, &o.Zero));
        code.Broadcast(Whole, Constant(&o, &o.Whole));
        code.Broadcast(Min, Constant(&o, &o.Min));
        code.Broadcast(Max, Constant(&o, &o.Max));
        code.LoadMask(Constant(&o, &o.Mask));
        code.Load(Factors, Constant(&o, &o.Factors));
        code.Load(Pointer, Address.Field(Tile, &t, &t.Multipliers));
        code.Load(Results, Address.Field(Tile, &t, &t.Output));
        code.LoadInt(Stride, Address.Field(Tile, &t, &t.OutputStride));
        for (int r = 0; r < rows; r++)
        {
            for (int v = 0; v < vectors; v++)
            {
                int sum = r * vectors + v;
                code.ToFloat(sum, sum);
                code.Multiply(sum, sum, new(Factors, v * VectorBytes));
                code.MultiplyAddNegated(sum, Zero, new(Pointer, v * VectorBytes));
                code.Subtract(sum, sum, Whole);
                code.Max(sum, sum, Min);
                code.Min(sum, sum, Max);
                code.StoreLowBytes(new(Results, v * VectorBytes / sizeof(int)), sum, v == vectors - 1);
            }
            code.Add(Results, Stride);
        }
    }

    private static Address Constant(void* output, void* field) => new(Output, (int)((byte*)field - (byte*)output));
}
