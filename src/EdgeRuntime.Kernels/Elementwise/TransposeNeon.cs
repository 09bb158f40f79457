using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Transposition y[c, r] = x[r, c] in blocks of 4×4 words or 8×8 bytes. Three rows or three columns, the planes of an image
/// and its pixels, are what LD3 and ST3 are for.
/// </summary>
internal static unsafe class TransposeNeon
{
    /// <summary>Elements of 4 bytes, columns [<paramref name="first"/>, <paramref name="end"/>).</summary>
    public static void Words(uint* x, uint* y, int rows, int columns, int first, int end)
    {
        int c = first, r;
        if (rows == 3)
            for (; c + 4 <= end; c += 4)
                AdvSimd.Arm64.StoreVectorAndZip(y + 3L * c, (AdvSimd.LoadVector128(x + c), AdvSimd.LoadVector128(x + columns + c), AdvSimd.LoadVector128(x + 2L * columns + c)));
        else if (columns == 3 && end - first == 3)
        {
            for (r = 0; r + 4 <= rows; r += 4)
            {
                (Vector128<uint> u, Vector128<uint> v, Vector128<uint> w) = AdvSimd.Arm64.Load3xVector128AndUnzip(x + 3L * r);
                AdvSimd.Store(y + r, u);
                AdvSimd.Store(y + rows + r, v);
                AdvSimd.Store(y + 2L * rows + r, w);
            }
            Rest(x, y, rows, columns, first, end, r);
            return;
        }
        else
            for (; c + 4 <= end; c += 4)
            {
                for (r = 0; r + 4 <= rows; r += 4) Block(x + (long)r * columns + c, y + (long)c * rows + r, columns, rows);
                Rest(x, y, rows, columns, c, c + 4, r);
            }
        Rest(x, y, rows, columns, c, end, 0);
    }

    /// <summary>Elements of 1 byte, columns [<paramref name="first"/>, <paramref name="end"/>).</summary>
    public static void Bytes(byte* x, byte* y, int rows, int columns, int first, int end)
    {
        int c = first, r;
        if (rows == 3)
            for (; c + 16 <= end; c += 16)
                AdvSimd.Arm64.StoreVectorAndZip(y + 3L * c, (AdvSimd.LoadVector128(x + c), AdvSimd.LoadVector128(x + columns + c), AdvSimd.LoadVector128(x + 2L * columns + c)));
        else if (columns == 3 && end - first == 3)
        {
            for (r = 0; r + 16 <= rows; r += 16)
            {
                (Vector128<byte> u, Vector128<byte> v, Vector128<byte> w) = AdvSimd.Arm64.Load3xVector128AndUnzip(x + 3L * r);
                AdvSimd.Store(y + r, u);
                AdvSimd.Store(y + rows + r, v);
                AdvSimd.Store(y + 2L * rows + r, w);
            }
            Rest(x, y, rows, columns, first, end, r);
            return;
        }
        else
            for (; c + 8 <= end; c += 8)
            {
                for (r = 0; r + 8 <= rows; r += 8) Block(x + (long)r * columns + c, y + (long)c * rows + r, columns, rows);
                Rest(x, y, rows, columns, c, c + 8, r);
            }
        Rest(x, y, rows, columns, c, end, 0);
    }

    private static void Rest<T>(T* x, T* y, int rows, int columns, int first, int end, int firstRow) where T : unmanaged
    {
        for (int c = first; c < end; c++)
            for (int r = firstRow; r < rows; r++) y[(long)c * rows + r] = x[(long)r * columns + c];
    }

    /// <summary>4×4 words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Block(uint* x, uint* y, long pitchX, long pitchY)
    {
        Vector128<uint> a = AdvSimd.LoadVector128(x), b = AdvSimd.LoadVector128(x + pitchX), c = AdvSimd.LoadVector128(x + 2 * pitchX), d = AdvSimd.LoadVector128(x + 3 * pitchX);
        Vector128<ulong> p = AdvSimd.Arm64.ZipLow(a, b).AsUInt64(), q = AdvSimd.Arm64.ZipHigh(a, b).AsUInt64();
        Vector128<ulong> r = AdvSimd.Arm64.ZipLow(c, d).AsUInt64(), s = AdvSimd.Arm64.ZipHigh(c, d).AsUInt64();
        AdvSimd.Store(y, AdvSimd.Arm64.ZipLow(p, r).AsUInt32());
        AdvSimd.Store(y + pitchY, AdvSimd.Arm64.ZipHigh(p, r).AsUInt32());
        AdvSimd.Store(y + 2 * pitchY, AdvSimd.Arm64.ZipLow(q, s).AsUInt32());
        AdvSimd.Store(y + 3 * pitchY, AdvSimd.Arm64.ZipHigh(q, s).AsUInt32());
    }

    /// <summary>Rows 0 and 4, 1 and 5, … are zipped three times: bytes, then pairs, then quadruples have come together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Block(byte* x, byte* y, long pitchX, long pitchY)
    {
        Vector128<byte> a = Pair(x, x + 4 * pitchX), b = Pair(x + pitchX, x + 5 * pitchX), c = Pair(x + 2 * pitchX, x + 6 * pitchX), d = Pair(x + 3 * pitchX, x + 7 * pitchX);
        Vector128<byte> p = AdvSimd.Arm64.ZipLow(a, c), q = AdvSimd.Arm64.ZipHigh(a, c), r = AdvSimd.Arm64.ZipLow(b, d), s = AdvSimd.Arm64.ZipHigh(b, d);
        Columns(y, pitchY, AdvSimd.Arm64.ZipLow(p, r));
        Columns(y + 2 * pitchY, pitchY, AdvSimd.Arm64.ZipHigh(p, r));
        Columns(y + 4 * pitchY, pitchY, AdvSimd.Arm64.ZipLow(q, s));
        Columns(y + 6 * pitchY, pitchY, AdvSimd.Arm64.ZipHigh(q, s));
    }

    /// <summary>u0 v0 u1 v1 …</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Pair(byte* u, byte* v) =>
        AdvSimd.Arm64.ZipLow(AdvSimd.LoadVector64(u).ToVector128Unsafe(), AdvSimd.LoadVector64(v).ToVector128Unsafe());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Columns(byte* y, long pitch, Vector128<byte> two)
    {
        AdvSimd.StoreSelectedScalar((ulong*)y, two.AsUInt64(), 0);
        AdvSimd.StoreSelectedScalar((ulong*)(y + pitch), two.AsUInt64(), 1);
    }
}
