namespace EdgeRuntime.Kernels;

/// <summary>How int8 operands are laid out for a multiplication, and what becomes of its sums: all that <see cref="ConvolutionInt8Gemm{TOperands}"/> needs to know of it.</summary>
public unsafe interface IInt8Operands
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Measured on a Zen 4 core (AVX2: Zen 3; AVX-VNNI: half of the theory): products per cycle of a long tile; cycles to requantise 16 sums.</summary>
    static abstract (double ProductsPerCycle, double RequantizeCycles) Cost { get; }

    /// <summary>Elements in 4 bytes: 2 (int16) or 4 (bytes).</summary>
    static abstract int Step { get; }

    /// <summary>Channels of a vector.</summary>
    static abstract int Lanes { get; }

    /// <summary>Vectors of a full panel, so that the accumulators of 6 rows fit the registers: 2 or 4.</summary>
    static abstract int Vectors { get; }

    /// <summary>Whether accumulators hold twice the sum, as Requantize's form for x86 wants; else sums are doubled when they are stored.</summary>
    static abstract bool IsDoubled { get; }

    /// <summary>Whether weights with zero points fit.</summary>
    static abstract bool AllowsWeightZeroPoints { get; }

    /// <summary>What an input element x is multiplied as, minus x: the constant to fold into the bias is this · Σw.</summary>
    static abstract int InputOffset(int zeroPoint);

    /// <summary>Converts input elements.</summary>
    static abstract void Convert(sbyte* source, byte* destination, nint count, int zeroPoint);

    /// <summary>Requantises rows × columns doubled sums; there is no left shift.</summary>
    static abstract void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call);
}
