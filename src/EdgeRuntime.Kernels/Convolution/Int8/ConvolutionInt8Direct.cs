using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>One tile of a direct convolution: positions × output channels.</summary>
public unsafe struct ConvolutionInt8Tile
{
    /// <summary>First element of the window of each position, as many as the tile has rows; absent positions repeat the first.</summary>
    public byte** Windows;

    /// <summary>Byte offsets of the segments from a window's start, and how many.</summary>
    public int* SegmentOffsets;

    /// <summary>Number of segments, and steps (of 4 bytes) of each.</summary>
    public int Segments, SegmentSteps;

    /// <summary>The panel: [segment][step][column] groups of 4 bytes of weights.</summary>
    public byte* Weights;

    /// <summary>Biases (in the unit of the kernel's accumulators) and multipliers of the panel's columns.</summary>
    public int* Bias, Multipliers;

    /// <summary>Room for rows × columns accumulators, 64-byte aligned.</summary>
    public int* Accumulators;

    /// <summary>Output of the first position and column, and the distance between positions.</summary>
    public sbyte* Output;

    /// <summary>Bytes from one position's output to the next.</summary>
    public int OutputStride;

    /// <summary>Positions present; columns that are stored; columns of the panel, a multiple of the column step.</summary>
    public int Rows, Columns, PaddedColumns;
}

/// <summary>
/// A convolution as a tiled matrix product on a padded copy of a few input rows (see <see cref="ConvolutionInt8Plan"/>).
/// This class owns blocks, bands and panels; the kernel owns the conversion of elements, the layout of a step of weights and
/// the tile. It does every shape: dense, grouped, dilated, strided, padded, fully connected.
/// </summary>
public abstract unsafe class ConvolutionInt8Direct : ConvolutionInt8Kernel
{
    /// <summary>The kernel's tile.</summary>
    public abstract ConvolutionInt8TileSize TileSize { get; }

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => true;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => new ConvolutionInt8Plan(shape, TileSize).PackedBytes;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * new ConvolutionInt8Plan(shape, TileSize).WorkerBytes;

