using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// <see cref="ConvolutionInt8Gemm{TDot, TVector}"/> with one product for two steps (see <see cref="IInt16Dot{TVector}"/>). The
/// terms of the input alone are summed once for each position and serve all channels, so it wants many of these. It pays
/// where 16-bit multiplications compete with additions for the same execution ports, as on AMD's processors.
/// </summary>
/// <typeparam name="TDot">The multiplication.</typeparam>
/// <typeparam name="TVector">Its vector of int32.</typeparam>
public sealed unsafe class ConvolutionInt8PairedGemm<TDot, TVector> : ConvolutionInt8Gemm<TDot, TVector>
    where TDot : struct, IInt16Dot<TVector>
    where TVector : unmanaged
{
    // Positions whose accumulators fit the registers; positions that are requantised at once.
    private const int Rows = 4, TileRows = 4 * Rows;

    /// <summary>Of 32, what two 256-bit multiplications a cycle would do without pairing.</summary>
    private const double ProductsPerCycle = 25;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-paired-{TDot.Name}-{Rows}x{TDot.Vectors * Lanes}", "convolution-s8", TDot.Requires,
        $"direct convolution, {Rows} positions × {TDot.Vectors * Lanes} channels, two products by one multiplication (Winograd 1968); dense, many channels");

    /// <inheritdoc/>
    public override ConvolutionInt8TileSize TileSize => new(TileRows, TDot.Vectors * Lanes, Lanes, 4 / TDot.Step, TDot.Step, HasRowTerms: true);

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.Group == 1;

    /// <summary>As <see cref="ConvolutionInt8Gemm{TDot, TVector}"/> at a higher rate, and the row terms of each window.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        double positions = plan.Shape.Positions, columns = plan.PaddedColumns, tiles = Math.Ceiling(positions / Rows) * plan.Units;
        double products = Math.Max(positions, 2) * columns * plan.DepthSteps * TDot.Step / ProductsPerCycle, rowTerms = positions * (plan.DepthSteps / 5.0 + 32 * plan.Segments);
        double converted = (double)plan.Shape.Batch * plan.Shape.OutHeight * plan.Band.OutRowBytes / 32;
        return 400 + WeightReading.X64.Cycles(products, columns * plan.DepthSteps * sizeof(int)) + rowTerms + positions * columns / 16 * TDot.Cost.RequantizeCycles + tiles * (50 + 6 * plan.Segments) + converted;
    }

    /// <summary>−Σ w0·w1 of the paired steps, in the accumulators' unit.</summary>
    private protected override int ColumnTerm(in ConvolutionInt8Plan plan, ReadOnlySpan<sbyte> weights, int weightZero)
    {
        int sum = 0, scale = TDot.IsDoubled ? 4 : 1, paired = plan.SegmentSteps / 2 * 4;
        for (int s = 0; s < plan.Segments; s++)
        {
            ReadOnlySpan<sbyte> segment = weights.Slice(s * plan.SegmentElements, plan.SegmentElements);
            // Beyond the segment's end weights are 0.
            for (int k = 0; k < paired && k + 2 < segment.Length; k += k % 4 == 1 ? 3 : 1) sum += (segment[k] - weightZero) * (segment[k + 2] - weightZero);
        }
        return -scale * sum;
    }

    /// <summary>−Σ x0·x1 of the paired steps.</summary>
    private protected override int RowTerm(byte* window, in ConvolutionInt8Plan plan, int* segmentOffsets)
    {
        int sum = 0, pairs = plan.SegmentSteps / 2;
        for (int s = 0; s < plan.Segments; s++) sum += PairProducts((short*)(window + segmentOffsets[s]), pairs);
        return -sum;
    }

    /// <inheritdoc/>
    protected override void RunTile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        ConvolutionInt8Tile part = tile;
        for (int left = tile.Rows; left > 0; left -= Rows)
        {
            switch (tile.PaddedColumns / Lanes)
            {
                case 1: Run<N1>(part, left); break;
                case 2: Run<N2>(part, left); break;
                case 3 when TDot.Vectors > 2: Run<N3>(part, left); break;
                default:
                    if (TDot.Vectors > 2) Run<N4>(part, left);
                    break;
            }
            part.Windows += Rows;
            part.RowTerms += Rows;
            part.Accumulators += Rows * tile.PaddedColumns;
        }
        if (call.Shift == 0) TDot.Requantize(tile, call);
        else RequantizeScalar.Tile(tile, call);
    }

    private static void Run<TVectors>(in ConvolutionInt8Tile tile, int rows) where TVectors : struct, ICount
    {
        switch (rows)
        {
            case 1: ConvolutionInt8AccumulatePaired<TDot, TVector, N1, TVectors>.Run(tile); break;
            case 2: ConvolutionInt8AccumulatePaired<TDot, TVector, N2, TVectors>.Run(tile); break;
            case 3: ConvolutionInt8AccumulatePaired<TDot, TVector, N3, TVectors>.Run(tile); break;
            default: ConvolutionInt8AccumulatePaired<TDot, TVector, N4, TVectors>.Run(tile); break;
        }
    }

    /// <summary>Σ over groups of four elements of x[0]·x[2] + x[1]·x[3].</summary>
    private static int PairProducts(short* x, int groups)
    {
        int i = 0, sum = 0;
        Vector256<int> sums = Vector256<int>.Zero;
        for (; i + 4 <= groups; i += 4)
        {
            Vector256<int> v = Vector256.Load((int*)(x + 4 * i));
            sums += System.Runtime.Intrinsics.X86.Avx2.MultiplyAddAdjacent(v.AsInt16(), System.Runtime.Intrinsics.X86.Avx2.Shuffle(v, 0b10_11_00_01).AsInt16());
        }
        // Both lanes of a group hold its sum.
        sum = Vector256.Sum(sums & Vector256.Create(-1, 0, -1, 0, -1, 0, -1, 0));
        for (; i < groups; i++) sum += x[4 * i] * x[4 * i + 2] + x[4 * i + 1] * x[4 * i + 3];
        return sum;
    }
}
