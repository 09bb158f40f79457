using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Arm.AdvSimd;
using static System.Runtime.Intrinsics.Arm.AdvSimd.Arm64;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The register tile of the float matrix product on ARM64: up to 8 rows × 2 vectors. One 16-byte load of a row serves four
/// steps of the depth, as FMLA multiplies by an element; 16 accumulators, 8 rows and 2 weights fill 26 of 32 registers.
/// </summary>
internal static unsafe class GemmFloat32NeonTile
{
    /// <summary>A tile of <paramref name="rows"/> rows.</summary>
    public static void Run<TVectors>(int rows, in GemmFloat32Task task) where TVectors : struct, ICount
    {
        switch (rows)
        {
            case 1: Single<TVectors>(task); break;
            case 2: Run<N2, TVectors>(task); break;
            case 3: Run<N3, TVectors>(task); break;
            case 4: Run<N4, TVectors>(task); break;
            case 5: Run<N5, TVectors>(task); break;
            case 6: Run<N6, TVectors>(task); break;
            case 7: Run<N7, TVectors>(task); break;
            default: Run<N8, TVectors>(task); break;
        }
    }

    /// <summary>A tile of TRows × TVectors.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Run<TRows, TVectors>(in GemmFloat32Task t) where TRows : struct, ICount where TVectors : struct, ICount
    {
        const int Lanes = 4;
        int columns = TVectors.Value * Lanes;
        float* b = t.Panel;
        byte* a0 = (byte*)t.Rows[0];
        byte* a1 = (byte*)t.Rows[1];
        byte* a2 = TRows.Value > 2 ? (byte*)t.Rows[2] : null;
        byte* a3 = TRows.Value > 3 ? (byte*)t.Rows[3] : null;
        byte* a4 = TRows.Value > 4 ? (byte*)t.Rows[4] : null;
        byte* a5 = TRows.Value > 5 ? (byte*)t.Rows[5] : null;
        byte* a6 = TRows.Value > 6 ? (byte*)t.Rows[6] : null;
        byte* a7 = TRows.Value > 7 ? (byte*)t.Rows[7] : null;
        Vector128<float> u = LoadVector128(b), v = TVectors.Value > 1 ? LoadVector128(b + Lanes) : default;
        Vector128<float> c0 = u, d0 = v;
        Vector128<float> c1 = u, d1 = v;
        Vector128<float> c2 = u, d2 = v;
        Vector128<float> c3 = u, d3 = v;
        Vector128<float> c4 = u, d4 = v;
        Vector128<float> c5 = u, d5 = v;
        Vector128<float> c6 = u, d6 = v;
        Vector128<float> c7 = u, d7 = v;
        b += columns;
        for (nint o = 0, outer = 0; o < t.OuterCount; o++, outer += 4 * t.OuterStep)
            for (nint i = 0, first = outer; i < t.InnerCount; i++, first += 4 * t.InnerStep)
            {
                nint k = first, end = first + 4 * t.Length;
                while (k <= end - 16)
                {
                    Vector128<float> x0 = LoadVector128((float*)(a0 + k)), x1 = LoadVector128((float*)(a1 + k));
                    Vector128<float> x2 = TRows.Value > 2 ? LoadVector128((float*)(a2 + k)) : default;
                    Vector128<float> x3 = TRows.Value > 3 ? LoadVector128((float*)(a3 + k)) : default;
                    Vector128<float> x4 = TRows.Value > 4 ? LoadVector128((float*)(a4 + k)) : default;
                    Vector128<float> x5 = TRows.Value > 5 ? LoadVector128((float*)(a5 + k)) : default;
                    Vector128<float> x6 = TRows.Value > 6 ? LoadVector128((float*)(a6 + k)) : default;
                    Vector128<float> x7 = TRows.Value > 7 ? LoadVector128((float*)(a7 + k)) : default;
                    u = LoadVector128(b);
                    if (TVectors.Value > 1) v = LoadVector128(b + Lanes);
                    Vector128<float> w = LoadVector128(b + columns), z = TVectors.Value > 1 ? LoadVector128(b + columns + Lanes) : default;
                    c0 = FusedMultiplyAddBySelectedScalar(c0, u, x0, 0);
                    if (TVectors.Value > 1) d0 = FusedMultiplyAddBySelectedScalar(d0, v, x0, 0);
                    c1 = FusedMultiplyAddBySelectedScalar(c1, u, x1, 0);
                    if (TVectors.Value > 1) d1 = FusedMultiplyAddBySelectedScalar(d1, v, x1, 0);
                    if (TRows.Value > 2) c2 = FusedMultiplyAddBySelectedScalar(c2, u, x2, 0);
                    if (TRows.Value > 2 && TVectors.Value > 1) d2 = FusedMultiplyAddBySelectedScalar(d2, v, x2, 0);
                    if (TRows.Value > 3) c3 = FusedMultiplyAddBySelectedScalar(c3, u, x3, 0);
                    if (TRows.Value > 3 && TVectors.Value > 1) d3 = FusedMultiplyAddBySelectedScalar(d3, v, x3, 0);
                    if (TRows.Value > 4) c4 = FusedMultiplyAddBySelectedScalar(c4, u, x4, 0);
                    if (TRows.Value > 4 && TVectors.Value > 1) d4 = FusedMultiplyAddBySelectedScalar(d4, v, x4, 0);
                    if (TRows.Value > 5) c5 = FusedMultiplyAddBySelectedScalar(c5, u, x5, 0);
                    if (TRows.Value > 5 && TVectors.Value > 1) d5 = FusedMultiplyAddBySelectedScalar(d5, v, x5, 0);
                    if (TRows.Value > 6) c6 = FusedMultiplyAddBySelectedScalar(c6, u, x6, 0);
                    if (TRows.Value > 6 && TVectors.Value > 1) d6 = FusedMultiplyAddBySelectedScalar(d6, v, x6, 0);
                    if (TRows.Value > 7) c7 = FusedMultiplyAddBySelectedScalar(c7, u, x7, 0);
                    if (TRows.Value > 7 && TVectors.Value > 1) d7 = FusedMultiplyAddBySelectedScalar(d7, v, x7, 0);
                    c0 = FusedMultiplyAddBySelectedScalar(c0, w, x0, 1);
                    if (TVectors.Value > 1) d0 = FusedMultiplyAddBySelectedScalar(d0, z, x0, 1);
                    c1 = FusedMultiplyAddBySelectedScalar(c1, w, x1, 1);
                    if (TVectors.Value > 1) d1 = FusedMultiplyAddBySelectedScalar(d1, z, x1, 1);
                    if (TRows.Value > 2) c2 = FusedMultiplyAddBySelectedScalar(c2, w, x2, 1);
                    if (TRows.Value > 2 && TVectors.Value > 1) d2 = FusedMultiplyAddBySelectedScalar(d2, z, x2, 1);
                    if (TRows.Value > 3) c3 = FusedMultiplyAddBySelectedScalar(c3, w, x3, 1);
                    if (TRows.Value > 3 && TVectors.Value > 1) d3 = FusedMultiplyAddBySelectedScalar(d3, z, x3, 1);
                    if (TRows.Value > 4) c4 = FusedMultiplyAddBySelectedScalar(c4, w, x4, 1);
                    if (TRows.Value > 4 && TVectors.Value > 1) d4 = FusedMultiplyAddBySelectedScalar(d4, z, x4, 1);
                    if (TRows.Value > 5) c5 = FusedMultiplyAddBySelectedScalar(c5, w, x5, 1);
                    if (TRows.Value > 5 && TVectors.Value > 1) d5 = FusedMultiplyAddBySelectedScalar(d5, z, x5, 1);
                    if (TRows.Value > 6) c6 = FusedMultiplyAddBySelectedScalar(c6, w, x6, 1);
                    if (TRows.Value > 6 && TVectors.Value > 1) d6 = FusedMultiplyAddBySelectedScalar(d6, z, x6, 1);
                    if (TRows.Value > 7) c7 = FusedMultiplyAddBySelectedScalar(c7, w, x7, 1);
                    if (TRows.Value > 7 && TVectors.Value > 1) d7 = FusedMultiplyAddBySelectedScalar(d7, z, x7, 1);
                    u = LoadVector128(b + 2 * columns);
                    if (TVectors.Value > 1) v = LoadVector128(b + 2 * columns + Lanes);
                    w = LoadVector128(b + 3 * columns);
                    if (TVectors.Value > 1) z = LoadVector128(b + 3 * columns + Lanes);
                    b += 4 * columns;
                    k += 16;
                    c0 = FusedMultiplyAddBySelectedScalar(c0, u, x0, 2);
                    if (TVectors.Value > 1) d0 = FusedMultiplyAddBySelectedScalar(d0, v, x0, 2);
                    c1 = FusedMultiplyAddBySelectedScalar(c1, u, x1, 2);
                    if (TVectors.Value > 1) d1 = FusedMultiplyAddBySelectedScalar(d1, v, x1, 2);
                    if (TRows.Value > 2) c2 = FusedMultiplyAddBySelectedScalar(c2, u, x2, 2);
                    if (TRows.Value > 2 && TVectors.Value > 1) d2 = FusedMultiplyAddBySelectedScalar(d2, v, x2, 2);
                    if (TRows.Value > 3) c3 = FusedMultiplyAddBySelectedScalar(c3, u, x3, 2);
                    if (TRows.Value > 3 && TVectors.Value > 1) d3 = FusedMultiplyAddBySelectedScalar(d3, v, x3, 2);
                    if (TRows.Value > 4) c4 = FusedMultiplyAddBySelectedScalar(c4, u, x4, 2);
                    if (TRows.Value > 4 && TVectors.Value > 1) d4 = FusedMultiplyAddBySelectedScalar(d4, v, x4, 2);
                    if (TRows.Value > 5) c5 = FusedMultiplyAddBySelectedScalar(c5, u, x5, 2);
                    if (TRows.Value > 5 && TVectors.Value > 1) d5 = FusedMultiplyAddBySelectedScalar(d5, v, x5, 2);
                    if (TRows.Value > 6) c6 = FusedMultiplyAddBySelectedScalar(c6, u, x6, 2);
                    if (TRows.Value > 6 && TVectors.Value > 1) d6 = FusedMultiplyAddBySelectedScalar(d6, v, x6, 2);
                    if (TRows.Value > 7) c7 = FusedMultiplyAddBySelectedScalar(c7, u, x7, 2);
                    if (TRows.Value > 7 && TVectors.Value > 1) d7 = FusedMultiplyAddBySelectedScalar(d7, v, x7, 2);
                    c0 = FusedMultiplyAddBySelectedScalar(c0, w, x0, 3);
                    if (TVectors.Value > 1) d0 = FusedMultiplyAddBySelectedScalar(d0, z, x0, 3);
                    c1 = FusedMultiplyAddBySelectedScalar(c1, w, x1, 3);
                    if (TVectors.Value > 1) d1 = FusedMultiplyAddBySelectedScalar(d1, z, x1, 3);
                    if (TRows.Value > 2) c2 = FusedMultiplyAddBySelectedScalar(c2, w, x2, 3);
                    if (TRows.Value > 2 && TVectors.Value > 1) d2 = FusedMultiplyAddBySelectedScalar(d2, z, x2, 3);
                    if (TRows.Value > 3) c3 = FusedMultiplyAddBySelectedScalar(c3, w, x3, 3);
                    if (TRows.Value > 3 && TVectors.Value > 1) d3 = FusedMultiplyAddBySelectedScalar(d3, z, x3, 3);
                    if (TRows.Value > 4) c4 = FusedMultiplyAddBySelectedScalar(c4, w, x4, 3);
                    if (TRows.Value > 4 && TVectors.Value > 1) d4 = FusedMultiplyAddBySelectedScalar(d4, z, x4, 3);
                    if (TRows.Value > 5) c5 = FusedMultiplyAddBySelectedScalar(c5, w, x5, 3);
                    if (TRows.Value > 5 && TVectors.Value > 1) d5 = FusedMultiplyAddBySelectedScalar(d5, z, x5, 3);
                    if (TRows.Value > 6) c6 = FusedMultiplyAddBySelectedScalar(c6, w, x6, 3);
                    if (TRows.Value > 6 && TVectors.Value > 1) d6 = FusedMultiplyAddBySelectedScalar(d6, z, x6, 3);
                    if (TRows.Value > 7) c7 = FusedMultiplyAddBySelectedScalar(c7, w, x7, 3);
                    if (TRows.Value > 7 && TVectors.Value > 1) d7 = FusedMultiplyAddBySelectedScalar(d7, z, x7, 3);
                }
                for (; k < end; k += 4, b += columns)
                {
                    Vector64<float> x0 = Load1((float*)(a0 + k)), x1 = Load1((float*)(a1 + k));
                    Vector64<float> x2 = TRows.Value > 2 ? Load1((float*)(a2 + k)) : default;
                    Vector64<float> x3 = TRows.Value > 3 ? Load1((float*)(a3 + k)) : default;
                    Vector64<float> x4 = TRows.Value > 4 ? Load1((float*)(a4 + k)) : default;
                    Vector64<float> x5 = TRows.Value > 5 ? Load1((float*)(a5 + k)) : default;
                    Vector64<float> x6 = TRows.Value > 6 ? Load1((float*)(a6 + k)) : default;
                    Vector64<float> x7 = TRows.Value > 7 ? Load1((float*)(a7 + k)) : default;
                    u = LoadVector128(b);
                    if (TVectors.Value > 1) v = LoadVector128(b + Lanes);
                    c0 = FusedMultiplyAddBySelectedScalar(c0, u, x0, 0);
                    if (TVectors.Value > 1) d0 = FusedMultiplyAddBySelectedScalar(d0, v, x0, 0);
                    c1 = FusedMultiplyAddBySelectedScalar(c1, u, x1, 0);
                    if (TVectors.Value > 1) d1 = FusedMultiplyAddBySelectedScalar(d1, v, x1, 0);
                    if (TRows.Value > 2) c2 = FusedMultiplyAddBySelectedScalar(c2, u, x2, 0);
                    if (TRows.Value > 2 && TVectors.Value > 1) d2 = FusedMultiplyAddBySelectedScalar(d2, v, x2, 0);
                    if (TRows.Value > 3) c3 = FusedMultiplyAddBySelectedScalar(c3, u, x3, 0);
                    if (TRows.Value > 3 && TVectors.Value > 1) d3 = FusedMultiplyAddBySelectedScalar(d3, v, x3, 0);
                    if (TRows.Value > 4) c4 = FusedMultiplyAddBySelectedScalar(c4, u, x4, 0);
                    if (TRows.Value > 4 && TVectors.Value > 1) d4 = FusedMultiplyAddBySelectedScalar(d4, v, x4, 0);
                    if (TRows.Value > 5) c5 = FusedMultiplyAddBySelectedScalar(c5, u, x5, 0);
                    if (TRows.Value > 5 && TVectors.Value > 1) d5 = FusedMultiplyAddBySelectedScalar(d5, v, x5, 0);
                    if (TRows.Value > 6) c6 = FusedMultiplyAddBySelectedScalar(c6, u, x6, 0);
                    if (TRows.Value > 6 && TVectors.Value > 1) d6 = FusedMultiplyAddBySelectedScalar(d6, v, x6, 0);
                    if (TRows.Value > 7) c7 = FusedMultiplyAddBySelectedScalar(c7, u, x7, 0);
                    if (TRows.Value > 7 && TVectors.Value > 1) d7 = FusedMultiplyAddBySelectedScalar(d7, v, x7, 0);
                }
            }
        Vector128<float> low = Vector128.Create(t.Min), high = Vector128.Create(t.Max);
        float* y = t.Output;
        Store<TVectors>(y, low, high, c0, d0);
        Store<TVectors>(y += t.OutputStep, low, high, c1, d1);
        if (TRows.Value > 2) Store<TVectors>(y += t.OutputStep, low, high, c2, d2);
        if (TRows.Value > 3) Store<TVectors>(y += t.OutputStep, low, high, c3, d3);
        if (TRows.Value > 4) Store<TVectors>(y += t.OutputStep, low, high, c4, d4);
        if (TRows.Value > 5) Store<TVectors>(y += t.OutputStep, low, high, c5, d5);
        if (TRows.Value > 6) Store<TVectors>(y += t.OutputStep, low, high, c6, d6);
        if (TRows.Value > 7) Store<TVectors>(y += t.OutputStep, low, high, c7, d7);
    }

