using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Sparse weights of some output channels times up to eight vectors of positions (four channels at a time: up to four). Weights
/// are a stream of units, each one weight for each channel and an offset into the panel (bytes). Short rows of units cost
/// more to begin and to end than to multiply, so that all rows are in one loop and sums stay in registers for as many positions as these allow.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class SparseFloat32Tile<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>
    /// One channel at a time: clamped sums of <typeparamref name="TVectors"/> vectors to rows <paramref name="pitch"/> apart. Up to four vectors take two units at
    /// a time, so that there are chains of multiply-adds enough to hide their latency.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void One<TVectors>(byte* panel, byte* units, int* starts, float* bias, int rows, float min, float max, float* sums, nint pitch) where TVectors : struct, ICount
    {
        byte* unit = units + 8L * *starts;
        for (float* last = bias + rows; bias < last; bias++, sums += pitch)
        {
            byte* end = units + 8L * *++starts;
            V a0 = S.Broadcast(bias), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
            if (TVectors.Value <= 4)
            {
                a4 = a5 = a6 = a7 = default;
                for (; unit + 8 < end; unit += 16)
                {
                    float* x = (float*)(panel + *(int*)(unit + 4)), y = (float*)(panel + *(int*)(unit + 12));
                    V w = S.Broadcast((float*)unit), v = S.Broadcast((float*)(unit + 8));
                    a0 = S.Fma(w, S.Load(x), a0);
                    if (TVectors.Value > 1) a1 = S.Fma(w, S.Load(x + S.Lanes), a1);
                    if (TVectors.Value > 2) a2 = S.Fma(w, S.Load(x + 2 * S.Lanes), a2);
                    if (TVectors.Value > 3) a3 = S.Fma(w, S.Load(x + 3 * S.Lanes), a3);
                    a4 = S.Fma(v, S.Load(y), a4);
                    if (TVectors.Value > 1) a5 = S.Fma(v, S.Load(y + S.Lanes), a5);
                    if (TVectors.Value > 2) a6 = S.Fma(v, S.Load(y + 2 * S.Lanes), a6);
                    if (TVectors.Value > 3) a7 = S.Fma(v, S.Load(y + 3 * S.Lanes), a7);
                }
                a0 = S.Add(a0, a4);
                a1 = S.Add(a1, a5);
                a2 = S.Add(a2, a6);
                a3 = S.Add(a3, a7);
            }
            for (; unit < end; unit += 8)
            {
                float* x = (float*)(panel + *(int*)(unit + 4));
                V w = S.Broadcast((float*)unit);
                a0 = S.Fma(w, S.Load(x), a0);
                if (TVectors.Value > 1) a1 = S.Fma(w, S.Load(x + S.Lanes), a1);
                if (TVectors.Value > 2) a2 = S.Fma(w, S.Load(x + 2 * S.Lanes), a2);
                if (TVectors.Value > 3) a3 = S.Fma(w, S.Load(x + 3 * S.Lanes), a3);
                if (TVectors.Value > 4) a4 = S.Fma(w, S.Load(x + 4 * S.Lanes), a4);
                if (TVectors.Value > 5) a5 = S.Fma(w, S.Load(x + 5 * S.Lanes), a5);
                if (TVectors.Value > 6) a6 = S.Fma(w, S.Load(x + 6 * S.Lanes), a6);
                if (TVectors.Value > 7) a7 = S.Fma(w, S.Load(x + 7 * S.Lanes), a7);
            }
            V low = S.Create(min), high = S.Create(max);
            Store<TVectors>(sums, low, high, a0, a1, a2, a3);
            if (TVectors.Value > 4) S.Store(sums + 4 * S.Lanes, S.Clamp(a4, low, high));
            if (TVectors.Value > 5) S.Store(sums + 5 * S.Lanes, S.Clamp(a5, low, high));
            if (TVectors.Value > 6) S.Store(sums + 6 * S.Lanes, S.Clamp(a6, low, high));
            if (TVectors.Value > 7) S.Store(sums + 7 * S.Lanes, S.Clamp(a7, low, high));
        }
    }

    /// <summary>Four channels at a time, whose sums go to rows <paramref name="pitch"/> apart.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Four<TVectors>(byte* panel, byte* units, int* starts, float* bias, int rows, float min, float max, float* sums, nint pitch) where TVectors : struct, ICount
    {
        byte* unit = units + 20L * *starts;
        for (float* last = bias + rows; bias < last; bias += 4)
        {
            byte* end = units + 20L * *++starts;
            V a0 = S.Broadcast(bias), a1 = a0, a2 = a0, a3 = a0;
            V b0 = S.Broadcast(bias + 1), b1 = b0, b2 = b0, b3 = b0;
            V c0 = S.Broadcast(bias + 2), c1 = c0, c2 = c0, c3 = c0;
            V d0 = S.Broadcast(bias + 3), d1 = d0, d2 = d0, d3 = d0;
            for (; unit < end; unit += 20)
            {
                float* x = (float*)(panel + *(int*)(unit + 16)), weights = (float*)unit;
                V x0 = S.Load(x), x1 = default, x2 = default, x3 = default;
                if (TVectors.Value > 1) x1 = S.Load(x + S.Lanes);
                if (TVectors.Value > 2) x2 = S.Load(x + 2 * S.Lanes);
                if (TVectors.Value > 3) x3 = S.Load(x + 3 * S.Lanes);
                V w = S.Broadcast(weights);
                a0 = S.Fma(w, x0, a0);
                if (TVectors.Value > 1) a1 = S.Fma(w, x1, a1);
                if (TVectors.Value > 2) a2 = S.Fma(w, x2, a2);
                if (TVectors.Value > 3) a3 = S.Fma(w, x3, a3);
                w = S.Broadcast(weights + 1);
                b0 = S.Fma(w, x0, b0);
                if (TVectors.Value > 1) b1 = S.Fma(w, x1, b1);
                if (TVectors.Value > 2) b2 = S.Fma(w, x2, b2);
                if (TVectors.Value > 3) b3 = S.Fma(w, x3, b3);
                w = S.Broadcast(weights + 2);
                c0 = S.Fma(w, x0, c0);
                if (TVectors.Value > 1) c1 = S.Fma(w, x1, c1);
                if (TVectors.Value > 2) c2 = S.Fma(w, x2, c2);
                if (TVectors.Value > 3) c3 = S.Fma(w, x3, c3);
                w = S.Broadcast(weights + 3);
                d0 = S.Fma(w, x0, d0);
                if (TVectors.Value > 1) d1 = S.Fma(w, x1, d1);
                if (TVectors.Value > 2) d2 = S.Fma(w, x2, d2);
                if (TVectors.Value > 3) d3 = S.Fma(w, x3, d3);
            }
            V low = S.Create(min), high = S.Create(max);
            Store<TVectors>(sums, low, high, a0, a1, a2, a3);
            Store<TVectors>(sums += pitch, low, high, b0, b1, b2, b3);
            Store<TVectors>(sums += pitch, low, high, c0, c1, c2, c3);
            Store<TVectors>(sums += pitch, low, high, d0, d1, d2, d3);
            sums += pitch;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(float* y, V low, V high, V v0, V v1, V v2, V v3) where TVectors : struct, ICount
    {
        S.Store(y, S.Clamp(v0, low, high));
        if (TVectors.Value > 1) S.Store(y + S.Lanes, S.Clamp(v1, low, high));
        if (TVectors.Value > 2) S.Store(y + 2 * S.Lanes, S.Clamp(v2, low, high));
        if (TVectors.Value > 3) S.Store(y + 3 * S.Lanes, S.Clamp(v3, low, high));
    }
}
