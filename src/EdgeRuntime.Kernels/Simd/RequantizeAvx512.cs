using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Requantize.Apply on 16 lanes. With a = 2·acc, |acc| &lt; 2^30: r = (a·M + 2^31) >> 32, the high halves of 64-bit products.
/// With a left shift the accumulator is saturated first, as the definition says, and the product doubled instead.
/// </summary>
internal static unsafe class RequantizeAvx512
{
    /// <summary>Requantises a tile of doubled sums, rows of <c>PaddedColumns</c>.</summary>
    public static void Tile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        int* sums = tile.Accumulators;
        sbyte* output = tile.Output;
        for (int r = 0; r < tile.Rows; r++, sums += tile.PaddedColumns, output += tile.OutputStride)
            Row(sums, tile.Multipliers, output, tile.Columns, call.Shift, call.OutputZeroPoint, call.Min, call.Max);
    }

    /// <summary>Requantises <paramref name="count"/> doubled sums; both int arrays are readable up to the next multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Row(int* sums, int* multipliers, sbyte* output, int count, int shift, int zeroPoint, int min, int max)
    {
        Vector512<short> zero = Vector512.Create((short)zeroPoint);
        Vector512<sbyte> low = Vector512.Create((sbyte)min), high = Vector512.Create((sbyte)max);
        Vector512<int> order = Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        int i = 0;
        for (; i + 64 <= count; i += 64)
        {
            Vector512<short> first = Avx512BW.PackSignedSaturate(Scale(sums + i, multipliers + i, shift), Scale(sums + i + 16, multipliers + i + 16, shift));
            Vector512<short> second = Avx512BW.PackSignedSaturate(Scale(sums + i + 32, multipliers + i + 32, shift), Scale(sums + i + 48, multipliers + i + 48, shift));
            Vector512<sbyte> bytes = Avx512BW.PackSignedSaturate(Avx512BW.AddSaturate(first, zero), Avx512BW.AddSaturate(second, zero));
            bytes = Avx512F.PermuteVar16x32(bytes.AsInt32(), order).AsSByte();
            Vector512.Min(Vector512.Max(bytes, low), high).Store(output + i);
        }
        for (; i < count; i += 16)
        {
            Vector256<short> words = Avx2.AddSaturate(Avx512F.ConvertToVector256Int16WithSaturation(Scale(sums + i, multipliers + i, shift)), zero.GetLower());
            Vector128<sbyte> bytes = Avx512BW.VL.ConvertToVector128SByteWithSaturation(words);
            bytes = Vector128.Min(Vector128.Max(bytes, low.GetLower().GetLower()), high.GetLower().GetLower());
            StoreFirst(bytes, output + i, count - i);
        }
    }

    /// <summary>Stores the first <paramref name="count"/> bytes, 16 at most.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector128<sbyte> bytes, sbyte* output, int count)
    {
        if (count >= 16) bytes.Store(output);
        else if (count == 8) *(long*)output = bytes.AsInt64().ToScalar();
        else Unsafe.CopyBlockUnaligned(output, &bytes, (uint)count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Scale(int* sums, int* multipliers, int shift) => Scale(Vector512.Load(sums), Vector512.Load(multipliers), shift);

    /// <summary>Requantize.Scale of 16 doubled sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Scale(Vector512<int> doubled, Vector512<int> multipliers, int shift) =>
        shift == 0 ? Scale(doubled, multipliers) : ScaleShifted(doubled, multipliers, shift);

    /// <summary>(a·M + 2^31) >> 32 for 16 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Scale(Vector512<int> doubled, Vector512<int> multipliers)
    {
        Vector512<long> half = Vector512.Create(1L << 31);
        Vector512<long> even = Avx512F.Multiply(doubled, multipliers) + half;
        Vector512<long> odd = Avx512F.Multiply((doubled.AsInt64() >>> 32).AsInt32(), (multipliers.AsInt64() >>> 32).AsInt32()) + half;
        return Vector512.ConditionalSelect(Vector512.Create(~0L << 32), odd, even >>> 32).AsInt32();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<int> ScaleShifted(Vector512<int> doubled, Vector512<int> factor, int shift)
    {
        Vector512<int> sum = doubled >> 1;
        Vector512<int> shifted = Vector512.Max(sum, Vector512.Create(int.MinValue >> shift)) << shift;
        shifted = Vector512.ConditionalSelect(Vector512.GreaterThan(sum, Vector512.Create(int.MaxValue >> shift)), Vector512.Create(int.MaxValue), shifted);
        Vector512<long> half = Vector512.Create(1L << 31);
        Vector512<long> even = (Avx512F.Multiply(shifted, factor) << 1) + half;
        Vector512<long> odd = (Avx512F.Multiply((shifted.AsInt64() >>> 32).AsInt32(), (factor.AsInt64() >>> 32).AsInt32()) << 1) + half;
        return Vector512.ConditionalSelect(Vector512.Create(~0L << 32), odd, even >>> 32).AsInt32();
    }
}
