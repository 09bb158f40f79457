using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The step of a matrix-vector product on 256 bits with weights of 8 bits: 4 elements of x meet 8 channels × 4 weights.
/// <see cref="ConvolutionInt8Gemv{TStep}"/> is written once over it.
/// </summary>
public interface IInt8Gemv
{
    /// <summary>The instruction set's name in kernel ids.</summary>
    static abstract string Name { get; }

    /// <summary>What it needs.</summary>
    static abstract CpuFeature Requires { get; }

    /// <summary>Weights per cycle that come from the nearest cache.</summary>
    static abstract double WeightsPerCycle { get; }

    /// <summary>What x is multiplied as, minus x.</summary>
    static abstract int InputOffset { get; }

    /// <summary>Whether a weight of −128 needs <see cref="MultiplyAddWide"/>.</summary>
    static abstract bool IsWideForMinimum { get; }

    /// <summary>Whether its sums of pairs are int16, of which several may be added before they are widened if the weights are small.</summary>
    static abstract bool HasShortSums { get; }

    /// <summary>The unsigned factor of 4 elements in every lane.</summary>
    static abstract Vector256<byte> Unsigned(Vector256<sbyte> x);

    /// <summary>sum + Σ x·w; <paramref name="u"/> is <see cref="Unsigned"/> of <paramref name="x"/>.</summary>
    static abstract Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<sbyte> x, Vector256<byte> u, Vector256<sbyte> w);

    /// <summary>The same for any weights.</summary>
    static abstract Vector256<int> MultiplyAddWide(Vector256<int> sum, Vector256<sbyte> x, Vector256<byte> u, Vector256<sbyte> w);
}