    /// <summary>One row: each quarter of four k has accumulators of its own, so that no sum waits for another.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Single<TVectors>(in GemmFloat32Task t) where TVectors : struct, ICount
    {
        const int Lanes = 4;
        int columns = TVectors.Value * Lanes;
        float* b = t.Panel;
        Vector128<float> c0 = LoadVector128(b), c1 = default, c2 = default, c3 = default;
        Vector128<float> d0 = TVectors.Value > 1 ? LoadVector128(b + Lanes) : default, d1 = default, d2 = default, d3 = default;
        b += columns;
        for (nint o = 0; o < t.OuterCount; o++)
            for (nint i = 0; i < t.InnerCount; i++)
            {
                float* a = t.Rows[0] + o * t.OuterStep + i * t.InnerStep, end = a + t.Length;
                if (TVectors.Value > 1) Sixteens(t.Length / 16, ref a, ref b, ref c0, ref c1, ref c2, ref c3, ref d0, ref d1, ref d2, ref d3);
                for (; a <= end - 4; a += 4, b += 4 * columns)
                {
                    // Four vectors by one instruction, before all products: no load then waits behind one. The element comes last, as weights' registers must not wrap around.
                    (Vector128<float> u0, Vector128<float> u1, Vector128<float> u2, Vector128<float> u3) = Arm64.Load4xVector128(b);
                    if (TVectors.Value == 1)
                    {
                        Vector128<float> z = LoadVector128(a);
                        c0 = FusedMultiplyAddBySelectedScalar(c0, u0, z, 0);
                        c1 = FusedMultiplyAddBySelectedScalar(c1, u1, z, 1);
                        c2 = FusedMultiplyAddBySelectedScalar(c2, u2, z, 2);
                        c3 = FusedMultiplyAddBySelectedScalar(c3, u3, z, 3);
                        continue;
                    }
                    (Vector128<float> u4, Vector128<float> u5, Vector128<float> u6, Vector128<float> u7) = Arm64.Load4xVector128(b + 16);
                    Vector128<float> x = LoadVector128(a);
                    c0 = FusedMultiplyAddBySelectedScalar(c0, u0, x, 0);
                    d0 = FusedMultiplyAddBySelectedScalar(d0, u1, x, 0);
                    c1 = FusedMultiplyAddBySelectedScalar(c1, u2, x, 1);
                    d1 = FusedMultiplyAddBySelectedScalar(d1, u3, x, 1);
                    c2 = FusedMultiplyAddBySelectedScalar(c2, u4, x, 2);
                    d2 = FusedMultiplyAddBySelectedScalar(d2, u5, x, 2);
                    c3 = FusedMultiplyAddBySelectedScalar(c3, u6, x, 3);
                    d3 = FusedMultiplyAddBySelectedScalar(d3, u7, x, 3);
                }
                for (; a < end; a++, b += columns)
                {
                    Vector64<float> x = Load1(a);
                    c0 = FusedMultiplyAddBySelectedScalar(c0, LoadVector128(b), x, 0);
                    if (TVectors.Value > 1) d0 = FusedMultiplyAddBySelectedScalar(d0, LoadVector128(b + Lanes), x, 0);
                }
            }
        Store<TVectors>(t.Output, Vector128.Create(t.Min), Vector128.Create(t.Max), (c0 + c1) + (c2 + c3), (d0 + d1) + (d2 + d3));
    }

