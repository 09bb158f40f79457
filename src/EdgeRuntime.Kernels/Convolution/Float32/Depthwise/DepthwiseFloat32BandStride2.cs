using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>As <see cref="DepthwiseFloat32Band{S, V}"/>, stride 2: an output column sees two columns of the input that its neighbours see too, and one of its own.</summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class DepthwiseFloat32BandStride2<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>As <see cref="DepthwiseFloat32Band{S, V}.Run"/>, one column or more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TRows, TEdge>(in DepthwiseFloat32Tile<S, V>.Task t) where TRows : struct, ICount where TEdge : struct, ICount
    {
        V low = S.Create(t.Min), high = S.Create(t.Max);
        nint channels = t.Channels, step = channels * sizeof(float), step2 = 2 * step;
        nint r1 = t.RowStep * sizeof(float), r2 = 2 * r1, r3 = 3 * r1, r4 = 4 * r1, r5 = 5 * r1, r6 = 6 * r1, r7 = 7 * r1, r8 = 8 * r1;
        nint line = t.OutputPitch * sizeof(float), line2 = 2 * line, line3 = 3 * line;
        // Four copies, as loads from one place would become one, and moves.
        V* bias = stackalloc V[4];
        float* block = t.Packed;
        for (nint c = 0; c < channels; c += S.Lanes, block += 10 * S.Lanes)
        {
            c = Math.Min(c, channels - S.Lanes);
            // Columns a, b, c of the window.
            V a0 = S.Load(block + S.Lanes), b0 = S.Load(block + 2 * S.Lanes), c0 = S.Load(block + 3 * S.Lanes);
            V a1 = S.Load(block + 4 * S.Lanes), b1 = S.Load(block + 5 * S.Lanes), c1 = S.Load(block + 6 * S.Lanes);
            V a2 = S.Load(block + 7 * S.Lanes), b2 = S.Load(block + 8 * S.Lanes), c2 = S.Load(block + 9 * S.Lanes);
            V p0 = S.Load(block), p1 = p0, p2 = p0, p3 = p0, n0 = p0, n1 = p0, n2 = p0, n3 = p0;
            bias[0] = bias[1] = bias[2] = bias[3] = p0;
            byte* x = (byte*)(t.Corner + c), z = x - step, y = (byte*)(t.Output + c);
            if (t.X >= 0)
            {
                Columns<TRows, TEdge, N4>(ref x, ref z, step2, r1, r2, r3, r4, r5, r6, r7, r8, bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, ref n0, ref n1, ref n2, ref n3, ref p0, ref p1, ref p2, ref p3);
            }
            else
            {
                x += step2;
                z += step2;
            }
            int left = t.Tiles - 1;
            // Two columns a turn, so that sums come back in the same registers.
            for (; left > 1; left -= 2)
            {
                Columns<TRows, TEdge, N7>(ref x, ref z, step2, r1, r2, r3, r4, r5, r6, r7, r8, bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, ref p0, ref p1, ref p2, ref p3, ref n0, ref n1, ref n2, ref n3);
                DepthwiseFloat32Band<S, V>.Clamp<TRows>(low, high, ref p0, ref p1, ref p2, ref p3);
                DepthwiseFloat32Band<S, V>.Store<TRows>(ref y, step, line, line2, line3, p0, p1, p2, p3);
                Columns<TRows, TEdge, N7>(ref x, ref z, step2, r1, r2, r3, r4, r5, r6, r7, r8, bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, ref n0, ref n1, ref n2, ref n3, ref p0, ref p1, ref p2, ref p3);
                DepthwiseFloat32Band<S, V>.Clamp<TRows>(low, high, ref n0, ref n1, ref n2, ref n3);
                DepthwiseFloat32Band<S, V>.Store<TRows>(ref y, step, line, line2, line3, n0, n1, n2, n3);
            }
            if (left > 0)
            {
                Columns<TRows, TEdge, N7>(ref x, ref z, step2, r1, r2, r3, r4, r5, r6, r7, r8, bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, ref p0, ref p1, ref p2, ref p3, ref n0, ref n1, ref n2, ref n3);
                DepthwiseFloat32Band<S, V>.Clamp<TRows>(low, high, ref p0, ref p1, ref p2, ref p3);
                DepthwiseFloat32Band<S, V>.Store<TRows>(ref y, step, line, line2, line3, p0, p1, p2, p3);
                (p0, p1, p2, p3) = (n0, n1, n2, n3);
            }
            if (t.X + 2 * t.Tiles < t.Width)
            {
                Columns<TRows, TEdge, N3>(ref x, ref z, step2, r1, r2, r3, r4, r5, r6, r7, r8, bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, ref p0, ref p1, ref p2, ref p3, ref n0, ref n1, ref n2, ref n3);
            }
            else
            {
                Columns<TRows, TEdge, N2>(ref x, ref z, step2, r1, r2, r3, r4, r5, r6, r7, r8, bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, ref p0, ref p1, ref p2, ref p3, ref n0, ref n1, ref n2, ref n3);
            }
            DepthwiseFloat32Band<S, V>.Clamp<TRows>(low, high, ref p0, ref p1, ref p2, ref p3);
            DepthwiseFloat32Band<S, V>.Store<TRows>(ref y, step, line, line2, line3, p0, p1, p2, p3);
        }
    }

    /// <summary>
    /// A column at <paramref name="x"/> that is the last one of outputs p (bit 1 of TSets) and the first one of n (4), and the one before, at <paramref name="z"/>, that is p's middle one (2). Loads stand in three groups,
    /// between which sums wait for themselves anyway. Goes on to the next two columns.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Columns<TRows, TEdge, TSets>(ref byte* x, ref byte* z, nint step, nint r1, nint r2, nint r3, nint r4, nint r5, nint r6, nint r7, nint r8, V* bias,
        V a0, V a1, V a2, V b0, V b1, V b2, V c0, V c1, V c2, ref V x0, ref V x1, ref V x2, ref V x3, ref V z0, ref V z1, ref V z2, ref V z3)
        where TRows : struct, ICount where TEdge : struct, ICount where TSets : struct, ICount
    {
        // Copies: what is passed on by reference costs the compiler a variable for each use, and it has not enough.
        V p0 = x0, p1 = x1, p2 = x2, p3 = x3, n0 = z0, n1 = z1, n2 = z2, n3 = z3;
        if (TSets.Value > 3) n0 = S.Load((float*)bias);
        if (TSets.Value > 3 && TRows.Value > 1) n1 = S.Load((float*)(bias + 1));
        if (TSets.Value > 3 && TRows.Value > 2) n2 = S.Load((float*)(bias + 2));
        if (TSets.Value > 3 && TRows.Value > 3) n3 = S.Load((float*)(bias + 3));
        V w1 = TSets.Value / 2 % 2 > 0 ? S.Load((float*)(z + r1)) : default;
        V w3 = TSets.Value / 2 % 2 > 0 && TRows.Value > 1 ? S.Load((float*)(z + r3)) : default;
        V w5 = TSets.Value / 2 % 2 > 0 && TRows.Value > 2 ? S.Load((float*)(z + r5)) : default;
        V w7 = TSets.Value / 2 % 2 > 0 && TRows.Value > 3 ? S.Load((float*)(z + r7)) : default;
        V v1 = TSets.Value != 2 ? S.Load((float*)(x + r1)) : default;
        V v3 = TSets.Value != 2 && TRows.Value > 1 ? S.Load((float*)(x + r3)) : default;
        V v5 = TSets.Value != 2 && TRows.Value > 2 ? S.Load((float*)(x + r5)) : default;
        V v7 = TSets.Value != 2 && TRows.Value > 3 ? S.Load((float*)(x + r7)) : default;
        if (TSets.Value / 2 % 2 > 0) p0 = S.Fma(w1, b1, p0);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 1) p1 = S.Fma(w3, b1, p1);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 2) p2 = S.Fma(w5, b1, p2);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 3) p3 = S.Fma(w7, b1, p3);
        if (TSets.Value > 3) n0 = S.Fma(v1, a1, n0);
        if (TSets.Value > 3 && TRows.Value > 1) n1 = S.Fma(v3, a1, n1);
        if (TSets.Value > 3 && TRows.Value > 2) n2 = S.Fma(v5, a1, n2);
        if (TSets.Value > 3 && TRows.Value > 3) n3 = S.Fma(v7, a1, n3);
        if (TSets.Value % 2 > 0) p0 = S.Fma(v1, c1, p0);
        if (TSets.Value % 2 > 0 && TRows.Value > 1) p1 = S.Fma(v3, c1, p1);
        if (TSets.Value % 2 > 0 && TRows.Value > 2) p2 = S.Fma(v5, c1, p2);
        if (TSets.Value % 2 > 0 && TRows.Value > 3) p3 = S.Fma(v7, c1, p3);
        V w0 = TSets.Value / 2 % 2 > 0 && TEdge.Value % 2 == 0 ? S.Load((float*)z) : default;
        V w2 = TSets.Value / 2 % 2 > 0 && (TEdge.Value < 2 || TRows.Value > 1) ? S.Load((float*)(z + r2)) : default;
        V w4 = TSets.Value / 2 % 2 > 0 && (TEdge.Value < 2 || TRows.Value > 2) && TRows.Value > 1 ? S.Load((float*)(z + r4)) : default;
        V w6 = TSets.Value / 2 % 2 > 0 && (TEdge.Value < 2 || TRows.Value > 3) && TRows.Value > 2 ? S.Load((float*)(z + r6)) : default;
        V v0 = TSets.Value != 2 && TEdge.Value % 2 == 0 ? S.Load((float*)x) : default;
        V v2 = TSets.Value != 2 && (TEdge.Value < 2 || TRows.Value > 1) ? S.Load((float*)(x + r2)) : default;
        V v4 = TSets.Value != 2 && (TEdge.Value < 2 || TRows.Value > 2) && TRows.Value > 1 ? S.Load((float*)(x + r4)) : default;
        V v6 = TSets.Value != 2 && (TEdge.Value < 2 || TRows.Value > 3) && TRows.Value > 2 ? S.Load((float*)(x + r6)) : default;
        if (TSets.Value / 2 % 2 > 0 && TEdge.Value % 2 == 0) p0 = S.Fma(w0, b0, p0);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 1) p1 = S.Fma(w2, b0, p1);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 2) p2 = S.Fma(w4, b0, p2);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 3) p3 = S.Fma(w6, b0, p3);
        if (TSets.Value > 3 && TEdge.Value % 2 == 0) n0 = S.Fma(v0, a0, n0);
        if (TSets.Value > 3 && TRows.Value > 1) n1 = S.Fma(v2, a0, n1);
        if (TSets.Value > 3 && TRows.Value > 2) n2 = S.Fma(v4, a0, n2);
        if (TSets.Value > 3 && TRows.Value > 3) n3 = S.Fma(v6, a0, n3);
        if (TSets.Value % 2 > 0 && TEdge.Value % 2 == 0) p0 = S.Fma(v0, c0, p0);
        if (TSets.Value % 2 > 0 && TRows.Value > 1) p1 = S.Fma(v2, c0, p1);
        if (TSets.Value % 2 > 0 && TRows.Value > 2) p2 = S.Fma(v4, c0, p2);
        if (TSets.Value % 2 > 0 && TRows.Value > 3) p3 = S.Fma(v6, c0, p3);
        V w8 = TSets.Value / 2 % 2 > 0 && TRows.Value > 3 && TEdge.Value < 2 ? S.Load((float*)(z + r8)) : default;
        V v8 = TSets.Value != 2 && TRows.Value > 3 && TEdge.Value < 2 ? S.Load((float*)(x + r8)) : default;
        x += step;
        z += step;
        if (TSets.Value / 2 % 2 > 0 && (TEdge.Value < 2 || TRows.Value > 1)) p0 = S.Fma(w2, b2, p0);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 1 && (TEdge.Value < 2 || TRows.Value > 2)) p1 = S.Fma(w4, b2, p1);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 2 && (TEdge.Value < 2 || TRows.Value > 3)) p2 = S.Fma(w6, b2, p2);
        if (TSets.Value / 2 % 2 > 0 && TRows.Value > 3 && TEdge.Value < 2) p3 = S.Fma(w8, b2, p3);
        if (TSets.Value > 3 && (TEdge.Value < 2 || TRows.Value > 1)) n0 = S.Fma(v2, a2, n0);
        if (TSets.Value > 3 && TRows.Value > 1 && (TEdge.Value < 2 || TRows.Value > 2)) n1 = S.Fma(v4, a2, n1);
        if (TSets.Value > 3 && TRows.Value > 2 && (TEdge.Value < 2 || TRows.Value > 3)) n2 = S.Fma(v6, a2, n2);
        if (TSets.Value > 3 && TRows.Value > 3 && TEdge.Value < 2) n3 = S.Fma(v8, a2, n3);
        if (TSets.Value % 2 > 0 && (TEdge.Value < 2 || TRows.Value > 1)) p0 = S.Fma(v2, c2, p0);
        if (TSets.Value % 2 > 0 && TRows.Value > 1 && (TEdge.Value < 2 || TRows.Value > 2)) p1 = S.Fma(v4, c2, p1);
        if (TSets.Value % 2 > 0 && TRows.Value > 2 && (TEdge.Value < 2 || TRows.Value > 3)) p2 = S.Fma(v6, c2, p2);
        if (TSets.Value % 2 > 0 && TRows.Value > 3 && TEdge.Value < 2) p3 = S.Fma(v8, c2, p3);
        if (TSets.Value != 4) (x0, x1, x2, x3) = (p0, p1, p2, p3);
        if (TSets.Value > 3) (z0, z1, z2, z3) = (n0, n1, n2, n3);
    }
}
