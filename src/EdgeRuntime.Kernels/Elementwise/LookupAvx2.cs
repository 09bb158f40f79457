using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Maps of bytes to bytes, 32 at a time. The output may be the input.</summary>
internal static unsafe class LookupAvx2
{
    /// <summary>Whether table[i] = i ⊕ table[0] for all i: a copy, or, with 0x80, the change between int8 and uint8.</summary>
    public static bool IsExclusiveOr(byte* table)
    {
        Vector256<byte> index = Vector256.Create((byte)0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
        Vector256<byte> first = Vector256.Create(table[0]), different = Vector256<byte>.Zero;
        for (int i = 0; i < 256; i += 32)
        {
            Vector256<byte> expected = Avx2.Xor(Avx2.Or(index, Vector256.Create((byte)i)), first);
            different = Avx2.Or(different, Avx2.Xor(expected, Avx.LoadVector256(table + i)));
        }
        return Avx.TestZ(different, different);
    }

    /// <summary>y = x ⊕ mask.</summary>
    public static void ExclusiveOr(byte mask, byte* x, byte* y, long count)
    {
        Vector256<byte> masks = Vector256.Create(mask);
        for (; count >= 32; count -= 32, x += 32, y += 32) Avx.Store(y, Avx2.Xor(Avx.LoadVector256(x), masks));
        for (; count > 0; count--) *y++ = (byte)(*x++ ^ mask);
    }

    /// <summary>
    /// VPSHUFB looks 16 entries up and gives 0 where bit 7 of its index is set. With v the low seven bits, v − 16k is negative
    /// exactly when v is below part k of the table; parts are stored as the difference (⊕) from the part before, so the
    /// exclusive or of parts 0 to v/16 is the entry. The two halves of the table share their indices; bit 7 chooses between them.
    /// </summary>
    public static void Run(byte* table, byte* x, byte* y, long count)
    {
        Vector256<byte>* parts = stackalloc Vector256<byte>[16];
        for (int k = 0; k < 16; k++)
        {
            Vector128<byte> part = Sse2.LoadVector128(table + 16 * k);
            if (k % 8 != 0) part = Sse2.Xor(part, Sse2.LoadVector128(table + 16 * k - 16));
            parts[k] = Vector256.Create(part, part);
        }
        for (; count >= 32; count -= 32, x += 32, y += 32) Avx.Store(y, Apply(parts, Avx.LoadVector256(x)));
        for (; count > 0; count--) *y++ = table[*x++];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Apply(Vector256<byte>* parts, Vector256<byte> x)
    {
        Vector256<byte> v = Avx2.And(x, Vector256.Create((byte)0x7F)), step = Vector256.Create((byte)16);
        Vector256<byte> low = Avx2.Shuffle(parts[0], v), high = Avx2.Shuffle(parts[8], v);
        for (int k = 1; k < 8; k++)
        {
            v = Avx2.Subtract(v, step);
            low = Avx2.Xor(low, Avx2.Shuffle(parts[k], v));
            high = Avx2.Xor(high, Avx2.Shuffle(parts[8 + k], v));
        }
        return Avx2.BlendVariable(low, high, x);
    }
}
