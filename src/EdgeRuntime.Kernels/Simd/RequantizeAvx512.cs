using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Requantize.Apply on 16 lanes without a left shift. With a = 2·acc, |acc| &lt; 2^30: r = (a·M + 2^31) >> 32, the high halves of
/// 64-bit products. Nothing here may call: a call anywhere in a method costs all its vector registers.
/// </summary>
internal static unsafe class RequantizeAvx512
{
    /// <summary>Requantises a tile of doubled sums, rows of <c>PaddedColumns</c>.</summary>
    public static void Tile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        int* sums = tile.Accumulators;
        sbyte* output = tile.Output;
        Vector512<short> zero = Vector512.Create((short)call.OutputZeroPoint);
        Vector512<sbyte> low = Vector512.Create((sbyte)call.Min), high = Vector512.Create((sbyte)call.Max);
        Vector512<int> order = Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        if (tile.Columns == 64)
        {
            Vector512<int> m0 = Vector512.Load(tile.Multipliers), m1 = Vector512.Load(tile.Multipliers + 16);
            Vector512<int> m2 = Vector512.Load(tile.Multipliers + 32), m3 = Vector512.Load(tile.Multipliers + 48);
            for (int r = 0; r < tile.Rows; r++, sums += 64, output += tile.OutputStride)
            {
                Vector512<short> first = Avx512BW.PackSignedSaturate(Scale(Vector512.Load(sums), m0), Scale(Vector512.Load(sums + 16), m1));
                Vector512<short> second = Avx512BW.PackSignedSaturate(Scale(Vector512.Load(sums + 32), m2), Scale(Vector512.Load(sums + 48), m3));
                Vector512<sbyte> bytes = Avx512BW.PackSignedSaturate(Avx512BW.AddSaturate(first, zero), Avx512BW.AddSaturate(second, zero));
                bytes = Avx512F.PermuteVar16x32(bytes.AsInt32(), order).AsSByte();
                Vector512.Min(Vector512.Max(bytes, low), high).Store(output);
            }
            return;
        }
        for (int r = 0; r < tile.Rows; r++, sums += tile.PaddedColumns, output += tile.OutputStride)
            for (int i = 0; i < tile.Columns; i += 16)
            {
                Vector512<int> scaled = Scale(Vector512.Load(sums + i), Vector512.Load(tile.Multipliers + i));
                Vector256<short> words = Avx2.AddSaturate(Avx512F.ConvertToVector256Int16WithSaturation(scaled), zero.GetLower());
                Vector128<sbyte> bytes = Avx512BW.VL.ConvertToVector128SByteWithSaturation(words);
                bytes = Vector128.Min(Vector128.Max(bytes, low.GetLower().GetLower()), high.GetLower().GetLower());
                if (tile.Columns - i >= 16) bytes.Store(output + i);
                else RequantizeAvx2.StorePart(bytes, output + i, tile.Columns - i);
            }
    }

    /// <summary>(a·M + 2^31) >> 32 for 16 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Scale(Vector512<int> doubled, Vector512<int> multipliers)
    {
        Vector512<long> half = Vector512.Create(1L << 31);
        Vector512<long> even = Avx512F.Multiply(doubled, multipliers) + half;
        Vector512<long> odd = Avx512F.Multiply((doubled.AsInt64() >>> 32).AsInt32(), (multipliers.AsInt64() >>> 32).AsInt32()) + half;
        return Vector512.ConditionalSelect(Vector512.Create(~0L << 32), odd, even >>> 32).AsInt32();
    }
}
