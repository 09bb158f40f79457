using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>16 int16 at a time.</summary>
public readonly unsafe struct Int16PairsAvx2 : IInt16Pairs<Vector256<int>>
{
    /// <inheritdoc/>
    public static string Name => "avx2";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Load(void* source) => Vector256.Load((int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> UnpackLow(Vector256<int> a, Vector256<int> b) => Avx2.UnpackLow(a.AsInt16(), b.AsInt16()).AsInt32();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> UnpackHigh(Vector256<int> a, Vector256<int> b) => Avx2.UnpackHigh(a.AsInt16(), b.AsInt16()).AsInt32();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MultiplyAdd(Vector256<int> sum, Vector256<int> x, Vector256<int> w) => sum + Avx2.MultiplyAddAdjacent(x.AsInt16(), w.AsInt16());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<int> low, Vector256<int> high, int* multipliers, sbyte* output, int count, in ConvolutionInt8Call call)
    {
        Vector256<short> words = Avx2.PackSignedSaturate(
            RequantizeAvx2.Scale(low, Vector256.Load(multipliers)), RequantizeAvx2.Scale(high, Vector256.Load(multipliers + 8)));
        words = Avx2.AddSaturate(words, Vector256.Create((short)call.OutputZeroPoint));
        Vector128<sbyte> bytes = Sse2.PackSignedSaturate(words.GetLower(), words.GetUpper());
        bytes = Vector128.Min(Vector128.Max(bytes, Vector128.Create((sbyte)call.Min)), Vector128.Create((sbyte)call.Max));
        if (count >= 16) bytes.Store(output);
        else RequantizeAvx2.StorePart(bytes, output, count);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(int* destination, Vector256<int> sums) => sums.Store(destination);

    /// <inheritdoc/>
    public static void Convert(sbyte* source, short* destination, nint count, int zeroPoint) => Int8Widening.ToInt16(source, destination, count, zeroPoint);
}
