using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Magnitudes times weights of the element's sign, see <see cref="Int8SignMagnitude"/>. Weights of the recurrent part come from the
/// second-level cache in every step of time, and are asked for a kilobyte ahead.
/// </summary>
internal readonly unsafe struct CellProductAvx2 : ICellProduct
{
    private const int Ahead = 1024;

    public static string Name => "avx2";

    public static CpuFeature Requires => CpuFeature.Avx2;

    public static int Units => 16;

    public static int Step => 4;

    public static double ProductsPerCycle => 28;

    public static bool NeedsSmallWeights => false;

    public static int ElementBytes => Int8SignMagnitude.StepBytes / 4;

    public static int Offset(int zeroPoint) => 0;

    public static (int Index, sbyte Stored) Place(int unit, int element, sbyte weight) => (unit * Step + element, weight);

    /// <summary>The sum of the negative elements' magnitudes follows the elements.</summary>
    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) =>
        *(int*)(destination + (count + Step - 1) / Step * Int8SignMagnitude.StepBytes) = Int8SignMagnitude.Split(source, destination, count);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        Vector256<int> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
        for (byte* end = x + Int8SignMagnitude.StepBytes * (nint)steps; x < end; x += Int8SignMagnitude.StepBytes, weights += TGates.Value * 64)
        {
            Vector256<byte> v = Vector256.Create(*(int*)x).AsByte();
            Vector256<sbyte> m = Vector256.Create(*(int*)(x + 4)).AsSByte();
            // A prefetch may point anywhere: it never faults.
            Sse.Prefetch0(weights + Ahead);
            a0 = Int8SignMagnitude.MultiplyAdd(a0, v, m, weights);
            b0 = Int8SignMagnitude.MultiplyAdd(b0, v, m, weights + 32);
            if (TGates.Value > 1)
            {
                Sse.Prefetch0(weights + Ahead + 64);
                a1 = Int8SignMagnitude.MultiplyAdd(a1, v, m, weights + 64);
                b1 = Int8SignMagnitude.MultiplyAdd(b1, v, m, weights + 96);
            }
            if (TGates.Value > 2)
            {
                Sse.Prefetch0(weights + Ahead + 128);
                a2 = Int8SignMagnitude.MultiplyAdd(a2, v, m, weights + 128);
                b2 = Int8SignMagnitude.MultiplyAdd(b2, v, m, weights + 160);
            }
            if (TGates.Value > 3)
            {
                Sse.Prefetch0(weights + Ahead + 192);
                a3 = Int8SignMagnitude.MultiplyAdd(a3, v, m, weights + 192);
                b3 = Int8SignMagnitude.MultiplyAdd(b3, v, m, weights + 224);
            }
        }
        Vector256<int> below = Vector256.Create(*(int*)x);
        Store(sums, a0, b0, below);
        if (TGates.Value > 1) Store(sums + 16, a1, b1, below);
        if (TGates.Value > 2) Store(sums + 32, a2, b2, below);
        if (TGates.Value > 3) Store(sums + 48, a3, b3, below);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* sums, Vector256<int> a, Vector256<int> b, Vector256<int> below)
    {
        (a + below).Store(sums);
        (b + below).Store(sums + 8);
    }
}
