using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Requantize.Apply on 8 lanes without a left shift; see <see cref="RequantizeAvx512"/> for the arithmetic.</summary>
internal static unsafe class RequantizeAvx2
{
    /// <summary>Requantises a tile of doubled sums, rows of <c>PaddedColumns</c>.</summary>
    public static void Tile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        int* sums = tile.Accumulators;
        sbyte* output = tile.Output;
        Vector128<short> zero = Vector128.Create((short)call.OutputZeroPoint);
        Vector128<sbyte> low = Vector128.Create((sbyte)call.Min), high = Vector128.Create((sbyte)call.Max);
        for (int r = 0; r < tile.Rows; r++, sums += tile.PaddedColumns, output += tile.OutputStride)
        {
            int i = 0;
            for (; i + 16 <= tile.Columns; i += 16)
            {
                Vector128<sbyte> bytes = Sse2.PackSignedSaturate(Words(sums + i, tile.Multipliers + i, zero), Words(sums + i + 8, tile.Multipliers + i + 8, zero));
                Vector128.Min(Vector128.Max(bytes, low), high).Store(output + i);
            }
            for (; i < tile.Columns; i += 8)
            {
                Vector128<short> words = Words(sums + i, tile.Multipliers + i, zero);
                StorePart(Vector128.Min(Vector128.Max(Sse2.PackSignedSaturate(words, words), low), high), output + i, Math.Min(8, tile.Columns - i));
            }
        }
    }

    /// <summary>Stores the first <paramref name="count"/> bytes, fewer than 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(Vector128<sbyte> bytes, sbyte* output, int count)
    {
        if ((count & 8) != 0)
        {
            *(long*)output = bytes.AsInt64().ToScalar();
            bytes = Sse2.ShiftRightLogical128BitLane(bytes, 8);
            output += 8;
        }
        if ((count & 4) != 0)
        {
            *(int*)output = bytes.AsInt32().ToScalar();
            bytes = Sse2.ShiftRightLogical128BitLane(bytes, 4);
            output += 4;
        }
        if ((count & 2) != 0)
        {
            *(short*)output = bytes.AsInt16().ToScalar();
            bytes = Sse2.ShiftRightLogical128BitLane(bytes, 2);
            output += 2;
        }
        if ((count & 1) != 0) *output = bytes.ToScalar();
    }

    /// <summary>(a·M + 2^31) >> 32 for 8 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Scale(Vector256<int> doubled, Vector256<int> multipliers)
    {
        Vector256<long> half = Vector256.Create(1L << 31);
        Vector256<long> even = Avx2.Multiply(doubled, multipliers) + half;
        Vector256<long> odd = Avx2.Multiply((doubled.AsInt64() >>> 32).AsInt32(), (multipliers.AsInt64() >>> 32).AsInt32()) + half;
        return Avx2.Blend((even >>> 32).AsInt32(), odd.AsInt32(), 0xAA);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Words(int* sums, int* multipliers, Vector128<short> zero)
    {
        Vector256<int> scaled = Scale(Vector256.Load(sums), Vector256.Load(multipliers));
        return Sse2.AddSaturate(Sse2.PackSignedSaturate(scaled.GetLower(), scaled.GetUpper()), zero);
    }
}
