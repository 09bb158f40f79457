using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Dense 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): 36 products instead of 144 for 16 outputs, exact in integers
/// (see <see cref="WinogradInt8Transforms"/>). A block of 4×4 tiles is transformed, multiplied as 36 matrix products by the
/// tile of <see cref="ConvolutionInt8Gemm{TDot, TVector}"/>, and transformed back.
/// </summary>
/// <typeparam name="TDot">A multiplication of int16 pairs.</typeparam>
/// <typeparam name="TVector">Its vector of int32.</typeparam>
public sealed unsafe class ConvolutionInt8Winograd<TDot, TVector> : ConvolutionInt8Banded
    where TDot : struct, IInt8Dot<TVector>
    where TVector : unmanaged
{
    private const int Rows = 6, Planes = 36;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-winograd-{TDot.Name}", "convolution-s8", TDot.Requires,
        "dense 3×3, stride 1: exact integer Winograd F(4×4, 3×3), a quarter of the products");

    private static int Lanes => sizeof(TVector) / sizeof(int);

    /// <summary>Dense 3×3 of stride 1, 4 channels or more, and accumulators below 2^25 for sure: 255 · Σ|w − v| in every channel.</summary>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        shape is { KernelHeight: 3, KernelWidth: 3, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1, Group: 1, Channels: >= 4 }
            && 255 * LargestWeightSum(shape, parameters) < 1 << 25;

    /// <summary>The largest Σ|w − v| of a channel; where the weights are not known, what it may be at most.</summary>
    private static long LargestWeightSum(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ReadOnlySpan<int> zeros = parameters.WeightZeroPoints;
        ReadOnlySpan<sbyte> weights = parameters.Weights.Span;
        long most = (long)shape.Depth * (zeros.ContainsAnyExcept(0) ? 255 : 128);
        if (255 * most < 1 << 25 || weights.Length != (long)shape.OutChannels * shape.Depth) return most;
        long largest = 0;
        for (int o = 0; o < shape.OutChannels; o++)
        {
            int zero = zeros.IsEmpty ? 0 : zeros[o], sum = 0;
            foreach (sbyte w in weights.Slice(o * shape.Depth, shape.Depth)) sum += Math.Abs(w - zero);
            largest = Math.Max(largest, sum);
        }
        return largest;
    }

    /// <summary>Products at the rate of the matrix product, and per tile the transforms of 16 input and 8 output channels.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        double tiles = (double)layout.Band.Shape.Batch * layout.Band.Shape.OutHeight * layout.Band.Shape.OutWidth;
        double product = Planes * (layout.Steps * 2.0 * layout.PaddedColumns / TDot.Cost.ProductsPerCycle + 10);
        // A plane for each of 36 elements of a tile: few tiles wait for them.
        return 400 + WeightReading.X64.Cycles(tiles * product, Planes * layout.PlaneBytes) + tiles * (layout.PaddedChannels / WinogradInt8Transforms.Lanes * 140 + layout.PaddedColumns / 16.0 * (240 + 16 * TDot.Cost.RequantizeCycles));
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        return layout.WeightOffset + Planes * layout.PlaneBytes;
    }

    /// <summary>Layout: a zero (the only segment's offset), zero biases, doubled biases, multipliers; 36 planes of panels [step][column][2].</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        Layout layout = new(shape);
        destination.Clear();
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination[64..(int)layout.WeightOffset]);
        Span<short> planes = MemoryMarshal.Cast<byte, short>(destination[(int)layout.WeightOffset..]);
        Span<int> filter = stackalloc int[9], transformed = stackalloc int[Planes];
        for (int o = 0; o < shape.OutChannels; o++)
        {
            header[layout.PaddedColumns + o] = 2 * parameters.Bias[o];
            header[2 * layout.PaddedColumns + o] = parameters.Multipliers[o];
            int zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[o];
            (int first, int count) = layout.Panel(o / Layout.PanelColumns);
            for (int c = 0; c < shape.Channels; c++)
            {
                for (int t = 0; t < 9; t++) filter[t] = weights[(o * 9 + t) * shape.Channels + c] - zero;
                WinogradInt8Transforms.Filter(filter, transformed);
                int place = first * layout.Steps * 2 + (c / 2 * count + o - first) * 2 + c % 2;
                for (int p = 0; p < Planes; p++) planes[p * (int)(layout.PlaneBytes / sizeof(short)) + place] = (short)transformed[p];
            }
        }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => workers * new Layout(shape).WorkerBytes;

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => new Layout(shape).Band.Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        Block block = new(call, new Layout(call.Shape));
        RunPortions(call, block.Layout.Band, first, end, call.Scratch + worker * block.Layout.WorkerBytes, ref block);
    }

    /// <inheritdoc/>
    protected override void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => TDot.Convert(source, destination, count, zeroPoint);

    /// <inheritdoc/>
    protected override void Fill(byte* destination, nint count, int zeroPoint) => new Span<short>(destination, (int)count).Clear();

    private readonly struct Layout
    {
        /// <summary>The band of a 6×6 convolution with stride 4: its outputs are tiles.</summary>
        public readonly ConvolutionInt8Band Band;

        /// <summary>Channels padded to the transform's vectors, output channels padded to the product's; pairs of channels.</summary>
        public readonly int PaddedChannels, PaddedColumns, Steps;

        public Layout(in ConvolutionShape s)
        {
            int tilesY = (s.OutHeight + 3) / 4, tilesX = (s.OutWidth + 3) / 4;
            ConvolutionShape tiles = s with
            {
                KernelHeight = 6,
                KernelWidth = 6,
                StrideY = 4,
                StrideX = 4,
                PadBottom = 4 * tilesY + 2 - s.Height - s.PadTop,
                PadRight = 4 * tilesX + 2 - s.Width - s.PadLeft,
            };
            // Two tile rows or so at a time, so that the rows of the products' tiles are used.
            int blockRows = (2 * Rows + tilesX - 1) / tilesX;
            Band = new ConvolutionInt8Band(tiles, sizeof(short), (4L * blockRows + 2) * (4 * tilesX + 2) * s.Channels * sizeof(short), 1);
            PaddedChannels = (s.Channels + WinogradInt8Transforms.Lanes - 1) / WinogradInt8Transforms.Lanes * WinogradInt8Transforms.Lanes;
            PaddedColumns = (s.OutChannels + Lanes - 1) / Lanes * Lanes;
            Steps = (s.Channels + 1) / 2;
        }

        public static int PanelColumns => TDot.Vectors * Lanes;

        /// <summary>Tiles of a block.</summary>
        public int Tiles => Band.BlockRows * Band.Shape.OutWidth;

        public long PlaneBytes => (long)Steps * PaddedColumns * 4;

        public long WeightOffset => (64 + 3L * PaddedColumns * sizeof(int) + 63) / 64 * 64;

        /// <summary>Bytes of the transformed input, and of the products.</summary>
        public long InputBytes => (long)Planes * Tiles * PaddedChannels * sizeof(short);

        public long ProductBytes => (long)Planes * Tiles * PaddedColumns * sizeof(int);

        public long WorkerBytes => Band.Bytes + InputBytes + ProductBytes + 16L * PanelColumns * sizeof(int);

        public (int First, int Count) Panel(int panel) => (panel * PanelColumns, Math.Min(PanelColumns, PaddedColumns - panel * PanelColumns));
    }

    private readonly struct Block(in ConvolutionInt8Call call, in Layout layout) : IConvolutionInt8Block
    {
        public readonly Layout Layout = layout;
        private readonly ConvolutionInt8Call _call = call;

        // position counts tiles, as the band's outputs are tiles.
        public void Run(byte* band, long position, int rows)
        {
            int width = Layout.Band.Shape.OutWidth, tiles = rows * width;
            short* input = (short*)(band + Layout.Band.Bytes);
            int* products = (int*)((byte*)input + Layout.InputBytes);
            TransformInput(band, input, rows);
            Multiply(input, products, tiles);
            for (int t = 0; t < tiles; t++) TransformOutput(products, tiles, t, position + t);
        }

        // input[plane][tile][channel]
        private void TransformInput(byte* band, short* input, int rows)
        {
            int width = Layout.Band.Shape.OutWidth, channels = Layout.Band.Shape.Channels;
            nint plane = (nint)rows * width * Layout.PaddedChannels;
            for (int y = 0; y < rows; y++)
                for (int x = 0; x < width; x++, input += Layout.PaddedChannels)
                {
                    short* window = (short*)(band + (nint)y * Layout.Band.OutRowBytes + (nint)x * Layout.Band.OutColumnBytes);
                    for (int c = 0; c < channels; c += WinogradInt8Transforms.Lanes)
                        WinogradInt8Transforms.Input(window + c, Layout.Band.Pitch / sizeof(short), channels, input + c, plane);
                }
        }

        // products[panel][plane][tile][column of the panel]
        private void Multiply(short* input, int* products, int tiles)
        {
            byte** windows = stackalloc byte*[Rows];
            ConvolutionInt8Tile tile = new()
            {
                Windows = windows,
                SegmentOffsets = (int*)_call.Packed,
                Segments = 1,
                SegmentSteps = Layout.Steps,
                Bias = (int*)(_call.Packed + 64),
                Accumulators = products,
            };
            for (int panel = 0; panel * Layout.PanelColumns < Layout.PaddedColumns; panel++)
            {
                (int column, int columns) = Layout.Panel(panel);
                tile.PaddedColumns = columns;
                for (int p = 0; p < Planes; p++)
                {
                    tile.Weights = _call.Packed + Layout.WeightOffset + p * Layout.PlaneBytes + (long)column * Layout.Steps * 4;
                    byte* x = (byte*)(input + (long)p * tiles * Layout.PaddedChannels);
                    for (int t = 0; t < tiles; t += Rows)
                    {
                        tile.Rows = Math.Min(Rows, tiles - t);
                        for (int r = 0; r < tile.Rows; r++, x += Layout.PaddedChannels * sizeof(short)) windows[r] = x;
                        ConvolutionInt8TileProduct<TDot, TVector, Int8StoredSums<TDot, TVector>>.Run(tile);
                        tile.Accumulators += tile.Rows * columns;
                    }
                }
            }
        }

        private void TransformOutput(int* products, int tiles, int t, long position)
        {
            ref readonly ConvolutionShape grid = ref Layout.Band.Shape;
            int outWidth = _call.Shape.OutWidth, outHeight = _call.Shape.OutHeight;
            int image = (int)(position / (grid.OutHeight * grid.OutWidth)), inImage = (int)(position % (grid.OutHeight * grid.OutWidth));
            int y = inImage / grid.OutWidth * 4, x = inImage % grid.OutWidth * 4;
            int* bias = (int*)(_call.Packed + 64) + Layout.PaddedColumns, sums = (int*)((byte*)products + Layout.ProductBytes);
            ConvolutionInt8Tile tile = new() { OutputStride = grid.OutChannels, Rows = Math.Min(4, outWidth - x) };
            for (int panel = 0; panel * Layout.PanelColumns < Layout.PaddedColumns; panel++)
            {
                (int column, int columns) = Layout.Panel(panel);
                nint plane = (nint)tiles * columns;
                int* m = products + (nint)Planes * tiles * column + (nint)t * columns;
                for (int c = 0; c < columns; c += 8) WinogradInt8Transforms.Output(m + c, plane, bias + column + c, sums + c, columns);
                tile.Multipliers = bias + Layout.PaddedColumns + column;
                tile.PaddedColumns = columns;
                tile.Columns = Math.Min(columns, grid.OutChannels - column);
                for (int i = 0; i < Math.Min(4, outHeight - y); i++)
                {
                    tile.Accumulators = sums + i * 4 * columns;
                    tile.Output = _call.Output + (((long)image * outHeight + y + i) * outWidth + x) * grid.OutChannels + column;
                    if (_call.Shift == 0) TDot.Requantize(tile, _call);
                    else RequantizeScalar.Tile(tile, _call);
                }
            }
        }
    }
}
