using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The inner loop of <see cref="ConvolutionInt8FusedGemm"/> for first layers of images: one vector of output channels, windows of 3 columns × 3 channels at
/// stride 2. A row of a window is 5 pairs of elements, and the next position's begins 3 pairs later: what two windows share is loaded once, and the row's weights
/// stay in registers.
/// </summary>
internal static unsafe class ConvolutionInt8AccumulateOverlapping<TDot, TSink>
    where TDot : struct, IInt8Dot<Vector256<int>>
    where TSink : struct, IInt8Sink<Vector256<int>>
{
    private const int Rows = 8, Pairs = 5, PairBytes = 4, Step = 3 * PairBytes;

    /// <summary>Whether windows <paramref name="step"/> bytes apart overlap so.</summary>
    public static bool Fits(in ConvolutionInt8Tile tile, int step) => TDot.Step == 2 && step == Step && tile.SegmentSteps == Pairs && tile.PaddedColumns == Vector256<int>.Count;

    /// <summary>Hands the sums of positions to the sink, two at a time: of as many of <paramref name="count"/> as whole tiles have, which it returns.</summary>
    public static int Run(in ConvolutionInt8Tile tile, int count)
    {
        byte* window = tile.Windows[0];
        int row = 0;
        for (; row + Rows <= count; row += Rows, window += Rows * Step)
        {
            Vector256<int> c0 = TDot.Load(tile.Bias), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
            byte* w = tile.Weights;
            for (int s = 0; s < tile.Segments; s++, w += Pairs * sizeof(Vector256<int>))
            {
                byte* x = window + tile.SegmentOffsets[s];
                Vector256<int> w0 = TDot.Load(w), w1 = TDot.Load(w + 32), w2 = TDot.Load(w + 64), w3 = TDot.Load(w + 96), w4 = TDot.Load(w + 128);
                c0 = TDot.MultiplyAdd(c0, TDot.Broadcast(x), w0);
                c0 = TDot.MultiplyAdd(c0, TDot.Broadcast(x + PairBytes), w1);
                x += 2 * PairBytes;
                Add(x, w0, w1, w2, w3, w4, ref c0, ref c1);
                Add(x + Step, w0, w1, w2, w3, w4, ref c1, ref c2);
                Add(x + 2 * Step, w0, w1, w2, w3, w4, ref c2, ref c3);
                Add(x + 3 * Step, w0, w1, w2, w3, w4, ref c3, ref c4);
                Add(x + 4 * Step, w0, w1, w2, w3, w4, ref c4, ref c5);
                Add(x + 5 * Step, w0, w1, w2, w3, w4, ref c5, ref c6);
                Add(x + 6 * Step, w0, w1, w2, w3, w4, ref c6, ref c7);
                c7 = TDot.MultiplyAdd(c7, TDot.Broadcast(x + 7 * Step), w2);
                c7 = TDot.MultiplyAdd(c7, TDot.Broadcast(x + 7 * Step + PairBytes), w3);
                c7 = TDot.MultiplyAdd(c7, TDot.Broadcast(x + 7 * Step + 2 * PairBytes), w4);
            }
            TSink.Take<N1>(tile, row, true, c0, default, default, default, c1, default, default, default);
            TSink.Take<N1>(tile, row + 2, true, c2, default, default, default, c3, default, default, default);
            TSink.Take<N1>(tile, row + 4, true, c4, default, default, default, c5, default, default, default);
            TSink.Take<N1>(tile, row + 6, true, c6, default, default, default, c7, default, default, default);
        }
        return row;
    }

    /// <summary>The end of a window, of which the last two pairs are the beginning of the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(byte* x, Vector256<int> w0, Vector256<int> w1, Vector256<int> w2, Vector256<int> w3, Vector256<int> w4, ref Vector256<int> sum, ref Vector256<int> next)
    {
        sum = TDot.MultiplyAdd(sum, TDot.Broadcast(x), w2);
        TDot.MultiplyAdd(ref sum, ref next, TDot.Broadcast(x + PairBytes), w3, w0);
        TDot.MultiplyAdd(ref sum, ref next, TDot.Broadcast(x + 2 * PairBytes), w4, w1);
    }
}
