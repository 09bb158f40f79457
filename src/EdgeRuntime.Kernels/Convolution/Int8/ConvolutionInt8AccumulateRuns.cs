using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The inner loops of <see cref="ConvolutionInt8Runs"/>: up to 3 positions × 2 vectors of accumulators, and as many 16-bit
/// sums of a run. The unused ones vanish in compilation.
/// </summary>
internal static unsafe class ConvolutionInt8AccumulateRuns<TRows, TVectors>
    where TRows : struct, ICount
    where TVectors : struct, ICount
{
    /// <summary>accumulators[row][column] = 2 · (bias[column] + Σ window[row] · weights[column]).</summary>
    public static void Run(in ConvolutionInt8Tile tile)
    {
        Sums c = default;
        c.A0 = c.B0 = c.C0 = Vector256.Load(tile.Bias);
        if (TVectors.Value > 1) c.A1 = c.B1 = c.C1 = Vector256.Load(tile.Bias + 8);
        byte* p0 = tile.Windows[0], p1 = TRows.Value > 1 ? tile.Windows[1] : null, p2 = TRows.Value > 2 ? tile.Windows[2] : null;
        int* counts = (int*)tile.Weights, offset = counts + ConvolutionInt8Runs.PanelHeader;
        byte* w = tile.Weights + counts[Int8Runs.Longest];
        for (int i = counts[3]; i > 0; i--, offset += 4, w += 4 * TVectors.Value * 32) Run<N4>(p0, p1, p2, offset, w, ref c);
        for (int i = counts[2]; i > 0; i--, offset += 3, w += 3 * TVectors.Value * 32) Run<N3>(p0, p1, p2, offset, w, ref c);
        for (int i = counts[1]; i > 0; i--, offset += 2, w += 2 * TVectors.Value * 32) Run<N2>(p0, p1, p2, offset, w, ref c);
        for (int i = counts[0]; i > 0; i--, offset += 1, w += TVectors.Value * 32) Run<N1>(p0, p1, p2, offset, w, ref c);
        Store(tile.Accumulators, c.A0, c.A1);
        if (TRows.Value > 1) Store(tile.Accumulators + TVectors.Value * 8, c.B0, c.B1);
        if (TRows.Value > 2) Store(tile.Accumulators + 2 * TVectors.Value * 8, c.C0, c.C1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run<TSteps>(byte* p0, byte* p1, byte* p2, int* offset, byte* w, ref Sums c) where TSteps : struct, ICount
    {
        Vector256<short> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Step<N0>(p0, p1, p2, offset[0], w, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
        if (TSteps.Value > 1) Step<N1>(p0, p1, p2, offset[1], w + TVectors.Value * 32, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
        if (TSteps.Value > 2) Step<N1>(p0, p1, p2, offset[2], w + 2 * TVectors.Value * 32, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
        if (TSteps.Value > 3) Step<N1>(p0, p1, p2, offset[3], w + 3 * TVectors.Value * 32, ref a0, ref a1, ref b0, ref b1, ref c0, ref c1);
        c.A0 = Widen(c.A0, a0);
        if (TVectors.Value > 1) c.A1 = Widen(c.A1, a1);
        if (TRows.Value > 1) c.B0 = Widen(c.B0, b0);
        if (TRows.Value > 1 && TVectors.Value > 1) c.B1 = Widen(c.B1, b1);
        if (TRows.Value > 2) c.C0 = Widen(c.C0, c0);
        if (TRows.Value > 2 && TVectors.Value > 1) c.C1 = Widen(c.C1, c1);
    }

    /// <summary>Adds one step's products, or, with TAdd 0, starts with them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TAdd>(byte* p0, byte* p1, byte* p2, nint offset, byte* w, ref Vector256<short> a0, ref Vector256<short> a1,
        ref Vector256<short> b0, ref Vector256<short> b1, ref Vector256<short> c0, ref Vector256<short> c1) where TAdd : struct, ICount
    {
        Vector256<sbyte> w0 = Vector256.Load((sbyte*)w), w1 = TVectors.Value > 1 ? Vector256.Load((sbyte*)w + 32) : default;
        Row<TAdd>(p0 + offset, w0, w1, ref a0, ref a1);
        if (TRows.Value > 1) Row<TAdd>(p1 + offset, w0, w1, ref b0, ref b1);
        if (TRows.Value > 2) Row<TAdd>(p2 + offset, w0, w1, ref c0, ref c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row<TAdd>(byte* p, Vector256<sbyte> w0, Vector256<sbyte> w1, ref Vector256<short> s0, ref Vector256<short> s1) where TAdd : struct, ICount
    {
        Vector256<byte> x = Vector256.Create(*(int*)p).AsByte();
        s0 = TAdd.Value == 0 ? Avx2.MultiplyAddAdjacent(x, w0) : s0 + Avx2.MultiplyAddAdjacent(x, w0);
        if (TVectors.Value > 1) s1 = TAdd.Value == 0 ? Avx2.MultiplyAddAdjacent(x, w1) : s1 + Avx2.MultiplyAddAdjacent(x, w1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(Vector256<int> sum, Vector256<short> part) => sum + Avx2.MultiplyAddAdjacent(part, Vector256.Create((short)1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* a, Vector256<int> c0, Vector256<int> c1)
    {
        (c0 + c0).Store(a);
        if (TVectors.Value > 1) (c1 + c1).Store(a + 8);
    }

    private struct Sums
    {
        public Vector256<int> A0, A1, B0, B1, C0, C1;
    }
}
