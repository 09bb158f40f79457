using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Exact products of int8 by VPMADDUBSW (AVX2), whatever the weights: |x| is multiplied with w ^ m, where m is −1 for negative x, else 0.
/// As w ^ −1 = −w − 1,
/// <code>Σ |x|·(w ^ m) = Σ x·w − Σ over x &lt; 0 of |x|</code>
/// A pair of products lies between −2·128·128 = −2^15 and 2·128·127, so that nothing saturates.
/// </summary>
internal static unsafe class Int8SignMagnitude
{
    /// <summary>Bytes of 4 elements: their magnitudes, then their masks.</summary>
    public const int StepBytes = 8;

    /// <summary>Writes <paramref name="count"/> elements, rounded up to 4 with zeros; returns Σ over x &lt; 0 of |x|.</summary>
    public static int Split(sbyte* source, byte* destination, int count)
    {
        Vector128<ulong> below = default;
        byte* step = stackalloc byte[4 * StepBytes];
        int i = 0;
        for (; i + 16 <= count; i += 16, destination += 4 * StepBytes) below += Split(Vector128.Load(source + i), destination);
        for (; i < count; i += 4, destination += StepBytes)
        {
            int elements = 0;
            for (int k = Math.Min(4, count - i); k-- > 0;) elements = elements << 8 | (byte)source[i + k];
            below += Split(Vector128.CreateScalar(elements).AsSByte(), step);
            *(long*)destination = *(long*)step;
        }
        return (int)(below.GetElement(0) + below.GetElement(1));
    }

    private static Vector128<ulong> Split(Vector128<sbyte> x, byte* to)
    {
        Vector128<byte> magnitudes = Ssse3.Abs(x), masks = Vector128.LessThan(x, Vector128<sbyte>.Zero).AsByte();
        Sse2.UnpackLow(magnitudes.AsInt32(), masks.AsInt32()).AsByte().Store(to);
        Sse2.UnpackHigh(magnitudes.AsInt32(), masks.AsInt32()).AsByte().Store(to + 2 * StepBytes);
        return Sse2.SumAbsoluteDifferences(magnitudes & masks, Vector128<byte>.Zero).AsUInt64();
    }

    /// <summary>sum + Σ of 4 elements, in every lane, times 8 × 4 weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<byte> magnitudes, Vector256<sbyte> masks, sbyte* weights) =>
        sum + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(magnitudes, Vector256.Load(weights) ^ masks), Vector256<short>.One);
}
