using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>Float to 8 bits and back, in the exact meaning of <see cref="Requantize"/>.</summary>
internal static unsafe class ConversionAvx2
{
    /// <summary><see cref="Requantize.Quantize"/>, 32 at a time.</summary>
    public static void Quantize(float* x, byte* y, long count, float scale, int zeroPoint, int min, int max)
    {
        Vector256<float> step = Vector256.Create(scale);
        Vector256<int> zero = Vector256.Create(zeroPoint), low = Vector256.Create(min), high = Vector256.Create(max);
        Vector256<int> order = Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7);
        for (; count >= 32; count -= 32, x += 32, y += 32)
        {
            Vector256<short> a = Avx2.PackSignedSaturate(Eight(x, step, zero, low, high), Eight(x + 8, step, zero, low, high));
            Vector256<short> b = Avx2.PackSignedSaturate(Eight(x + 16, step, zero, low, high), Eight(x + 24, step, zero, low, high));
            // Results lie in −128..255; their low bytes are the output's bytes for either type.
            Vector256<short> mask = Vector256.Create((short)0xFF);
            Vector256<byte> packed = Avx2.PackUnsignedSaturate(Avx2.And(a, mask), Avx2.And(b, mask));
            Avx.Store(y, Avx2.PermuteVar8x32(packed.AsInt32(), order).AsByte());
        }
        for (; count > 0; count--) *y++ = (byte)Requantize.Quantize(*x++, scale, zeroPoint, min, max);
    }

    /// <summary><see cref="Requantize.Dequantize"/>, 8 at a time.</summary>
    public static void Dequantize(byte* x, float* y, long count, float scale, int zeroPoint, bool isUnsigned)
    {
        Vector256<float> step = Vector256.Create(scale);
        Vector256<int> zero = Vector256.Create(zeroPoint);
        for (; count >= 8; count -= 8, x += 8, y += 8)
        {
            Vector256<int> q = isUnsigned ? Avx2.ConvertToVector256Int32(x) : Avx2.ConvertToVector256Int32((sbyte*)x);
            Avx.Store(y, Avx.Multiply(step, Avx.ConvertToVector256Single(Avx2.Subtract(q, zero))));
        }
        for (; count > 0; count--, x++) *y++ = Requantize.Dequantize(isUnsigned ? *x : (sbyte)*x, scale, zeroPoint);
    }

    /// <summary>NaN becomes 0 before the zero point is added; the bounds ±2^24 keep the conversion defined.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Eight(float* x, Vector256<float> step, Vector256<int> zero, Vector256<int> low, Vector256<int> high)
    {
        Vector256<float> steps = Avx.RoundToNearestInteger(Avx.Divide(Avx.LoadVector256(x), step));
        steps = Avx.And(steps, Avx.CompareOrdered(steps, steps));
        steps = Avx.Min(Avx.Max(steps, Vector256.Create(-16777216f)), Vector256.Create(16777216f));
        return Avx2.Min(Avx2.Max(Avx2.Add(Avx.ConvertToVector256Int32(steps), zero), low), high);
    }
}
