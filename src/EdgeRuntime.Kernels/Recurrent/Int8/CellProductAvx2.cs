using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>Pairs of int16 (VPMADDWD); the weights stay bytes in memory and are widened as they are loaded.</summary>
internal readonly unsafe struct CellProductAvx2 : ICellProduct
{
    public static string Name => "avx2";

    public static CpuFeature Requires => CpuFeature.Avx2;

    public static int Units => 16;

    public static int Step => 2;

    public static double ProductsPerCycle => 14;

    public static bool NeedsSmallWeights => false;

    public static int ElementBytes => sizeof(short);

    public static int Offset(int zeroPoint) => -zeroPoint;

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint)
    {
        Int8Widening.ToInt16(source, (short*)destination, count, zeroPoint);
        if (count % 2 != 0) ((short*)destination)[count] = 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        Vector256<int> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
        for (byte* end = x + 4 * (nint)steps; x < end; x += 4, weights += TGates.Value * 32)
        {
            Vector256<short> v = Vector256.Create(*(int*)x).AsInt16();
            a0 += Product(v, weights);
            b0 += Product(v, weights + 16);
            if (TGates.Value > 1)
            {
                a1 += Product(v, weights + 32);
                b1 += Product(v, weights + 48);
            }
            if (TGates.Value > 2)
            {
                a2 += Product(v, weights + 64);
                b2 += Product(v, weights + 80);
            }
            if (TGates.Value > 3)
            {
                a3 += Product(v, weights + 96);
                b3 += Product(v, weights + 112);
            }
        }
        a0.Store(sums);
        b0.Store(sums + 8);
        if (TGates.Value > 1) { a1.Store(sums + 16); b1.Store(sums + 24); }
        if (TGates.Value > 2) { a2.Store(sums + 32); b2.Store(sums + 40); }
        if (TGates.Value > 3) { a3.Store(sums + 48); b3.Store(sums + 56); }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Product(Vector256<short> x, sbyte* weights) => Avx2.MultiplyAddAdjacent(x, Avx2.ConvertToVector256Int16(weights));
}
