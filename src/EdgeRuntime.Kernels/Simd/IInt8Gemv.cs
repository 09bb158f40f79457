using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The step of a matrix-vector product on 256 bits with weights of 8 bits: 4 elements of x meet 8 channels × 4 weights.
/// <see cref="ConvolutionInt8Gemv{TStep}"/> is written once over it.
/// </summary>
public unsafe interface IInt8Gemv
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Weights per cycle that come from the nearest cache.</summary>
    static abstract double WeightsPerCycle { get; }

    /// <summary>What x is multiplied as, minus x.</summary>
    static abstract int InputOffset { get; }

    /// <summary>Whether its sums of pairs are int16, of which several may be added before they are widened if the weights are small.</summary>
    static abstract bool HasShortSums { get; }

    /// <summary>Bytes of 4 prepared elements.</summary>
    static abstract int StepBytes { get; }

    /// <summary>Writes <paramref name="count"/> elements as they are multiplied, rounded up to 4 with zeros; returns what all sums of their products lack.</summary>
    static abstract int Prepare(sbyte* x, byte* to, int count);

    /// <summary>4 prepared elements in every lane: the unsigned factor, and a mask for the weights.</summary>
    static abstract (Vector256<byte> Factor, Vector256<sbyte> Mask) Load(byte* x);

    /// <summary>sum + the products with 8 × 4 weights.</summary>
    static abstract Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<byte> factor, Vector256<sbyte> mask, sbyte* weights);
}
