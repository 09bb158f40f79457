using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeRuntime.Tensors;
using static System.Runtime.Intrinsics.Arm.AdvSimd;

namespace EdgeRuntime.Kernels;

/// <summary>Float to 8 bits and back, in the exact meaning of <see cref="Requantize"/>.</summary>
internal static unsafe class ConversionNeon
{
    /// <summary><see cref="Requantize.Quantize"/>, 16 at a time.</summary>
    public static void Quantize(float* x, byte* y, long count, float scale, int zeroPoint, int min, int max)
    {
        Vector128<float> step = Vector128.Create(scale);
        Vector128<int> zero = Vector128.Create(zeroPoint);
        Vector128<short> low = Vector128.Create((short)min), high = Vector128.Create((short)max);
        for (; count >= 16; count -= 16, x += 16, y += 16)
        {
            // Results lie in −128..255; their low bytes are the output's bytes for either type.
            Vector64<byte> first = ExtractNarrowingLower(Eight(x, step, zero, low, high).AsUInt16());
            Store(y, ExtractNarrowingUpper(first, Eight(x + 8, step, zero, low, high).AsUInt16()));
        }
        for (; count > 0; count--) *y++ = (byte)Requantize.Quantize(*x++, scale, zeroPoint, min, max);
    }

    /// <summary>FCVTNS rounds halves to even, gives 0 for NaN and saturates; so do the sum with the zero point and the narrowing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Eight(float* x, Vector128<float> step, Vector128<int> zero, Vector128<short> low, Vector128<short> high)
    {
        Vector128<int> a = AddSaturate(ConvertToInt32RoundToEven(Arm64.Divide(LoadVector128(x), step)), zero);
        Vector128<int> b = AddSaturate(ConvertToInt32RoundToEven(Arm64.Divide(LoadVector128(x + 4), step)), zero);
        return Min(Max(ExtractNarrowingSaturateUpper(ExtractNarrowingSaturateLower(a), b), low), high);
    }

    /// <summary><see cref="Requantize.Dequantize"/>, 8 at a time.</summary>
    public static void Dequantize(byte* x, float* y, long count, float scale, int zeroPoint, bool isUnsigned)
    {
        Vector128<float> step = Vector128.Create(scale);
        Vector128<short> zero = Vector128.Create((short)zeroPoint);
        for (; count >= 8; count -= 8, x += 8, y += 8)
        {
            Vector64<byte> bytes = LoadVector64(x);
            Vector128<short> q = Subtract(isUnsigned ? ZeroExtendWideningLower(bytes).AsInt16() : SignExtendWideningLower(bytes.AsSByte()), zero);
            Store(y + 4, Multiply(step, ConvertToSingle(SignExtendWideningUpper(q))));
            Store(y, Multiply(step, ConvertToSingle(SignExtendWideningLower(q.GetLower()))));
        }
        for (; count > 0; count--, x++) *y++ = Requantize.Dequantize(isUnsigned ? *x : (sbyte)*x, scale, zeroPoint);
    }
}
