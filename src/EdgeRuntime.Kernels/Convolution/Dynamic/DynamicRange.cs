using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>The quantisation of a row of floats that becomes int8 while the network runs.</summary>
public static unsafe class DynamicRange
{
    /// <summary>
    /// Scale and zero point by which int8 spans from the least to the largest of x and 0:
    /// scale = (high − low) / 255, zero = clamp(round(−128 − low / scale)). A row of zeros has scale 1; one with NaN or
    /// infinities has the scale NaN, and so have its results.
    /// </summary>
    public static (float Scale, int Zero) Find(float* x, long count)
    {
        float low = 0, high = 0;
        long i = 0;
        if (count >= Vector256<float>.Count)
        {
            Vector256<float> least = default, most = default;
            for (; i + Vector256<float>.Count <= count; i += Vector256<float>.Count)
            {
                Vector256<float> v = Vector256.Load(x + i);
                least = Vector256.Min(least, v);
                most = Vector256.Max(most, v);
            }
            for (int lane = 0; lane < Vector256<float>.Count; lane++)
            {
                low = MathF.Min(low, least[lane]);
                high = MathF.Max(high, most[lane]);
            }
        }
        for (; i < count; i++)
        {
            low = MathF.Min(low, x[i]);
            high = MathF.Max(high, x[i]);
        }
        if (!float.IsFinite(low) || !float.IsFinite(high)) return (float.NaN, 0);
        float scale = high / 255 - low / 255;
        if (!(scale > 0)) return (1, 0);
        return (scale, (int)Math.Clamp(MathF.Round(-128 - low / scale), -128, 127));
    }
}
