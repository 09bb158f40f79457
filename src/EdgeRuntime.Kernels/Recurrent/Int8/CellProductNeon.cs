using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRuntime.Kernels;

/// <summary>
/// ARMv8.0: SMULL and SMLAL multiply 4 elements of two units each and add the products of two steps
/// in 16 bits (|w| ≤ 127: at most 2·128·127 &lt; 2^15), SADALP adds the pairs to 32-bit sums. A unit's sums lie in two lanes.
/// </summary>
internal readonly unsafe struct CellProductNeon : ICellProduct
{
    public static string Name => "neon";

    public static CpuFeature Requires => CpuFeature.Neon;

    public static int Units => 8;

    public static int Step => 4;

    public static double ProductsPerCycle => 8;

    public static bool NeedsSmallWeights => true;

    public static int ElementBytes => 1;

    public static int Offset(int zeroPoint) => 0;

    public static (int Index, sbyte Stored) Place(int unit, int element, sbyte weight) => (unit * Step + element, weight);

    public static void Convert(sbyte* source, byte* destination, int count, int zeroPoint) => CellProductNeonDot.Convert(source, destination, count, zeroPoint);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        // a: units 0-1 and 2-3, b: units 4-5 and 6-7, of each gate; two lanes a unit.
        Vector128<int> a0 = default, b0 = default, c0 = default, d0 = default, a1 = default, b1 = default, c1 = default, d1 = default;
        Vector128<int> a2 = default, b2 = default, c2 = default, d2 = default, a3 = default, b3 = default, c3 = default, d3 = default;
        const int unit = 32;
        nint step = TGates.Value * unit;
        for (; steps > 1; steps -= 2, x += 8, weights += 2 * step)
        {
            Vector128<sbyte> v = AdvSimd.LoadAndReplicateToVector128((int*)x).AsSByte(), w = AdvSimd.LoadAndReplicateToVector128((int*)x + 1).AsSByte();
            Add(ref a0, ref b0, ref c0, ref d0, v, w, weights, weights + step);
            if (TGates.Value > 1) Add(ref a1, ref b1, ref c1, ref d1, v, w, weights + unit, weights + step + unit);
            if (TGates.Value > 2) Add(ref a2, ref b2, ref c2, ref d2, v, w, weights + 2 * unit, weights + step + 2 * unit);
            if (TGates.Value > 3) Add(ref a3, ref b3, ref c3, ref d3, v, w, weights + 3 * unit, weights + step + 3 * unit);
        }
        if (steps > 0)
        {
            Vector128<sbyte> v = AdvSimd.LoadAndReplicateToVector128((int*)x).AsSByte();
            Add(ref a0, ref b0, ref c0, ref d0, v, default, weights, weights);
            if (TGates.Value > 1) Add(ref a1, ref b1, ref c1, ref d1, v, default, weights + unit, weights + unit);
            if (TGates.Value > 2) Add(ref a2, ref b2, ref c2, ref d2, v, default, weights + 2 * unit, weights + 2 * unit);
            if (TGates.Value > 3) Add(ref a3, ref b3, ref c3, ref d3, v, default, weights + 3 * unit, weights + 3 * unit);
        }
        Store(sums, a0, b0, c0, d0);
        if (TGates.Value > 1) Store(sums + 8, a1, b1, c1, d1);
        if (TGates.Value > 2) Store(sums + 16, a2, b2, c2, d2);
        if (TGates.Value > 3) Store(sums + 24, a3, b3, c3, d3);
    }

    /// <summary>Two steps of 8 units of a gate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d,
        Vector128<sbyte> v, Vector128<sbyte> w, sbyte* first, sbyte* second)
    {
        (Vector128<sbyte> p, Vector128<sbyte> q) = AdvSimd.Arm64.LoadPairVector128(first);
        (Vector128<sbyte> r, Vector128<sbyte> s) = AdvSimd.Arm64.LoadPairVector128(second);
        a = AdvSimd.AddPairwiseWideningAndAdd(a, AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningLower(p.GetLower(), v.GetLower()), r.GetLower(), w.GetLower()));
        b = AdvSimd.AddPairwiseWideningAndAdd(b, AdvSimd.MultiplyWideningUpperAndAdd(AdvSimd.MultiplyWideningUpper(p, v), r, w));
        c = AdvSimd.AddPairwiseWideningAndAdd(c, AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningLower(q.GetLower(), v.GetLower()), s.GetLower(), w.GetLower()));
        d = AdvSimd.AddPairwiseWideningAndAdd(d, AdvSimd.MultiplyWideningUpperAndAdd(AdvSimd.MultiplyWideningUpper(q, v), s, w));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* sums, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
    {
        AdvSimd.Store(sums, AdvSimd.Arm64.AddPairwise(a, b));
        AdvSimd.Store(sums + 4, AdvSimd.Arm64.AddPairwise(c, d));
    }
}
