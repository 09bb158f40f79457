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
        int i = 0;
        for (; i + 16 <= tile.Columns; i += 16)
            if ((Unfit(tile.Multipliers + i) | Unfit(tile.Multipliers + i + 8)) == Vector256<int>.Zero) Columns16<N1>(tile, i, call);
            else Columns16<N0>(tile, i, call);
        if (i + 8 <= tile.Columns)
        {
            if (Unfit(tile.Multipliers + i) == Vector256<int>.Zero) Columns8<N1>(tile, i, call);
            else Columns8<N0>(tile, i, call);
            i += 8;
        }
        if (i < tile.Columns) LastColumns(tile, i, call);
    }

    /// <summary>
    /// Of 8 multipliers, those with which one float multiplication may not give the integers of Requantize.Apply. Of 18 to 24 bits (or
    /// 0) they are floats, and the doubled sums at which a result of up to ±256 changes are below 2^24, so floats too; beyond, results only
    /// grow, and are clamped. Fused multiplication rounds once, half to even: but no product lies half way if the multiplier's odd part exceeds
    /// 2 · 256 + 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Unfit(int* multipliers) => Unfit(Vector256.Load(multipliers));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Unfit(Vector256<int> m)
    {
        Vector256<int> outside = Vector256.LessThan(m, Vector256.Create(1 << 17)) | Vector256.GreaterThan(m, Vector256.Create((1 << 24) - 1));
        return Vector256.AndNot(outside | Vector256.Equals(m & Vector256.Create(255), Vector256<int>.Zero), Vector256.Equals(m, Vector256<int>.Zero));
    }

    /// <summary>
    /// Requantises doubled sums of four channels, rows <paramref name="pitch"/> apart: the results of a position are the bytes of a word. Does whole vectors of 8
    /// positions.
    /// </summary>
    public static void FourChannels(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call)
    {
        Vector128<int> four = Vector128.Load(multipliers);
        if (Unfit(Vector256.Create(four, four)) == Vector256<int>.Zero) FourChannels<N1>(sums, pitch, count, multipliers, words, call);
        else FourChannels<N0>(sums, pitch, count, multipliers, words, call);
    }

    private static void FourChannels<TFloat>(int* sums, nint pitch, int count, int* multipliers, int* words, in ConvolutionInt8Call call) where TFloat : struct, ICount
    {
        Vector256<int> m0 = Factor<TFloat>(multipliers[0]), m1 = Factor<TFloat>(multipliers[1]), m2 = Factor<TFloat>(multipliers[2]), m3 = Factor<TFloat>(multipliers[3]);
        Vector256<int> zero = TFloat.Value == 1 ? Vector256.Create(Int8FloatOutput.Whole + call.OutputZeroPoint).AsInt32() : Vector256.Create(call.OutputZeroPoint);
        Vector256<sbyte> low = Vector256.Create((sbyte)call.Min), high = Vector256.Create((sbyte)call.Max);
        Vector256<sbyte> order = Vector256.Create((sbyte)0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        for (int i = 0; i < count; i += 8, sums += 8)
        {
            Vector256<short> a = Avx2.PackSignedSaturate(Result<TFloat>(sums, m0, zero), Result<TFloat>(sums + pitch, m1, zero));
            Vector256<short> b = Avx2.PackSignedSaturate(Result<TFloat>(sums + 2 * pitch, m2, zero), Result<TFloat>(sums + 3 * pitch, m3, zero));
            Avx2.Shuffle(Avx2.Min(Avx2.Max(Avx2.PackSignedSaturate(a, b), low), high), order).AsInt32().Store(words + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Factor<TFloat>(int multiplier) where TFloat : struct, ICount =>
        TFloat.Value == 1 ? Vector256.Create(multiplier * (1 / 4294967296f)).AsInt32() : Vector256.Create(multiplier);

    /// <summary>8 results with the zero point, before clamping.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Result<TFloat>(int* doubled, Vector256<int> factor, Vector256<int> zero) where TFloat : struct, ICount => TFloat.Value == 1
        ? Int8FloatOutput.Round(Vector256.Load(doubled), factor.AsSingle(), zero.AsSingle())
        : Scale(Vector256.Load(doubled), factor) + zero;

    /// <summary>Two rows at a time, a last row alone twice; in floats if <typeparamref name="TFloat"/> is 1.</summary>
    private static void Columns16<TFloat>(in ConvolutionInt8Tile tile, int column, in ConvolutionInt8Call call) where TFloat : struct, ICount
    {
        Factors<TFloat> first = new(tile.Multipliers + column, call.OutputZeroPoint), second = new(tile.Multipliers + column + 8, call.OutputZeroPoint);
        Vector256<sbyte> low = Vector256.Create((sbyte)call.Min), high = Vector256.Create((sbyte)call.Max);
        int* sums = tile.Accumulators + column;
        sbyte* output = tile.Output + column;
        for (int left = tile.Rows; left > 0; left -= 2, sums += 2 * tile.PaddedColumns, output += 2 * tile.OutputStride)
        {
            int* next = left > 1 ? sums + tile.PaddedColumns : sums;
            Vector256<short> a = first.Pack(first.Scale(sums), second.Scale(sums + 8)), b = first.Pack(first.Scale(next), second.Scale(next + 8));
            Vector256<sbyte> bytes = first.Order(Avx2.Min(Avx2.Max(Avx2.PackSignedSaturate(a, b), low), high));
            bytes.GetLower().Store(output);
            bytes.GetUpper().Store(left > 1 ? output + tile.OutputStride : output);
        }
    }

    private static void Columns8<TFloat>(in ConvolutionInt8Tile tile, int column, in ConvolutionInt8Call call) where TFloat : struct, ICount
    {
        Factors<TFloat> factors = new(tile.Multipliers + column, call.OutputZeroPoint);
        Vector256<sbyte> low = Vector256.Create((sbyte)call.Min), high = Vector256.Create((sbyte)call.Max);
        int* sums = tile.Accumulators + column;
        sbyte* output = tile.Output + column;
        for (int left = tile.Rows; left > 0; left -= 2, sums += 2 * tile.PaddedColumns, output += 2 * tile.OutputStride)
        {
            int* next = left > 1 ? sums + tile.PaddedColumns : sums;
            Vector256<short> words = factors.Pack(factors.Scale(sums), factors.Scale(next));
            Vector256<long> bytes = factors.Order(Avx2.Min(Avx2.Max(Avx2.PackSignedSaturate(words, words), low), high)).AsInt64();
            *(long*)output = bytes.ToScalar();
            *(long*)(left > 1 ? output + tile.OutputStride : output) = bytes.GetElement(1);
        }
    }

    private static void LastColumns(in ConvolutionInt8Tile tile, int first, in ConvolutionInt8Call call)
    {
        int* sums = tile.Accumulators + first;
        sbyte* output = tile.Output + first;
        Vector128<short> zero = Vector128.Create((short)call.OutputZeroPoint);
        Vector128<sbyte> low = Vector128.Create((sbyte)call.Min), high = Vector128.Create((sbyte)call.Max);
        for (int r = 0; r < tile.Rows; r++, sums += tile.PaddedColumns, output += tile.OutputStride)
        {
            Vector256<int> scaled = Scale(Vector256.Load(sums), Vector256.Load(tile.Multipliers + first));
            Vector128<short> words = Sse2.AddSaturate(Sse2.PackSignedSaturate(scaled.GetLower(), scaled.GetUpper()), zero);
            StorePart(Vector128.Min(Vector128.Max(Sse2.PackSignedSaturate(words, words), low), high), output, tile.Columns - first);
        }
    }

    /// <summary>Multipliers of 8 columns and the output's zero point, in registers: floats if <typeparamref name="TFloat"/> is 1.</summary>
    [method: MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly struct Factors<TFloat>(int* multipliers, int zeroPoint) where TFloat : struct, ICount
    {
        // Sums are doubled: 2^-32.
        private readonly Vector256<float> _real = TFloat.Value == 0 ? default : Avx.ConvertToVector256Single(Vector256.Load(multipliers)) * Vector256.Create(1 / 4294967296f);
        private readonly Vector256<float> _zero = TFloat.Value == 0 ? default : Vector256.Create(Int8FloatOutput.Whole + zeroPoint);
        private readonly Vector256<int> _even = TFloat.Value == 0 ? Vector256.Load(multipliers) : default, _odd = TFloat.Value == 0 ? (Vector256.Load(multipliers).AsInt64() >>> 32).AsInt32() : default;
        private readonly Vector256<short> _words = Vector256.Create((short)zeroPoint);

        /// <summary>8 results: with the zero point and in order if in floats; else without, lanes 1 and 2 of each four exchanged.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<int> Scale(int* sums)
        {
            Vector256<int> doubled = Vector256.Load(sums);
            if (TFloat.Value == 1) return Int8FloatOutput.Round(doubled, _real, _zero);
            Vector256<long> half = Vector256.Create(1L << 31), a = Avx2.Multiply(doubled, _even) + half, b = Avx2.Multiply((doubled.AsInt64() >>> 32).AsInt32(), _odd) + half;
            return Avx.Shuffle(a.AsSingle(), b.AsSingle(), 0xDD).AsInt32();
        }

        /// <summary>Two results as int16, with the zero point.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<short> Pack(Vector256<int> a, Vector256<int> b) =>
            TFloat.Value == 1 ? Avx2.PackSignedSaturate(a, b) : Avx2.AddSaturate(Avx2.PackSignedSaturate(a, b), _words);

        /// <summary>Bytes in order: packing works within 128-bit lanes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<sbyte> Order(Vector256<sbyte> bytes)
        {
            if (TFloat.Value == 0)
                bytes = Avx2.Shuffle(bytes, Vector256.Create((sbyte)0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15));
            return Avx2.PermuteVar8x32(bytes.AsInt32(), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsSByte();
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
}
