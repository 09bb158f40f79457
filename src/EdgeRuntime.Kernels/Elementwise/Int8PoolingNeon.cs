using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>Int8 pooling over 16 or more channels; the last vector overlaps the one before. The output is not one of the taps.</summary>
internal static unsafe class Int8PoolingNeon
{
    /// <summary>Sums in 16 bits, which 256 taps cannot overflow, then in 32.</summary>
    public static void Average(in AverageInt8Parameters p, sbyte** taps, int count, int channels, sbyte* y)
    {
        Vector128<int> bias = Vector128.Create(-count * p.InputZeroPoint), factor = Vector128.Create(p.Factor.Multiplier), shift = Vector128.Create(p.Factor.Shift);
        Vector128<short> zero = Vector128.Create((short)p.OutputZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)p.Min), max = Vector128.Create((sbyte)p.Max);
        for (int block = 0; block < channels; block += 16)
        {
            int c = Math.Min(block, channels - 16);
            Vector128<int> s0 = bias, s1 = bias, s2 = bias, s3 = bias;
            for (int t = 0; t < count;)
            {
                Vector128<short> low = default, high = default;
                for (int end = Math.Min(count, t + 256); t < end; t++)
                {
                    Vector128<sbyte> x = LoadVector128(taps[t] + c);
                    high = AddWideningUpper(high, x);
                    low = AddWideningLower(low, x.GetLower());
                }
                s1 = AddWideningUpper(s1, low);
                s0 = AddWideningLower(s0, low.GetLower());
                s3 = AddWideningUpper(s3, high);
                s2 = AddWideningLower(s2, high.GetLower());
            }
            Vector64<sbyte> lower = NeonRequantize.Narrow(NeonRequantize.ScaleHalfEven(s0, factor, shift), NeonRequantize.ScaleHalfEven(s1, factor, shift), zero);
            Store(y + c, NeonRequantize.Clamp(NeonRequantize.NarrowUpper(lower,
                NeonRequantize.ScaleHalfEven(s2, factor, shift), NeonRequantize.ScaleHalfEven(s3, factor, shift), zero), min, max));
        }
    }

    public static void Max(sbyte** taps, int count, int channels, sbyte* y)
    {
        for (int block = 0; block < channels; block += 16)
        {
            int c = Math.Min(block, channels - 16);
            Vector128<sbyte> largest = LoadVector128(taps[0] + c);
            for (int t = 1; t < count; t++) largest = Max(largest, LoadVector128(taps[t] + c));
            Store(y + c, largest);
        }
    }

    private static Vector128<sbyte> Max(Vector128<sbyte> a, Vector128<sbyte> b) => System.Runtime.Intrinsics.Arm.AdvSimd.Max(a, b);
}
