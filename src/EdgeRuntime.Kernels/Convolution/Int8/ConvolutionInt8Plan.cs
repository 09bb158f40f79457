namespace EdgeRuntime.Kernels;

/// <summary>What a direct convolution kernel fixes: its tile and the form in which it wants the input.</summary>
/// <param name="Rows">Output positions of a tile.</param>
/// <param name="Columns">Output channels of a full panel.</param>
/// <param name="ColumnStep">Panels may be narrower than <paramref name="Columns"/> by multiples of this.</param>
/// <param name="ElementBytes">Bytes of an input element in the band: 1 or 2.</param>
/// <param name="Step">Consecutive input elements that one instruction multiplies and sums.</param>
public readonly record struct ConvolutionInt8TileSize(int Rows, int Columns, int ColumnStep, int ElementBytes, int Step);

/// <summary>
/// How a shape is executed by a <see cref="ConvolutionInt8Direct"/> kernel. The input rows that a block of output rows needs
/// are copied, padded and converted into a private band; there, the window of an output position is a list of
/// <see cref="Segments"/> contiguous pieces at the same offsets for all positions, so that the convolution is a matrix
/// product without im2col. Weights lie in panels [segment][step][column][element of the step].
/// </summary>
internal readonly struct ConvolutionInt8Plan
{
    /// <summary>The shape; pointwise products are seen as an image of one column.</summary>
    public readonly ConvolutionShape Shape;

    public readonly ConvolutionInt8TileSize Tile;

    /// <summary>Whether only every stride-th pixel is copied (1×1 windows), so that the band has stride 1.</summary>
    public readonly bool IsSubsampled;

    /// <summary>Elements of a band row; bytes of a band row; strides of an output row and an output column in the band, bytes.</summary>
    public readonly int RowElements, Pitch, OutRowBytes, OutColumnBytes;

    /// <summary>Contiguous pieces of a window, steps of a piece, elements of a piece.</summary>
    public readonly int Segments, SegmentSteps, SegmentElements;

    /// <summary>Output channels of a group padded to the column step; panels of a group.</summary>
    public readonly int PaddedColumns, Panels;

    /// <summary>Output rows of a block: a band of them stays in the near caches.</summary>
    public readonly int BlockRows;

    /// <summary>Output rows of a portion; portions along rows (all images); portions along panels.</summary>
    public readonly int PortionRows, RowPortions, PanelPortions;

    public ConvolutionInt8Plan(in ConvolutionShape given, ConvolutionInt8TileSize tile)
    {
        ConvolutionShape s = given.IsPointwise ? ConvolutionShape.FullyConnected(given.Positions, given.Channels, given.OutChannels) : given;
        (Shape, Tile) = (s, tile);
        IsSubsampled = s.KernelHeight == 1 && s.KernelWidth == 1 && !s.IsPadded && s.StrideX > 1;
        RowElements = (IsSubsampled ? s.OutWidth : s.Width + s.PadLeft + s.PadRight) * s.Channels;
        Pitch = RowElements * tile.ElementBytes;
        OutRowBytes = IsSubsampled ? Pitch : s.StrideY * Pitch;
        OutColumnBytes = (IsSubsampled ? 1 : s.StrideX) * s.Channels * tile.ElementBytes;

        bool wholeRows = s.Group == 1 && s.DilationX == 1, wholeWindow = wholeRows && s.DilationY == 1 && s.KernelWidth * s.Channels == RowElements;
        Segments = wholeWindow ? 1 : wholeRows ? s.KernelHeight : s.KernelHeight * s.KernelWidth;
        SegmentElements = s.Depth / Segments;
        SegmentSteps = (SegmentElements + tile.Step - 1) / tile.Step;
        PaddedColumns = RoundUp(s.OutPerGroup, tile.ColumnStep);
        Panels = (PaddedColumns + tile.Columns - 1) / tile.Columns;

        long weightBytes = (long)PaddedColumns * s.Group * DepthSteps * 4;
        int bandBytes = (int)Math.Clamp(weightBytes / 4, 16 << 10, 256 << 10), window = BandRows(1) * Pitch;
        BlockRows = Math.Clamp(1 + (bandBytes - window) / Math.Max(1, OutRowBytes), 1, s.OutHeight);
        if (s.OutWidth == 1 && BlockRows > tile.Rows) BlockRows -= BlockRows % tile.Rows;

        PortionRows = Math.Max(1, 2 * tile.Rows / s.OutWidth);
        RowPortions = s.Batch * PortionsPerImage;
        PanelPortions = RowPortions >= 16 ? 1 : Math.Min(Units, (15 + RowPortions) / RowPortions);
    }

    /// <summary>Steps of a whole window.</summary>
    public int DepthSteps => Segments * SegmentSteps;

    /// <summary>Portions along the rows of one image.</summary>
    public int PortionsPerImage => (Shape.OutHeight + PortionRows - 1) / PortionRows;

    /// <summary>Panels of all groups.</summary>
    public int Units => Panels * Shape.Group;

    /// <summary>Band rows that <paramref name="outRows"/> output rows need.</summary>
    public int BandRows(int outRows) => IsSubsampled ? outRows : (outRows - 1) * Shape.StrideY + (Shape.KernelHeight - 1) * Shape.DilationY + 1;

    /// <summary>Bytes of a worker's band, with room for the last step to read beyond the last element (times a zero weight).</summary>
    public int BandBytes => RoundUp(BandRows(BlockRows) * Pitch + 16, 64);

    /// <summary>Bytes of a worker's scratch: band, then accumulators of a tile.</summary>
    public int WorkerBytes => BandBytes + Tile.Rows * Tile.Columns * sizeof(int);

    /// <summary>Offset of segment <paramref name="i"/> from a window's first element, bytes.</summary>
    public int SegmentOffset(int i)
    {
        if (Segments <= Shape.KernelHeight) return i * Shape.DilationY * Pitch;
        int ky = i / Shape.KernelWidth, kx = i % Shape.KernelWidth;
        return ky * Shape.DilationY * Pitch + kx * Shape.DilationX * Shape.Channels * Tile.ElementBytes;
    }

    /// <summary>Where biases, multipliers and panels begin in the packed bytes, after the segment offsets; and the size of it all.</summary>
    public long BiasOffset => RoundUp(Segments * sizeof(int), 64);

    public long MultiplierOffset => BiasOffset + (long)PaddedColumns * Shape.Group * sizeof(int);

    public long PanelOffset => (MultiplierOffset + (long)PaddedColumns * Shape.Group * sizeof(int) + 63) / 64 * 64;

    public long PackedBytes => PanelOffset + (long)Shape.Group * GroupBytes;

    /// <summary>Bytes of a group's panels.</summary>
    public long GroupBytes => (long)PaddedColumns * DepthSteps * 4;

    /// <summary>First column and number of columns (padded) of panel <paramref name="panel"/> of a group.</summary>
    public (int First, int Count) PanelColumns(int panel) => (panel * Tile.Columns, Math.Min(Tile.Columns, PaddedColumns - panel * Tile.Columns));

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
