using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Requantize.Apply on 8 lanes; see <see cref="RequantizeAvx512"/> for the arithmetic.</summary>
internal static unsafe class RequantizeAvx2
{
    /// <summary>Requantises a tile of doubled sums, rows of <c>PaddedColumns</c>.</summary>
    public static void Tile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        int* sums = tile.Accumulators;
        sbyte* output = tile.Output;
        for (int r = 0; r < tile.Rows; r++, sums += tile.PaddedColumns, output += tile.OutputStride)
            Row(sums, tile.Multipliers, output, tile.Columns, call.Shift, call.OutputZeroPoint, call.Min, call.Max);
    }

    /// <summary>Requantises <paramref name="count"/> doubled sums; both int arrays are readable up to the next multiple of 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Row(int* sums, int* multipliers, sbyte* output, int count, int shift, int zeroPoint, int min, int max)
    {
        Vector128<short> zero = Vector128.Create((short)zeroPoint);
        Vector128<sbyte> low = Vector128.Create((sbyte)min), high = Vector128.Create((sbyte)max);
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Vector128<sbyte> bytes = Sse2.PackSignedSaturate(Words(sums + i, multipliers + i, shift, zero), Words(sums + i + 8, multipliers + i + 8, shift, zero));
            Vector128.Min(Vector128.Max(bytes, low), high).Store(output + i);
        }
        for (; i < count; i += 8)
        {
            Vector128<short> words = Words(sums + i, multipliers + i, shift, zero);
            Vector128<sbyte> bytes = Vector128.Min(Vector128.Max(Sse2.PackSignedSaturate(words, words), low), high);
            StoreFirst(bytes, output + i, Math.Min(8, count - i));
        }
    }

    /// <summary>Requantize.Scale of 8 doubled sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Scale(Vector256<int> doubled, Vector256<int> multipliers, int shift) =>
        shift == 0 ? Scale(doubled, multipliers) : ScaleShifted(doubled, multipliers, shift);

    /// <summary>Stores the first <paramref name="count"/> bytes, fewer than 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector128<sbyte> bytes, sbyte* output, int count)
    {
        if (count == 8) *(long*)output = bytes.AsInt64().ToScalar();
        else Unsafe.CopyBlockUnaligned(output, &bytes, (uint)count);
    }

    // (a·M + 2^31) >> 32 for 8 lanes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Scale(Vector256<int> doubled, Vector256<int> multipliers)
    {
        Vector256<long> half = Vector256.Create(1L << 31);
        Vector256<long> even = Avx2.Multiply(doubled, multipliers) + half;
        Vector256<long> odd = Avx2.Multiply((doubled.AsInt64() >>> 32).AsInt32(), (multipliers.AsInt64() >>> 32).AsInt32()) + half;
        return Avx2.Blend((even >>> 32).AsInt32(), odd.AsInt32(), 0xAA);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Words(int* sums, int* multipliers, int shift, Vector128<short> zero)
    {
        Vector256<int> scaled = Scale(Vector256.Load(sums), Vector256.Load(multipliers), shift);
        return Sse2.AddSaturate(Sse2.PackSignedSaturate(scaled.GetLower(), scaled.GetUpper()), zero);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<int> ScaleShifted(Vector256<int> doubled, Vector256<int> factor, int shift)
    {
        Vector256<int> sum = doubled >> 1;
        Vector256<int> shifted = Vector256.Max(sum, Vector256.Create(int.MinValue >> shift)) << shift;
        shifted = Vector256.ConditionalSelect(Vector256.GreaterThan(sum, Vector256.Create(int.MaxValue >> shift)), Vector256.Create(int.MaxValue), shifted);
        Vector256<long> half = Vector256.Create(1L << 31);
        Vector256<long> even = (Avx2.Multiply(shifted, factor) << 1) + half;
        Vector256<long> odd = (Avx2.Multiply((shifted.AsInt64() >>> 32).AsInt32(), (factor.AsInt64() >>> 32).AsInt32()) << 1) + half;
        return Avx2.Blend((even >>> 32).AsInt32(), odd.AsInt32(), 0xAA);
    }
}
