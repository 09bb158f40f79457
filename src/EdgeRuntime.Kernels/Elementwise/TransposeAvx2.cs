using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Transposition y[c, r] = x[r, c] in blocks of 8×8 elements. Three rows or three columns, the planes of an image and its
/// pixels, have loops of their own that read and write whole vectors in order.
/// </summary>
internal static unsafe class TransposeAvx2
{
    /// <summary>Elements of 4 bytes, columns [<paramref name="first"/>, <paramref name="end"/>).</summary>
    public static void Words(uint* x, uint* y, int rows, int columns, int first, int end)
    {
        if (rows == 3) Interleave(x + first, x + columns + first, x + 2L * columns + first, y + 3L * first, end - first);
        else if (columns == 3 && end - first == 3) Separate(x, y, y + rows, y + 2L * rows, rows);
        else if (rows == 1 || columns == 1) Copy((byte*)x, (byte*)y, sizeof(uint), rows, first, end);
        else if (rows < 8 || end - first < 8) Rest(x, y, rows, columns, first, end);
        else
            // The last blocks end with the last row and column, and do again what the ones before did.
            for (int c = first; c < end; c += 8)
                for (int r = 0, column = Math.Min(c, end - 8); r < rows; r += 8)
                {
                    int row = Math.Min(r, rows - 8);
                    Block((float*)x + (long)row * columns + column, (float*)y + (long)column * rows + row, columns, rows);
                }
    }

    /// <summary>Elements of 1 byte, columns [<paramref name="first"/>, <paramref name="end"/>).</summary>
    public static void Bytes(byte* x, byte* y, int rows, int columns, int first, int end)
    {
        if (rows == 3) Interleave(x + first, x + columns + first, x + 2L * columns + first, y + 3L * first, end - first);
        else if (columns == 3 && end - first == 3) Separate(x, y, y + rows, y + 2L * rows, rows);
        else if (rows == 1 || columns == 1) Copy(x, y, 1, rows, first, end);
        else if (rows < 8 || end - first < 8) Rest(x, y, rows, columns, first, end);
        else
            for (int c = first; c < end; c += 8)
                for (int r = 0, column = Math.Min(c, end - 8); r < rows; r += 8)
                {
                    int row = Math.Min(r, rows - 8);
                    Block(x + (long)row * columns + column, y + (long)column * rows + row, columns, rows);
                }
    }

    private static void Copy(byte* x, byte* y, int bytes, int rows, int first, int end)
    {
        long from = (long)first * rows * bytes;
        Buffer.MemoryCopy(x + from, y + from, (long)(end - first) * rows * bytes, (long)(end - first) * rows * bytes);
    }

    private static void Rest<T>(T* x, T* y, int rows, int columns, int first, int end) where T : unmanaged
    {
        for (int c = first; c < end; c++)
            for (int r = 0; r < rows; r++) y[(long)c * rows + r] = x[(long)r * columns + c];
    }

    /// <summary>Pixel (8j + p) / 3 stands at lane p of output j, from plane (8j + p) mod 3.</summary>
    private static void Interleave(uint* a, uint* b, uint* c, uint* y, int count)
    {
        Vector256<int> first = Vector256.Create(0, 0, 0, 1, 1, 1, 2, 2), second = Vector256.Create(2, 3, 3, 3, 4, 4, 4, 5), third = Vector256.Create(5, 5, 6, 6, 6, 7, 7, 7);
        for (; count >= 8; count -= 8, a += 8, b += 8, c += 8, y += 24)
        {
            Vector256<uint> u = Avx.LoadVector256(a), v = Avx.LoadVector256(b), w = Avx.LoadVector256(c);
            Avx.Store(y, Merge(Spread(u, first), Spread(v, first), Spread(w, first), 0b10010010, 0b00100100));
            Avx.Store(y + 8, Merge(Spread(u, second), Spread(v, second), Spread(w, second), 0b00100100, 0b01001001));
            Avx.Store(y + 16, Merge(Spread(u, third), Spread(v, third), Spread(w, third), 0b01001001, 0b10010010));
        }
        for (; count > 0; count--, y += 3) (y[0], y[1], y[2]) = (*a++, *b++, *c++);
    }

