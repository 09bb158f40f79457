using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise convolutions of any window, one output per channel, vectors over channels. Outputs are computed in tiles of
/// neighbours of a row, up to eight with 3×3 windows and four with others, or with many registers and 3×3 windows in bands of up to four rows; nothing is copied where windows leave the image. Where the channels are
/// no multiple of a vector the last block overlaps the one before and computes the same values again.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal abstract unsafe class ConvolutionFloat32Depthwise<S, V> : ConvolutionFloat32Kernel where S : struct, IFloatVector<V> where V : unmanaged
{
    private const int ChunkOutputs = 64, PieceOutputs = 23;

    /// <summary>Cycles of one multiply-add of a vector, loads included.</summary>
    private protected abstract double CyclesPerTap { get; }

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape) => shape.IsDepthwise && shape.OutPerGroup == 1 && shape.Channels >= S.Lanes;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape)
    {
        double perBlock = 4 + CyclesPerTap * shape.Depth * (Is3x3(shape) ? 1 : 1.3);
        return shape.Positions * (Blocks(shape) * perBlock + 3);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => (long)Blocks(shape) * S.Lanes * (1 + shape.Depth) * sizeof(float);

    /// <summary>Layout: blocks of Lanes channels, each the biases and then one vector per tap; the last block ends at the last channel.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination);
        int at = 0, depth = shape.Depth;
        for (int block = 0; block < Blocks(shape); block++)
        {
            int first = Math.Min(block * S.Lanes, shape.Channels - S.Lanes);
            for (int lane = 0; lane < S.Lanes; lane++, at++) packed[at] = bias.IsEmpty ? 0 : bias[first + lane];
            for (int tap = 0; tap < depth; tap++)
                for (int lane = 0; lane < S.Lanes; lane++, at++) packed[at] = weights[(first + lane) * depth + tap];
        }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => 0;

    /// <summary>One portion is up to 64 outputs of a row, or a row of a band.</summary>
    public override int Portions(in ConvolutionShape shape, int stage)
    {
        ConvolutionShape s = shape.Canonical();
        return s.Batch * s.OutHeight * Chunks(s);
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        ConvolutionShape s = call.Shape.Canonical();
        DepthwiseFloat32Tile<S, V>.Task task = new()
        {
            Packed = (float*)call.Packed,
            Channels = s.Channels,
            RowStep = (nint)s.DilationY * s.Width * s.Channels,
            ColumnStep = (nint)s.DilationX * s.Channels,
            CornerStep = (nint)s.StrideX * s.Channels,
            OutputPitch = (nint)s.OutWidth * s.Channels,
            KernelHeight = s.KernelHeight,
            KernelWidth = s.KernelWidth,
            DilationX = s.DilationX,
            StrideX = s.StrideX,
            Width = s.Width,
            Min = call.Min,
            Max = call.Max,
        };
        if (HasBands(s))
        {
            RunBands(ref task, call, s, first, end);
            return;
        }
        bool is3x3 = Is3x3(s);
        int chunks = Chunks(s), outWidth = s.OutWidth, outHeight = s.OutHeight, span = (s.KernelWidth - 1) * s.DilationX + 1;
        int firstInside = (s.PadLeft + s.StrideX - 1) / s.StrideX, endInside = s.Width + s.PadLeft < span ? 0 : (s.Width + s.PadLeft - span) / s.StrideX + 1;
        for (int portion = first; portion < end; portion++)
        {
            (int row, int chunk) = Math.DivRem(portion, chunks);
            (int n, int y) = Math.DivRem(row, outHeight);
            int top = y * s.StrideY - s.PadTop, below = s.Height - top;
            task.FirstRow = top < 0 ? (-top + s.DilationY - 1) / s.DilationY : 0;
            task.EndRow = below <= 0 ? 0 : Math.Min(s.KernelHeight, (below + s.DilationY - 1) / s.DilationY);
            float* line = call.Input + ((nint)n * s.Height + top) * s.Width * s.Channels;
            int stop = Math.Min((chunk + 1) * ChunkOutputs, outWidth);
            for (int x = chunk * ChunkOutputs, count; x < stop; x += count)
            {
                task.X = x * s.StrideX - s.PadLeft;
                task.Corner = line + (nint)task.X * s.Channels;
                task.Output = call.Output + ((nint)row * outWidth + x) * s.Channels;
                int inside = x < firstInside ? 0 : Math.Min(stop, endInside) - x;
                count = is3x3 ? Run3x3(ref task, stop - x, inside) : RunAny(ref task, stop - x, inside);
            }
        }
    }

    /// <summary>
    /// Rows first to end of all images, in bands: as few as possible, of sizes that differ by one at most. Each is made in pieces that stay in the first-level cache while all channels pass;
    /// a piece has two columns, or more, so many that whole turns of a band are left after the first ones, if it can be.
    /// </summary>
    private static void RunBands(ref DepthwiseFloat32Tile<S, V>.Task task, in ConvolutionFloat32Call call, in ConvolutionShape s, int first, int end)
    {
        for (int row = first, rows; row < end; row += rows)
        {
            (int n, int y) = Math.DivRem(row, s.OutHeight);
            int left = Math.Min(end - row, s.OutHeight - y), bands = (left + 3) / 4;
            rows = (left + bands - 1) / bands;
            int top = y * s.StrideY - s.PadTop, edge = (top < 0 ? 1 : 0) + (top + (rows - 1) * s.StrideY + 2 >= s.Height ? 2 : 0);
            float* line = call.Input + ((nint)n * s.Height + top) * s.Width * s.Channels, output = call.Output + (nint)row * task.OutputPitch;
            for (int x = 0; x < s.OutWidth; x += task.Tiles)
            {
                task.Tiles = Math.Min(PieceOutputs / s.StrideX, s.OutWidth - x);
                if (x + task.Tiles == s.OutWidth - 1) task.Tiles -= 3;
                task.X = x * s.StrideX - s.PadLeft;
                task.Corner = line + (nint)task.X * s.Channels;
                task.Output = output + (nint)x * s.Channels;
                switch (edge)
                {
                    case 0: RunBand<N0>(task, rows); break;
                    case 1: RunBand<N1>(task, rows); break;
                    case 2: RunBand<N2>(task, rows); break;
                    default: RunBand<N3>(task, rows); break;
                }
            }
        }
    }

    private static void RunBand<TEdge>(in DepthwiseFloat32Tile<S, V>.Task t, int rows) where TEdge : struct, ICount
    {
        switch (4 * (t.StrideX - 1) + rows)
        {
            case 1: DepthwiseFloat32Band<S, V>.Run<N1, TEdge>(t); break;
            case 2: DepthwiseFloat32Band<S, V>.Run<N2, TEdge>(t); break;
            case 3: DepthwiseFloat32Band<S, V>.Run<N3, TEdge>(t); break;
            case 4: DepthwiseFloat32Band<S, V>.Run<N4, TEdge>(t); break;
            case 5: DepthwiseFloat32BandStride2<S, V>.Run<N1, TEdge>(t); break;
            case 6: DepthwiseFloat32BandStride2<S, V>.Run<N2, TEdge>(t); break;
            case 7: DepthwiseFloat32BandStride2<S, V>.Run<N3, TEdge>(t); break;
            default: DepthwiseFloat32BandStride2<S, V>.Run<N4, TEdge>(t); break;
        }
    }

    /// <summary>The next tiles of a row of which <paramref name="left"/> outputs are left, the first <paramref name="inside"/> with whole windows; returns how many were made.</summary>
    private static int Run3x3(ref DepthwiseFloat32Tile<S, V>.Task t, int left, int inside)
    {
        // As few tiles as possible, of sizes that differ by one at most.
        int tiles = (left + 7) / 8, outputs = (left + tiles - 1) / tiles, larger = left - (outputs - 1) * tiles;
        int beyond = t.X + (outputs - 1) * t.StrideX + 3 - t.Width;
        if (t.X < -1 || beyond > 1) return RunAny(ref t, left, inside);
        t.Tiles = Math.Max(1, Math.Min(larger, inside / outputs));
        switch ((t.X < 0 ? 1 : 0) + (beyond > 0 ? 2 : 0))
        {
            case 0: Run3x3<N0>(t, outputs); break;
            case 1: Run3x3<N1>(t, outputs); break;
            case 2: Run3x3<N2>(t, outputs); break;
            default: Run3x3<N3>(t, outputs); break;
        }
        return t.Tiles * outputs;
    }

    private static void Run3x3<TEdge>(in DepthwiseFloat32Tile<S, V>.Task t, int outputs) where TEdge : struct, ICount
    {
        switch (8 * (t.StrideX - 1) + outputs)
        {
            case 1: DepthwiseFloat32Tile<S, V>.Run3x3<N1, TEdge>(t); break;
            case 2: DepthwiseFloat32Tile<S, V>.Run3x3<N2, TEdge>(t); break;
            case 3: DepthwiseFloat32Tile<S, V>.Run3x3<N3, TEdge>(t); break;
            case 4: DepthwiseFloat32Tile<S, V>.Run3x3<N4, TEdge>(t); break;
            case 5: DepthwiseFloat32Tile<S, V>.Run3x3<N5, TEdge>(t); break;
            case 6: DepthwiseFloat32Tile<S, V>.Run3x3<N6, TEdge>(t); break;
            case 7: DepthwiseFloat32Tile<S, V>.Run3x3<N7, TEdge>(t); break;
            case 8: DepthwiseFloat32Tile<S, V>.Run3x3<N8, TEdge>(t); break;
            case 9: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N1, TEdge>(t); break;
            case 10: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N2, TEdge>(t); break;
            case 11: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N3, TEdge>(t); break;
            case 12: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N4, TEdge>(t); break;
            case 13: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N5, TEdge>(t); break;
            case 14: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N6, TEdge>(t); break;
            case 15: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N7, TEdge>(t); break;
            default: DepthwiseFloat32Tile<S, V>.Run3x3Stride2<N8, TEdge>(t); break;
        }
    }

    /// <summary>As <see cref="Run3x3"/>, for any window.</summary>
    private static int RunAny(ref DepthwiseFloat32Tile<S, V>.Task t, int left, int inside)
    {
        int outputs = Math.Min(4, left);
        t.Tiles = Math.Max(1, inside / outputs);
        if (inside >= outputs) RunAny<N0>(t, outputs);
        else RunAny<N1>(t, outputs);
        return t.Tiles * outputs;
    }

    private static void RunAny<TEdge>(in DepthwiseFloat32Tile<S, V>.Task t, int outputs) where TEdge : struct, ICount
    {
        switch (outputs)
        {
            case 1: DepthwiseFloat32Tile<S, V>.Run<N1, TEdge>(t); break;
            case 2: DepthwiseFloat32Tile<S, V>.Run<N2, TEdge>(t); break;
            case 3: DepthwiseFloat32Tile<S, V>.Run<N3, TEdge>(t); break;
            default: DepthwiseFloat32Tile<S, V>.Run<N4, TEdge>(t); break;
        }
    }

    private static bool Is3x3(in ConvolutionShape s) =>
        s.KernelHeight == 3 && s.KernelWidth == 3 && s.StrideX <= 2 && s.DilationX == 1 && s.DilationY == 1;

    /// <summary>Whether <see cref="DepthwiseFloat32Band{S, V}"/> takes the layer: at most one column and row of padding at each side, whose windows see some of the image.</summary>
    private static bool HasBands(in ConvolutionShape s) => S.Registers > 16 && Is3x3(s) && s.StrideY == s.StrideX && s.OutWidth > 1 &&
        s.PadTop <= 1 && s.PadLeft <= 1 && s.PadBottom <= 1 && s.PadRight <= 1;

    private static int Blocks(in ConvolutionShape s) => (s.Channels + S.Lanes - 1) / S.Lanes;

    private static int Chunks(in ConvolutionShape s) => HasBands(s) ? 1 : (s.OutWidth + ChunkOutputs - 1) / ChunkOutputs;
}
