namespace EdgeRuntime.Kernels;

/// <summary>
/// One way to multiply int8 data for sparse weights: each 32-bit lane is an output position, whose step of depth (2 elements
/// of 16 bits, or 4 bytes) meets the same step of weights in all lanes.
/// </summary>
/// <typeparam name="TVector">The vector of int32 sums.</typeparam>
/// <typeparam name="TOperand">As many steps of input, or of weights.</typeparam>
internal unsafe interface ISparseInt8<TVector, TOperand> where TVector : unmanaged where TOperand : unmanaged
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Depth of a step: 2 or 4 elements in 4 bytes.</summary>
    static abstract int Step { get; }

    /// <summary>Vectors of positions whose sums are in registers at once, for units of so many output channels (1 or 4).</summary>
    static abstract int Vectors(int rows);

    /// <summary>What units of so many output channels take.</summary>
    static abstract SparseCost Cost(int rows);

    /// <summary>Whether two products of −128 · −128 would overflow.</summary>
    static abstract bool ExcludesMinimum { get; }

    /// <summary>What weights and biases are multiplied by when packed: 2 where sums are wanted doubled.</summary>
    static abstract int Factor { get; }

    /// <summary>What an input element x is multiplied as, minus x.</summary>
    static abstract int InputOffset(int zeroPoint);

    /// <summary>Whether input is multiplied as it is, and <see cref="Convert"/> is a copy.</summary>
    static abstract bool IsRaw { get; }

    /// <summary>Converts input elements.</summary>
    static abstract void Convert(sbyte* source, byte* destination, nint count, int zeroPoint);

    /// <summary>Squares of words, a lane's count on each side, transposed into a panel in the order that the multiplication wants; steps in words.</summary>
    static abstract void ToPanel(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares);

    /// <summary>The same in plain order.</summary>
    static abstract void Transpose(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares);

    /// <summary>One step of all lanes, from a panel: the vector with this number behind <paramref name="source"/>.</summary>
    static abstract TOperand Load(byte* source, int vector);

    /// <summary>4 bytes of weights for all lanes.</summary>
    static abstract TOperand Broadcast(byte* source);

    /// <summary>The value in all lanes.</summary>
    static abstract TVector Create(int value);

    /// <summary>sum + Σ input · weights in every lane.</summary>
    static abstract TVector MultiplyAdd(TVector sum, TOperand input, TOperand weights);

    /// <summary>Stores sums.</summary>
    static abstract void Store(int* destination, TVector sum);

    /// <summary>
    /// Requantises the sums of four channels, rows <paramref name="pitch"/> apart, a multiple of 16: results of a position are the bytes of a word. May do up to 15
    /// positions more than <paramref name="count"/>, but none behind the pitch.
    /// </summary>
    static abstract void Requantize(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call);
}