    /// <summary>
    /// Sixteen k a turn of one row × two vectors. FMLA takes an in-order core longer than a load, which waits behind it: loads stand alone, four vectors each, three ahead of their use. Addresses are
    /// variables, as sums would wait too.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sixteens(nint count, ref float* row, ref float* weights, ref Vector128<float> c0, ref Vector128<float> c1, ref Vector128<float> c2, ref Vector128<float> c3,
        ref Vector128<float> d0, ref Vector128<float> d1, ref Vector128<float> d2, ref Vector128<float> d3)
    {
        float* a = row, b0 = weights, b1 = b0 + 16, b2 = b0 + 32, b3 = b0 + 48, b4 = b0 + 64, b5 = b0 + 80, b6 = b0 + 96, b7 = b0 + 112;
        while (count != 0)
        {
            count--;
            (Vector128<float> x0, Vector128<float> x1, Vector128<float> x2, Vector128<float> x3) = Arm64.Load4xVector128(a);
            (Vector128<float> u0, Vector128<float> u1, Vector128<float> u2, Vector128<float> u3) = Arm64.Load4xVector128(b0);
            (Vector128<float> v0, Vector128<float> v1, Vector128<float> v2, Vector128<float> v3) = Arm64.Load4xVector128(b1);
            (Vector128<float> w0, Vector128<float> w1, Vector128<float> w2, Vector128<float> w3) = Arm64.Load4xVector128(b2);
            Two(u0, u1, u2, u3, x0, 0, ref c0, ref d0, ref c1, ref d1);
            (u0, u1, u2, u3) = Arm64.Load4xVector128(b3);
            Two(v0, v1, v2, v3, x0, 2, ref c2, ref d2, ref c3, ref d3);
            (v0, v1, v2, v3) = Arm64.Load4xVector128(b4);
            Two(w0, w1, w2, w3, x1, 0, ref c0, ref d0, ref c1, ref d1);
            (w0, w1, w2, w3) = Arm64.Load4xVector128(b5);
            Two(u0, u1, u2, u3, x1, 2, ref c2, ref d2, ref c3, ref d3);
            (u0, u1, u2, u3) = Arm64.Load4xVector128(b6);
            Two(v0, v1, v2, v3, x2, 0, ref c0, ref d0, ref c1, ref d1);
            (v0, v1, v2, v3) = Arm64.Load4xVector128(b7);
            Two(w0, w1, w2, w3, x2, 2, ref c2, ref d2, ref c3, ref d3);
            Two(u0, u1, u2, u3, x3, 0, ref c0, ref d0, ref c1, ref d1);
            Two(v0, v1, v2, v3, x3, 2, ref c2, ref d2, ref c3, ref d3);
            a += 16;
            b0 += 128;
            b1 += 128;
            b2 += 128;
            b3 += 128;
            b4 += 128;
            b5 += 128;
            b6 += 128;
            b7 += 128;
        }
        row = a;
        weights = b0;
    }

    /// <summary>Two k of one row × two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Two(Vector128<float> u0, Vector128<float> u1, Vector128<float> u2, Vector128<float> u3, Vector128<float> x, int k,
        ref Vector128<float> c0, ref Vector128<float> d0, ref Vector128<float> c1, ref Vector128<float> d1)
    {
        c0 = NeonFloat.FmaElement(u0, x, k, c0);
        d0 = NeonFloat.FmaElement(u1, x, k, d0);
        c1 = NeonFloat.FmaElement(u2, x, k + 1, c1);
        d1 = NeonFloat.FmaElement(u3, x, k + 1, d1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<float> Load1(float* p) => Vector64.CreateScalarUnsafe(*p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(float* y, Vector128<float> low, Vector128<float> high, Vector128<float> c, Vector128<float> d) where TVectors : struct, ICount
    {
        System.Runtime.Intrinsics.Arm.AdvSimd.Store(y, NeonFloat.Clamp(c, low, high));
        if (TVectors.Value > 1) System.Runtime.Intrinsics.Arm.AdvSimd.Store(y + 4, NeonFloat.Clamp(d, low, high));
    }
}
