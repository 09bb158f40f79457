using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The register tiles of the float matrix product, for every width of vector. The accumulators start as the biases and stay
/// in registers over the whole depth; each step of the depth loads the panel's vectors and broadcasts one value per row.
/// Rows and vectors are compile-time numbers, so that a tile is straight code without branches inside its loop.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class GemmFloat32Tile<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>The task's tiles, of <paramref name="rows"/> rows each.</summary>
    public static void Wide<TVectors>(int rows, in GemmFloat32Task task) where TVectors : struct, ICount
    {
        switch (rows)
        {
            case 1: Wide<N1, TVectors>(task); break;
            case 2: Wide<N2, TVectors>(task); break;
            case 3: Wide<N3, TVectors>(task); break;
            case 4: Wide<N4, TVectors>(task); break;
            case 5: Wide<N5, TVectors>(task); break;
            default: Wide<N6, TVectors>(task); break;
        }
    }

    /// <summary>Up to 6 rows × 4 vectors: 24 accumulators, 4 weights and 1 input where there are 32 registers; 6 × 2 where there are 16.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Wide<TRows, TVectors>(in GemmFloat32Task t) where TRows : struct, ICount where TVectors : struct, ICount
    {
        float** rows = t.Rows;
        float* y = t.Output;
        for (int tile = t.Tiles; tile > 0; tile--, rows += TRows.Value, y += t.OutputStep)
        {
            float* b = t.Panel;
            float* a0 = rows[0];
            float* a1 = TRows.Value > 1 ? rows[1] : null;
            float* a2 = TRows.Value > 2 ? rows[2] : null;
            float* a3 = TRows.Value > 3 ? rows[3] : null;
            float* a4 = TRows.Value > 4 ? rows[4] : null;
            float* a5 = TRows.Value > 5 ? rows[5] : null;
            V b0 = S.Load(b);
            V b1 = TVectors.Value > 1 ? S.Load(b + S.Lanes) : default;
            V b2 = TVectors.Value > 2 ? S.Load(b + 2 * S.Lanes) : default;
            V b3 = TVectors.Value > 3 ? S.Load(b + 3 * S.Lanes) : default;
            V c00 = b0, c01 = b1, c02 = b2, c03 = b3;
            V c10 = b0, c11 = b1, c12 = b2, c13 = b3;
            V c20 = b0, c21 = b1, c22 = b2, c23 = b3;
            V c30 = b0, c31 = b1, c32 = b2, c33 = b3;
            V c40 = b0, c41 = b1, c42 = b2, c43 = b3;
            V c50 = b0, c51 = b1, c52 = b2, c53 = b3;
            for (nint o = 0, outer = 0; o < t.OuterCount; o++, outer += t.OuterStep)
                for (nint i = 0, first = outer; i < t.InnerCount; i++, first += t.InnerStep)
                    for (nint k = first, end = first + t.Length; k < end; k++)
                    {
                        b += TVectors.Value * S.Lanes;
                        b0 = S.Load(b);
                        if (TVectors.Value > 1) b1 = S.Load(b + S.Lanes);
                        if (TVectors.Value > 2) b2 = S.Load(b + 2 * S.Lanes);
                        if (TVectors.Value > 3) b3 = S.Load(b + 3 * S.Lanes);
                        V a = S.Broadcast(a0 + k);
                        c00 = S.Fma(a, b0, c00);
                        if (TVectors.Value > 1) c01 = S.Fma(a, b1, c01);
                        if (TVectors.Value > 2) c02 = S.Fma(a, b2, c02);
                        if (TVectors.Value > 3) c03 = S.Fma(a, b3, c03);
                        if (TRows.Value > 1)
                        {
                            a = S.Broadcast(a1 + k);
                            c10 = S.Fma(a, b0, c10);
                            if (TVectors.Value > 1) c11 = S.Fma(a, b1, c11);
                            if (TVectors.Value > 2) c12 = S.Fma(a, b2, c12);
                            if (TVectors.Value > 3) c13 = S.Fma(a, b3, c13);
                        }
                        if (TRows.Value > 2)
                        {
                            a = S.Broadcast(a2 + k);
                            c20 = S.Fma(a, b0, c20);
                            if (TVectors.Value > 1) c21 = S.Fma(a, b1, c21);
                            if (TVectors.Value > 2) c22 = S.Fma(a, b2, c22);
                            if (TVectors.Value > 3) c23 = S.Fma(a, b3, c23);
                        }
                        if (TRows.Value > 3)
                        {
                            a = S.Broadcast(a3 + k);
                            c30 = S.Fma(a, b0, c30);
                            if (TVectors.Value > 1) c31 = S.Fma(a, b1, c31);
                            if (TVectors.Value > 2) c32 = S.Fma(a, b2, c32);
                            if (TVectors.Value > 3) c33 = S.Fma(a, b3, c33);
                        }
                        if (TRows.Value > 4)
                        {
                            a = S.Broadcast(a4 + k);
                            c40 = S.Fma(a, b0, c40);
                            if (TVectors.Value > 1) c41 = S.Fma(a, b1, c41);
                            if (TVectors.Value > 2) c42 = S.Fma(a, b2, c42);
                            if (TVectors.Value > 3) c43 = S.Fma(a, b3, c43);
                        }
                        if (TRows.Value > 5)
                        {
                            a = S.Broadcast(a5 + k);
                            c50 = S.Fma(a, b0, c50);
                            if (TVectors.Value > 1) c51 = S.Fma(a, b1, c51);
                            if (TVectors.Value > 2) c52 = S.Fma(a, b2, c52);
                            if (TVectors.Value > 3) c53 = S.Fma(a, b3, c53);
                        }
                    }
            V low = S.Create(t.Min), high = S.Create(t.Max);
            Store<TVectors>(y, low, high, c00, c01, c02, c03);
            if (TRows.Value > 1) Store<TVectors>(y += t.OutputStep, low, high, c10, c11, c12, c13);
            if (TRows.Value > 2) Store<TVectors>(y += t.OutputStep, low, high, c20, c21, c22, c23);
            if (TRows.Value > 3) Store<TVectors>(y += t.OutputStep, low, high, c30, c31, c32, c33);
            if (TRows.Value > 4) Store<TVectors>(y += t.OutputStep, low, high, c40, c41, c42, c43);
            if (TRows.Value > 5) Store<TVectors>(y += t.OutputStep, low, high, c50, c51, c52, c53);
        }
    }

    /// <summary>The task's tiles, of <paramref name="rows"/> rows each.</summary>
    public static void Tall<TVectors>(int rows, in GemmFloat32Task task) where TVectors : struct, ICount
    {
        switch (rows)
        {
            case 1: Tall<N1, TVectors>(task); break;
            case 2: Tall<N2, TVectors>(task); break;
            case 3: Tall<N3, TVectors>(task); break;
            case 4: Tall<N4, TVectors>(task); break;
            case 5: Tall<N5, TVectors>(task); break;
            case 6: Tall<N6, TVectors>(task); break;
            case 7: Tall<N7, TVectors>(task); break;
            case 8: Tall<N8, TVectors>(task); break;
            case 9: Tall<N9, TVectors>(task); break;
            case 10: Tall<N10, TVectors>(task); break;
            case 11: Tall<N11, TVectors>(task); break;
            default: Tall<N12, TVectors>(task); break;
        }
    }

    /// <summary>Up to 12 rows × 2 vectors: 24 accumulators where there are 32 registers; 12 × 1 where there are 16.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Tall<TRows, TVectors>(in GemmFloat32Task t) where TRows : struct, ICount where TVectors : struct, ICount
    {
        float** rows = t.Rows;
        float* y = t.Output;
        for (int tile = t.Tiles; tile > 0; tile--, rows += TRows.Value, y += t.OutputStep)
        {
            float* b = t.Panel;
            float* a0 = rows[0];
            float* a1 = TRows.Value > 1 ? rows[1] : null;
            float* a2 = TRows.Value > 2 ? rows[2] : null;
            float* a3 = TRows.Value > 3 ? rows[3] : null;
            float* a4 = TRows.Value > 4 ? rows[4] : null;
            float* a5 = TRows.Value > 5 ? rows[5] : null;
            float* a6 = TRows.Value > 6 ? rows[6] : null;
            float* a7 = TRows.Value > 7 ? rows[7] : null;
            float* a8 = TRows.Value > 8 ? rows[8] : null;
            float* a9 = TRows.Value > 9 ? rows[9] : null;
            float* a10 = TRows.Value > 10 ? rows[10] : null;
            float* a11 = TRows.Value > 11 ? rows[11] : null;
            V b0 = S.Load(b);
            V b1 = TVectors.Value > 1 ? S.Load(b + S.Lanes) : default;
            V c00 = b0, c01 = b1;
            V c10 = b0, c11 = b1;
            V c20 = b0, c21 = b1;
            V c30 = b0, c31 = b1;
            V c40 = b0, c41 = b1;
            V c50 = b0, c51 = b1;
            V c60 = b0, c61 = b1;
            V c70 = b0, c71 = b1;
            V c80 = b0, c81 = b1;
            V c90 = b0, c91 = b1;
            V ca0 = b0, ca1 = b1;
            V cb0 = b0, cb1 = b1;
            for (nint o = 0, outer = 0; o < t.OuterCount; o++, outer += t.OuterStep)
                for (nint i = 0, first = outer; i < t.InnerCount; i++, first += t.InnerStep)
                    for (nint k = first, end = first + t.Length; k < end; k++)
                    {
                        b += TVectors.Value * S.Lanes;
                        b0 = S.Load(b);
                        if (TVectors.Value > 1) b1 = S.Load(b + S.Lanes);
                        V a = S.Broadcast(a0 + k);
                        c00 = S.Fma(a, b0, c00);
                        if (TVectors.Value > 1) c01 = S.Fma(a, b1, c01);
                        if (TRows.Value > 1)
                        {
                            a = S.Broadcast(a1 + k);
                            c10 = S.Fma(a, b0, c10);
                            if (TVectors.Value > 1) c11 = S.Fma(a, b1, c11);
                        }
                        if (TRows.Value > 2)
                        {
                            a = S.Broadcast(a2 + k);
                            c20 = S.Fma(a, b0, c20);
                            if (TVectors.Value > 1) c21 = S.Fma(a, b1, c21);
                        }
                        if (TRows.Value > 3)
                        {
                            a = S.Broadcast(a3 + k);
                            c30 = S.Fma(a, b0, c30);
                            if (TVectors.Value > 1) c31 = S.Fma(a, b1, c31);
                        }
                        if (TRows.Value > 4)
                        {
                            a = S.Broadcast(a4 + k);
                            c40 = S.Fma(a, b0, c40);
                            if (TVectors.Value > 1) c41 = S.Fma(a, b1, c41);
                        }
                        if (TRows.Value > 5)
                        {
                            a = S.Broadcast(a5 + k);
                            c50 = S.Fma(a, b0, c50);
                            if (TVectors.Value > 1) c51 = S.Fma(a, b1, c51);
                        }
                        if (TRows.Value > 6)
                        {
                            a = S.Broadcast(a6 + k);
                            c60 = S.Fma(a, b0, c60);
                            if (TVectors.Value > 1) c61 = S.Fma(a, b1, c61);
                        }
                        if (TRows.Value > 7)
                        {
                            a = S.Broadcast(a7 + k);
                            c70 = S.Fma(a, b0, c70);
                            if (TVectors.Value > 1) c71 = S.Fma(a, b1, c71);
                        }
                        if (TRows.Value > 8)
                        {
                            a = S.Broadcast(a8 + k);
                            c80 = S.Fma(a, b0, c80);
                            if (TVectors.Value > 1) c81 = S.Fma(a, b1, c81);
                        }
                        if (TRows.Value > 9)
                        {
                            a = S.Broadcast(a9 + k);
                            c90 = S.Fma(a, b0, c90);
                            if (TVectors.Value > 1) c91 = S.Fma(a, b1, c91);
                        }
                        if (TRows.Value > 10)
                        {
                            a = S.Broadcast(a10 + k);
                            ca0 = S.Fma(a, b0, ca0);
                            if (TVectors.Value > 1) ca1 = S.Fma(a, b1, ca1);
                        }
                        if (TRows.Value > 11)
                        {
                            a = S.Broadcast(a11 + k);
                            cb0 = S.Fma(a, b0, cb0);
                            if (TVectors.Value > 1) cb1 = S.Fma(a, b1, cb1);
                        }
                    }
            V low = S.Create(t.Min), high = S.Create(t.Max);
            Store<TVectors>(y, low, high, c00, c01, default, default);
            if (TRows.Value > 1) Store<TVectors>(y += t.OutputStep, low, high, c10, c11, default, default);
            if (TRows.Value > 2) Store<TVectors>(y += t.OutputStep, low, high, c20, c21, default, default);
            if (TRows.Value > 3) Store<TVectors>(y += t.OutputStep, low, high, c30, c31, default, default);
            if (TRows.Value > 4) Store<TVectors>(y += t.OutputStep, low, high, c40, c41, default, default);
            if (TRows.Value > 5) Store<TVectors>(y += t.OutputStep, low, high, c50, c51, default, default);
            if (TRows.Value > 6) Store<TVectors>(y += t.OutputStep, low, high, c60, c61, default, default);
            if (TRows.Value > 7) Store<TVectors>(y += t.OutputStep, low, high, c70, c71, default, default);
            if (TRows.Value > 8) Store<TVectors>(y += t.OutputStep, low, high, c80, c81, default, default);
            if (TRows.Value > 9) Store<TVectors>(y += t.OutputStep, low, high, c90, c91, default, default);
            if (TRows.Value > 10) Store<TVectors>(y += t.OutputStep, low, high, ca0, ca1, default, default);
            if (TRows.Value > 11) Store<TVectors>(y += t.OutputStep, low, high, cb0, cb1, default, default);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(float* y, V low, V high, V c0, V c1, V c2, V c3) where TVectors : struct, ICount
    {
        S.Store(y, S.Clamp(c0, low, high));
        if (TVectors.Value > 1) S.Store(y + S.Lanes, S.Clamp(c1, low, high));
        if (TVectors.Value > 2) S.Store(y + 2 * S.Lanes, S.Clamp(c2, low, high));
        if (TVectors.Value > 3) S.Store(y + 3 * S.Lanes, S.Clamp(c3, low, high));
    }
}
