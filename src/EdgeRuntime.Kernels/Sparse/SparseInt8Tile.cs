using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Sparse weights of one or four output channels times up to four vectors of positions. Weights are a stream of units, each
/// an offset into the panel (bytes) and 4 bytes of weights for each channel.
/// </summary>
/// <typeparam name="S">The multiplication.</typeparam>
/// <typeparam name="V">Its vector.</typeparam>
internal static unsafe class SparseInt8Tile<S, V> where S : struct, ISparseInt8<V> where V : unmanaged
{
    /// <summary>One channel.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void One<TVectors>(byte* panel, byte* units, byte* end, int bias, int* sums) where TVectors : struct, ICount
    {
        V a0 = S.Create(bias), a1 = a0, a2 = a0, a3 = a0;
        for (; units < end; units += 8)
        {
            byte* x = panel + *(int*)units;
            V w = S.Broadcast(units + 4);
            a0 = S.MultiplyAdd(a0, x, w);
            if (TVectors.Value > 1) a1 = S.MultiplyAdd(a1, x + sizeof(V), w);
            if (TVectors.Value > 2) a2 = S.MultiplyAdd(a2, x + 2 * sizeof(V), w);
            if (TVectors.Value > 3) a3 = S.MultiplyAdd(a3, x + 3 * sizeof(V), w);
        }
        Store<TVectors>(sums, a0, a1, a2, a3);
    }

    /// <summary>Four channels, whose sums go to rows <paramref name="pitch"/> apart.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Four<TVectors>(byte* panel, byte* units, byte* end, int* bias, int* sums, nint pitch) where TVectors : struct, ICount
    {
        V a0 = S.Create(bias[0]), a1 = a0, a2 = a0, a3 = a0;
        V b0 = S.Create(bias[1]), b1 = b0, b2 = b0, b3 = b0;
        V c0 = S.Create(bias[2]), c1 = c0, c2 = c0, c3 = c0;
        V d0 = S.Create(bias[3]), d1 = d0, d2 = d0, d3 = d0;
        for (; units < end; units += 20)
        {
            byte* x = panel + *(int*)units;
            V x0 = S.Load(x), x1 = default, x2 = default, x3 = default;
            if (TVectors.Value > 1) x1 = S.Load(x + sizeof(V));
            if (TVectors.Value > 2) x2 = S.Load(x + 2 * sizeof(V));
            if (TVectors.Value > 3) x3 = S.Load(x + 3 * sizeof(V));
            V w = S.Broadcast(units + 4);
            a0 = S.MultiplyAdd(a0, x0, w);
            if (TVectors.Value > 1) a1 = S.MultiplyAdd(a1, x1, w);
            if (TVectors.Value > 2) a2 = S.MultiplyAdd(a2, x2, w);
            if (TVectors.Value > 3) a3 = S.MultiplyAdd(a3, x3, w);
            w = S.Broadcast(units + 8);
            b0 = S.MultiplyAdd(b0, x0, w);
            if (TVectors.Value > 1) b1 = S.MultiplyAdd(b1, x1, w);
            if (TVectors.Value > 2) b2 = S.MultiplyAdd(b2, x2, w);
            if (TVectors.Value > 3) b3 = S.MultiplyAdd(b3, x3, w);
            w = S.Broadcast(units + 12);
            c0 = S.MultiplyAdd(c0, x0, w);
            if (TVectors.Value > 1) c1 = S.MultiplyAdd(c1, x1, w);
            if (TVectors.Value > 2) c2 = S.MultiplyAdd(c2, x2, w);
            if (TVectors.Value > 3) c3 = S.MultiplyAdd(c3, x3, w);
            w = S.Broadcast(units + 16);
            d0 = S.MultiplyAdd(d0, x0, w);
            if (TVectors.Value > 1) d1 = S.MultiplyAdd(d1, x1, w);
            if (TVectors.Value > 2) d2 = S.MultiplyAdd(d2, x2, w);
            if (TVectors.Value > 3) d3 = S.MultiplyAdd(d3, x3, w);
        }
        Store<TVectors>(sums, a0, a1, a2, a3);
        Store<TVectors>(sums += pitch, b0, b1, b2, b3);
        Store<TVectors>(sums += pitch, c0, c1, c2, c3);
        Store<TVectors>(sums += pitch, d0, d1, d2, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(int* sums, V v0, V v1, V v2, V v3) where TVectors : struct, ICount
    {
        int lanes = sizeof(V) / sizeof(int);
        S.Store(sums, v0);
        if (TVectors.Value > 1) S.Store(sums + lanes, v1);
        if (TVectors.Value > 2) S.Store(sums + 2 * lanes, v2);
        if (TVectors.Value > 3) S.Store(sums + 3 * lanes, v3);
    }
}
