using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Direct convolution on bytes by VPMADDUBSW (AVX2), twice the products of an int16 multiplication. Which products may be
/// added in 16 bits is proved from the weights when they are packed (see <see cref="Int8Runs"/>), so it is exact for all inputs.
/// </summary>
public sealed unsafe class ConvolutionInt8Runs : ConvolutionInt8Direct
{
    /// <summary>int32 before a panel's step offsets: numbers of runs of 1 to 4 steps, and where the weights begin.</summary>
    internal const int PanelHeader = 8;

    private const int Rows = 3, Lanes = 8, Columns = 16;

    // x is multiplied as x + 128, a byte of 0 to 255.
    private const int InputOffset = 128;

    // Of 8 channels of one position: 32 products, and widening a run's 16-bit sums. A single vector leaves the additions to wait for each other.
    private const double CyclesPerStep = 0.65, CyclesPerRun = 0.55, NarrowCycles = 1.6;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-runs-avx2-{Rows}x{Columns}", "convolution-s8", CpuFeature.Avx2,
        $"direct convolution, {Rows} positions × {Columns} channels, bytes added in 16 bits as far as the weights allow; dense");

    /// <inheritdoc/>
    public override ConvolutionInt8TileSize TileSize => new(12, Columns, Lanes, 1, 4);

    /// <summary>Dense, with its weights known.</summary>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        shape.Group == 1 && parameters.Weights.Length == (long)shape.OutChannels * shape.Depth && shape.Depth > 0;

    /// <summary>Products and widenings of the runs, requantisation, overhead of tiles and panels, conversion.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        double positions = plan.Shape.Positions, columns = plan.PaddedColumns, tiles = Math.Ceiling(positions / Rows) * plan.Units;
        // A single row leaves most of a tile empty: that is a matter of ConvolutionInt8Gemv, and not worth a look at the weights.
        if (positions <= 1) return 4 * (400 + plan.Units * plan.DepthSteps * (CyclesPerStep + CyclesPerRun) + tiles * 50);
        // A tile that is not full takes as long as one with a row more.
        double rows = positions % Rows == 0 ? positions : positions + 1;
        double converted = (double)plan.Shape.Batch * plan.Shape.OutHeight * plan.Band.OutRowBytes / 32;
        return 400 + rows * Kept(plan, parameters).Cycles + positions * columns / 16 * 3 + tiles * 25 + plan.Units * 50 + converted;
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        return PanelStart(plan) + Panels(plan, parameters).Select((p, i) => PanelBytes(p, plan.PanelColumns(i).Count)).Sum();
    }

    /// <summary>The cycles of the runs are kept, not the runs.</summary>
    public override ConvolutionInt8Parameters WithoutWeights(ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Parameters kept = base.WithoutWeights(parameters);
        kept.Derived(_ => new Runs { Cycles = parameters.Derived(_ => new Runs()).Cycles });
        return kept;
    }

    /// <summary>Layout: as all direct kernels; in panels with float scales these stand, negative and halved, in the place of multipliers.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        base.Pack(shape, parameters, weights, destination);
        ConvolutionInt8Plan plan = new(shape, TileSize);
        ExactFloatScale[] scales = new ExactFloatScale[Columns];
        Span<float> multipliers = MemoryMarshal.Cast<byte, float>(destination[(int)plan.MultiplierOffset..]);
        for (int panel = 0; panel < plan.Panels; panel++)
        {
            (int first, int count) = plan.PanelColumns(panel);
            if (first + count > plan.Shape.OutChannels || !ExactFloatScale.TryFind(parameters, first, weights, 1, scales.AsSpan(0, count))) continue;
            for (int c = 0; c < count; c++) multipliers[first + c] = -scales[c].Scale / 2;
        }
    }

    /// <summary>Layout: as all direct kernels to the multipliers; where each panel begins (int64); then the panels, 64-byte aligned.</summary>
    private protected override void PackPanels(in ConvolutionInt8Plan plan, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        Int8Runs[] panels = Panels(plan, parameters);
        Span<long> starts = MemoryMarshal.Cast<byte, long>(destination[(int)plan.PanelOffset..]);
        long start = PanelStart(plan);
        for (int i = 0; i < panels.Length; i++)
        {
            starts[i] = start;
            int columns = plan.PanelColumns(i).Count;
            PackPanel(plan, panels[i], destination.Slice((int)start, (int)PanelBytes(panels[i], columns)), columns);
            start += PanelBytes(panels[i], columns);
        }
    }

    private static void PackPanel(in ConvolutionInt8Plan plan, Int8Runs runs, Span<byte> panel, int columns)
    {
        Span<int> header = MemoryMarshal.Cast<byte, int>(panel);
        int weightsAt = HeaderBytes(runs.Steps), at = weightsAt, offset = PanelHeader;
        header[Int8Runs.Longest] = weightsAt;
        for (int length = Int8Runs.Longest; length > 0; length--)
            foreach (IReadOnlyList<(int Step, sbyte[] Weights)> run in runs.OfLength(length))
            {
                header[length - 1]++;
                foreach ((int step, sbyte[] weights) in run)
                {
                    header[offset++] = plan.SegmentOffset(step / plan.SegmentSteps) + step % plan.SegmentSteps * 4;
                    MemoryMarshal.AsBytes<sbyte>(weights).CopyTo(panel[at..]);
                    at += columns * 4;
                }
            }
    }

    /// <inheritdoc/>
    private protected override byte* Panel(in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, int group, int panel) =>
        call.Packed + ((long*)(call.Packed + plan.PanelOffset))[panel];

    /// <inheritdoc/>
    protected override void PackWeights(ReadOnlySpan<sbyte> weights, int weightZero, Span<byte> destination, int stepBytes) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override int FoldBias(ConvolutionInt8Parameters parameters, int channel, ReadOnlySpan<sbyte> weights, int weightZero)
    {
        int sum = 0;
        foreach (sbyte w in weights) sum += w - weightZero;
        return 2 * (parameters.Bias[channel] - (parameters.InputZeroPoint + InputOffset) * sum);
    }

    /// <inheritdoc/>
    protected override void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToUnsigned(source, destination, count);

    /// <inheritdoc/>
    protected override void Fill(byte* destination, nint count, int zeroPoint) => new Span<byte>(destination, (int)count).Fill((byte)(zeroPoint + InputOffset));

    /// <inheritdoc/>
    private protected override void RunPanel(ref ConvolutionInt8Tile tile, in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, byte* band, int rows)
    {
        if (tile.Multipliers[0] >= 0) base.RunPanel(ref tile, call, plan, band, rows);
        else ConvolutionInt8Positions<Product<Int8FloatOutput>>.Run(ref tile, plan, band, rows);
    }

    /// <inheritdoc/>
    protected override void RunTile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        ConvolutionInt8Tile part = tile;
        for (int left = tile.Rows; left > 0; left -= Rows)
        {
            part.Rows = Math.Min(Rows, left);
            Product<Int8StoredSums<Int8DotAvx2, Vector256<int>>>.RunPart(part);
            part.Windows += Rows;
            part.Accumulators += Rows * tile.PaddedColumns;
        }
        if (call.Shift == 0) RequantizeAvx2.Tile(tile, call);
        else RequantizeScalar.Tile(tile, call);
    }

    private readonly struct Product<TSink> : IConvolutionInt8Product where TSink : struct, IInt8Sink<Vector256<int>>
    {
        public static int Rows => ConvolutionInt8Runs.Rows;

        public static void Run(in ConvolutionInt8Tile tile, int tiles, nint step)
        {
            if (tile.PaddedColumns == Lanes) ConvolutionInt8AccumulateRuns<TSink, N3, N1>.Run(tile, tiles, step);
            else ConvolutionInt8AccumulateRuns<TSink, N3, N2>.Run(tile, tiles, step);
        }

        public static void RunPart(in ConvolutionInt8Tile tile)
        {
            if (tile.PaddedColumns == Lanes) RunPart<N1>(tile);
            else RunPart<N2>(tile);
        }

        private static void RunPart<TVectors>(in ConvolutionInt8Tile tile) where TVectors : struct, ICount
        {
            if (tile.Rows == 1) ConvolutionInt8AccumulateRuns<TSink, N1, TVectors>.Run(tile);
            else if (tile.Rows == 2) ConvolutionInt8AccumulateRuns<TSink, N2, TVectors>.Run(tile);
            else ConvolutionInt8AccumulateRuns<TSink, N3, TVectors>.Run(tile);
        }
    }

    private static Int8Runs[] Panels(in ConvolutionInt8Plan plan, ConvolutionInt8Parameters parameters) => Kept(plan, parameters).Panels;

    /// <summary>The runs of all panels, found anew for windows of other segments while the weights are known.</summary>
    private static Runs Kept(in ConvolutionInt8Plan plan, ConvolutionInt8Parameters parameters)
    {
        Runs kept = parameters.Derived(_ => new Runs());
        if (kept.Segments == plan.Segments || parameters.Weights.IsEmpty) return kept;
        Int8Runs[] panels = new Int8Runs[plan.Panels];
        kept.Cycles = 0;
        ReadOnlySpan<sbyte> weights = parameters.Weights.Span;
        for (int p = 0; p < panels.Length; p++)
        {
            (int first, int columns) = plan.PanelColumns(p);
            short[] steps = new short[plan.DepthSteps * columns * 4];
            for (int o = first; o < Math.Min(first + columns, plan.Shape.OutChannels); o++)
            {
                int zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[o];
                for (int k = 0; k < plan.Shape.Depth; k++)
                {
                    int segment = k / plan.SegmentElements, element = k % plan.SegmentElements;
                    steps[((segment * plan.SegmentSteps + element / 4) * columns + o - first) * 4 + element % 4] = (short)(weights[o * plan.Shape.Depth + k] - zero);
                }
            }
            panels[p] = Int8Runs.Pack(steps, columns);
            kept.Cycles += (columns == Lanes ? NarrowCycles : columns / Lanes) * (panels[p].Steps * CyclesPerStep + panels[p].Count * CyclesPerRun);
        }
        (kept.Panels, kept.Segments) = (panels, plan.Segments);
        return kept;
    }

    private static long PanelStart(in ConvolutionInt8Plan plan) => (plan.PanelOffset + plan.Panels * sizeof(long) + 63) / 64 * 64;

    private static int HeaderBytes(int steps) => ((PanelHeader + steps) * sizeof(int) + 63) / 64 * 64;

    private static long PanelBytes(Int8Runs runs, int columns) => (HeaderBytes(runs.Steps) + runs.Steps * columns * 4L + 63) / 64 * 64;

    /// <summary>What the weights make: the runs of each panel, for windows of so many segments, and their cycles for one position.</summary>
    private sealed class Runs
    {
        public Int8Runs[] Panels = [];
        public int Segments;
        public double Cycles;
    }
}
