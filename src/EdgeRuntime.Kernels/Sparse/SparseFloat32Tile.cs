using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Sparse weights of one or four output channels times up to four vectors of positions. Weights are a stream of units, each
/// an offset into the panel (bytes) and one weight for each channel. One channel takes two units at a time, so that there are
/// chains of multiply-adds enough to hide their latency.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class SparseFloat32Tile<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>One channel: sums of <typeparamref name="TVectors"/> vectors, clamped, to <paramref name="output"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void One<TVectors>(byte* panel, byte* units, byte* end, float bias, float min, float max, float* output) where TVectors : struct, ICount
    {
        V a0 = S.Create(bias), a1 = a0, a2 = a0, a3 = a0, b0 = default, b1 = default, b2 = default, b3 = default;
        for (; units + 8 < end; units += 16)
        {
            float* x = (float*)(panel + *(int*)units), y = (float*)(panel + *(int*)(units + 8));
            V w = S.Broadcast((float*)(units + 4)), v = S.Broadcast((float*)(units + 12));
            a0 = S.Fma(w, S.Load(x), a0);
            if (TVectors.Value > 1) a1 = S.Fma(w, S.Load(x + S.Lanes), a1);
            if (TVectors.Value > 2) a2 = S.Fma(w, S.Load(x + 2 * S.Lanes), a2);
            if (TVectors.Value > 3) a3 = S.Fma(w, S.Load(x + 3 * S.Lanes), a3);
            b0 = S.Fma(v, S.Load(y), b0);
            if (TVectors.Value > 1) b1 = S.Fma(v, S.Load(y + S.Lanes), b1);
            if (TVectors.Value > 2) b2 = S.Fma(v, S.Load(y + 2 * S.Lanes), b2);
            if (TVectors.Value > 3) b3 = S.Fma(v, S.Load(y + 3 * S.Lanes), b3);
        }
        if (units < end)
        {
            float* x = (float*)(panel + *(int*)units);
            V w = S.Broadcast((float*)(units + 4));
            a0 = S.Fma(w, S.Load(x), a0);
            if (TVectors.Value > 1) a1 = S.Fma(w, S.Load(x + S.Lanes), a1);
            if (TVectors.Value > 2) a2 = S.Fma(w, S.Load(x + 2 * S.Lanes), a2);
            if (TVectors.Value > 3) a3 = S.Fma(w, S.Load(x + 3 * S.Lanes), a3);
        }
        V low = S.Create(min), high = S.Create(max);
        S.Store(output, S.Clamp(S.Add(a0, b0), low, high));
        if (TVectors.Value > 1) S.Store(output + S.Lanes, S.Clamp(S.Add(a1, b1), low, high));
        if (TVectors.Value > 2) S.Store(output + 2 * S.Lanes, S.Clamp(S.Add(a2, b2), low, high));
        if (TVectors.Value > 3) S.Store(output + 3 * S.Lanes, S.Clamp(S.Add(a3, b3), low, high));
    }

    /// <summary>Four channels, whose sums go to rows <paramref name="pitch"/> apart.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Four<TVectors>(byte* panel, byte* units, byte* end, float* bias, float min, float max, float* output, nint pitch) where TVectors : struct, ICount
    {
        V a0 = S.Broadcast(bias), a1 = a0, a2 = a0, a3 = a0;
        V b0 = S.Broadcast(bias + 1), b1 = b0, b2 = b0, b3 = b0;
        V c0 = S.Broadcast(bias + 2), c1 = c0, c2 = c0, c3 = c0;
        V d0 = S.Broadcast(bias + 3), d1 = d0, d2 = d0, d3 = d0;
        for (; units < end; units += 20)
        {
            float* x = (float*)(panel + *(int*)units), weights = (float*)(units + 4);
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
        Store<TVectors>(output, low, high, a0, a1, a2, a3);
        Store<TVectors>(output += pitch, low, high, b0, b1, b2, b3);
        Store<TVectors>(output += pitch, low, high, c0, c1, c2, c3);
        Store<TVectors>(output += pitch, low, high, d0, d1, d2, d3);
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
