namespace EdgeRuntime.Kernels;

/// <summary>What int8 data need besides: steps are 2 or 4 elements.</summary>
/// <typeparam name="TVector">The vector of int32 sums.</typeparam>
/// <typeparam name="TOperand">As many steps of input, or of weights.</typeparam>
internal unsafe interface ISparseInt8<TVector, TOperand> : ISparseProduct<TVector, TOperand> where TVector : unmanaged where TOperand : unmanaged
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

    /// <summary>As <see cref="ISparseProduct{TVector, TOperand}.Transpose"/> into a panel, in the order that the multiplication wants.</summary>
    static abstract void ToPanel(int* x, int* y, nint stepX, nint stepY, nint nextX, nint nextY, int squares);

    /// <summary>
    /// Requantises the sums of four channels, rows <paramref name="pitch"/> apart, a multiple of 16: results of a position are the bytes of a word. May do up to 15
    /// positions more than <paramref name="count"/>, but none behind the pitch.
    /// </summary>
    static abstract void Requantize(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call);
}
