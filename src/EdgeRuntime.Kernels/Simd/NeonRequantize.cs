using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>
/// <see cref="Tensors.Requantize"/> on vectors: SQSHL, SQRDMULH, then narrowing with saturation, which changes nothing as
/// the zero point and the clamp are within ±2^8 and saturation at ±2^15 keeps the order.
/// </summary>
internal static class NeonRequantize
{
    /// <summary>saturate32(acc · 2^shift) · multiplier / 2^31, rounded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Scale(Vector128<int> accumulator, Vector128<int> multiplier, Vector128<int> shift) =>
        AdvSimd.MultiplyRoundedDoublingSaturateHigh(AdvSimd.ShiftArithmeticSaturate(accumulator, shift), multiplier);

    /// <summary>As <see cref="Scale"/>, but exact halves to even: <see cref="Tensors.Requantize.ScaleHalfEven"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> ScaleHalfEven(Vector128<int> accumulator, Vector128<int> multiplier, Vector128<int> shift)
    {
        Vector128<int> up = Scale(accumulator, multiplier, shift), minusDown = Scale(-accumulator, multiplier, shift);
        return up - ((up + minusDown) & up & Vector128.Create(1));
    }

    /// <summary>Eight scaled values plus the zero point, narrowed to eight bits, not yet clamped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector64<sbyte> Narrow(Vector128<int> low, Vector128<int> high, Vector128<short> zeroPoint) =>
        AdvSimd.ExtractNarrowingSaturateLower(AdvSimd.AddSaturate(
            AdvSimd.ExtractNarrowingSaturateUpper(AdvSimd.ExtractNarrowingSaturateLower(low), high), zeroPoint));

    /// <summary>As <see cref="Narrow"/>, for scaled values known to fit 16 bits: one instruction takes their lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector64<sbyte> NarrowFitting(Vector128<int> low, Vector128<int> high, Vector128<short> zeroPoint) =>
        AdvSimd.ExtractNarrowingSaturateLower(AdvSimd.AddSaturate(AdvSimd.Arm64.UnzipEven(low.AsInt16(), high.AsInt16()), zeroPoint));

    /// <summary>As <see cref="NarrowFitting"/>, into the upper half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> NarrowFittingUpper(Vector64<sbyte> lower, Vector128<int> low, Vector128<int> high, Vector128<short> zeroPoint) =>
        AdvSimd.ExtractNarrowingSaturateUpper(lower, AdvSimd.AddSaturate(AdvSimd.Arm64.UnzipEven(low.AsInt16(), high.AsInt16()), zeroPoint));

    /// <summary>As <see cref="NarrowFitting"/> for a zero point of −128, but 128 more: 0 to 255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector64<byte> NarrowUnsigned(Vector128<int> low, Vector128<int> high) =>
        AdvSimd.ExtractNarrowingSaturateUnsignedLower(AdvSimd.Arm64.UnzipEven(low.AsInt16(), high.AsInt16()));

    /// <summary>As <see cref="NarrowUnsigned"/>, into the upper half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> NarrowUnsignedUpper(Vector64<byte> lower, Vector128<int> low, Vector128<int> high) =>
        AdvSimd.ExtractNarrowingSaturateUnsignedUpper(lower, AdvSimd.Arm64.UnzipEven(low.AsInt16(), high.AsInt16()));

    /// <summary>
    /// Whether every scaled sum fits 16 bits: with |x| ≤ 128 a sum is at most |bias| + 128 · Σ|w|, and scaled at most that times
    /// multiplier / 2^31, rounded.
    /// </summary>
    public static bool Fits(long bias, long magnitudes, int multiplier) => ((Math.Abs(bias) + 128 * magnitudes) * multiplier >> 31) < short.MaxValue;

    /// <summary>As <see cref="Narrow"/>, into the upper half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> NarrowUpper(Vector64<sbyte> lower, Vector128<int> low, Vector128<int> high, Vector128<short> zeroPoint) =>
        AdvSimd.ExtractNarrowingSaturateUpper(lower, AdvSimd.AddSaturate(
            AdvSimd.ExtractNarrowingSaturateUpper(AdvSimd.ExtractNarrowingSaturateLower(low), high), zeroPoint));

    /// <summary>Clamps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Clamp(Vector128<sbyte> x, Vector128<sbyte> min, Vector128<sbyte> max) => AdvSimd.Min(AdvSimd.Max(x, min), max);
}
