using System.Runtime.CompilerServices;

namespace EdgeRuntime.Tensors;

/// <summary>A real factor as a Q31 integer and a left shift: factor ≈ Multiplier · 2^(Shift − 31).</summary>
/// <param name="Multiplier">In [0, 2^31).</param>
/// <param name="Shift">Left shift of the accumulator before the multiplication, in [0, 24]; 0 for factors below 1.</param>
public readonly record struct FixedPointMultiplier(int Multiplier, int Shift)
{
    /// <summary>The nearest representation of <paramref name="factor"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative, not finite, or at least 2^24.</exception>
    public static FixedPointMultiplier From(double factor) => From(factor, ShiftFor(factor));

    /// <summary>The nearest representation of <paramref name="factor"/> with a shift that several channels share.</summary>
    public static FixedPointMultiplier From(double factor, int shift)
    {
        double scaled = Math.Round(factor * Math.Pow(2, 31 - shift), MidpointRounding.ToEven);
        return new FixedPointMultiplier((int)Math.Min(scaled, int.MaxValue), shift);
    }

    /// <summary>Multipliers of channels that share the shift of the largest factor.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A factor is negative, not finite, or at least 2^24.</exception>
    public static (int[] Multipliers, int Shift) Shared(double[] factors)
    {
        int shift = 0;
        foreach (double f in factors) shift = Math.Max(shift, ShiftFor(f));
        return (Array.ConvertAll(factors, f => From(f, shift).Multiplier), shift);
    }

    /// <summary>The smallest shift with which <paramref name="factor"/> fits.</summary>
    public static int ShiftFor(double factor)
    {
        if (!(factor >= 0 && factor < 1 << 24))
            throw new ArgumentOutOfRangeException(nameof(factor), factor, "a requantisation factor must be in [0, 2^24)");
        int shift = 0;
        while (factor >= 1) { factor /= 2; shift++; }
        return shift;
    }
}

/// <summary>
/// The one rounding of the project. With acc the 32-bit accumulator, M and s of <see cref="FixedPointMultiplier"/>:
/// <code>
/// t = saturate32(acc · 2^s)
/// r = floor((t · M + 2^30) / 2^31)          -- one rounding, halves towards +∞; the exact meaning of ARM's SQRDMULH
/// q = clamp(r + zeroPoint, min, max)
/// </code>
/// t · M is exact in 64 bits. SQRDMULH's only saturating case (both operands −2^31) cannot occur, as M ≥ 0.
/// x86 kernels compute (2t · M + 2^31) >> 32 when |t| &lt; 2^30 is known, which is the same number.
/// </summary>
public static class Requantize
{
    /// <summary>The accumulator's magnitude below which every kernel's arithmetic is exact.</summary>
    public const int AccumulatorLimit = 1 << 30;

    /// <summary>acc · factor, rounded once; no zero point, no clamp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Scale(int accumulator, int multiplier, int shift)
    {
        long shifted = Math.Clamp((long)accumulator << shift, int.MinValue, int.MaxValue);
        return (int)((shifted * multiplier + (1L << 30)) >> 31);
    }

    /// <summary>
    /// acc · factor with halves to even. For averages only: their factors are often powers of two, so that exact halves are
    /// common, and ONNX rounds them to even. Scale rounds x up at halves and −Scale(−acc) down; they differ nowhere else.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScaleHalfEven(int accumulator, int multiplier, int shift)
    {
        int up = Scale(accumulator, multiplier, shift), down = -Scale(-accumulator, multiplier, shift);
        return up - ((up - down) & up & 1);
    }

    /// <summary>acc · factor + zeroPoint, clamped to [<paramref name="min"/>, <paramref name="max"/>].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Apply(int accumulator, int multiplier, int shift, int zeroPoint, int min, int max) =>
        (int)Math.Clamp((long)Scale(accumulator, multiplier, shift) + zeroPoint, min, max);

    /// <summary>
    /// Real to integer: clamp(roundHalfEven(value / scale) + zeroPoint). NaN gives the zero point, clamped.
    /// Division, not multiplication by the reciprocal, as ONNX QuantizeLinear defines it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Quantize(float value, float scale, int zeroPoint, int min, int max)
    {
        float steps = MathF.Round(value / scale, MidpointRounding.ToEven);
        if (float.IsNaN(steps)) return Math.Clamp(zeroPoint, min, max);
        // Beyond ±2^24 the result is clamped anyway; the bound keeps the conversion to int defined.
        return Math.Clamp((int)Math.Clamp(steps, -16777216f, 16777216f) + zeroPoint, min, max);
    }

    /// <summary>Integer to real: scale · (q − zeroPoint).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dequantize(int q, float scale, int zeroPoint) => scale * (q - zeroPoint);
}
