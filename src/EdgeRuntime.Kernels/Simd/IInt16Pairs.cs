namespace EdgeRuntime.Kernels;

/// <summary>
/// Pairs of int16 on one width of vectors, for depthwise convolutions. Unpacking and packing work within 128-bit lanes, and
/// undo one another, so that channels come out in their natural order.
/// </summary>
/// <typeparam name="TVector">The vector as int32 lanes.</typeparam>
public unsafe interface IInt16Pairs<TVector> where TVector : unmanaged
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>The unaligned vector at <paramref name="source"/>.</summary>
    static abstract TVector Load(void* source);

    /// <summary>Pairs (a[c], b[c]) of the lower half of each 128-bit lane.</summary>
    static abstract TVector UnpackLow(TVector a, TVector b);

    /// <summary>Pairs (a[c], b[c]) of the upper half of each 128-bit lane.</summary>
    static abstract TVector UnpackHigh(TVector a, TVector b);

    /// <summary>sum + x[2i]·w[2i] + x[2i+1]·w[2i+1].</summary>
    static abstract TVector MultiplyAdd(TVector sum, TVector x, TVector w);

    /// <summary>Requantises two vectors of doubled sums (no left shift), packs them and stores the first <paramref name="count"/> bytes.</summary>
    static abstract void Store(TVector low, TVector high, int* multipliers, sbyte* output, int count, in ConvolutionInt8Call call);

    /// <summary>Stores sums as they are.</summary>
    static abstract void StoreSums(int* destination, TVector sums);

    /// <summary>destination[i] = source[i] − zeroPoint.</summary>
    static abstract void Convert(sbyte* source, short* destination, nint count, int zeroPoint);
}
