using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Maps of bytes to bytes by VPERMI2B, 64 at a time: two look-ups of 128 entries, chosen by bit 7. The output may be the input.</summary>
internal static unsafe class LookupAvx512
{
    public static void Run(byte* table, byte* x, byte* y, long count)
    {
        Vector512<byte> a = Avx512BW.LoadVector512(table), b = Avx512BW.LoadVector512(table + 64);
        Vector512<byte> c = Avx512BW.LoadVector512(table + 128), d = Avx512BW.LoadVector512(table + 192);
        for (; count >= 64; count -= 64, x += 64, y += 64)
        {
            Vector512<byte> index = Avx512BW.LoadVector512(x);
            Vector512<byte> low = Avx512Vbmi.PermuteVar64x8x2(a, index, b), high = Avx512Vbmi.PermuteVar64x8x2(c, index, d);
            Avx512BW.Store(y, Avx512BW.BlendVariable(low, high, Avx512BW.CompareLessThan(index.AsSByte(), Vector512<sbyte>.Zero).AsByte()));
        }
        for (; count > 0; count--) *y++ = table[*x++];
    }
}
