using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Pairs of int16 (VPMADDWD) from bytes: a 16-bit word holds the weights p of a unit of the first eight and q of one of the second,
/// as 256·q + (p + 128). A shift gives q; the word itself is multiplied too, and in the end
/// Σ x·p = Σ x·word − 256 · Σ x·q − 128 · Σ x. Words of sums wrap, which changes nothing, as the result fits 32 bits.
/// </summary>
internal readonly unsafe struct CellProductAvx2 : ICellProduct
{
    public static string Name => "avx2";

    public static CpuFeature Requires => CpuFeature.Avx2;

    public static int Units => 16;

    public static int Step => 2;

    public static double ProductsPerCycle => 28;

    public static bool NeedsSmallWeights => false;

    public static int ElementBytes => sizeof(short);

    public static int Offset(int zeroPoint) => -zeroPoint;

    public static (int Index, sbyte Stored) Place(int unit, int element, sbyte weight) =>
        (((unit % 8 * Step) + element) * 2 + unit / 8, unit < 8 ? (sbyte)(weight ^ 128) : weight);

    /// <summary>The sum of all elements follows them.</summary>
    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint)
    {
        short* to = (short*)destination;
        Int8Widening.ToInt16(source, to, count, zeroPoint);
        if (count % 2 != 0) to[count++] = 0;
        Vector256<int> sums = default;
        int i = 0, rest = 0;
        for (; i + 16 <= count; i += 16) sums += Avx2.MultiplyAddAdjacent(Vector256.Load(to + i), Vector256<short>.One);
        for (; i < count; i++) rest += to[i];
        *(int*)(to + count) = Vector256.Sum(sums) + rest;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        Vector256<int> p0 = default, q0 = default, p1 = default, q1 = default, p2 = default, q2 = default, p3 = default, q3 = default;
        for (byte* end = x + 4 * (nint)steps; x < end; x += 4, weights += TGates.Value * 32)
        {
            Vector256<short> v = Vector256.Create(*(int*)x).AsInt16(), word = Vector256.Load((short*)weights);
            p0 += Avx2.MultiplyAddAdjacent(v, word);
            q0 += Avx2.MultiplyAddAdjacent(v, Avx2.ShiftRightArithmetic(word, 8));
            if (TGates.Value > 1)
            {
                word = Vector256.Load((short*)(weights + 32));
                p1 += Avx2.MultiplyAddAdjacent(v, word);
                q1 += Avx2.MultiplyAddAdjacent(v, Avx2.ShiftRightArithmetic(word, 8));
            }
            if (TGates.Value > 2)
            {
                word = Vector256.Load((short*)(weights + 64));
                p2 += Avx2.MultiplyAddAdjacent(v, word);
                q2 += Avx2.MultiplyAddAdjacent(v, Avx2.ShiftRightArithmetic(word, 8));
            }
            if (TGates.Value > 3)
            {
                word = Vector256.Load((short*)(weights + 96));
                p3 += Avx2.MultiplyAddAdjacent(v, word);
                q3 += Avx2.MultiplyAddAdjacent(v, Avx2.ShiftRightArithmetic(word, 8));
            }
        }
        Vector256<int> shift = Vector256.Create(128 * *(int*)x);
        Store(sums, p0, q0, shift);
        if (TGates.Value > 1) Store(sums + 16, p1, q1, shift);
        if (TGates.Value > 2) Store(sums + 32, p2, q2, shift);
        if (TGates.Value > 3) Store(sums + 48, p3, q3, shift);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* sums, Vector256<int> p, Vector256<int> q, Vector256<int> shift)
    {
        (p - (q << 8) - shift).Store(sums);
        q.Store(sums + 8);
    }
}
