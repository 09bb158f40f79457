namespace EdgeRuntime.Kernels;

/// <summary>
/// One way to multiply int8 data for sparse weights: each 32-bit lane is an output position, whose step of depth (2 elements
/// of 16 bits, or 4 bytes) meets the same step of weights in all lanes.
/// </summary>
/// <typeparam name="TVector">The vector of int32.</typeparam>
internal unsafe interface ISparseInt8<TVector> where TVector : unmanaged
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Depth of a step: 2 or 4 elements in 4 bytes.</summary>
    static abstract int Step { get; }

    /// <summary>Vectors of a full tile for units of so many output channels.</summary>
    static abstract int Vectors(int rows);

    /// <summary>Cycles of one step of weights times so many vectors of positions.</summary>
    static abstract double UnitCycles(int rows, int vectors);

    /// <summary>Cycles to requantise and to store a sum; to bring 4 bytes of input to a panel.</summary>
    static abstract (double Output, double Input) Cost { get; }

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

    /// <summary>A square of words, a lane's count on each side, transposed into a panel; steps in words.</summary>
    static abstract void Transpose(int* x, int* y, nint stepX, nint stepY);

    /// <summary>Puts one step of all lanes into the order that the multiplication wants.</summary>
    static abstract void Arrange(int* vector);

    /// <summary>A vector of a panel, or of sums.</summary>
    static abstract TVector Load(void* source);

    /// <summary>4 bytes of weights for all lanes.</summary>
    static abstract TVector Broadcast(void* source);

    /// <summary>The value in all lanes.</summary>
    static abstract TVector Create(int value);

    /// <summary>sum + Σ input · weights in every lane.</summary>
    static abstract TVector MultiplyAdd(TVector sum, TVector input, TVector weights);

    /// <summary>The same with input from memory, for the case that it meets these weights only.</summary>
    static abstract TVector MultiplyAdd(TVector sum, byte* input, TVector weights);

    /// <summary>Stores sums.</summary>
    static abstract void Store(int* destination, TVector sum);

    /// <summary>Requantises <paramref name="count"/> sums, a multiple of 8, of one channel.</summary>
    static abstract void Requantize(int* sums, int count, int multiplier, sbyte* output, in ConvolutionInt8Call call);

    /// <summary>8×8 bytes transposed.</summary>
    static abstract void TransposeBytes(byte* x, byte* y, nint stepX, nint stepY);
}
