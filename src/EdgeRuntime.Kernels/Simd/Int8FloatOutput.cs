using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Sums become outputs in registers: clamp(round(sum · scale) + zero point), with scales for which that is exact (<see cref="ExactFloatScale"/>).
/// It holds the constants in memory, where instructions read them; as a sink of integer sums it finds scales, negated, in the place of multipliers.
/// </summary>
internal readonly unsafe struct Int8FloatOutput : IInt8Sink<Vector256<int>>
{
    /// <summary>Adding 1.5 · 2^23 to a float rounds it to a whole number, half to even, and leaves it in the low bits.</summary>
    public const float Whole = 12582912f;

    private readonly Vector256<float> _zero;
    private readonly Vector256<sbyte> _min, _max;
    private readonly bool _clamps;

    public Int8FloatOutput(in ConvolutionInt8Call call)
    {
        _zero = Vector256.Create(Whole + call.OutputZeroPoint);
        (_min, _max) = (Vector256.Create((sbyte)call.Min), Vector256.Create((sbyte)call.Max));
        _clamps = call.Min > sbyte.MinValue || call.Max < sbyte.MaxValue;
    }

    /// <summary>round(sum · scale) + zero point, for 8 channels whose scales are at <paramref name="scales"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Round(Vector256<int> sum, float* scales, in Int8FloatOutput constants) => Round(sum, Vector256.Load(scales), constants._zero);

    /// <summary>round(sum · scale) + zero point, which <paramref name="zero"/> has on top of <see cref="Whole"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Round(Vector256<int> sum, Vector256<float> scale, Vector256<float> zero) =>
        Fma.MultiplyAdd(Avx.ConvertToVector256Single(sum), scale, zero).AsInt32() - Vector256.Create(Whole).AsInt32();

    /// <summary>
    /// Packs, clamps and stores results of 8 or 16 channels of a position (a) and, if <paramref name="both"/>, of another (b). Vectors hold channels in
    /// order or, of 16 that were <paramref name="isInterleaved"/>, where <see cref="InterleavedTaps.Lane"/> says.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TVectors>(Vector256<int> a0, Vector256<int> a1, sbyte* output, bool both, Vector256<int> b0, Vector256<int> b1, sbyte* next, in Int8FloatOutput constants,
        bool isInterleaved = false) where TVectors : struct, ICount
    {
        Vector256<short> words = Avx2.PackSignedSaturate(a0, TVectors.Value > 1 ? a1 : b0), words1 = TVectors.Value > 1 && both ? Avx2.PackSignedSaturate(b0, b1) : words;
        Vector256<sbyte> bytes = Avx2.PackSignedSaturate(words, words1);
        // The vector units are the bottleneck, not the branch.
        if (constants._clamps) bytes = Avx2.Min(Avx2.Max(bytes, constants._min), constants._max);
        // Packing works within 128-bit lanes; the permutation restores the order.
        bytes = Avx2.PermuteVar8x32(bytes.AsInt32(), isInterleaved ? Vector256.Create(0, 1, 4, 5, 2, 3, 6, 7) : Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsSByte();
        if (TVectors.Value > 1)
        {
            bytes.GetLower().Store(output);
            if (both) bytes.GetUpper().Store(next);
        }
        else
        {
            *(long*)output = bytes.AsInt64().ToScalar();
            if (both) *(long*)next = bytes.AsInt64().GetElement(1);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Take<TVectors>(in ConvolutionInt8Tile tile, int row, bool both, Vector256<int> a0, Vector256<int> a1, Vector256<int> a2, Vector256<int> a3,
        Vector256<int> b0, Vector256<int> b1, Vector256<int> b2, Vector256<int> b3) where TVectors : struct, ICount
    {
        Int8FloatOutput* constants = tile.Constants;
        float* scales = (float*)tile.Multipliers;
        sbyte* output = tile.Output + row * tile.OutputStride;
        a0 = RoundNegated(a0, scales, constants);
        if (TVectors.Value > 1) a1 = RoundNegated(a1, scales + 8, constants);
        if (both) b0 = RoundNegated(b0, scales, constants);
        if (both && TVectors.Value > 1) b1 = RoundNegated(b1, scales + 8, constants);
        Store<TVectors>(a0, a1, output, both, b0, b1, output + tile.OutputStride, *constants);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> RoundNegated(Vector256<int> sum, float* scales, Int8FloatOutput* constants) =>
        Fma.MultiplyAddNegated(Avx.ConvertToVector256Single(sum), Vector256.Load(scales), constants->_zero).AsInt32() - Vector256.Create(Whole).AsInt32();
}
