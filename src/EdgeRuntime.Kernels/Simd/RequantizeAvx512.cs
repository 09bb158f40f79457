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
        int row = tile.Columns switch
        {
            64 => Rows64(tile, call),
            32 => Rows32(tile, call),
            16 => Rows16(tile, call),
            _ => 0,
        };
        int* sums = tile.Accumulators + row * tile.PaddedColumns;
        sbyte* output = tile.Output + (long)row * tile.OutputStride;
        Vector256<short> zero = Vector256.Create((short)call.OutputZeroPoint);
        Vector128<sbyte> low = Vector128.Create((sbyte)call.Min), high = Vector128.Create((sbyte)call.Max);
        for (; row < tile.Rows; row++, sums += tile.PaddedColumns, output += tile.OutputStride)
            for (int i = 0; i < tile.Columns; i += 16)
            {
                Vector512<int> scaled = Scale(Vector512.Load(sums + i), Vector512.Load(tile.Multipliers + i));
                Vector256<short> words = Avx2.AddSaturate(Avx512F.ConvertToVector256Int16WithSaturation(scaled), zero);
                Vector128<sbyte> bytes = Vector128.Min(Vector128.Max(Avx512BW.VL.ConvertToVector128SByteWithSaturation(words), low), high);
                if (tile.Columns - i >= 16) bytes.Store(output + i);
                else RequantizeAvx2.StorePart(bytes, output + i, tile.Columns - i);
            }
    }

    private static int Rows64(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        Vector512<int> m0 = Vector512.Load(tile.Multipliers), m1 = Vector512.Load(tile.Multipliers + 16);
        Vector512<int> m2 = Vector512.Load(tile.Multipliers + 32), m3 = Vector512.Load(tile.Multipliers + 48);
        int* sums = tile.Accumulators;
        sbyte* output = tile.Output;
        Vector512<short> zero = Vector512.Create((short)call.OutputZeroPoint);
        Vector512<sbyte> low = Vector512.Create((sbyte)call.Min), high = Vector512.Create((sbyte)call.Max);
        for (int r = 0; r < tile.Rows; r++, sums += 64, output += tile.OutputStride)
            Pack(Scale(Vector512.Load(sums), m0), Scale(Vector512.Load(sums + 16), m1), Scale(Vector512.Load(sums + 32), m2), Scale(Vector512.Load(sums + 48), m3),
                zero, low, high).Store(output);
        return tile.Rows;
    }

    // Two rows at a time; returns how many were done.
    private static int Rows32(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        Vector512<int> m0 = Vector512.Load(tile.Multipliers), m1 = Vector512.Load(tile.Multipliers + 16);
        int* sums = tile.Accumulators;
        sbyte* output = tile.Output;
        Vector512<short> zero = Vector512.Create((short)call.OutputZeroPoint);
        Vector512<sbyte> low = Vector512.Create((sbyte)call.Min), high = Vector512.Create((sbyte)call.Max);
        int r = 0;
        for (; r + 2 <= tile.Rows; r += 2, sums += 64, output += 2 * tile.OutputStride)
        {
            Vector512<sbyte> bytes = Pack(
                Scale(Vector512.Load(sums), m0), Scale(Vector512.Load(sums + 16), m1), Scale(Vector512.Load(sums + 32), m0), Scale(Vector512.Load(sums + 48), m1), zero, low, high);
            bytes.GetLower().Store(output);
            bytes.GetUpper().Store(output + tile.OutputStride);
        }
        return r;
    }

    // Four rows at a time; returns how many were done.
    private static int Rows16(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        Vector512<int> m = Vector512.Load(tile.Multipliers);
        int* sums = tile.Accumulators;
        sbyte* output = tile.Output;
        nint stride = tile.OutputStride;
        Vector512<short> zero = Vector512.Create((short)call.OutputZeroPoint);
        Vector512<sbyte> low = Vector512.Create((sbyte)call.Min), high = Vector512.Create((sbyte)call.Max);
        int r = 0;
        for (; r + 4 <= tile.Rows; r += 4, sums += 64, output += 4 * stride)
        {
            Vector512<sbyte> bytes = Pack(
                Scale(Vector512.Load(sums), m), Scale(Vector512.Load(sums + 16), m), Scale(Vector512.Load(sums + 32), m), Scale(Vector512.Load(sums + 48), m), zero, low, high);
            bytes.GetLower().GetLower().Store(output);
            bytes.GetLower().GetUpper().Store(output + stride);
            bytes.GetUpper().GetLower().Store(output + 2 * stride);
            bytes.GetUpper().GetUpper().Store(output + 3 * stride);
        }
        return r;
    }

    // Adds the zero point, packs and clamps. Packing works within 128-bit lanes; the permutation restores the order.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> Pack(Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d,
        Vector512<short> zero, Vector512<sbyte> low, Vector512<sbyte> high)
    {
        Vector512<short> first = Avx512BW.AddSaturate(Avx512BW.PackSignedSaturate(a, b), zero), second = Avx512BW.AddSaturate(Avx512BW.PackSignedSaturate(c, d), zero);
        Vector512<int> order = Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        Vector512<sbyte> bytes = Avx512F.PermuteVar16x32(Avx512BW.PackSignedSaturate(first, second).AsInt32(), order).AsSByte();
        return Vector512.Min(Vector512.Max(bytes, low), high);
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
