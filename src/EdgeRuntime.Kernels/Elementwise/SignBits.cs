using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>Signs of numbers as <see cref="BitPacked"/> rows, on vectors of 128 bits that every target has.</summary>
internal static unsafe class SignBits
{
    /// <summary>Bit c of each row = x ≥ thresholds[c].</summary>
    public static void Pack(float* x, float* thresholds, ulong* y, long rows, int channels)
    {
        for (long r = 0; r < rows; r++, x += channels)
            for (int c = 0; c < channels; c += BitPacked.WordBits)
            {
                ulong word = 0;
                int count = Math.Min(BitPacked.WordBits, channels - c), i = 0;
                for (; i + 16 <= count; i += 16)
                {
                    Vector128<short> a = Vector128.Narrow(AtLeast(x + c + i, thresholds + c + i), AtLeast(x + c + i + 4, thresholds + c + i + 4));
                    Vector128<short> b = Vector128.Narrow(AtLeast(x + c + i + 8, thresholds + c + i + 8), AtLeast(x + c + i + 12, thresholds + c + i + 12));
                    word |= (ulong)Vector128.Narrow(a, b).ExtractMostSignificantBits() << i;
                }
                for (; i < count; i++) word |= x[c + i] >= thresholds[c + i] ? 1UL << i : 0;
                *y++ = word;
            }
    }

    /// <summary>Bit c of each row = x ≥ thresholds[c], and bit c of <paramref name="allowed"/>.</summary>
    public static void Pack(sbyte* x, sbyte* thresholds, ulong* allowed, ulong* y, long rows, int channels)
    {
        for (long r = 0; r < rows; r++, x += channels)
            for (int c = 0; c < channels; c += BitPacked.WordBits)
            {
                ulong below = 0;
                int count = Math.Min(BitPacked.WordBits, channels - c), i = 0;
                for (; i + 16 <= count; i += 16)
                    below |= (ulong)Vector128.GreaterThan(Vector128.Load(thresholds + c + i), Vector128.Load(x + c + i)).ExtractMostSignificantBits() << i;
                for (; i < count; i++) below |= thresholds[c + i] > x[c + i] ? 1UL << i : 0;
                *y++ = ~below & allowed[c / BitPacked.WordBits];
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> AtLeast(float* x, float* threshold) => Vector128.GreaterThanOrEqual(Vector128.Load(x), Vector128.Load(threshold)).AsInt32();
}
