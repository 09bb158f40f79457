using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Tiles of neighbouring outputs of one row of a depthwise convolution, over all channels. The window's columns are
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

        /// <summary>Distance between output rows.</summary>
        public nint OutputPitch;

        /// <summary>The window, and its rows that lie in the image.</summary>
        public int KernelHeight, KernelWidth, FirstRow, EndRow;

        /// <summary>Where columns are tested: column of the corner in the image, dilation, stride, and the image's width.</summary>
        public int X, DilationX, StrideX, Width;

        /// <summary>The fused clamp.</summary>
        public float Min, Max;
    }

    /// <summary>
    /// A 3×3 window without dilation, stride 1: 1 to 8 outputs. TEdge tells which columns are padding, and not multiplied: 1 the first, 2 the
    /// last, 3 both. Each column is loaded once for up to three outputs, each weight once for all.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run3x3<TOutputs, TEdge>(in Task t) where TOutputs : struct, ICount where TEdge : struct, ICount
    {
        V low = S.Create(t.Min), high = S.Create(t.Max);
        nint channels = t.Channels;
        int outputs = TOutputs.Value, columns = outputs + 2 - TEdge.Value / 2;
        float* corner = t.Corner, output = t.Output;
        for (int tile = t.Tiles; tile > 0; tile--, corner += outputs * channels, output += outputs * channels)
        {
            float* block = t.Packed;
            for (nint c = 0; c < channels; c += S.Lanes, block += 10 * S.Lanes)
            {
                c = Math.Min(c, channels - S.Lanes);
                V bias = S.Load(block), y0 = bias, y1 = bias, y2 = bias, y3 = bias, y4 = bias, y5 = bias, y6 = bias, y7 = bias;
                float* line = corner + t.FirstRow * t.RowStep + c, w = block + (3 * t.FirstRow + 1) * S.Lanes;
                for (int row = t.EndRow - t.FirstRow; row > 0; row--, line += t.RowStep, w += 3 * S.Lanes)
                {
                    V w0 = S.Load(w), w1 = S.Load(w + S.Lanes), w2 = S.Load(w + 2 * S.Lanes), v;
                    float* x = line;
                    if (TEdge.Value % 2 == 0) y0 = S.Fma(S.Load(x), w0, y0);
                    v = S.Load(x + channels);
                    y0 = S.Fma(v, w1, y0);
                    if (outputs > 1) y1 = S.Fma(v, w0, y1);
                    if (columns > 2) { v = S.Load(x + 2 * channels); y0 = S.Fma(v, w2, y0); if (outputs > 1) y1 = S.Fma(v, w1, y1); if (outputs > 2) y2 = S.Fma(v, w0, y2); }
                    x += 3 * channels;
                    if (columns > 3) { v = S.Load(x); y1 = S.Fma(v, w2, y1); if (outputs > 2) y2 = S.Fma(v, w1, y2); if (outputs > 3) y3 = S.Fma(v, w0, y3); }
                    if (columns > 4) { v = S.Load(x + channels); y2 = S.Fma(v, w2, y2); if (outputs > 3) y3 = S.Fma(v, w1, y3); if (outputs > 4) y4 = S.Fma(v, w0, y4); }
                    if (columns > 5) { v = S.Load(x + 2 * channels); y3 = S.Fma(v, w2, y3); if (outputs > 4) y4 = S.Fma(v, w1, y4); if (outputs > 5) y5 = S.Fma(v, w0, y5); }
                    x += 3 * channels;
                    if (columns > 6) { v = S.Load(x); y4 = S.Fma(v, w2, y4); if (outputs > 5) y5 = S.Fma(v, w1, y5); if (outputs > 6) y6 = S.Fma(v, w0, y6); }
                    if (columns > 7) { v = S.Load(x + channels); y5 = S.Fma(v, w2, y5); if (outputs > 6) y6 = S.Fma(v, w1, y6); if (outputs > 7) y7 = S.Fma(v, w0, y7); }
                    if (columns > 8) { v = S.Load(x + 2 * channels); y6 = S.Fma(v, w2, y6); if (outputs > 7) y7 = S.Fma(v, w1, y7); }
                    if (columns > 9) y7 = S.Fma(S.Load(x + 3 * channels), w2, y7);
                }
                Store<TOutputs>(output + c, channels, low, high, y0, y1, y2, y3, y4, y5, y6, y7);
            }
        }
    }

    /// <summary>As <see cref="Run3x3"/>, stride 2.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run3x3Stride2<TOutputs, TEdge>(in Task t) where TOutputs : struct, ICount where TEdge : struct, ICount
    {
        V low = S.Create(t.Min), high = S.Create(t.Max);
        nint channels = t.Channels;
        int outputs = TOutputs.Value, columns = 2 * outputs + 1 - TEdge.Value / 2;
        float* corner = t.Corner, output = t.Output;
        for (int tile = t.Tiles; tile > 0; tile--, corner += 2 * outputs * channels, output += outputs * channels)
        {
            float* block = t.Packed;
            for (nint c = 0; c < channels; c += S.Lanes, block += 10 * S.Lanes)
            {
                c = Math.Min(c, channels - S.Lanes);
                V bias = S.Load(block), y0 = bias, y1 = bias, y2 = bias, y3 = bias, y4 = bias, y5 = bias, y6 = bias, y7 = bias;
                float* line = corner + t.FirstRow * t.RowStep + c, w = block + (3 * t.FirstRow + 1) * S.Lanes;
                for (int row = t.EndRow - t.FirstRow; row > 0; row--, line += t.RowStep, w += 3 * S.Lanes)
                {
                    V w0 = S.Load(w), w1 = S.Load(w + S.Lanes), w2 = S.Load(w + 2 * S.Lanes), v;
                    float* x = line;
                    if (TEdge.Value % 2 == 0) y0 = S.Fma(S.Load(x), w0, y0);
                    y0 = S.Fma(S.Load(x + channels), w1, y0);
                    x += 2 * channels;
                    if (columns > 2) { v = S.Load(x); y0 = S.Fma(v, w2, y0); if (outputs > 1) y1 = S.Fma(S.Load(x + channels), w1, S.Fma(v, w0, y1)); }
                    x += 2 * channels;
                    if (columns > 4) { v = S.Load(x); y1 = S.Fma(v, w2, y1); if (outputs > 2) y2 = S.Fma(S.Load(x + channels), w1, S.Fma(v, w0, y2)); }
                    x += 2 * channels;
                    if (columns > 6) { v = S.Load(x); y2 = S.Fma(v, w2, y2); if (outputs > 3) y3 = S.Fma(S.Load(x + channels), w1, S.Fma(v, w0, y3)); }
                    x += 2 * channels;
                    if (columns > 8) { v = S.Load(x); y3 = S.Fma(v, w2, y3); if (outputs > 4) y4 = S.Fma(S.Load(x + channels), w1, S.Fma(v, w0, y4)); }
                    x += 2 * channels;
                    if (columns > 10) { v = S.Load(x); y4 = S.Fma(v, w2, y4); if (outputs > 5) y5 = S.Fma(S.Load(x + channels), w1, S.Fma(v, w0, y5)); }
                    x += 2 * channels;
                    if (columns > 12) { v = S.Load(x); y5 = S.Fma(v, w2, y5); if (outputs > 6) y6 = S.Fma(S.Load(x + channels), w1, S.Fma(v, w0, y6)); }
                    x += 2 * channels;
                    if (columns > 14) { v = S.Load(x); y6 = S.Fma(v, w2, y6); if (outputs > 7) y7 = S.Fma(S.Load(x + channels), w1, S.Fma(v, w0, y7)); }
                    if (columns > 16) y7 = S.Fma(S.Load(x + 2 * channels), w2, y7);
                }
                Store<TOutputs>(output + c, channels, low, high, y0, y1, y2, y3, y4, y5, y6, y7);
            }
        }
    }

    /// <summary>Any window; up to 4 outputs; with TEdge 1 every column is tested for being in the image.</summary>
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
                Store<TOutputs>(output + c, channels, low, high, y0, y1, y2, y3);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TOutputs>(float* y, nint channels, V low, V high, V y0, V y1, V y2, V y3, V y4 = default, V y5 = default, V y6 = default, V y7 = default)
        where TOutputs : struct, ICount
    {
        S.Store(y, S.Clamp(y0, low, high));
        if (TOutputs.Value > 1) S.Store(y += channels, S.Clamp(y1, low, high));
        if (TOutputs.Value > 2) S.Store(y += channels, S.Clamp(y2, low, high));
        if (TOutputs.Value > 3) S.Store(y += channels, S.Clamp(y3, low, high));
        if (TOutputs.Value > 4) S.Store(y += channels, S.Clamp(y4, low, high));
        if (TOutputs.Value > 5) S.Store(y += channels, S.Clamp(y5, low, high));
        if (TOutputs.Value > 6) S.Store(y += channels, S.Clamp(y6, low, high));
        if (TOutputs.Value > 7) S.Store(y += channels, S.Clamp(y7, low, high));
    }
}
