namespace EdgeRuntime.Kernels;

/// <summary>What a direct convolution kernel fixes: its tile and the form in which it wants the input.</summary>
/// <param name="Rows">Output positions of a tile.</param>
/// <param name="Columns">Output channels of a full panel.</param>
/// <param name="ColumnStep">Panels may be narrower than <paramref name="Columns"/> by multiples of this.</param>
/// <param name="ElementBytes">Bytes of an input element in the band: 1 or 2.</param>
/// <param name="Step">Consecutive input elements that one instruction multiplies and sums.</param>
/// <param name="HasRowTerms">Whether each position has a term that is added to all of its sums.</param>
public readonly record struct ConvolutionInt8TileSize(int Rows, int Columns, int ColumnStep, int ElementBytes, int Step, bool HasRowTerms = false);

/// <summary>
/// How a shape is executed by a <see cref="ConvolutionInt8Direct"/> kernel. In the band, the window of an output position is a
/// list of <see cref="Segments"/> contiguous pieces at the same offsets for all positions, so that the convolution is a matrix
/// product without im2col. Weights lie in panels [segment][step][column][element of the step].
/// </summary>
internal readonly struct ConvolutionInt8Plan
{
    public readonly ConvolutionInt8Band Band;

    public readonly ConvolutionInt8TileSize Tile;

    /// <summary>Contiguous pieces of a window, steps of a piece, elements of a piece.</summary>
    public readonly int Segments, SegmentSteps, SegmentElements;

    /// <summary>Output channels of a group padded to the column step; panels of a group; portions along panels.</summary>
    public readonly int PaddedColumns, Panels, PanelPortions;

    public ConvolutionInt8Plan(in ConvolutionShape s, ConvolutionInt8TileSize tile)
    {
        Tile = tile;
        PaddedColumns = RoundUp(s.OutPerGroup, tile.ColumnStep);
        Panels = (PaddedColumns + tile.Columns - 1) / tile.Columns;
        // The more weights, the more rows must share their way through the caches.
        long weightBytes = (long)PaddedColumns * s.Group * s.Depth * tile.ElementBytes;
        Band = new ConvolutionInt8Band(s, tile.ElementBytes, Math.Clamp(weightBytes / 4, 16 << 10, 256 << 10), tile.Rows);
        bool wholeRows = s.Group == 1 && s.DilationX == 1, wholeWindow = wholeRows && s.DilationY == 1 && s.KernelWidth * s.Channels == Band.RowElements;
        Segments = wholeWindow ? 1 : wholeRows ? s.KernelHeight : s.KernelHeight * s.KernelWidth;
        SegmentElements = s.Depth / Segments;
        SegmentSteps = (SegmentElements + tile.Step - 1) / tile.Step;
        PanelPortions = Band.Portions >= 16 ? 1 : Math.Min(Units, (15 + Band.Portions) / Math.Max(1, Band.Portions));
    }

    /// <summary>The shape as the band sees it.</summary>
    public ConvolutionShape Shape => Band.Shape;

    /// <summary>Steps of a whole window.</summary>
    public int DepthSteps => Segments * SegmentSteps;

    /// <summary>Panels of all groups.</summary>
    public int Units => Panels * Shape.Group;

    /// <summary>Bytes of a worker's scratch: band, then accumulators of a tile, then row terms.</summary>
    public int WorkerBytes => Band.Bytes + RoundUp((Tile.Rows * Tile.Columns + (Tile.HasRowTerms ? Band.BlockRows * Shape.OutWidth : 0)) * sizeof(int), 64);

    /// <summary>Offset of segment <paramref name="i"/> from a window's first element, bytes.</summary>
    public int SegmentOffset(int i) => Segments <= Shape.KernelHeight ? Band.TapOffset(i, 0) : Band.TapOffset(i / Shape.KernelWidth, i % Shape.KernelWidth);

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
