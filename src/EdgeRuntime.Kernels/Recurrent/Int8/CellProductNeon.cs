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
        int step = TGates.Value * unit;
        for (byte* end = x + steps / 2 * 8; x != end; weights += 2 * step)
        {
            (Vector128<int> first, Vector128<int> second) = AdvSimd.Arm64.LoadAndReplicateToVector128x2((int*)x);
            (Vector64<int> third, Vector64<int> fourth) = AdvSimd.LoadAndReplicateToVector64x2((int*)x);
            x += 8;
            Vector128<sbyte> v = first.AsSByte(), w = second.AsSByte();
            Vector64<sbyte> vl = third.AsSByte(), wl = fourth.AsSByte();
            if (TGates.Value == 1) Add(ref a0, ref b0, ref c0, ref d0, v, w, vl, wl, weights, step);
            else Add2(ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, v, w, vl, wl, weights, 0, step);
            if (TGates.Value == 3) Add(ref a2, ref b2, ref c2, ref d2, v, w, vl, wl, weights + 2 * unit, step);
            else if (TGates.Value > 3) Add2(ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, v, w, vl, wl, weights, 2 * unit, step + 2 * unit);
        }
        if (steps % 2 != 0)
        {
            Vector128<sbyte> v = AdvSimd.LoadAndReplicateToVector128((int*)x).AsSByte();
            Vector64<sbyte> vl = v.GetLower();
            Add(ref a0, ref b0, ref c0, ref d0, v, default, vl, default, weights, 0);
            if (TGates.Value > 1) Add(ref a1, ref b1, ref c1, ref d1, v, default, vl, default, weights + unit, 0);
            if (TGates.Value > 2) Add(ref a2, ref b2, ref c2, ref d2, v, default, vl, default, weights + 2 * unit, 0);
            if (TGates.Value > 3) Add(ref a3, ref b3, ref c3, ref d3, v, default, vl, default, weights + 3 * unit, 0);
        }
        Store(sums, a0, b0, c0, d0);
        if (TGates.Value > 1) Store(sums + 8, a1, b1, c1, d1);
        if (TGates.Value > 2) Store(sums + 16, a2, b2, c2, d2);
        if (TGates.Value > 3) Store(sums + 24, a3, b3, c3, d3);
    }

    /// <summary>Two steps of 8 units of a gate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d,
        Vector128<sbyte> v, Vector128<sbyte> w, Vector64<sbyte> vl, Vector64<sbyte> wl, sbyte* first, int step)
    {
        Vector128<sbyte> p = AdvSimd.LoadVector128(first), q = AdvSimd.LoadVector128(first + 16);
        Vector128<sbyte> r = AdvSimd.LoadVector128(first + step), s = AdvSimd.LoadVector128(first + step + 16);
        Vector128<short> t1 = AdvSimd.MultiplyWideningUpper(p, v), t3 = AdvSimd.MultiplyWideningUpper(q, v);
        Vector64<sbyte> pl = p.GetLower(), ql = q.GetLower();
        Vector128<short> t0 = AdvSimd.MultiplyWideningLower(pl, vl), t2 = AdvSimd.MultiplyWideningLower(ql, vl);
        t1 = AdvSimd.MultiplyWideningUpperAndAdd(t1, r, w);
        t3 = AdvSimd.MultiplyWideningUpperAndAdd(t3, s, w);
        Vector64<sbyte> rl = r.GetLower(), sl = s.GetLower();
        t0 = AdvSimd.MultiplyWideningLowerAndAdd(t0, rl, wl);
        t2 = AdvSimd.MultiplyWideningLowerAndAdd(t2, sl, wl);
        b = AdvSimd.AddPairwiseWideningAndAdd(b, t1);
        d = AdvSimd.AddPairwiseWideningAndAdd(d, t3);
        a = AdvSimd.AddPairwiseWideningAndAdd(a, t0);
        c = AdvSimd.AddPairwiseWideningAndAdd(c, t2);
    }

    /// <summary>
    /// Two steps of 8 units of two gates that lie one behind the other: eight chains of products side by side for in-order cores. A lower half is
    /// taken after the last use of its whole vector: it is the same register then, and costs no move.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add2(ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d,
        ref Vector128<int> e, ref Vector128<int> f, ref Vector128<int> g, ref Vector128<int> h, Vector128<sbyte> v, Vector128<sbyte> w, Vector64<sbyte> vl, Vector64<sbyte> wl, sbyte* weights, int first, int second)
    {
        Vector128<sbyte> p0 = AdvSimd.LoadVector128(weights + first), q0 = AdvSimd.LoadVector128(weights + (first + 16));
        Vector128<sbyte> p1 = AdvSimd.LoadVector128(weights + (first + 32)), q1 = AdvSimd.LoadVector128(weights + (first + 48));
        Vector128<short> t1 = AdvSimd.MultiplyWideningUpper(p0, v), t3 = AdvSimd.MultiplyWideningUpper(q0, v);
        Vector64<sbyte> p0l = p0.GetLower(), q0l = q0.GetLower();
        Vector128<short> t0 = AdvSimd.MultiplyWideningLower(p0l, vl), t2 = AdvSimd.MultiplyWideningLower(q0l, vl);
        Vector128<sbyte> r0 = AdvSimd.LoadVector128(weights + second), s0 = AdvSimd.LoadVector128(weights + (second + 16));
        Vector128<short> t5 = AdvSimd.MultiplyWideningUpper(p1, v), t7 = AdvSimd.MultiplyWideningUpper(q1, v);
        Vector64<sbyte> p1l = p1.GetLower(), q1l = q1.GetLower();
        Vector128<short> t4 = AdvSimd.MultiplyWideningLower(p1l, vl), t6 = AdvSimd.MultiplyWideningLower(q1l, vl);
        Vector128<sbyte> r1 = AdvSimd.LoadVector128(weights + (second + 32)), s1 = AdvSimd.LoadVector128(weights + (second + 48));
        t1 = AdvSimd.MultiplyWideningUpperAndAdd(t1, r0, w);
        t3 = AdvSimd.MultiplyWideningUpperAndAdd(t3, s0, w);
        Vector64<sbyte> r0l = r0.GetLower(), s0l = s0.GetLower();
        t0 = AdvSimd.MultiplyWideningLowerAndAdd(t0, r0l, wl);
        t2 = AdvSimd.MultiplyWideningLowerAndAdd(t2, s0l, wl);
        t5 = AdvSimd.MultiplyWideningUpperAndAdd(t5, r1, w);
        t7 = AdvSimd.MultiplyWideningUpperAndAdd(t7, s1, w);
        Vector64<sbyte> r1l = r1.GetLower(), s1l = s1.GetLower();
        t4 = AdvSimd.MultiplyWideningLowerAndAdd(t4, r1l, wl);
        t6 = AdvSimd.MultiplyWideningLowerAndAdd(t6, s1l, wl);
        b = AdvSimd.AddPairwiseWideningAndAdd(b, t1);
        d = AdvSimd.AddPairwiseWideningAndAdd(d, t3);
        a = AdvSimd.AddPairwiseWideningAndAdd(a, t0);
        c = AdvSimd.AddPairwiseWideningAndAdd(c, t2);
        f = AdvSimd.AddPairwiseWideningAndAdd(f, t5);
        h = AdvSimd.AddPairwiseWideningAndAdd(h, t7);
        e = AdvSimd.AddPairwiseWideningAndAdd(e, t4);
        g = AdvSimd.AddPairwiseWideningAndAdd(g, t6);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* sums, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
    {
        AdvSimd.Store(sums, AdvSimd.Arm64.AddPairwise(a, b));
        AdvSimd.Store(sums + 4, AdvSimd.Arm64.AddPairwise(c, d));
    }
}
