using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The transforms of Winograd's F(4×4, 3×3) (Lavin and Gray, 2016; points 0, ±1, ±2, ∞) in exact integers. The fractions of
/// the filter transform are cleared by scaling its rows, and the output transform takes the scales back:
/// <code>
/// Bᵀ: 4 0 −5 0 1 0 · 0 −4 −4 1 1 0 · 0 4 −4 −1 1 0 · 0 −2 −1 2 1 0 · 0 2 −1 −2 1 0 · 0 4 0 −5 0 1
/// G:  6 0 0 · 1 1 1 · 1 −1 1 · 1 2 4 · 1 −2 4 · 0 0 6
/// Aᵀ: 1 −4 −4 1 1 0 · 0 −2 2 1 −1 0 · 0 −1 −1 1 1 0 · 0 −1 1 2 −2 1       gives 24, 12, 6 and 6 times the outputs
/// </code>
/// With |x| ≤ 255 the transformed input is at most 10·10·255 &lt; 2^15, with |w| ≤ 255 the filter 7·7·255 &lt; 2^15. Sums are kept
/// modulo 2^32: an output times 9·2^s (2 ≤ s ≤ 6) is multiplied by the inverse of 9 and shifted, which is exact while
/// |acc| &lt; 2^25.
/// </summary>
internal static unsafe class WinogradInt8Transforms
{
    /// <summary>int16 of a vector: channels of an input transform.</summary>
    public const int Lanes = 16;

    private const int InverseOf9 = 0x38E38E39;

    /// <summary>Transforms one 3×3 filter; <paramref name="result"/> has 36 elements.</summary>
    public static void Filter(ReadOnlySpan<int> filter, Span<int> result)
    {
        Span<int> columns = stackalloc int[18];
        for (int x = 0; x < 3; x++) Filter(filter[x], filter[3 + x], filter[6 + x], columns[x..], 3);
        for (int i = 0; i < 6; i++) Filter(columns[3 * i], columns[3 * i + 1], columns[3 * i + 2], result[(6 * i)..], 1);
    }

    private static void Filter(int a, int b, int c, Span<int> y, int step)
    {
        (y[0], y[step], y[2 * step]) = (6 * a, a + b + c, a - b + c);
        (y[3 * step], y[4 * step], y[5 * step]) = (a + 2 * b + 4 * c, a - 2 * b + 4 * c, 6 * c);
    }

    /// <summary>Transforms a 6×6 window of 16 channels.</summary>
    /// <param name="x">The window's first pixel; rows are <paramref name="pitch"/>, pixels <paramref name="step"/> elements apart.</param>
    /// <param name="pitch">Elements of a row.</param>
    /// <param name="step">Elements of a pixel.</param>
    /// <param name="y">The 36 results, <paramref name="plane"/> elements apart.</param>
    /// <param name="plane">Elements from one result to the next.</param>
    [SkipLocalsInit]
    public static void Input(short* x, nint pitch, nint step, short* y, nint plane)
    {
        short* columns = stackalloc short[36 * Lanes];
        for (int i = 0; i < 6; i++, x += step) Input(x, pitch, columns + i * Lanes, 6 * Lanes);
        for (int i = 0; i < 6; i++, y += 6 * plane) Input(columns + i * 6 * Lanes, Lanes, y, plane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(short* x, nint step, short* y, nint plane)
    {
        Vector256<short> x0 = Vector256.Load(x), x1 = Vector256.Load(x + step), x2 = Vector256.Load(x + 2 * step);
        Vector256<short> x3 = Vector256.Load(x + 3 * step), x4 = Vector256.Load(x + 4 * step), x5 = Vector256.Load(x + 5 * step);
        Vector256<short> a = x4 - (x2 << 2), b = x3 - (x1 << 2), c = x4 - x2, d = (x3 - x1) << 1;
        (((x0 - x2) << 2) + c).Store(y);
        (a + b).Store(y + plane);
        (a - b).Store(y + 2 * plane);
        (c + d).Store(y + 3 * plane);
        (c - d).Store(y + 4 * plane);
        (((x1 - x3) << 2) + (x5 - x3)).Store(y + 5 * plane);
    }

    /// <summary>Transforms the sums of 8 channels back into doubled accumulators of 4×4 outputs.</summary>
    /// <param name="m">The 36 sums, <paramref name="plane"/> elements apart.</param>
    /// <param name="plane">Elements from one sum to the next.</param>
    /// <param name="bias">Doubled biases.</param>
    /// <param name="y">The 16 accumulators, row by row, <paramref name="step"/> elements apart.</param>
    /// <param name="step">Elements from one output to the next.</param>
    [SkipLocalsInit]
    public static void Output(int* m, nint plane, int* bias, int* y, nint step)
    {
        int* columns = stackalloc int[24 * 8];
        for (int i = 0; i < 6; i++, m += plane)
        {
            Output(m, 6 * plane, out Vector256<int> y0, out Vector256<int> y1, out Vector256<int> y2, out Vector256<int> y3);
            y0.Store(columns + i * 8);
            y1.Store(columns + (6 + i) * 8);
            y2.Store(columns + (12 + i) * 8);
            y3.Store(columns + (18 + i) * 8);
        }
        Vector256<int> b = Vector256.Load(bias), inverse = Vector256.Create(InverseOf9);
        for (int i = 0; i < 4; i++, columns += 6 * 8, y += 4 * step)
        {
            // Powers of two of the row's scale and the column's, less one for the doubling.
            int shift = Math.Max(1, 3 - i) - 1;
            Output(columns, 8, out Vector256<int> y0, out Vector256<int> y1, out Vector256<int> y2, out Vector256<int> y3);
            ((y0 * inverse >> (shift + 3)) + b).Store(y);
            ((y1 * inverse >> (shift + 2)) + b).Store(y + step);
            ((y2 * inverse >> (shift + 1)) + b).Store(y + 2 * step);
            ((y3 * inverse >> (shift + 1)) + b).Store(y + 3 * step);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(int* m, nint step, out Vector256<int> y0, out Vector256<int> y1, out Vector256<int> y2, out Vector256<int> y3)
    {
        Vector256<int> m1 = Vector256.Load(m + step), m2 = Vector256.Load(m + 2 * step), m3 = Vector256.Load(m + 3 * step), m4 = Vector256.Load(m + 4 * step);
        Vector256<int> p = m1 + m2, q = m1 - m2, r = m3 + m4, u = m3 - m4;
        y0 = Vector256.Load(m) - (p << 2) + r;
        y1 = u - (q << 1);
        y2 = r - p;
        y3 = (u << 1) - q + Vector256.Load(m + 5 * step);
    }
}
