using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The product of one row with one panel, the fully connected layer: bound by the reading of the weights, so the depth is
/// unrolled into two chains of accumulators that together hide the latency of the multiply-add.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class GemvFloat32Tile<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>One row × up to 4 vectors; the row is one segment.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TVectors>(in GemmFloat32Task t) where TVectors : struct, ICount
    {
        int step = TVectors.Value * S.Lanes;
        float* a = t.Rows[0], end = a + t.Length, b = t.Panel;
        V c0 = S.Load(b), d0 = default, c1 = default, d1 = default, c2 = default, d2 = default, c3 = default, d3 = default;
        if (TVectors.Value > 1) c1 = S.Load(b + S.Lanes);
        if (TVectors.Value > 2) c2 = S.Load(b + 2 * S.Lanes);
        if (TVectors.Value > 3) c3 = S.Load(b + 3 * S.Lanes);
        b += step;
        for (; a + 1 < end; a += 2, b += 2 * step)
        {
            V x = S.Broadcast(a), z = S.Broadcast(a + 1);
            c0 = S.Fma(x, S.Load(b), c0);
            if (TVectors.Value > 1) c1 = S.Fma(x, S.Load(b + S.Lanes), c1);
            if (TVectors.Value > 2) c2 = S.Fma(x, S.Load(b + 2 * S.Lanes), c2);
            if (TVectors.Value > 3) c3 = S.Fma(x, S.Load(b + 3 * S.Lanes), c3);
            d0 = S.Fma(z, S.Load(b + step), d0);
            if (TVectors.Value > 1) d1 = S.Fma(z, S.Load(b + step + S.Lanes), d1);
            if (TVectors.Value > 2) d2 = S.Fma(z, S.Load(b + step + 2 * S.Lanes), d2);
            if (TVectors.Value > 3) d3 = S.Fma(z, S.Load(b + step + 3 * S.Lanes), d3);
        }
        if (a < end)
        {
            V x = S.Broadcast(a);
            c0 = S.Fma(x, S.Load(b), c0);
            if (TVectors.Value > 1) c1 = S.Fma(x, S.Load(b + S.Lanes), c1);
            if (TVectors.Value > 2) c2 = S.Fma(x, S.Load(b + 2 * S.Lanes), c2);
            if (TVectors.Value > 3) c3 = S.Fma(x, S.Load(b + 3 * S.Lanes), c3);
        }
        V low = S.Create(t.Min), high = S.Create(t.Max);
        S.Store(t.Output, S.Clamp(S.Add(c0, d0), low, high));
        if (TVectors.Value > 1) S.Store(t.Output + S.Lanes, S.Clamp(S.Add(c1, d1), low, high));
        if (TVectors.Value > 2) S.Store(t.Output + 2 * S.Lanes, S.Clamp(S.Add(c2, d2), low, high));
        if (TVectors.Value > 3) S.Store(t.Output + 3 * S.Lanes, S.Clamp(S.Add(c3, d3), low, high));
    }
}
