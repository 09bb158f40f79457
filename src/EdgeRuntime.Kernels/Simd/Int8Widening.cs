using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Conversions of int8 input to what the multiply instructions take.</summary>
internal static unsafe class Int8Widening
{
    /// <summary>destination[i] = source[i] − zeroPoint as int16; the source may be the destination's second half.</summary>
    public static void ToInt16(sbyte* source, short* destination, nint count, int zeroPoint)
    {
        nint i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<short> zero = Vector512.Create((short)zeroPoint);
            for (; i + 32 <= count; i += 32) (Widen(Vector256.Load(source + i)) - zero).Store(destination + i);
        }
        Vector256<short> half = Vector256.Create((short)zeroPoint);
        for (; i + 16 <= count; i += 16) (Widen(Vector128.Load(source + i)) - half).Store(destination + i);
        for (; i + 8 <= count; i += 8) (Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(long*)(source + i)).AsSByte()) - half.GetLower()).Store(destination + i);
        for (; i < count; i++) destination[i] = (short)(source[i] - zeroPoint);
    }

    /// <summary>destination[i] = source[i] + 128 as a byte; also in place.</summary>
    public static void ToUnsigned(sbyte* source, byte* destination, nint count)
    {
        nint i = 0;
        for (; i + 32 <= count; i += 32) (Vector256.Load((byte*)source + i) ^ Vector256.Create((byte)128)).Store(destination + i);
        for (; i + 8 <= count; i += 8) *(ulong*)(destination + i) = *(ulong*)(source + i) ^ 0x8080808080808080;
        for (; i < count; i++) destination[i] = (byte)(source[i] ^ 128);
    }

    private static Vector512<short> Widen(Vector256<sbyte> x) => System.Runtime.Intrinsics.X86.Avx512BW.ConvertToVector512Int16(x);

    private static Vector256<short> Widen(Vector128<sbyte> x) => System.Runtime.Intrinsics.X86.Avx2.ConvertToVector256Int16(x);
}
