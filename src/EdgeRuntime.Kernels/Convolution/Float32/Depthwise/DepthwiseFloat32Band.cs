using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Bands of up to four output rows of a depthwise convolution with a 3×3 window, stride 1, for instruction sets with 32 registers: the nine
/// weights stay in registers along the band, and each column of the input is loaded once, for the three columns of outputs that see it.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class DepthwiseFloat32Band<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>
    /// TRows output rows and t.Tiles columns, at least two. TEdge tells which rows of the input are padding, and not multiplied: 1 the first,
    /// 2 the last, 3 both.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TRows, TEdge>(in DepthwiseFloat32Tile<S, V>.Task t) where TRows : struct, ICount where TEdge : struct, ICount
    {
        V low = S.Create(t.Min), high = S.Create(t.Max);
        nint channels = t.Channels, step = channels * sizeof(float), row = t.RowStep * sizeof(float), row2 = 2 * row, row3 = 3 * row;
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
            V p0 = S.Load(block), p1 = p0, p2 = p0, p3 = p0, q0 = p0, q1 = p0, q2 = p0, q3 = p0, n0 = p0, n1 = p0, n2 = p0, n3 = p0;
            bias[0] = bias[1] = bias[2] = bias[3] = p0;
            byte* x = (byte*)(t.Corner + c), z = x + row3, y = (byte*)(t.Output + c);
            if (t.X >= 0)
            {
                Load<TRows, TEdge>(ref x, ref z, step, row, row2, out V v0, out V v1, out V v2, out V v3, out V v4, out V v5);
                Column<TRows, TEdge, N4>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, v0, v1, v2, v3, v4, v5, ref n0, ref n1, ref n2, ref n3, ref q0, ref q1, ref q2, ref q3, ref p0, ref p1, ref p2, ref p3);
            }
            else
            {
                x += step;
                z += step;
            }
            Load<TRows, TEdge>(ref x, ref z, step, row, row2, out V u0, out V u1, out V u2, out V u3, out V u4, out V u5);
            Column<TRows, TEdge, N6>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, u0, u1, u2, u3, u4, u5, ref n0, ref n1, ref n2, ref n3, ref p0, ref p1, ref p2, ref p3, ref q0, ref q1, ref q2, ref q3);
            int left = t.Tiles - 2;
            // Three columns a turn, so that sums come back in the same registers. What is to be clamped and stored waits while the next column is loaded.
            for (; left >= 3; left -= 3)
            {
                Load<TRows, TEdge>(ref x, ref z, step, row, row2, out V v0, out V v1, out V v2, out V v3, out V v4, out V v5);
                Column<TRows, TEdge, N7>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, v0, v1, v2, v3, v4, v5, ref p0, ref p1, ref p2, ref p3, ref q0, ref q1, ref q2, ref q3, ref n0, ref n1, ref n2, ref n3);
                AtLeast<TRows>(low, ref p0, ref p1, ref p2, ref p3);
                LoadFirst<TEdge>(x, row, out V w0, out V w1);
                AtMost<TRows>(high, ref p0, ref p1, ref p2, ref p3);
                LoadRest<TRows, TEdge>(ref x, ref z, step, row, row2, out V w2, out V w3, out V w4, out V w5);
                Store<TRows>(ref y, step, line, line2, line3, p0, p1, p2, p3);
                Column<TRows, TEdge, N7>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, w0, w1, w2, w3, w4, w5, ref q0, ref q1, ref q2, ref q3, ref n0, ref n1, ref n2, ref n3, ref p0, ref p1, ref p2, ref p3);
                AtLeast<TRows>(low, ref q0, ref q1, ref q2, ref q3);
                LoadFirst<TEdge>(x, row, out V r0, out V r1);
                AtMost<TRows>(high, ref q0, ref q1, ref q2, ref q3);
                LoadRest<TRows, TEdge>(ref x, ref z, step, row, row2, out V r2, out V r3, out V r4, out V r5);
                Store<TRows>(ref y, step, line, line2, line3, q0, q1, q2, q3);
                Column<TRows, TEdge, N7>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, r0, r1, r2, r3, r4, r5, ref n0, ref n1, ref n2, ref n3, ref p0, ref p1, ref p2, ref p3, ref q0, ref q1, ref q2, ref q3);
                Clamp<TRows>(low, high, ref n0, ref n1, ref n2, ref n3);
                Store<TRows>(ref y, step, line, line2, line3, n0, n1, n2, n3);
            }
            if (left > 0)
            {
                Load<TRows, TEdge>(ref x, ref z, step, row, row2, out V v0, out V v1, out V v2, out V v3, out V v4, out V v5);
                Column<TRows, TEdge, N7>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, v0, v1, v2, v3, v4, v5, ref p0, ref p1, ref p2, ref p3, ref q0, ref q1, ref q2, ref q3, ref n0, ref n1, ref n2, ref n3);
                Clamp<TRows>(low, high, ref p0, ref p1, ref p2, ref p3);
                Store<TRows>(ref y, step, line, line2, line3, p0, p1, p2, p3);
                if (left > 1)
                {
                    Load<TRows, TEdge>(ref x, ref z, step, row, row2, out V w0, out V w1, out V w2, out V w3, out V w4, out V w5);
                    Column<TRows, TEdge, N7>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, w0, w1, w2, w3, w4, w5, ref q0, ref q1, ref q2, ref q3, ref n0, ref n1, ref n2, ref n3, ref p0, ref p1, ref p2, ref p3);
                    Clamp<TRows>(low, high, ref q0, ref q1, ref q2, ref q3);
                    Store<TRows>(ref y, step, line, line2, line3, q0, q1, q2, q3);
                    (q0, q1, q2, q3, p0, p1, p2, p3) = (p0, p1, p2, p3, n0, n1, n2, n3);
                }
                else (p0, p1, p2, p3, q0, q1, q2, q3) = (q0, q1, q2, q3, n0, n1, n2, n3);
            }
            Load<TRows, TEdge>(ref x, ref z, step, row, row2, out V s0, out V s1, out V s2, out V s3, out V s4, out V s5);
            Column<TRows, TEdge, N3>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, s0, s1, s2, s3, s4, s5, ref p0, ref p1, ref p2, ref p3, ref q0, ref q1, ref q2, ref q3, ref n0, ref n1, ref n2, ref n3);
            Clamp<TRows>(low, high, ref p0, ref p1, ref p2, ref p3);
            Store<TRows>(ref y, step, line, line2, line3, p0, p1, p2, p3);
            if (t.X + t.Tiles + 1 < t.Width)
            {
                Load<TRows, TEdge>(ref x, ref z, step, row, row2, out V v0, out V v1, out V v2, out V v3, out V v4, out V v5);
                Column<TRows, TEdge, N1>(bias, a0, a1, a2, b0, b1, b2, c0, c1, c2, v0, v1, v2, v3, v4, v5, ref q0, ref q1, ref q2, ref q3, ref p0, ref p1, ref p2, ref p3, ref n0, ref n1, ref n2, ref n3);
            }
            Clamp<TRows>(low, high, ref q0, ref q1, ref q2, ref q3);
            Store<TRows>(ref y, step, line, line2, line3, q0, q1, q2, q3);
        }
    }

    /// <summary>
    /// A column of the input: the last one of outputs p, the middle one of q, the first one of n; bits 1, 2 and 4 of TSets tell which there are. All twelve sums take turns, as each waits
    /// for itself.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Column<TRows, TEdge, TSets>(V* bias, V a0, V a1, V a2, V b0, V b1, V b2, V c0, V c1, V c2, V v0, V v1, V v2, V v3, V v4, V v5,
        ref V y0, ref V y1, ref V y2, ref V y3, ref V z0, ref V z1, ref V z2, ref V z3, ref V u0, ref V u1, ref V u2, ref V u3)
        where TRows : struct, ICount where TEdge : struct, ICount where TSets : struct, ICount
    {
        // Copies: what is passed on by reference costs the compiler a variable for each use, and it has not enough.
        V p0 = y0, p1 = y1, p2 = y2, p3 = y3, q0 = z0, q1 = z1, q2 = z2, q3 = z3, n0 = u0, n1 = u1, n2 = u2, n3 = u3;
        bool first = TEdge.Value % 2 == 0, last = TEdge.Value < 2, two = TRows.Value > 1, three = TRows.Value > 2, four = TRows.Value > 3;
        if (TSets.Value > 3)
        {
            n0 = S.Load((float*)bias);
            if (two) n1 = S.Load((float*)(bias + 1));
            if (three) n2 = S.Load((float*)(bias + 2));
            if (four) n3 = S.Load((float*)(bias + 3));
        }
        if (TSets.Value % 2 > 0)
        {
            if (first) p0 = S.Fma(v0, c0, p0);
            if (two) p1 = S.Fma(v1, c0, p1);
            if (three) p2 = S.Fma(v2, c0, p2);
            if (four) p3 = S.Fma(v3, c0, p3);
        }
        if (TSets.Value / 2 % 2 > 0)
        {
            if (first) q0 = S.Fma(v0, b0, q0);
            if (two) q1 = S.Fma(v1, b0, q1);
            if (three) q2 = S.Fma(v2, b0, q2);
            if (four) q3 = S.Fma(v3, b0, q3);
        }
        if (TSets.Value > 3)
        {
            if (first) n0 = S.Fma(v0, a0, n0);
            if (two) n1 = S.Fma(v1, a0, n1);
            if (three) n2 = S.Fma(v2, a0, n2);
            if (four) n3 = S.Fma(v3, a0, n3);
        }
        if (TSets.Value % 2 > 0)
        {
            p0 = S.Fma(v1, c1, p0);
            if (two) p1 = S.Fma(v2, c1, p1);
            if (three) p2 = S.Fma(v3, c1, p2);
            if (four) p3 = S.Fma(v4, c1, p3);
        }
        if (TSets.Value / 2 % 2 > 0)
        {
            q0 = S.Fma(v1, b1, q0);
            if (two) q1 = S.Fma(v2, b1, q1);
            if (three) q2 = S.Fma(v3, b1, q2);
            if (four) q3 = S.Fma(v4, b1, q3);
        }
        if (TSets.Value > 3)
        {
            n0 = S.Fma(v1, a1, n0);
            if (two) n1 = S.Fma(v2, a1, n1);
            if (three) n2 = S.Fma(v3, a1, n2);
            if (four) n3 = S.Fma(v4, a1, n3);
        }
        if (TSets.Value % 2 > 0)
        {
            if ((last || two)) p0 = S.Fma(v2, c2, p0);
            if (two && (last || three)) p1 = S.Fma(v3, c2, p1);
            if (three && (last || four)) p2 = S.Fma(v4, c2, p2);
            if (four && last) p3 = S.Fma(v5, c2, p3);
        }
        if (TSets.Value / 2 % 2 > 0)
        {
            if ((last || two)) q0 = S.Fma(v2, b2, q0);
            if (two && (last || three)) q1 = S.Fma(v3, b2, q1);
            if (three && (last || four)) q2 = S.Fma(v4, b2, q2);
            if (four && last) q3 = S.Fma(v5, b2, q3);
        }
        if (TSets.Value > 3)
        {
            if ((last || two)) n0 = S.Fma(v2, a2, n0);
            if (two && (last || three)) n1 = S.Fma(v3, a2, n1);
            if (three && (last || four)) n2 = S.Fma(v4, a2, n2);
            if (four && last) n3 = S.Fma(v5, a2, n3);
        }
        if (TSets.Value % 2 > 0) (y0, y1, y2, y3) = (p0, p1, p2, p3);
        if (TSets.Value / 2 % 2 > 0) (z0, z1, z2, z3) = (q0, q1, q2, q3);
        if (TSets.Value > 3) (u0, u1, u2, u3) = (n0, n1, n2, n3);
    }

    /// <summary>TRows + 2 rows of a column, without those that are padding, the fourth one at <paramref name="z"/>; goes on to the next column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<TRows, TEdge>(ref byte* x, ref byte* z, nint step, nint row, nint row2, out V v0, out V v1, out V v2, out V v3, out V v4, out V v5)
        where TRows : struct, ICount where TEdge : struct, ICount
    {
        LoadFirst<TEdge>(x, row, out v0, out v1);
        LoadRest<TRows, TEdge>(ref x, ref z, step, row, row2, out v2, out v3, out v4, out v5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadFirst<TEdge>(byte* x, nint row, out V v0, out V v1) where TEdge : struct, ICount
    {
        v0 = TEdge.Value % 2 == 0 ? S.Load((float*)x) : default;
        v1 = S.Load((float*)(x + row));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadRest<TRows, TEdge>(ref byte* x, ref byte* z, nint step, nint row, nint row2, out V v2, out V v3, out V v4, out V v5)
        where TRows : struct, ICount where TEdge : struct, ICount
    {
        int rows = TRows.Value + 2 - TEdge.Value / 2;
        v2 = rows > 2 ? S.Load((float*)(x + row2)) : default;
        x += step;
        v3 = rows > 3 ? S.Load((float*)z) : default;
        v4 = rows > 4 ? S.Load((float*)(z + row)) : default;
        v5 = rows > 5 ? S.Load((float*)(z + row2)) : default;
        z += step;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Clamp<TRows>(V low, V high, ref V y0, ref V y1, ref V y2, ref V y3) where TRows : struct, ICount
    {
        AtLeast<TRows>(low, ref y0, ref y1, ref y2, ref y3);
        AtMost<TRows>(high, ref y0, ref y1, ref y2, ref y3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AtLeast<TRows>(V low, ref V y0, ref V y1, ref V y2, ref V y3) where TRows : struct, ICount
    {
        y0 = S.AtLeast(y0, low);
        if (TRows.Value > 1) y1 = S.AtLeast(y1, low);
        if (TRows.Value > 2) y2 = S.AtLeast(y2, low);
        if (TRows.Value > 3) y3 = S.AtLeast(y3, low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AtMost<TRows>(V high, ref V y0, ref V y1, ref V y2, ref V y3) where TRows : struct, ICount
    {
        y0 = S.AtMost(y0, high);
        if (TRows.Value > 1) y1 = S.AtMost(y1, high);
        if (TRows.Value > 2) y2 = S.AtMost(y2, high);
        if (TRows.Value > 3) y3 = S.AtMost(y3, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TRows>(ref byte* y, nint step, nint line, nint line2, nint line3, V y0, V y1, V y2, V y3) where TRows : struct, ICount
    {
        S.Store((float*)y, y0);
        if (TRows.Value > 1) S.Store((float*)(y + line), y1);
        if (TRows.Value > 2) S.Store((float*)(y + line2), y2);
        if (TRows.Value > 3) S.Store((float*)(y + line3), y3);
        y += step;
    }
}
