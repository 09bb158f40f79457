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

    private const int Unit = 32;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TGates>(byte* x, sbyte* weights, int steps, int* sums) where TGates : struct, ICount
    {
        // a: units 0-1 and 2-3, b: units 4-5 and 6-7, of each gate; two lanes a unit.
        Vector128<int> a0 = default, b0 = default, c0 = default, d0 = default, a1 = default, b1 = default, c1 = default, d1 = default;
        Vector128<int> a2 = default, b2 = default, c2 = default, d2 = default, a3 = default, b3 = default, c3 = default, d3 = default;
        int step = TGates.Value * Unit;
        for (byte* end = x + steps / 2 * 8; x != end; weights += 2 * step)
        {
            if (TGates.Value == 3) Three(ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, x, weights);
            else if (TGates.Value == 4) Four(ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3, x, weights);
            else
            {
                (Vector128<sbyte> v, Vector128<sbyte> w, Vector64<sbyte> vl, Vector64<sbyte> wl) = Elements(x);
                Add(ref a0, ref b0, ref c0, ref d0, v, w, vl, wl, weights, step);
                if (TGates.Value == 2) Add(ref a1, ref b1, ref c1, ref d1, v, w, vl, wl, weights + Unit, step);
            }
            x += 8;
        }
        if (steps % 2 != 0)
        {
            Vector128<sbyte> v = AdvSimd.LoadAndReplicateToVector128((int*)x).AsSByte();
            Vector64<sbyte> vl = v.GetLower();
            Add(ref a0, ref b0, ref c0, ref d0, v, default, vl, default, weights, 0);
            if (TGates.Value > 1) Add(ref a1, ref b1, ref c1, ref d1, v, default, vl, default, weights + Unit, 0);
            if (TGates.Value > 2) Add(ref a2, ref b2, ref c2, ref d2, v, default, vl, default, weights + 2 * Unit, 0);
            if (TGates.Value > 3) Add(ref a3, ref b3, ref c3, ref d3, v, default, vl, default, weights + 3 * Unit, 0);
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
        Multiply(p, q, v, vl, out Vector128<short> t0, out Vector128<short> t1, out Vector128<short> t2, out Vector128<short> t3);
        MultiplyAdd(r, s, w, wl, ref t0, ref t1, ref t2, ref t3);
        AddPairs(ref a, ref b, ref c, ref d, t0, t1, t2, t3);
    }

    /// <summary>
    /// Two steps of 8 units of three gates. Four vectors are loaded by one LD1, whose latency is no less than a product's: in-order cores need not wait for it.
    /// A lower half is taken after the last use of its whole vector: it is the same register then, and costs no move.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Three(ref Vector128<int> a0, ref Vector128<int> b0, ref Vector128<int> c0, ref Vector128<int> d0, ref Vector128<int> a1, ref Vector128<int> b1, ref Vector128<int> c1, ref Vector128<int> d1,
        ref Vector128<int> a2, ref Vector128<int> b2, ref Vector128<int> c2, ref Vector128<int> d2, byte* x, sbyte* weights)
    {
        sbyte* second = weights + 2 * Unit, third = weights + 4 * Unit;
        (Vector128<sbyte> p0, Vector128<sbyte> q0, Vector128<sbyte> p1, Vector128<sbyte> q1) = AdvSimd.Arm64.Load4xVector128(weights);
        (Vector128<sbyte> v, Vector128<sbyte> w, Vector64<sbyte> vl, Vector64<sbyte> wl) = Elements(x);
        (Vector128<sbyte> p2, Vector128<sbyte> q2, Vector128<sbyte> r0, Vector128<sbyte> s0) = AdvSimd.Arm64.Load4xVector128(second);
        Multiply(p0, q0, v, vl, out Vector128<short> t0, out Vector128<short> t1, out Vector128<short> t2, out Vector128<short> t3);
        Multiply(p1, q1, v, vl, out Vector128<short> t4, out Vector128<short> t5, out Vector128<short> t6, out Vector128<short> t7);
        MultiplyAdd(r0, s0, w, wl, ref t0, ref t1, ref t2, ref t3);
        (Vector128<sbyte> r1, Vector128<sbyte> s1, Vector128<sbyte> r2, Vector128<sbyte> s2) = AdvSimd.Arm64.Load4xVector128(third);
        Multiply(p2, q2, v, vl, out Vector128<short> t8, out Vector128<short> t9, out Vector128<short> t10, out Vector128<short> t11);
        AddPairs(ref a0, ref b0, ref c0, ref d0, t0, t1, t2, t3);
        MultiplyAdd(r1, s1, w, wl, ref t4, ref t5, ref t6, ref t7);
        MultiplyAdd(r2, s2, w, wl, ref t8, ref t9, ref t10, ref t11);
        AddPairs(ref a1, ref b1, ref c1, ref d1, t4, t5, t6, t7);
        AddPairs(ref a2, ref b2, ref c2, ref d2, t8, t9, t10, t11);
    }

    /// <summary>As <see cref="Three"/>, two gates after two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(ref Vector128<int> a0, ref Vector128<int> b0, ref Vector128<int> c0, ref Vector128<int> d0, ref Vector128<int> a1, ref Vector128<int> b1, ref Vector128<int> c1, ref Vector128<int> d1,
        ref Vector128<int> a2, ref Vector128<int> b2, ref Vector128<int> c2, ref Vector128<int> d2, ref Vector128<int> a3, ref Vector128<int> b3, ref Vector128<int> c3, ref Vector128<int> d3, byte* x, sbyte* weights)
    {
        sbyte* second = weights + 4 * Unit, third = weights + 2 * Unit, fourth = weights + 6 * Unit;
        (Vector128<sbyte> p0, Vector128<sbyte> q0, Vector128<sbyte> p1, Vector128<sbyte> q1) = AdvSimd.Arm64.Load4xVector128(weights);
        (Vector128<sbyte> v, Vector128<sbyte> w, Vector64<sbyte> vl, Vector64<sbyte> wl) = Elements(x);
        (Vector128<sbyte> r0, Vector128<sbyte> s0, Vector128<sbyte> r1, Vector128<sbyte> s1) = AdvSimd.Arm64.Load4xVector128(second);
        Multiply(p0, q0, v, vl, out Vector128<short> t0, out Vector128<short> t1, out Vector128<short> t2, out Vector128<short> t3);
        Multiply(p1, q1, v, vl, out Vector128<short> t4, out Vector128<short> t5, out Vector128<short> t6, out Vector128<short> t7);
        MultiplyAdd(r0, s0, w, wl, ref t0, ref t1, ref t2, ref t3);
        MultiplyAdd(r1, s1, w, wl, ref t4, ref t5, ref t6, ref t7);
        (p0, q0, p1, q1) = AdvSimd.Arm64.Load4xVector128(third);
        AddPairs(ref a0, ref b0, ref c0, ref d0, t0, t1, t2, t3);
        AddPairs(ref a1, ref b1, ref c1, ref d1, t4, t5, t6, t7);
        (r0, s0, r1, s1) = AdvSimd.Arm64.Load4xVector128(fourth);
        Multiply(p0, q0, v, vl, out t0, out t1, out t2, out t3);
        Multiply(p1, q1, v, vl, out t4, out t5, out t6, out t7);
        MultiplyAdd(r0, s0, w, wl, ref t0, ref t1, ref t2, ref t3);
        MultiplyAdd(r1, s1, w, wl, ref t4, ref t5, ref t6, ref t7);
        AddPairs(ref a2, ref b2, ref c2, ref d2, t0, t1, t2, t3);
        AddPairs(ref a3, ref b3, ref c3, ref d3, t4, t5, t6, t7);
    }

    /// <summary>Two steps' elements in every lane, and their lower halves as registers of their own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<sbyte> V, Vector128<sbyte> W, Vector64<sbyte> LowerV, Vector64<sbyte> LowerW) Elements(byte* x)
    {
        (Vector128<int> v, Vector128<int> w) = AdvSimd.Arm64.LoadAndReplicateToVector128x2((int*)x);
        (Vector64<int> vl, Vector64<int> wl) = AdvSimd.LoadAndReplicateToVector64x2((int*)x);
        return (v.AsSByte(), w.AsSByte(), vl.AsSByte(), wl.AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(Vector128<sbyte> p, Vector128<sbyte> q, Vector128<sbyte> v, Vector64<sbyte> vl,
        out Vector128<short> t0, out Vector128<short> t1, out Vector128<short> t2, out Vector128<short> t3)
    {
        t1 = AdvSimd.MultiplyWideningUpper(p, v);
        t3 = AdvSimd.MultiplyWideningUpper(q, v);
        Vector64<sbyte> pl = p.GetLower(), ql = q.GetLower();
        t0 = AdvSimd.MultiplyWideningLower(pl, vl);
        t2 = AdvSimd.MultiplyWideningLower(ql, vl);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyAdd(Vector128<sbyte> r, Vector128<sbyte> s, Vector128<sbyte> w, Vector64<sbyte> wl,
        ref Vector128<short> t0, ref Vector128<short> t1, ref Vector128<short> t2, ref Vector128<short> t3)
    {
        t1 = AdvSimd.MultiplyWideningUpperAndAdd(t1, r, w);
        t3 = AdvSimd.MultiplyWideningUpperAndAdd(t3, s, w);
        Vector64<sbyte> rl = r.GetLower(), sl = s.GetLower();
        t0 = AdvSimd.MultiplyWideningLowerAndAdd(t0, rl, wl);
        t2 = AdvSimd.MultiplyWideningLowerAndAdd(t2, sl, wl);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPairs(ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d, Vector128<short> t0, Vector128<short> t1, Vector128<short> t2, Vector128<short> t3)
    {
        b = AdvSimd.AddPairwiseWideningAndAdd(b, t1);
        d = AdvSimd.AddPairwiseWideningAndAdd(d, t3);
        a = AdvSimd.AddPairwiseWideningAndAdd(a, t0);
        c = AdvSimd.AddPairwiseWideningAndAdd(c, t2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* sums, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d)
    {
        AdvSimd.Store(sums, AdvSimd.Arm64.AddPairwise(a, b));
        AdvSimd.Store(sums + 4, AdvSimd.Arm64.AddPairwise(c, d));
    }
}
