using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>One tile of a direct convolution: positions × output channels.</summary>
public unsafe struct ConvolutionInt8Tile
{
    /// <summary>First element of the window of each position, as many as <see cref="Rows"/>.</summary>
    public byte** Windows;

    /// <summary>Byte offsets of the segments from a window's start, and how many.</summary>
    public int* SegmentOffsets;

    /// <summary>Number of segments, and steps (of 4 bytes) of each.</summary>
    public int Segments, SegmentSteps;

    /// <summary>The panel: [segment][step][column] groups of 4 bytes of weights.</summary>
    public byte* Weights;

    /// <summary>Biases (in the unit of the kernel's accumulators) and multipliers of the panel's columns.</summary>
    public int* Bias, Multipliers;

    /// <summary>Bytes from one position's biases to the next: 0 unless each has its own (<see cref="ConvolutionInt8VnniGemm"/> only).</summary>
    public int BiasStride;

    /// <summary>Room for rows × columns accumulators, 64-byte aligned.</summary>
    public int* Accumulators;

    /// <summary>One term for each position, where the kernel has such terms (see <see cref="ConvolutionInt8Direct.RowTerm"/>).</summary>
    public int* RowTerms;

    /// <summary>Constants of requantisation in registers, for kernels that do it there.</summary>
    internal Int8FloatOutput* Constants;

    /// <summary>Output of the first position and column, and the distance between positions.</summary>
    public sbyte* Output;

    /// <summary>Bytes from one position's output to the next.</summary>
    public int OutputStride;

    /// <summary>Positions present; columns that are stored; columns of the panel, a multiple of the column step.</summary>
    public int Rows, Columns, PaddedColumns;
}

