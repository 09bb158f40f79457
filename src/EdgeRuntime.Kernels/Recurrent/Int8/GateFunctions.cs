using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>
/// σ and tanh on 16-bit integers, the same bits everywhere. x stands for x·2^-12 (|x| below 8), the result for y·2^-15.
/// <code>
/// a = min(|x|, 32767), s = a >> 11 (16 segments of width 1/2), t = (a &amp; 2047) &lt;&lt; 4 (the place in the segment, 2^-15)
/// y = c0[s] + t∘(c1[s] + t∘(c2[s] + t∘c3[s]))      with a∘b = (a·b + 2^14) >> 15, one PMULHRSW or SQRDMULH
/// σ(x) = y or 32768 − y for x &lt; 0;  tanh(x) = y or −y
/// </code>
/// The cubics are fitted so that the largest error of y is least: 1.6 steps of 2^-15 for σ, 4.1 for tanh. No sum leaves 16 bits.
/// σ is at least 11 and at most 32757 here, so that 32768 − σ fits, too.
/// </summary>
internal static class GateFunctions
{
    /// <summary>Bytes of one coefficient's table: the low bytes of 16 segments, then the high ones, as byte shuffles want them.</summary>
    public const int CoefficientBytes = 32;

    /// <summary>Fraction bits of gates.</summary>
    public const int GateBits = 12;

    /// <summary>Coefficients c0 to c3 of σ.</summary>
    public static ReadOnlySpan<byte> SigmoidTable => [
        0, 173, 147, 166, 190, 74, 237, 63, 178, 152, 36, 123, 175, 207, 226, 238,
        64, 79, 93, 104, 112, 118, 121, 124, 125, 126, 127, 127, 127, 127, 127, 127,
        255, 14, 152, 140, 185, 124, 228, 210, 35, 178, 110, 66, 39, 23, 14, 9,
        15, 15, 12, 9, 6, 4, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0,
        252, 5, 129, 119, 183, 14, 93, 149, 186, 211, 228, 239, 248, 251, 253, 253,
        255, 255, 254, 254, 254, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        178, 211, 250, 21, 28, 26, 18, 13, 9, 8, 5, 3, 1, 1, 1, 1,
        255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// <summary>Coefficients c0 to c3 of tanh.</summary>
    public static ReadOnlySpan<byte> TanhTable => [
        0, 37, 124, 220, 101, 74, 94, 196, 234, 248, 253, 255, 255, 255, 255, 255,
        0, 59, 97, 115, 123, 126, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
        55, 144, 223, 133, 125, 175, 159, 60, 22, 7, 3, 255, 255, 255, 255, 255,
        64, 50, 26, 11, 4, 1, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255,
        245, 44, 202, 1, 247, 58, 183, 226, 244, 253, 254, 0, 0, 0, 0, 0,
        254, 243, 245, 251, 253, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0,
        247, 153, 183, 4, 113, 43, 16, 8, 4, 1, 1, 1, 1, 1, 1, 1,
        251, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// <summary>(a·b + 2^14) >> 15.</summary>
    public static int MulRound(int a, int b) => (a * b + (1 << 14)) >> 15;

    /// <summary>σ.</summary>
    public static int Sigmoid(int x)
    {
        int y = Cubic(SigmoidTable, x);
        return x < 0 ? 32768 - y : y;
    }

    /// <summary>tanh.</summary>
    public static int Tanh(int x)
    {
        int y = Cubic(TanhTable, x);
        return x < 0 ? -y : y;
    }

    /// <summary>The tanh of a cell with the scale 2^exponent: brought to 2^-12 by a shift, saturating to the left, rounding to the right.</summary>
    public static int TanhOfCell(int cell, int exponent) => Tanh(ToGate(cell, exponent));

    /// <summary>(a·b) · 2^-30 in units of 2^exponent, rounded once and saturated.</summary>
    public static int ProductToCell(int a, int b, int exponent)
    {
        int shift = 30 + exponent;
        return Saturate((a * b + (1 << shift >> 1)) >> shift);
    }

    /// <summary>To 16 bits.</summary>
    public static int Saturate(long x) => (int)Math.Clamp(x, short.MinValue, short.MaxValue);

    /// <summary>A hidden state of 2^-15 as the layer's int8.</summary>
    public static sbyte ToHidden(int state, int multiplier, int zeroPoint) => (sbyte)Requantize.Apply(state, multiplier, 0, zeroPoint, sbyte.MinValue, sbyte.MaxValue);

    private static int ToGate(int cell, int exponent)
    {
        int left = exponent + GateBits;
        return left >= 0 ? Saturate((long)cell << left) : (cell + (1 << -left >> 1)) >> -left;
    }

    private static int Cubic(ReadOnlySpan<byte> table, int x)
    {
        int a = Math.Min(Math.Abs(x), short.MaxValue), segment = a >> 11, t = (a & 2047) << 4;
        int y = 0;
        for (int k = 3; k >= 0; k--)
            y = (short)(table[k * CoefficientBytes + segment] | table[k * CoefficientBytes + 16 + segment] << 8) + MulRound(t, y);
        return y;
    }
}