    /// <summary>The inverse: lane p of plane k comes from exactly one of the three vectors; then the lanes are put in order.</summary>
    private static void Separate(uint* x, uint* a, uint* b, uint* c, int count)
    {
        Vector256<int> first = Vector256.Create(0, 3, 6, 1, 4, 7, 2, 5), second = Vector256.Create(1, 4, 7, 2, 5, 0, 3, 6), third = Vector256.Create(2, 5, 0, 3, 6, 1, 4, 7);
        for (; count >= 8; count -= 8, x += 24, a += 8, b += 8, c += 8)
        {
            Vector256<uint> u = Avx.LoadVector256(x), v = Avx.LoadVector256(x + 8), w = Avx.LoadVector256(x + 16);
            Avx.Store(a, Spread(Merge(u, v, w, 0b10010010, 0b00100100), first));
            Avx.Store(b, Spread(Merge(u, v, w, 0b00100100, 0b01001001), second));
            Avx.Store(c, Spread(Merge(u, v, w, 0b01001001, 0b10010010), third));
        }
        for (; count > 0; count--, x += 3) (*a++, *b++, *c++) = (x[0], x[1], x[2]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Spread(Vector256<uint> v, Vector256<int> lanes) => Avx2.PermuteVar8x32(v.AsInt32(), lanes).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Merge(Vector256<uint> u, Vector256<uint> v, Vector256<uint> w, [ConstantExpected] byte fromV, [ConstantExpected] byte fromW) =>
        Avx2.Blend(Avx2.Blend(u, v, fromV), w, fromW);

    private static void Interleave(byte* a, byte* b, byte* c, byte* y, int count)
    {
        ref byte index = ref MemoryMarshal.GetReference(InterleaveIndices);
        Vector256<byte> i0 = Twice(ref index, 0), i1 = Twice(ref index, 16), i2 = Twice(ref index, 32), i3 = Twice(ref index, 48), i4 = Twice(ref index, 64);
        Vector256<byte> i5 = Twice(ref index, 80), i6 = Twice(ref index, 96), i7 = Twice(ref index, 112), i8 = Twice(ref index, 128);
        for (; count >= 32; count -= 32, a += 32, b += 32, c += 32, y += 96)
        {
            Vector256<byte> u = Avx.LoadVector256(a), v = Avx.LoadVector256(b), w = Avx.LoadVector256(c);
            Vector256<byte> first = Pick(u, v, w, i0, i1, i2), second = Pick(u, v, w, i3, i4, i5), third = Pick(u, v, w, i6, i7, i8);
            Avx.Store(y, Avx2.Permute2x128(first, second, 0x20));
            Avx.Store(y + 32, Avx2.Permute2x128(third, first, 0x30));
            Avx.Store(y + 64, Avx2.Permute2x128(second, third, 0x31));
        }
        for (; count >= 16; count -= 16, a += 16, b += 16, c += 16, y += 48)
            for (nuint j = 0; j < 3; j++) Sse2.Store(y + 16 * j, Pick(Sse2.LoadVector128(a), Sse2.LoadVector128(b), Sse2.LoadVector128(c), ref index, 48 * j));
        for (; count > 0; count--, y += 3) (y[0], y[1], y[2]) = (*a++, *b++, *c++);
    }

    private static void Separate(byte* x, byte* a, byte* b, byte* c, int count)
    {
        ref byte index = ref MemoryMarshal.GetReference(SeparateIndices);
        for (; count >= 16; count -= 16, x += 48, a += 16, b += 16, c += 16)
        {
            Vector128<byte> u = Sse2.LoadVector128(x), v = Sse2.LoadVector128(x + 16), w = Sse2.LoadVector128(x + 32);
            Sse2.Store(a, Pick(u, v, w, ref index, 0));
            Sse2.Store(b, Pick(u, v, w, ref index, 48));
            Sse2.Store(c, Pick(u, v, w, ref index, 96));
        }
        for (; count > 0; count--, x += 3) (*a++, *b++, *c++) = (x[0], x[1], x[2]);
    }

    /// <summary>PSHUFB gives 0 for index 128, so that the three picks can be or-ed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Pick(Vector128<byte> u, Vector128<byte> v, Vector128<byte> w, ref byte indices, nuint at) => Sse2.Or(
        Ssse3.Shuffle(u, Vector128.LoadUnsafe(ref indices, at)),
        Sse2.Or(Ssse3.Shuffle(v, Vector128.LoadUnsafe(ref indices, at + 16)), Ssse3.Shuffle(w, Vector128.LoadUnsafe(ref indices, at + 32))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Pick(Vector256<byte> u, Vector256<byte> v, Vector256<byte> w, Vector256<byte> fromU, Vector256<byte> fromV, Vector256<byte> fromW) =>
        Avx2.Or(Avx2.Shuffle(u, fromU), Avx2.Or(Avx2.Shuffle(v, fromV), Avx2.Shuffle(w, fromW)));

    private static Vector256<byte> Twice(ref byte indices, nuint at)
    {
        Vector128<byte> half = Vector128.LoadUnsafe(ref indices, at);
        return Vector256.Create(half, half);
    }

    /// <summary>For output vector j and plane k: (16j + p) / 3 where (16j + p) mod 3 = k.</summary>
    private static ReadOnlySpan<byte> InterleaveIndices =>
        [
            0, 128, 128, 1, 128, 128, 2, 128, 128, 3, 128, 128, 4, 128, 128, 5,
            128, 0, 128, 128, 1, 128, 128, 2, 128, 128, 3, 128, 128, 4, 128, 128,
            128, 128, 0, 128, 128, 1, 128, 128, 2, 128, 128, 3, 128, 128, 4, 128,
            128, 128, 6, 128, 128, 7, 128, 128, 8, 128, 128, 9, 128, 128, 10, 128,
            5, 128, 128, 6, 128, 128, 7, 128, 128, 8, 128, 128, 9, 128, 128, 10,
            128, 5, 128, 128, 6, 128, 128, 7, 128, 128, 8, 128, 128, 9, 128, 128,
            128, 11, 128, 128, 12, 128, 128, 13, 128, 128, 14, 128, 128, 15, 128, 128,
            128, 128, 11, 128, 128, 12, 128, 128, 13, 128, 128, 14, 128, 128, 15, 128,
            10, 128, 128, 11, 128, 128, 12, 128, 128, 13, 128, 128, 14, 128, 128, 15,
        ];

    /// <summary>For plane k and input vector j: (3i + k) mod 16 where (3i + k) / 16 = j.</summary>
    private static ReadOnlySpan<byte> SeparateIndices =>
        [
            0, 3, 6, 9, 12, 15, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
            128, 128, 128, 128, 128, 128, 2, 5, 8, 11, 14, 128, 128, 128, 128, 128,
            128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1, 4, 7, 10, 13,
            1, 4, 7, 10, 13, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
            128, 128, 128, 128, 128, 0, 3, 6, 9, 12, 15, 128, 128, 128, 128, 128,
            128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 2, 5, 8, 11, 14,
            2, 5, 8, 11, 14, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
            128, 128, 128, 128, 128, 1, 4, 7, 10, 13, 128, 128, 128, 128, 128, 128,
            128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0, 3, 6, 9, 12, 15,
        ];

    /// <summary>8×8 words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Block(float* x, float* y, nint stepX, nint stepY)
    {
        Vector256<float> a = Avx.LoadVector256(x), b = Avx.LoadVector256(x + stepX), c = Avx.LoadVector256(x + 2 * stepX), d = Avx.LoadVector256(x + 3 * stepX);
        x += 4 * stepX;
        Vector256<float> e = Avx.LoadVector256(x), f = Avx.LoadVector256(x + stepX), g = Avx.LoadVector256(x + 2 * stepX), h = Avx.LoadVector256(x + 3 * stepX);
        Four(a, b, c, d, out Vector256<float> p0, out Vector256<float> p1, out Vector256<float> p2, out Vector256<float> p3);
        Four(e, f, g, h, out Vector256<float> q0, out Vector256<float> q1, out Vector256<float> q2, out Vector256<float> q3);
        Avx.Store(y, Avx.Permute2x128(p0, q0, 0x20));
        Avx.Store(y + stepY, Avx.Permute2x128(p1, q1, 0x20));
        Avx.Store(y + 2 * stepY, Avx.Permute2x128(p2, q2, 0x20));
        Avx.Store(y + 3 * stepY, Avx.Permute2x128(p3, q3, 0x20));
        y += 4 * stepY;
        Avx.Store(y, Avx.Permute2x128(p0, q0, 0x31));
        Avx.Store(y + stepY, Avx.Permute2x128(p1, q1, 0x31));
        Avx.Store(y + 2 * stepY, Avx.Permute2x128(p2, q2, 0x31));
        Avx.Store(y + 3 * stepY, Avx.Permute2x128(p3, q3, 0x31));
    }

    /// <summary>Transposes the two 4×4 blocks in the halves of four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d,
        out Vector256<float> p0, out Vector256<float> p1, out Vector256<float> p2, out Vector256<float> p3)
    {
        Vector256<double> ab = Avx.UnpackLow(a, b).AsDouble(), cd = Avx.UnpackLow(c, d).AsDouble();
        p0 = Avx.UnpackLow(ab, cd).AsSingle();
        p1 = Avx.UnpackHigh(ab, cd).AsSingle();
        ab = Avx.UnpackHigh(a, b).AsDouble();
        cd = Avx.UnpackHigh(c, d).AsDouble();
        p2 = Avx.UnpackLow(ab, cd).AsSingle();
        p3 = Avx.UnpackHigh(ab, cd).AsSingle();
    }

    /// <summary>8×8 bytes.</summary>
    internal static void Block(byte* x, byte* y, nint stepX, nint stepY)
    {
        Vector128<short> ab = Pair(x, stepX), cd = Pair(x + 2 * stepX, stepX), ef = Pair(x + 4 * stepX, stepX), gh = Pair(x + 6 * stepX, stepX);
        Vector128<int> low = Sse2.UnpackLow(ab, cd).AsInt32(), high = Sse2.UnpackHigh(ab, cd).AsInt32();
        Vector128<int> low2 = Sse2.UnpackLow(ef, gh).AsInt32(), high2 = Sse2.UnpackHigh(ef, gh).AsInt32();
        StorePair(y, stepY, Sse2.UnpackLow(low, low2));
        StorePair(y + 2 * stepY, stepY, Sse2.UnpackHigh(low, low2));
        StorePair(y + 4 * stepY, stepY, Sse2.UnpackLow(high, high2));
        StorePair(y + 6 * stepY, stepY, Sse2.UnpackHigh(high, high2));
    }

    /// <summary>Eight bytes of two rows, interleaved.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Pair(byte* x, nint step) =>
        Sse2.UnpackLow(Sse2.LoadScalarVector128((long*)x).AsByte(), Sse2.LoadScalarVector128((long*)(x + step)).AsByte()).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(byte* y, nint step, Vector128<int> v)
    {
        Sse2.StoreScalar((long*)y, v.AsInt64());
        Sse2.StoreScalar((long*)(y + step), Sse2.UnpackHigh(v.AsInt64(), v.AsInt64()));
    }
}
