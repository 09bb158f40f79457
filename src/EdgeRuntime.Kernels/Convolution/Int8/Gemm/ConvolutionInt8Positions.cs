namespace EdgeRuntime.Kernels;

/// <summary>The product of a kernel that requantises sums in registers: tiles of up to <see cref="Rows"/> positions.</summary>
internal unsafe interface IConvolutionInt8Product
{
    /// <summary>Positions of a tile.</summary>
    static abstract int Rows { get; }

    /// <summary><paramref name="tiles"/> full tiles, the windows of each <paramref name="step"/> bytes after those of the one before.</summary>
    static abstract void Run(in ConvolutionInt8Tile tile, int tiles, nint step);

    /// <summary>One tile of as many positions as it says.</summary>
    static abstract void RunPart(in ConvolutionInt8Tile tile);

    /// <summary>The first of <paramref name="count"/> positions whose windows lie <paramref name="step"/> bytes apart, as many as a loop of their own does; it returns how many.</summary>
    static virtual int RunFirst(ref ConvolutionInt8Tile tile, byte* window, int count, int step) => 0;
}

/// <summary>All positions of a block with one panel: full tiles of a line of windows in one loop, as tiles store their outputs themselves.</summary>
internal static unsafe class ConvolutionInt8Positions<TProduct> where TProduct : struct, IConvolutionInt8Product
{
    /// <summary>Of <paramref name="rows"/> output rows; <paramref name="tile"/> has room for the windows of a tile.</summary>
    public static void Run(ref ConvolutionInt8Tile tile, in ConvolutionInt8Plan plan, byte* band, int rows)
    {
        int width = plan.Shape.OutWidth, column = plan.Band.OutColumnBytes;
        if (plan.Band.OutRowBytes == width * column) RunLine(ref tile, band, rows * width, column);
        else if (width >= 2 * TProduct.Rows)
            for (; rows > 0; rows--, band += plan.Band.OutRowBytes) RunLine(ref tile, band, width, column);
        else RunShortRows(ref tile, new(plan, band), rows * width);
    }

    /// <summary>Positions whose windows lie <paramref name="step"/> bytes apart.</summary>
    private static void RunLine(ref ConvolutionInt8Tile tile, byte* window, int count, int step)
    {
        int done = TProduct.RunFirst(ref tile, window, count, step);
        tile.Output += done * tile.OutputStride;
        window += done * step;
        count -= done;
        int tiles = count / TProduct.Rows, full = tiles * TProduct.Rows;
        if (tiles > 0)
        {
            for (int r = 0; r < TProduct.Rows; r++) tile.Windows[r] = window + (nint)r * step;
            TProduct.Run(tile, tiles, TProduct.Rows * step);
            tile.Output += full * tile.OutputStride;
        }
        if (full == count) return;
        tile.Rows = count - full;
        for (int r = 0; r < tile.Rows; r++) tile.Windows[r] = window + (nint)(full + r) * step;
        TProduct.RunPart(tile);
        tile.Output += tile.Rows * tile.OutputStride;
    }

    /// <summary>Tiles across the ends of rows.</summary>
    private static void RunShortRows(ref ConvolutionInt8Tile tile, ConvolutionInt8Windows windows, int left)
    {
        for (; left > 0; left -= TProduct.Rows, tile.Output += TProduct.Rows * tile.OutputStride)
        {
            tile.Rows = Math.Min(TProduct.Rows, left);
            windows.Next(tile.Windows, tile.Rows);
            TProduct.RunPart(tile);
        }
    }
}
