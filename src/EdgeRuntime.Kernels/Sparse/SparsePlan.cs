namespace EdgeRuntime.Kernels;

/// <summary>
/// How a sparse kernel divides a layer. Output positions lie in the lanes of vectors: a <em>panel</em> holds the windows of
/// some positions, transposed to [unit of depth][position], and each unit of weights multiplies whole vectors of it. Portions
/// are (tile of positions, range of output channels), the range fastest, so that one panel serves several portions.
/// </summary>
internal readonly struct SparsePlan
{
    private const int EnoughPortions = 8;

    private readonly ConvolutionShape _shape;
    private readonly int _channelStep;

    /// <summary>Tiles of at most <paramref name="largest"/> positions, a multiple of <paramref name="lanes"/>: as few as can be, and as even; <paramref name="channelStep"/> channels at a time.</summary>
    public SparsePlan(in ConvolutionShape shape, int largest, int lanes, int channelStep)
    {
        (_shape, _channelStep) = (shape, channelStep);
        Tiles = (shape.Positions + largest - 1) / largest;
        Tile = Tiles == 0 ? largest : ((shape.Positions + Tiles - 1) / Tiles + lanes - 1) / lanes * lanes;
        int steps = (shape.OutChannels + channelStep - 1) / channelStep;
        Ranges = Tiles >= EnoughPortions || Tiles == 0 ? 1 : Math.Min(Math.Max(1, steps / 4), (EnoughPortions + Tiles - 1) / Tiles);
        RangeChannels = (steps + Ranges - 1) / Math.Max(1, Ranges) * channelStep;
    }

    /// <summary>Positions of a tile, and tiles.</summary>
    public int Tile { get; }

    public int Tiles { get; }

    /// <summary>Ranges of output channels, and channels in each but the last.</summary>
    public int Ranges { get; }

    public int RangeChannels { get; }

    public int Portions => Tiles * Ranges;

    /// <summary>First position, and how many, of a tile.</summary>
    public (int First, int Count) Positions(int tile) => (tile * Tile, Math.Min(Tile, _shape.Positions - tile * Tile));

    /// <summary>First output channel of a range, and the one after its last.</summary>
    public (int First, int End) Channels(int range) => (Math.Min(_shape.OutChannels, range * RangeChannels), Math.Min(_shape.OutChannels, (range + 1) * RangeChannels));

    /// <summary>Computes portions [<paramref name="first"/>, <paramref name="end"/>).</summary>
    public void Run<T>(ref T tiles, int first, int end) where T : struct, ISparseTiles, allows ref struct
    {
        int made = -1;
        for (int portion = first; portion < end; portion++)
        {
            int tile = portion / Ranges;
            (int position, int count) = Positions(tile);
            if (tile != made) tiles.MakePanel(position, count);
            made = tile;
            (int channel, int last) = Channels(portion % Ranges);
            for (; channel < last; channel += _channelStep) tiles.Compute(position, count, channel, Math.Min(_channelStep, last - channel));
        }
    }

    /// <summary>Copies the window of one output position: depth elements, channels innermost.</summary>
    public unsafe void Gather<T>(T* input, int position, T padding, T* to) where T : unmanaged
    {
        ref readonly ConvolutionShape s = ref _shape;
        int width = s.OutWidth, height = s.OutHeight, channels = s.Channels, n = position / (width * height);
        int left = position % width * s.StrideX - s.PadLeft, top = position / width % height * s.StrideY - s.PadTop;
        for (int ky = 0; ky < s.KernelHeight; ky++)
        {
            int y = top + ky * s.DilationY;
            T* line = input + ((long)n * s.Height + y) * s.Width * channels;
            bool outside = (uint)y >= (uint)s.Height;
            if (!outside && s.DilationX == 1 && left >= 0 && left + s.KernelWidth <= s.Width)
            {
                int run = s.KernelWidth * channels;
                new ReadOnlySpan<T>(line + (long)left * channels, run).CopyTo(new Span<T>(to, run));
                to += run;
                continue;
            }
            for (int kx = 0; kx < s.KernelWidth; kx++, to += channels)
            {
                int x = left + kx * s.DilationX;
                if (outside || (uint)x >= (uint)s.Width) new Span<T>(to, channels).Fill(padding);
                else new ReadOnlySpan<T>(line + (long)x * channels, channels).CopyTo(new Span<T>(to, channels));
            }
        }
    }
}
