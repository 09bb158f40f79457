namespace EdgeRuntime.Kernels;

/// <summary>
/// The frame of the binary kernels that work on words: gathers the windows of a block of output positions, lets the derived
/// kernel count the bits in which they differ from the weights of a panel of 64 channels, and makes the outputs of the counts.
/// </summary>
public abstract unsafe class ConvolutionBinaryGemm : ConvolutionBinaryKernel
{
    private const int CountBytes = BinaryLayout.MaxRows * BinaryLayout.Columns * sizeof(ushort);

    /// <summary>Bytes of a panel's weights, a multiple of 64.</summary>
    internal abstract long PanelBytes(int paddedWords);

    /// <summary>Writes a panel; word <c>i</c> of column <c>c</c> is <c>weights[c · rowWords + i]</c>.</summary>
    internal abstract void PackPanel(ReadOnlySpan<ulong> weights, int columns, int rowWords, Span<byte> panel);

    /// <summary>Bytes that this kernel needs for each worker, a multiple of 64.</summary>
    internal virtual long OwnBytes(in BinaryLayout layout) => 0;

    /// <summary>Looks at the rows of a block before the panels pass over them.</summary>
    internal virtual void Prepare(in BinaryBlock block) { }

    /// <summary>Writes the differing bits of all rows and columns of a panel to <see cref="BinaryBlock.Counts"/>.</summary>
    internal abstract void Count(in BinaryBlock block, byte* panel, int columns);

    /// <summary>Makes outputs of the counts.</summary>
    internal virtual void Store(in BinaryEpilogue epilogue) => epilogue.StoreScalar();

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, BinaryOutput output) => BinaryLayout.Supports(shape, output);

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape)
    {
        BinaryLayout layout = new(shape);
        return layout.PanelOffset + shape.Group * layout.Panels * PanelBytes(layout.PaddedWords);
    }

    /// <inheritdoc/>
    public override void Pack(in ConvolutionShape shape, ConvolutionBinaryParameters parameters, ReadOnlySpan<ulong> weights, Span<byte> destination)
    {
        BinaryLayout layout = new(shape);
        layout.PackHeader(parameters, weights, destination);
        int panelBytes = checked((int)PanelBytes(layout.PaddedWords)), at = checked((int)layout.PanelOffset);
        for (int group = 0; group < shape.Group; group++)
            for (int panel = 0; panel < layout.Panels; panel++, at += panelBytes)
            {
                int column = panel * BinaryLayout.Columns, columns = Math.Min(BinaryLayout.Columns, shape.OutPerGroup - column);
                Span<byte> target = destination.Slice(at, panelBytes);
                target.Clear();
                PackPanel(weights.Slice((group * shape.OutPerGroup + column) * layout.RowWords, columns * layout.RowWords), columns, layout.RowWords, target);
            }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => workers * WorkerBytes(new BinaryLayout(shape));

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape) => new BinaryLayout(shape).Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionBinaryCall call, int first, int end, int worker)
    {
        BinaryLayout layout = new(call.Shape);
        byte* scratch = call.Scratch + worker * WorkerBytes(layout);
        BinaryBlock block = new()
        {
            Counts = (ushort*)scratch,
            Own = scratch + CountBytes,
            Rows = (ulong*)(scratch + CountBytes + OwnBytes(layout)),
            Words = layout.PaddedWords,
        };
        int gathered = -1;
        for (int portion = first; portion < end; portion++)
        {
            int rowBlock = portion / layout.PanelBlocks, panelBlock = portion - rowBlock * layout.PanelBlocks, group = rowBlock / layout.RowBlocks;
            int row = (rowBlock - group * layout.RowBlocks) * layout.BlockRows;
            if (rowBlock != gathered)
            {
                gathered = rowBlock;
                block.RowCount = Math.Min(layout.BlockRows, call.Shape.Positions - row);
                layout.Gather(call.Input, group, row, block.RowCount, block.Rows);
                Prepare(block);
            }
            int lastPanel = (int)((long)layout.Panels * (panelBlock + 1) / layout.PanelBlocks);
            for (int panel = (int)((long)layout.Panels * panelBlock / layout.PanelBlocks); panel < lastPanel; panel++)
            {
                BinaryEpilogue epilogue = new(call, layout, group, panel, row, block);
                Count(block, call.Packed + layout.PanelOffset + (group * layout.Panels + panel) * PanelBytes(layout.PaddedWords), epilogue.ColumnCount);
                Store(epilogue);
            }
        }
    }

    private long WorkerBytes(in BinaryLayout layout) =>
        CountBytes + OwnBytes(layout) + ((long)layout.BlockRows * layout.PaddedWords * sizeof(ulong) + 63 & ~63L);
}

/// <summary>Gathered rows, and where the counts go.</summary>
internal unsafe struct BinaryBlock
{
    /// <summary>Windows, <see cref="Words"/> words each, an even number; room for a whole block's rows.</summary>
    public ulong* Rows;

    public int RowCount, Words;

    /// <summary>Counts [row][<see cref="BinaryLayout.Columns"/>], room for <see cref="BinaryLayout.MaxRows"/> rows.</summary>
    public ushort* Counts;

    /// <summary>The kernel's own memory.</summary>
    public byte* Own;
}
