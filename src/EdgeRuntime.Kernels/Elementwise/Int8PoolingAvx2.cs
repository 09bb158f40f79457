using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>Int8 pooling over 16 or more channels; the last vector overlaps the one before. The output is not one of the taps.</summary>
internal static unsafe class Int8PoolingAvx2
{
    /// <summary>Sums in 16 bits, which 256 taps cannot overflow, then in 32.</summary>
    public static void Average(in AverageInt8Parameters p, sbyte** taps, int count, int channels, sbyte* y)
    {
        Vector256<int> bias = Vector256.Create(-count * p.InputZeroPoint), factor = Vector256.Create(p.Factor.Multiplier);
        Vector256<short> zero = Vector256.Create((short)p.OutputZeroPoint), min = Vector256.Create((short)p.Min), max = Vector256.Create((short)p.Max);
        for (int block = 0; block < channels; block += 16)
        {
            int c = Math.Min(block, channels - 16);
            Vector256<int> low = bias, high = bias;
            for (int t = 0; t < count;)
            {
                Vector256<short> sum = Vector256<short>.Zero;
                for (int end = Math.Min(count, t + 256); t < end; t++) sum = Avx2.Add(sum, Avx2.ConvertToVector256Int16(taps[t] + c));
                low = Avx2.Add(low, Avx2.ConvertToVector256Int32(sum.GetLower()));
                high = Avx2.Add(high, Avx2.ConvertToVector256Int32(sum.GetUpper()));
            }
            Vector256<short> q = Avx2.PackSignedSaturate(ScaleHalfEven(low, factor), ScaleHalfEven(high, factor));
            q = Avx2.Permute4x64(Avx2.AddSaturate(q, zero).AsInt64(), 0b11_01_10_00).AsInt16();
            q = Avx2.Min(Avx2.Max(q, min), max);
            Sse2.Store(y + c, Sse2.PackSignedSaturate(q.GetLower(), q.GetUpper()));
        }
    }

    public static void Max(sbyte** taps, int count, int channels, sbyte* y)
    {
        int c = 0;
        for (; c + 32 <= channels; c += 32)
        {
            Vector256<sbyte> largest = Avx.LoadVector256(taps[0] + c);
            for (int t = 1; t < count; t++) largest = Avx2.Max(largest, Avx.LoadVector256(taps[t] + c));
            Avx.Store(y + c, largest);
        }
        for (; c < channels; c += 16)
        {
            int at = Math.Min(c, channels - 16);
            Vector128<sbyte> largest = Sse2.LoadVector128(taps[0] + at);
            for (int t = 1; t < count; t++) largest = Sse41.Max(largest, Sse2.LoadVector128(taps[t] + at));
            Sse2.Store(y + at, largest);
        }
    }

    /// <summary><see cref="Requantize.ScaleHalfEven"/>: where rounding halves up and down differ, the even one.</summary>
    private static Vector256<int> ScaleHalfEven(Vector256<int> sum, Vector256<int> factor)
    {
        Vector256<int> doubled = Avx2.Add(sum, sum), up = RequantizeAvx2.Scale(doubled, factor);
        Vector256<int> down = Avx2.Subtract(Vector256<int>.Zero, RequantizeAvx2.Scale(Avx2.Subtract(Vector256<int>.Zero, doubled), factor));
        return Avx2.Subtract(up, Avx2.And(Avx2.And(Avx2.Subtract(up, down), up), Vector256.Create(1)));
    }
}