    /// <summary>Portions divide the output rows and, where these are few, the panels.</summary>
    public override int Portions(in ConvolutionShape shape, int stage)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        return plan.RowPortions * plan.PanelPortions;
    }

    /// <summary>Layout: segment offsets, biases, multipliers, panels; each 64-byte aligned (see <see cref="ConvolutionInt8Plan"/>).</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        destination.Clear();
        Span<int> offsets = MemoryMarshal.Cast<byte, int>(destination);
        for (int i = 0; i < plan.Segments; i++) offsets[i] = plan.SegmentOffset(i);
        Span<int> bias = MemoryMarshal.Cast<byte, int>(destination[(int)plan.BiasOffset..]);
        Span<int> multipliers = MemoryMarshal.Cast<byte, int>(destination[(int)plan.MultiplierOffset..]);
        for (int o = 0; o < plan.Shape.OutChannels; o++)
        {
            int group = o / plan.Shape.OutPerGroup, column = o % plan.Shape.OutPerGroup, slot = group * plan.PaddedColumns + column;
            ReadOnlySpan<sbyte> row = weights.Slice(o * plan.Shape.Depth, plan.Shape.Depth);
            int weightZero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[o];
            bias[slot] = FoldBias(parameters, o, row, weightZero);
            multipliers[slot] = parameters.Multipliers[o];
            (int first, int count) = plan.PanelColumns(column / TileSize.Columns);
            Span<byte> panel = destination[(int)(plan.PanelOffset + group * plan.GroupBytes + (long)first * plan.DepthSteps * 4)..];
            for (int k = 0; k < row.Length; k++)
            {
                int segment = k / plan.SegmentElements, inside = k % plan.SegmentElements, step = segment * plan.SegmentSteps + inside / TileSize.Step;
                PackWeight(row[k] - weightZero, panel.Slice((step * count + column - first) * 4, 4), inside % TileSize.Step);
            }
        }
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ConvolutionInt8Plan plan = new(call.Shape, TileSize);
        while (first < end)
        {
            int panels = first / plan.RowPortions, row = first % plan.RowPortions, rows = Math.Min(plan.RowPortions - row, end - first);
            int count = rows == plan.RowPortions ? (end - first) / rows : 1;
            int firstUnit = panels * plan.Units / plan.PanelPortions, endUnit = (panels + count) * plan.Units / plan.PanelPortions;
            RunPortions(call, plan, row, row + rows, firstUnit, endUnit, call.Scratch + (long)worker * plan.WorkerBytes);
            first += rows * count;
        }
    }

    /// <summary>Puts one weight, its zero point subtracted, into place <paramref name="element"/> of a group of 4 bytes.</summary>
    protected abstract void PackWeight(int weight, Span<byte> destination, int element);

    /// <summary>The value at which a channel's accumulator starts.</summary>
    protected abstract int FoldBias(ConvolutionInt8Parameters parameters, int channel, ReadOnlySpan<sbyte> weights, int weightZero);

    /// <summary>Converts <paramref name="count"/> input elements to the band's form.</summary>
    protected abstract void Convert(sbyte* source, byte* destination, nint count, int zeroPoint);

    /// <summary>Writes <paramref name="count"/> padding elements.</summary>
    protected abstract void Fill(byte* destination, nint count, int zeroPoint);

    /// <summary>Multiplies, requantises and stores one tile.</summary>
    protected abstract void RunTile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call);

    private void RunPortions(in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, int first, int end, int firstUnit, int endUnit, byte* scratch)
    {
        while (first < end)
        {
            int image = first / plan.PortionsPerImage, inImage = first % plan.PortionsPerImage, count = Math.Min(plan.PortionsPerImage - inImage, end - first);
            int row = inImage * plan.PortionRows, endRow = Math.Min(plan.Shape.OutHeight, row + count * plan.PortionRows);
            for (; row < endRow; row += plan.BlockRows)
            {
                int rows = Math.Min(plan.BlockRows, endRow - row);
                CopyBand(call, plan, image, row, rows, scratch);
                RunBlock(call, plan, (long)(image * plan.Shape.OutHeight + row) * plan.Shape.OutWidth, rows * plan.Shape.OutWidth, firstUnit, endUnit, scratch);
            }
            first += count;
        }
    }

    private void RunBlock(in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, long position, int positions, int firstUnit, int endUnit, byte* scratch)
    {
        ConvolutionInt8TileSize size = plan.Tile;
        int outWidth = plan.Shape.OutWidth, outPerGroup = plan.Shape.OutPerGroup;
        byte** windows = stackalloc byte*[size.Rows];
        ConvolutionInt8Tile tile = new()
        {
            Windows = windows,
            SegmentOffsets = (int*)call.Packed,
            Segments = plan.Segments,
            SegmentSteps = plan.SegmentSteps,
            Accumulators = (int*)(scratch + plan.BandBytes),
            OutputStride = plan.Shape.OutChannels,
        };
        for (int unit = firstUnit; unit < endUnit; unit++)
        {
            int group = unit / plan.Panels;
            (int column, int columns) = plan.PanelColumns(unit % plan.Panels);
            int slot = group * plan.PaddedColumns + column;
            tile.Bias = (int*)(call.Packed + plan.BiasOffset) + slot;
            tile.Multipliers = (int*)(call.Packed + plan.MultiplierOffset) + slot;
            tile.Weights = call.Packed + plan.PanelOffset + group * plan.GroupBytes + (long)column * plan.DepthSteps * 4;
            tile.PaddedColumns = columns;
            tile.Columns = Math.Min(columns, outPerGroup - column);
            tile.Output = call.Output + position * plan.Shape.OutChannels + group * outPerGroup + column;
            byte* band = scratch + group * plan.Shape.ChannelsPerGroup * size.ElementBytes;
            int y = 0, x = 0;
            for (int m = 0; m < positions; m += size.Rows)
            {
                tile.Rows = Math.Min(size.Rows, positions - m);
                for (int r = 0; r < tile.Rows; r++)
                {
                    windows[r] = band + y * plan.OutRowBytes + x * plan.OutColumnBytes;
                    if (++x == outWidth) (x, y) = (0, y + 1);
                }
                for (int r = tile.Rows; r < size.Rows; r++) windows[r] = windows[0];
                RunTile(tile, call);
                tile.Output += size.Rows * tile.OutputStride;
            }
        }
    }

    // Band row j holds input row (first output row)·stride − padTop + j with its horizontal padding.
    private void CopyBand(in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, int image, int outRow, int outRows, byte* band)
    {
        ref readonly ConvolutionShape s = ref plan.Shape;
        int rows = plan.BandRows(outRows), bytes = plan.Tile.ElementBytes, zero = call.InputZeroPoint, width = s.Width * s.Channels;
        sbyte* input = call.Input + (long)image * s.Height * width;
        int top = outRow * s.StrideY - s.PadTop, left = s.PadLeft * s.Channels, right = s.PadRight * s.Channels;
        if (plan.IsSubsampled)
        {
            for (int y = 0; y < rows; y++)
                for (int x = 0; x < s.OutWidth; x++, band += s.Channels * bytes)
                    Convert(input + (long)(outRow + y) * s.StrideY * width + (long)x * s.StrideX * s.Channels, band, s.Channels, zero);
            return;
        }
        if ((left | right) == 0 && top >= 0 && top + rows <= s.Height)
        {
            Convert(input + (long)top * width, band, (nint)rows * width, zero);
            return;
        }
        for (int j = 0; j < rows; j++, band += plan.Pitch)
        {
            int y = top + j;
            if ((uint)y >= (uint)s.Height)
            {
                Fill(band, plan.RowElements, zero);
                continue;
            }
            if (left != 0) Fill(band, left, zero);
            Convert(input + (long)y * width, band + left * bytes, width, zero);
            if (right != 0) Fill(band + (left + width) * bytes, right, zero);
        }
    }
}
