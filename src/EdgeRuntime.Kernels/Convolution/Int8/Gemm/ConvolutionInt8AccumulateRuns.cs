using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The inner loops of <see cref="ConvolutionInt8Runs"/>: up to 3 positions × 2 vectors of accumulators, and as many 16-bit sums of
/// a run; with a step's weights and products they fill the registers. The unused ones vanish in compilation: sizes are handed down as
/// arguments, since the compiler inlines only so many calls and each look at a type's constant is one.
/// </summary>
internal static unsafe class ConvolutionInt8AccumulateRuns<TSink, TRows, TVectors>
    where TSink : struct, IInt8Sink<Vector256<int>>
    where TRows : struct, ICount
    where TVectors : struct, ICount
{
    /// <summary>
    /// Hands bias[column] + 2 · Σ window[row] · weights[column] to the sink, two rows at a time; for <paramref name="count"/> tiles, whose
    /// windows lie <paramref name="step"/> bytes after those of the one before.
    /// </summary>
    public static void Run(in ConvolutionInt8Tile tile, int count = 1, nint step = 0)
    {
        int rows = TRows.Value, vectors = TVectors.Value, stepBytes = vectors * sizeof(Vector256<int>);
        byte* p0 = tile.Windows[0], p1 = rows > 1 ? tile.Windows[1] : null, p2 = rows > 2 ? tile.Windows[2] : null;
        int* counts = (int*)tile.Weights;
        for (int row = 0; row < count * rows; row += rows)
        {
            int* offset = counts + ConvolutionInt8Runs.PanelHeader;
            byte* w = tile.Weights + counts[Int8Runs.Longest];
            Vector256<int> a0 = Vector256.Load(tile.Bias), b0 = a0, c0 = a0, a1 = vectors > 1 ? Vector256.Load(tile.Bias + 8) : default, b1 = a1, c1 = a1;
            for (int run = counts[Int8Runs.Longest - 1]; run > 0; run--, offset += Int8Runs.Longest, w += Int8Runs.Longest * stepBytes)
            {
                First(rows, vectors, p0, p1, p2, offset[0], w, out Vector256<short> u0, out Vector256<short> u1, out Vector256<short> v0, out Vector256<short> v1, out Vector256<short> t0, out Vector256<short> t1);
                Add(rows, vectors, p0, p1, p2, offset[1], w + stepBytes, ref u0, ref u1, ref v0, ref v1, ref t0, ref t1);
                Add(rows, vectors, p0, p1, p2, offset[2], w + 2 * stepBytes, ref u0, ref u1, ref v0, ref v1, ref t0, ref t1);
                Add(rows, vectors, p0, p1, p2, offset[3], w + 3 * stepBytes, ref u0, ref u1, ref v0, ref v1, ref t0, ref t1);
                Widen(rows, vectors, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1, u0, u1, v0, v1, t0, t1);
            }
            for (int run = counts[2]; run > 0; run--, offset += 3, w += 3 * stepBytes)
            {
                First(rows, vectors, p0, p1, p2, offset[0], w, out Vector256<short> u0, out Vector256<short> u1, out Vector256<short> v0, out Vector256<short> v1, out Vector256<short> t0, out Vector256<short> t1);
                Add(rows, vectors, p0, p1, p2, offset[1], w + stepBytes, ref u0, ref u1, ref v0, ref v1, ref t0, ref t1);
                Add(rows, vectors, p0, p1, p2, offset[2], w + 2 * stepBytes, ref u0, ref u1, ref v0, ref v1, ref t0, ref t1);
                Widen(rows, vectors, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1, u0, u1, v0, v1, t0, t1);
            }
            for (int run = counts[1]; run > 0; run--, offset += 2, w += 2 * stepBytes)
            {
                First(rows, vectors, p0, p1, p2, offset[0], w, out Vector256<short> u0, out Vector256<short> u1, out Vector256<short> v0, out Vector256<short> v1, out Vector256<short> t0, out Vector256<short> t1);
                Add(rows, vectors, p0, p1, p2, offset[1], w + stepBytes, ref u0, ref u1, ref v0, ref v1, ref t0, ref t1);
                Widen(rows, vectors, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1, u0, u1, v0, v1, t0, t1);
            }
            for (int run = counts[0]; run > 0; run--, offset += 1, w += 1 * stepBytes)
            {
                First(rows, vectors, p0, p1, p2, offset[0], w, out Vector256<short> u0, out Vector256<short> u1, out Vector256<short> v0, out Vector256<short> v1, out Vector256<short> t0, out Vector256<short> t1);
                Widen(rows, vectors, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1, u0, u1, v0, v1, t0, t1);
            }
            TSink.Take<TVectors>(tile, row, rows > 1, a0, a1, default, default, b0, b1, default, default);
            if (rows > 2) TSink.Take<TVectors>(tile, row + 2, false, c0, c1, default, default, default, default, default, default);
            p0 += step;
            p1 += step;
            p2 += step;
        }
    }

    /// <summary>Begins the 16-bit sums with one step's products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void First(int rows, int vectors, byte* p0, byte* p1, byte* p2, nint offset, byte* w, out Vector256<short> a0, out Vector256<short> a1,
        out Vector256<short> b0, out Vector256<short> b1, out Vector256<short> c0, out Vector256<short> c1)
    {
        Vector256<sbyte> w0 = Vector256.Load((sbyte*)w), w1 = vectors > 1 ? Vector256.Load((sbyte*)w + 32) : default;
        Vector256<byte> x = Vector256.Create(*(int*)(p0 + offset)).AsByte();
        a0 = Avx2.MultiplyAddAdjacent(x, w0);
        a1 = vectors > 1 ? Avx2.MultiplyAddAdjacent(x, w1) : default;
        x = rows > 1 ? Vector256.Create(*(int*)(p1 + offset)).AsByte() : default;
        b0 = rows > 1 ? Avx2.MultiplyAddAdjacent(x, w0) : default;
        b1 = rows > 1 && vectors > 1 ? Avx2.MultiplyAddAdjacent(x, w1) : default;
        x = rows > 2 ? Vector256.Create(*(int*)(p2 + offset)).AsByte() : default;
        c0 = rows > 2 ? Avx2.MultiplyAddAdjacent(x, w0) : default;
        c1 = rows > 2 && vectors > 1 ? Avx2.MultiplyAddAdjacent(x, w1) : default;
    }

    /// <summary>Adds one step's products to the 16-bit sums: both before the sums, so that fewer additions take the multipliers' ports.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(int rows, int vectors, byte* p0, byte* p1, byte* p2, nint offset, byte* w, ref Vector256<short> a0, ref Vector256<short> a1,
        ref Vector256<short> b0, ref Vector256<short> b1, ref Vector256<short> c0, ref Vector256<short> c1)
    {
        Vector256<sbyte> w0 = Vector256.Load((sbyte*)w), w1 = vectors > 1 ? Vector256.Load((sbyte*)w + 32) : default;
        Vector256<byte> x = Vector256.Create(*(int*)(p0 + offset)).AsByte();
        Vector256<short> product0 = Avx2.MultiplyAddAdjacent(x, w0), product1 = vectors > 1 ? Avx2.MultiplyAddAdjacent(x, w1) : default;
        a0 += product0;
        if (vectors > 1) a1 += product1;
        if (rows == 1) return;
        x = Vector256.Create(*(int*)(p1 + offset)).AsByte();
        product0 = Avx2.MultiplyAddAdjacent(x, w0);
        product1 = vectors > 1 ? Avx2.MultiplyAddAdjacent(x, w1) : default;
        b0 += product0;
        if (vectors > 1) b1 += product1;
        if (rows == 2) return;
        x = Vector256.Create(*(int*)(p2 + offset)).AsByte();
        product0 = Avx2.MultiplyAddAdjacent(x, w0);
        product1 = vectors > 1 ? Avx2.MultiplyAddAdjacent(x, w1) : default;
        c0 += product0;
        if (vectors > 1) c1 += product1;
    }

    /// <summary>Adds 2 · the pairs' 16-bit sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Widen(int rows, int vectors, ref Vector256<int> a0, ref Vector256<int> a1, ref Vector256<int> b0, ref Vector256<int> b1, ref Vector256<int> c0, ref Vector256<int> c1,
        Vector256<short> u0, Vector256<short> u1, Vector256<short> v0, Vector256<short> v1, Vector256<short> t0, Vector256<short> t1)
    {
        Vector256<short> two = Vector256.Create((short)2);
        a0 += Avx2.MultiplyAddAdjacent(u0, two);
        if (vectors > 1) a1 += Avx2.MultiplyAddAdjacent(u1, two);
        if (rows == 1) return;
        b0 += Avx2.MultiplyAddAdjacent(v0, two);
        if (vectors > 1) b1 += Avx2.MultiplyAddAdjacent(v1, two);
        if (rows == 2) return;
        c0 += Avx2.MultiplyAddAdjacent(t0, two);
        if (vectors > 1) c1 += Avx2.MultiplyAddAdjacent(t1, two);
    }
}
