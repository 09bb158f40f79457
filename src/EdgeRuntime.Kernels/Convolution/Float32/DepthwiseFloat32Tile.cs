using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Tiles of up to four neighbouring outputs of one row of a depthwise convolution, over all channels. The window's columns are
/// loaded once and used by every output that sees them.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal static unsafe class DepthwiseFloat32Tile<S, V> where S : struct, IFloatVector<V> where V : unmanaged
{
    /// <summary>What a tile works on. Steps count floats.</summary>
    internal struct Task
    {
        /// <summary>Blocks of Lanes channels: biases, then one vector per tap. The last block ends at the last channel.</summary>
        public float* Packed;

        /// <summary>The window's corner of the first output in the (virtually) padded input.</summary>
        public float* Corner;

        /// <summary>The first output.</summary>
        public float* Output;

        /// <summary>Number of channels, at least Lanes; number of tiles, one behind the other.</summary>
        public int Channels, Tiles;

        /// <summary>Distance between window rows and between window columns, dilation included, and between neighbouring outputs' corners.</summary>
        public nint RowStep, ColumnStep, CornerStep;

        /// <summary>The window, and its rows that lie in the image.</summary>
        public int KernelHeight, KernelWidth, FirstRow, EndRow;

        /// <summary>For tiles at the left and right border: column of the corner in the image, dilation, stride, and the image's width.</summary>
        public int X, DilationX, StrideX, Width;

        /// <summary>The fused clamp.</summary>
        public float Min, Max;
    }

    /// <summary>A 3×3 window without dilation and with stride 1 or 2; all columns in the image, or, with TEdge 1, tested one by one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run3x3<TOutputs, TStride, TEdge>(in Task t) where TOutputs : struct, ICount where TStride : struct, ICount where TEdge : struct, ICount
    {
        V low = S.Create(t.Min), high = S.Create(t.Max);
        nint channels = t.Channels;
        float* corner = t.Corner, output = t.Output;
        for (int tile = t.Tiles; tile > 0; tile--, corner += TOutputs.Value * TStride.Value * channels, output += TOutputs.Value * channels)
        {
            float* w = t.Packed;
            for (nint c = 0; c < channels; c += S.Lanes, w += 10 * S.Lanes)
            {
                c = Math.Min(c, channels - S.Lanes);
                V bias = S.Load(w), y0 = bias, y1 = bias, y2 = bias, y3 = bias;
                for (int row = t.FirstRow; row < t.EndRow; row++)
                {
                    float* x = corner + row * t.RowStep + c;
                    V w0 = S.Load(w + (3 * row + 1) * S.Lanes), w1 = S.Load(w + (3 * row + 2) * S.Lanes), w2 = S.Load(w + (3 * row + 3) * S.Lanes);
                    int columns = (TOutputs.Value - 1) * TStride.Value + 3;
                    V v = Column<TEdge>(t, x, 0, channels);
                    y0 = S.Fma(v, w0, y0);
                    v = Column<TEdge>(t, x, 1, channels);
                    y0 = S.Fma(v, w1, y0);
                    if (TStride.Value == 1 && TOutputs.Value > 1) y1 = S.Fma(v, w0, y1);
                    v = Column<TEdge>(t, x, 2, channels);
                    y0 = S.Fma(v, w2, y0);
                    if (TOutputs.Value > 1) y1 = S.Fma(v, TStride.Value == 1 ? w1 : w0, y1);
                    if (TStride.Value == 1 && TOutputs.Value > 2) y2 = S.Fma(v, w0, y2);
                    if (columns > 3)
                    {
                        v = Column<TEdge>(t, x, 3, channels);
                        y1 = S.Fma(v, TStride.Value == 1 ? w2 : w1, y1);
                        if (TStride.Value == 1 && TOutputs.Value > 2) y2 = S.Fma(v, w1, y2);
                        if (TStride.Value == 1 && TOutputs.Value > 3) y3 = S.Fma(v, w0, y3);
                    }
                    if (columns > 4)
                    {
                        v = Column<TEdge>(t, x, 4, channels);
                        if (TStride.Value == 2) y1 = S.Fma(v, w2, y1);
                        if (TOutputs.Value > 2) y2 = S.Fma(v, TStride.Value == 1 ? w2 : w0, y2);
                        if (TStride.Value == 1 && TOutputs.Value > 3) y3 = S.Fma(v, w1, y3);
                    }
                    if (columns > 5)
                    {
                        v = Column<TEdge>(t, x, 5, channels);
                        if (TStride.Value == 2) y2 = S.Fma(v, w1, y2);
                        else y3 = S.Fma(v, w2, y3);
                    }
                    if (columns > 6)
                    {
                        v = Column<TEdge>(t, x, 6, channels);
                        y2 = S.Fma(v, w2, y2);
                        if (TOutputs.Value > 3) y3 = S.Fma(v, w0, y3);
                    }
                    if (columns > 7) y3 = S.Fma(Column<TEdge>(t, x, 7, channels), w1, y3);
                    if (columns > 8) y3 = S.Fma(Column<TEdge>(t, x, 8, channels), w2, y3);
                }
                Store<TOutputs>(output + c, channels, S.Clamp(y0, low, high), S.Clamp(y1, low, high), S.Clamp(y2, low, high), S.Clamp(y3, low, high));
            }
        }
    }

    /// <summary>Any window; one tile after the other as in <see cref="Run3x3"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run<TOutputs, TEdge>(in Task t) where TOutputs : struct, ICount where TEdge : struct, ICount
    {
        V low = S.Create(t.Min), high = S.Create(t.Max);
        nint channels = t.Channels, step = t.CornerStep;
        int blockFloats = (1 + t.KernelHeight * t.KernelWidth) * S.Lanes, skipped = (1 + t.FirstRow * t.KernelWidth) * S.Lanes;
        float* corner = t.Corner, output = t.Output;
        for (int tile = t.Tiles; tile > 0; tile--, corner += TOutputs.Value * step, output += TOutputs.Value * channels)
        {
            float* block = t.Packed;
            for (nint c = 0; c < channels; c += S.Lanes, block += blockFloats)
            {
                c = Math.Min(c, channels - S.Lanes);
                float* w = block + skipped;
                V bias = S.Load(block), y0 = bias, y1 = bias, y2 = bias, y3 = bias;
                for (int row = t.FirstRow; row < t.EndRow; row++)
                {
                    float* x = corner + row * t.RowStep + c;
                    for (int column = 0; column < t.KernelWidth; column++, x += t.ColumnStep, w += S.Lanes)
                    {
                        V weight = S.Load(w);
                        int at = t.X + column * t.DilationX;
                        if (TEdge.Value == 0 || (uint)at < (uint)t.Width) y0 = S.Fma(S.Load(x), weight, y0);
                        if (TOutputs.Value > 1 && (TEdge.Value == 0 || (uint)(at + t.StrideX) < (uint)t.Width)) y1 = S.Fma(S.Load(x + step), weight, y1);
                        if (TOutputs.Value > 2 && (TEdge.Value == 0 || (uint)(at + 2 * t.StrideX) < (uint)t.Width)) y2 = S.Fma(S.Load(x + 2 * step), weight, y2);
                        if (TOutputs.Value > 3 && (TEdge.Value == 0 || (uint)(at + 3 * t.StrideX) < (uint)t.Width)) y3 = S.Fma(S.Load(x + 3 * step), weight, y3);
                    }
                }
                Store<TOutputs>(output + c, channels, S.Clamp(y0, low, high), S.Clamp(y1, low, high), S.Clamp(y2, low, high), S.Clamp(y3, low, high));
            }
        }
    }

    /// <summary>Column <paramref name="j"/> of the window; zero outside of the image.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Column<TEdge>(in Task t, float* x, int j, nint channels) where TEdge : struct, ICount =>
        TEdge.Value == 0 || (uint)(t.X + j) < (uint)t.Width ? S.Load(x + j * channels) : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TOutputs>(float* y, nint channels, V y0, V y1, V y2, V y3) where TOutputs : struct, ICount
    {
        S.Store(y, y0);
        if (TOutputs.Value > 1) S.Store(y + channels, y1);
        if (TOutputs.Value > 2) S.Store(y + 2 * channels, y2);
        if (TOutputs.Value > 3) S.Store(y + 3 * channels, y3);
    }
}
