namespace EdgeRuntime.Kernels;

/// <summary>What int8 data need besides: steps are 2 or 4 elements.</summary>
internal unsafe interface ISparseInt8 : ISparse
{
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

    /// <summary>Words on a side of the squares that are transposed.</summary>
    static abstract int Side { get; }

    /// <summary>As <see cref="ISparse.Transpose"/> into a panel, in the order that the multiplication wants.</summary>
    static abstract void ToPanel(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares);

    /// <summary>
    /// Requantises the sums of four channels, rows <paramref name="pitch"/> apart, a multiple of 16: results of a position are the bytes of a word. May do up to 15
    /// positions more than <paramref name="count"/>, but none behind the pitch.
    /// </summary>
    static abstract void Requantize(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call);

    /// <summary>Sums of some channels as [channel][position], for <paramref name="count"/> positions of a panel; units are of <typeparamref name="TRows"/> channels.</summary>
    static abstract void Multiply<TRows>(in SparseRows rows, byte* panel, int count, int* sums) where TRows : struct, ICount;
}
