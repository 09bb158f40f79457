using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>Quadruples of bytes (SDOT by element).</summary>
internal readonly unsafe struct CellProductNeonDot : ICellProduct
{
    public static string Name => "neondot";

    public static CpuFeature Requires => CpuFeature.NeonDot;

    public static int Units => 8;

    public static int Step => 4;

    public static double ProductsPerCycle => 24;

    public static bool NeedsSmallWeights => false;

    public static int ElementBytes => 1;

    public static int Offset(int zeroPoint) => 0;

    public static (int Index, sbyte Stored) Place(int unit, int element, sbyte weight) => (unit * Step + element, weight);

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint)
    {
        new ReadOnlySpan<byte>(source, count).CopyTo(new Span<byte>(destination, count));
        for (; count % 4 != 0; count++) destination[count] = 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        Vector128<int> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
        for (byte* end = x + 4 * (nint)steps; x < end; x += 4, weights += TGates.Value * 32)
        {
            Vector128<sbyte> v = AdvSimd.LoadAndReplicateToVector128((int*)x).AsSByte();
            (Vector128<sbyte> p, Vector128<sbyte> q) = AdvSimd.Arm64.LoadPairVector128(weights);
            a0 = Dp.DotProduct(a0, p, v);
            b0 = Dp.DotProduct(b0, q, v);
            if (TGates.Value > 1)
            {
                (p, q) = AdvSimd.Arm64.LoadPairVector128(weights + 32);
                a1 = Dp.DotProduct(a1, p, v);
                b1 = Dp.DotProduct(b1, q, v);
            }
            if (TGates.Value > 2)
            {
                (p, q) = AdvSimd.Arm64.LoadPairVector128(weights + 64);
                a2 = Dp.DotProduct(a2, p, v);
                b2 = Dp.DotProduct(b2, q, v);
            }
            if (TGates.Value > 3)
            {
                (p, q) = AdvSimd.Arm64.LoadPairVector128(weights + 96);
                a3 = Dp.DotProduct(a3, p, v);
                b3 = Dp.DotProduct(b3, q, v);
            }
        }
        AdvSimd.Store(sums, a0);
        AdvSimd.Store(sums + 4, b0);
        if (TGates.Value > 1) { AdvSimd.Store(sums + 8, a1); AdvSimd.Store(sums + 12, b1); }
        if (TGates.Value > 2) { AdvSimd.Store(sums + 16, a2); AdvSimd.Store(sums + 20, b2); }
        if (TGates.Value > 3) { AdvSimd.Store(sums + 24, a3); AdvSimd.Store(sums + 28, b3); }
    }
}