/// <summary>
/// A convolution as a tiled matrix product on a padded copy of a few input rows (see <see cref="ConvolutionInt8Plan"/>).
/// This class owns panels and tiles of positions; the kernel owns the conversion of elements, the layout of a step of weights
/// and the tile. It does every shape: dense, grouped, dilated, strided, padded, fully connected.
/// </summary>
public abstract unsafe class ConvolutionInt8Direct : ConvolutionInt8Banded
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
        return plan.Band.Portions * plan.PanelPortions;
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
            bias[slot] = FoldBias(parameters, o, row, weightZero) + ColumnTerm(plan, row, weightZero);
            multipliers[slot] = parameters.Multipliers[o];
        }
        PackPanels(plan, parameters, weights, destination);
    }

    /// <summary>Fills the panels, each at its place for a fixed number of steps, unless a kernel has its own layout.</summary>
    private protected virtual void PackPanels(in ConvolutionInt8Plan plan, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        for (int o = 0; o < plan.Shape.OutChannels; o++)
        {
            int group = o / plan.Shape.OutPerGroup, column = o % plan.Shape.OutPerGroup;
            ReadOnlySpan<sbyte> row = weights.Slice(o * plan.Shape.Depth, plan.Shape.Depth);
            int weightZero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[o];
            (int first, int count) = plan.PanelColumns(column / TileSize.Columns);
            Span<byte> panel = destination[(int)(plan.PanelOffset + group * plan.GroupBytes + (long)first * plan.DepthSteps * 4)..];
            for (int segment = 0; segment < plan.Segments; segment++)
            {
                int start = (segment * plan.SegmentSteps * count + column - first) * 4;
                PackWeights(row.Slice(segment * plan.SegmentElements, plan.SegmentElements), weightZero, panel[start..], count * 4);
            }
        }
    }

    /// <inheritdoc/>
    public override object? Plan(in ConvolutionShape shape) => new ConvolutionInt8Plan(shape, TileSize);

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ConvolutionInt8Plan plan = call.Plan is ConvolutionInt8Plan made ? made : new(call.Shape, TileSize);
        byte* scratch = call.Scratch + (long)worker * plan.WorkerBytes;
        while (first < end)
        {
            int panels = first / plan.Band.Portions, row = first % plan.Band.Portions, rows = Math.Min(plan.Band.Portions - row, end - first);
            int count = rows == plan.Band.Portions ? (end - first) / rows : 1;
            Block block = new(this, call, plan, panels * plan.Units / plan.PanelPortions, (panels + count) * plan.Units / plan.PanelPortions);
            RunPortions(call, plan.Band, row, row + rows, scratch, ref block);
            first += rows * count;
        }
    }

    /// <summary>
    /// Puts a segment's weights, their zero point subtracted, into a column of a panel: the elements of a step into 4 bytes, the
    /// steps <paramref name="stepBytes"/> apart.
    /// </summary>
    protected abstract void PackWeights(ReadOnlySpan<sbyte> weights, int weightZero, Span<byte> destination, int stepBytes);

    /// <summary>The value at which a channel's accumulator starts.</summary>
    protected abstract int FoldBias(ConvolutionInt8Parameters parameters, int channel, ReadOnlySpan<sbyte> weights, int weightZero);

    /// <summary>A term of one channel's weights that this kernel's arithmetic adds to the bias.</summary>
    private protected virtual int ColumnTerm(in ConvolutionInt8Plan plan, ReadOnlySpan<sbyte> weights, int weightZero) => 0;

    /// <summary>A term of one window's inputs that this kernel's arithmetic adds to all of its sums; only if the tile size says so.</summary>
    private protected virtual int RowTerm(byte* window, in ConvolutionInt8Plan plan, int* segmentOffsets) => 0;

    /// <summary>Where a group's panel begins.</summary>
    private protected virtual byte* Panel(in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, int group, int panel) =>
        call.Packed + plan.PanelOffset + group * plan.GroupBytes + (long)plan.PanelColumns(panel).First * plan.DepthSteps * 4;

    /// <summary>Multiplies, requantises and stores one tile.</summary>
    protected abstract void RunTile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call);

    /// <summary>All positions of a block with one panel, whose operands and output <paramref name="tile"/> holds; it has room for the windows of a tile.</summary>
    private protected virtual void RunPanel(ref ConvolutionInt8Tile tile, in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, byte* band, int rows)
    {
        int* terms = tile.RowTerms;
        ConvolutionInt8Windows windows = new(plan, band);
        int tileRows = plan.Tile.Rows;
        for (int left = rows * plan.Shape.OutWidth; left > 0; left -= tileRows)
        {
            tile.Rows = Math.Min(tileRows, left);
            windows.Next(tile.Windows, tile.Rows);
            RunTile(tile, call);
            tile.Output += tileRows * tile.OutputStride;
            tile.RowTerms += tileRows;
        }
        tile.RowTerms = terms;
    }

    /// <summary>All tiles of a block: panel by panel, so that a panel stays in the nearest cache.</summary>
    private struct Block(ConvolutionInt8Direct kernel, in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, int firstUnit, int endUnit) : IConvolutionInt8Block
    {
        private readonly ConvolutionInt8Call _call = call;
        private readonly ConvolutionInt8Plan _plan = plan;

        public readonly void Run(byte* band, long position, int rows)
        {
            byte** windows = stackalloc byte*[_plan.Tile.Rows];
            ConvolutionInt8Tile tile = new()
            {
                Windows = windows,
                SegmentOffsets = (int*)_call.Packed,
                Segments = _plan.Segments,
                SegmentSteps = _plan.SegmentSteps,
                Accumulators = (int*)(band + _plan.Band.Bytes),
                RowTerms = (int*)(band + _plan.Band.Bytes) + _plan.Tile.Rows * _plan.Tile.Columns,
                OutputStride = _plan.Shape.OutChannels,
            };
            Int8FloatOutput constants = new(_call);
            tile.Constants = &constants;
            if (_plan.Tile.HasRowTerms) RunRowTerms(tile.RowTerms, band, rows);
            // No division for each panel: narrow layers have many short ones.
            int outPerGroup = _plan.Shape.OutPerGroup, inputBytes = _plan.Shape.ChannelsPerGroup * _plan.Tile.ElementBytes;
            int group = firstUnit / _plan.Panels, panel = firstUnit % _plan.Panels;
            for (int unit = firstUnit; unit < endUnit; unit++)
            {
                (int column, int columns) = _plan.PanelColumns(panel);
                int slot = group * _plan.PaddedColumns + column;
                tile.Bias = (int*)(_call.Packed + _plan.BiasOffset) + slot;
                tile.Multipliers = (int*)(_call.Packed + _plan.MultiplierOffset) + slot;
                tile.Weights = kernel.Panel(_call, _plan, group, panel);
                tile.PaddedColumns = columns;
                tile.Columns = Math.Min(columns, outPerGroup - column);
                tile.Output = _call.Output + position * tile.OutputStride + group * outPerGroup + column;
                kernel.RunPanel(ref tile, _call, _plan, band + group * inputBytes, rows);
                if (++panel < _plan.Panels) continue;
                panel = 0;
                group++;
            }
        }

        private readonly void RunRowTerms(int* terms, byte* band, int rows)
        {
            for (int y = 0; y < rows; y++, band += _plan.Band.OutRowBytes)
                for (int x = 0; x < _plan.Shape.OutWidth; x++)
                    *terms++ = kernel.RowTerm(band + x * _plan.Band.OutColumnBytes, _plan, (int*)_call.Packed);
        }
    }
}

/// <summary>The windows of a band's output positions, row after row.</summary>
internal unsafe ref struct ConvolutionInt8Windows(in ConvolutionInt8Plan plan, byte* band)
{
    private readonly int _width = plan.Shape.OutWidth, _column = plan.Band.OutColumnBytes;

    // From the last window of a row to the first of the next.
    private readonly int _wrap = plan.Band.OutRowBytes - plan.Shape.OutWidth * plan.Band.OutColumnBytes;

    private byte* _next = band;
    private int _x;

    /// <summary>The next <paramref name="count"/>.</summary>
    public void Next(byte** windows, int count)
    {
        for (int r = 0; r < count; r++)
        {
            windows[r] = _next;
            _next += _column;
            if (++_x < _width) continue;
            _x = 0;
            _next += _wrap;
        }
    }
}
