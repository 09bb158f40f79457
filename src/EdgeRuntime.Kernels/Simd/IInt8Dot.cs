namespace EdgeRuntime.Kernels;

/// <summary>
/// One way to multiply int8 data on vectors of int32 lanes: each lane multiplies the elements in 4 bytes of input with as many
/// of weights and adds the products, exactly. <see cref="ConvolutionInt8Gemm{TDot, TVector}"/> is written once over it.
/// </summary>
public unsafe interface IInt8Dot<TVector> where TVector : unmanaged
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Measured on a Zen 4 core (AVX2: Zen 3; AVX-VNNI: half of the theory): products per cycle of a long tile; cycles to requantise 16 sums.</summary>
    static abstract (double ProductsPerCycle, double RequantizeCycles) Cost { get; }

    /// <summary>Elements in 4 bytes: 2 (int16) or 4 (bytes).</summary>
    static abstract int Step { get; }

    /// <summary>Vectors of a full panel, so that the accumulators of 6 rows fit the registers: 2 or 4.</summary>
    static abstract int Vectors { get; }

    /// <summary>Whether accumulators hold twice the sum, as Requantize's form for x86 wants; else <see cref="Store"/> doubles.</summary>
    static abstract bool IsDoubled { get; }

    /// <summary>Whether weights with zero points fit.</summary>
    static abstract bool AllowsWeightZeroPoints { get; }

    /// <summary>What an input element x is multiplied as, minus x: the constant to fold into the bias is this · Σw.</summary>
    static abstract int InputOffset(int zeroPoint);

    /// <summary>The unaligned vector at <paramref name="source"/>.</summary>
    static abstract TVector Load(void* source);

    /// <summary>4 bytes in every lane.</summary>
    static abstract TVector Broadcast(void* source);

    /// <summary>sum + Σ input·weight in every lane.</summary>
    static abstract TVector MultiplyAdd(TVector sum, TVector input, TVector weights);

    /// <summary>The same for two vectors of weights, in the order that suits the processor.</summary>
    static abstract void MultiplyAdd(ref TVector sum0, ref TVector sum1, TVector input, TVector weights0, TVector weights1);

    /// <summary>Stores doubled sums.</summary>
    static abstract void Store(int* destination, TVector sum);

    /// <summary>Converts input elements.</summary>
    static abstract void Convert(sbyte* source, byte* destination, nint count, int zeroPoint);

    /// <summary>Requantises rows × columns doubled sums; there is no left shift.</summary>
    static abstract void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call);
}
