using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>32 int16 at a time.</summary>
public readonly unsafe struct Int16PairsAvx512 : IInt16Pairs<Vector512<int>>
{
    /// <inheritdoc/>
    public static string Name => "avx512";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.Avx512;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Load(void* source) => Vector512.Load((int*)source);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> UnpackLow(Vector512<int> a, Vector512<int> b) => Avx512BW.UnpackLow(a.AsInt16(), b.AsInt16()).AsInt32();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> UnpackHigh(Vector512<int> a, Vector512<int> b) => Avx512BW.UnpackHigh(a.AsInt16(), b.AsInt16()).AsInt32();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> MultiplyAdd(Vector512<int> sum, Vector512<int> x, Vector512<int> w) => sum + Avx512BW.MultiplyAddAdjacent(x.AsInt16(), w.AsInt16());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<int> low, Vector512<int> high, int* multipliers, sbyte* output, int count, in ConvolutionInt8Call call)
    {
        Vector512<short> words = Avx512BW.PackSignedSaturate(
            RequantizeAvx512.Scale(low, Vector512.Load(multipliers)), RequantizeAvx512.Scale(high, Vector512.Load(multipliers + 16)));
        Vector256<sbyte> bytes = Avx512BW.ConvertToVector256SByteWithSaturation(Avx512BW.AddSaturate(words, Vector512.Create((short)call.OutputZeroPoint)));
        bytes = Vector256.Min(Vector256.Max(bytes, Vector256.Create((sbyte)call.Min)), Vector256.Create((sbyte)call.Max));
        if (count >= 32) bytes.Store(output);
        else if (count < 16) RequantizeAvx2.StorePart(bytes.GetLower(), output, count);
        else
        {
            bytes.GetLower().Store(output);
            RequantizeAvx2.StorePart(bytes.GetUpper(), output + 16, count - 16);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(int* destination, Vector512<int> sums) => sums.Store(destination);

    /// <inheritdoc/>
    public static void Convert(sbyte* source, short* destination, nint count, int zeroPoint) => Int8Widening.ToInt16(source, destination, count, zeroPoint);
}
