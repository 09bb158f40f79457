using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Sparse weights of some output channels times up to eight vectors of positions (four channels at a time: up to four). Weights
/// are a stream of units, each 4 bytes of weights for each channel and an offset into the panel (bytes). Short rows of units cost
/// more to begin and to end than to multiply, so that all rows are in one loop and sums stay in registers for as many positions as these allow.
/// </summary>
/// <typeparam name="S">The multiplication.</typeparam>
/// <typeparam name="V">Its vector of sums.</typeparam>
/// <typeparam name="O">Its operands.</typeparam>
internal static unsafe class SparseTile<S, V, O> where S : struct, ISparseProduct<V, O> where V : unmanaged where O : unmanaged
{
    /// <summary>Sums of some channels as [channel][position], for <paramref name="count"/> positions of a panel; units are of <typeparamref name="TRows"/> channels.</summary>
    public static void Run<TRows>(in SparseRows rows, byte* panel, int count, int* sums) where TRows : struct, ICount
    {
        int step = S.Vectors(TRows.Value);
        for (int vectors = (count + S.Lanes - 1) / S.Lanes; vectors > 0; vectors -= step, panel += step * sizeof(V), sums += step * S.Lanes)
            switch (Math.Min(vectors, step))
            {
                case 1: Multiply<TRows, N1>(rows, panel, sums); break;
                case 2: Multiply<TRows, N2>(rows, panel, sums); break;
                case 3: Multiply<TRows, N3>(rows, panel, sums); break;
                case 4: Multiply<TRows, N4>(rows, panel, sums); break;
                case 5: Multiply<TRows, N5>(rows, panel, sums); break;
                case 6: Multiply<TRows, N6>(rows, panel, sums); break;
                case 7: Multiply<TRows, N7>(rows, panel, sums); break;
                default: Multiply<TRows, N8>(rows, panel, sums); break;
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TRows, TVectors>(in SparseRows rows, byte* panel, int* sums) where TRows : struct, ICount where TVectors : struct, ICount
    {
        if (TVectors.Value > S.Vectors(TRows.Value)) return;
        if (TRows.Value == 1) One<TVectors>(rows, panel, sums);
        else Four<TVectors>(rows, panel, sums);
    }

    /// <summary>
    /// One channel at a time: sums of <typeparamref name="TVectors"/> vectors to rows <see cref="SparseRows.Pitch"/> apart. Where a sum has to wait for the one before, up to four vectors take two
    /// units at a time, so that there are chains enough to hide that.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void One<TVectors>(in SparseRows rows, byte* panel, int* sums) where TVectors : struct, ICount
    {
        int* starts = rows.Starts;
        byte* units = rows.Units, unit = units + 8L * *starts;
        nint pitch = rows.Pitch;
        V low = S.Limit(rows.Min), high = S.Limit(rows.Max);
        for (int* bias = rows.Bias, last = bias + rows.Channels; bias < last; bias++, sums += pitch)
        {
            byte* end = units + 8L * *++starts;
            V a0 = S.Start(bias), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
            if (S.WaitsForSums && TVectors.Value <= 4)
            {
                a4 = a5 = a6 = a7 = default;
                for (; unit + 8 < end; unit += 16)
                {
                    byte* x = panel + *(int*)(unit + 4), y = panel + *(int*)(unit + 12);
                    O w = S.Broadcast(unit), v = S.Broadcast(unit + 8);
                    a0 = S.MultiplyAdd(a0, S.Load(x, 0), w);
                    if (TVectors.Value > 1) a1 = S.MultiplyAdd(a1, S.Load(x, 1), w);
                    if (TVectors.Value > 2) a2 = S.MultiplyAdd(a2, S.Load(x, 2), w);
                    if (TVectors.Value > 3) a3 = S.MultiplyAdd(a3, S.Load(x, 3), w);
                    a4 = S.MultiplyAdd(a4, S.Load(y, 0), v);
                    if (TVectors.Value > 1) a5 = S.MultiplyAdd(a5, S.Load(y, 1), v);
                    if (TVectors.Value > 2) a6 = S.MultiplyAdd(a6, S.Load(y, 2), v);
                    if (TVectors.Value > 3) a7 = S.MultiplyAdd(a7, S.Load(y, 3), v);
                }
                a0 = S.Add(a0, a4);
                a1 = S.Add(a1, a5);
                a2 = S.Add(a2, a6);
                a3 = S.Add(a3, a7);
            }
            for (; unit < end; unit += 8)
            {
                byte* x = panel + *(int*)(unit + 4);
                O w = S.Broadcast(unit);
                a0 = S.MultiplyAdd(a0, S.Load(x, 0), w);
                if (TVectors.Value > 1) a1 = S.MultiplyAdd(a1, S.Load(x, 1), w);
                if (TVectors.Value > 2) a2 = S.MultiplyAdd(a2, S.Load(x, 2), w);
                if (TVectors.Value > 3) a3 = S.MultiplyAdd(a3, S.Load(x, 3), w);
                if (TVectors.Value > 4) a4 = S.MultiplyAdd(a4, S.Load(x, 4), w);
                if (TVectors.Value > 5) a5 = S.MultiplyAdd(a5, S.Load(x, 5), w);
                if (TVectors.Value > 6) a6 = S.MultiplyAdd(a6, S.Load(x, 6), w);
                if (TVectors.Value > 7) a7 = S.MultiplyAdd(a7, S.Load(x, 7), w);
            }
            Store<TVectors>(sums, low, high, a0, a1, a2, a3);
            if (TVectors.Value > 4) S.Store(sums + 4 * S.Lanes, a4, low, high);
            if (TVectors.Value > 5) S.Store(sums + 5 * S.Lanes, a5, low, high);
            if (TVectors.Value > 6) S.Store(sums + 6 * S.Lanes, a6, low, high);
            if (TVectors.Value > 7) S.Store(sums + 7 * S.Lanes, a7, low, high);
        }
    }

    /// <summary>Four channels at a time.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Four<TVectors>(in SparseRows rows, byte* panel, int* sums) where TVectors : struct, ICount
    {
        int* starts = rows.Starts;
        byte* units = rows.Units, unit = units + 20L * *starts;
        nint pitch = rows.Pitch;
        for (int* bias = rows.Bias, last = bias + rows.Channels; bias < last; bias += 4)
        {
            byte* end = units + 20L * *++starts;
            V a0 = S.Start(bias), a1 = a0, a2 = a0, a3 = a0;
            V b0 = S.Start(bias + 1), b1 = b0, b2 = b0, b3 = b0;
            V c0 = S.Start(bias + 2), c1 = c0, c2 = c0, c3 = c0;
            V d0 = S.Start(bias + 3), d1 = d0, d2 = d0, d3 = d0;
            for (; unit < end; unit += 20)
            {
                byte* x = panel + *(int*)(unit + 16);
                O x0 = S.Load(x, 0), x1 = default, x2 = default, x3 = default;
                if (TVectors.Value > 1) x1 = S.Load(x, 1);
                if (TVectors.Value > 2) x2 = S.Load(x, 2);
                if (TVectors.Value > 3) x3 = S.Load(x, 3);
                O w = S.Broadcast(unit);
                a0 = S.MultiplyAdd(a0, x0, w);
                if (TVectors.Value > 1) a1 = S.MultiplyAdd(a1, x1, w);
                if (TVectors.Value > 2) a2 = S.MultiplyAdd(a2, x2, w);
                if (TVectors.Value > 3) a3 = S.MultiplyAdd(a3, x3, w);
                w = S.Broadcast(unit + 4);
                b0 = S.MultiplyAdd(b0, x0, w);
                if (TVectors.Value > 1) b1 = S.MultiplyAdd(b1, x1, w);
                if (TVectors.Value > 2) b2 = S.MultiplyAdd(b2, x2, w);
                if (TVectors.Value > 3) b3 = S.MultiplyAdd(b3, x3, w);
                w = S.Broadcast(unit + 8);
                c0 = S.MultiplyAdd(c0, x0, w);
                if (TVectors.Value > 1) c1 = S.MultiplyAdd(c1, x1, w);
                if (TVectors.Value > 2) c2 = S.MultiplyAdd(c2, x2, w);
                if (TVectors.Value > 3) c3 = S.MultiplyAdd(c3, x3, w);
                w = S.Broadcast(unit + 12);
                d0 = S.MultiplyAdd(d0, x0, w);
                if (TVectors.Value > 1) d1 = S.MultiplyAdd(d1, x1, w);
                if (TVectors.Value > 2) d2 = S.MultiplyAdd(d2, x2, w);
                if (TVectors.Value > 3) d3 = S.MultiplyAdd(d3, x3, w);
            }
            V low = S.Limit(rows.Min), high = S.Limit(rows.Max);
            Store<TVectors>(sums, low, high, a0, a1, a2, a3);
            Store<TVectors>(sums += pitch, low, high, b0, b1, b2, b3);
            Store<TVectors>(sums += pitch, low, high, c0, c1, c2, c3);
            Store<TVectors>(sums += pitch, low, high, d0, d1, d2, d3);
            sums += pitch;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(int* sums, V low, V high, V v0, V v1, V v2, V v3) where TVectors : struct, ICount
    {
        S.Store(sums, v0, low, high);
        if (TVectors.Value > 1) S.Store(sums + S.Lanes, v1, low, high);
        if (TVectors.Value > 2) S.Store(sums + 2 * S.Lanes, v2, low, high);
        if (TVectors.Value > 3) S.Store(sums + 3 * S.Lanes, v3, low, high);
    }
}
