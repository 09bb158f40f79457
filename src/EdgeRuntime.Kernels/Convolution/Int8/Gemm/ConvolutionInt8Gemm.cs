using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>The direct convolution of x86, for every layout of operands.</summary>
/// <typeparam name="TOperands">The layout.</typeparam>
public abstract unsafe class ConvolutionInt8Gemm<TOperands> : ConvolutionInt8Direct where TOperands : struct, IInt8Operands
{
    // Positions whose accumulators fit the registers; positions that are requantised at once.
    private const int Rows = 6, TileRows = 4 * Rows;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-gemm-{TOperands.Name}-{Rows}x{TOperands.Vectors * Lanes}", "convolution-s8", TOperands.Requires,
        $"direct convolution as a matrix product, {Rows} positions × {TOperands.Vectors * Lanes} channels, {TOperands.Step} products a lane; every shape"
            + (TOperands.AllowsWeightZeroPoints ? "" : ", symmetric weights"));

    /// <inheritdoc/>
    public override ConvolutionInt8TileSize TileSize => new(TileRows, TOperands.Vectors * Lanes, Lanes, 4 / TOperands.Step, TOperands.Step);

    /// <summary>Channels of a vector.</summary>
    protected static int Lanes => TOperands.Lanes;

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        TOperands.AllowsWeightZeroPoints || !parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => EstimateCycles(shape, TOperands.Cost.RequantizeCycles, 50);

    /// <summary>Rows that take as long as one: a single one runs at the rate of loads.</summary>
    private protected virtual int LeastRows => 2;

    /// <summary>Products, requantisation, overhead of tiles and segments, conversion.</summary>
    private protected double EstimateCycles(in ConvolutionShape shape, double requantizeCycles, double tileCycles)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        double positions = plan.Shape.Positions, columns = (double)plan.PaddedColumns * shape.Group, tiles = Math.Ceiling(positions / Rows) * plan.Units;
        double products = Math.Max(positions, LeastRows) * columns * plan.DepthSteps * TOperands.Step / TOperands.Cost.ProductsPerCycle;
        double converted = (double)plan.Shape.Batch * plan.Shape.OutHeight * plan.Band.OutRowBytes / 32;
        return 400 + WeightReading.Of(TOperands.Requires).Cycles(products, columns * plan.DepthSteps * sizeof(int)) + positions * columns / 16 * requantizeCycles + tiles * (tileCycles + 6 * plan.Segments) + converted;
    }

    /// <inheritdoc/>
    protected override void PackWeights(ReadOnlySpan<sbyte> weights, int weightZero, Span<byte> destination, int stepBytes)
    {
        int factor = TOperands.IsDoubled ? 2 : 1;
        for (int k = 0; k < weights.Length; k++)
        {
            Span<byte> step = destination.Slice(k / TOperands.Step * stepBytes, 4);
            int weight = factor * (weights[k] - weightZero);
            if (TOperands.Step == 2) MemoryMarshal.Cast<byte, short>(step)[k % 2] = (short)weight;
            else step[k % 4] = (byte)weight;
        }
    }

    /// <inheritdoc/>
    protected override int FoldBias(ConvolutionInt8Parameters parameters, int channel, ReadOnlySpan<sbyte> weights, int weightZero)
    {
        // The band holds x + offset; the sum wants x − zero.
        int sum = 0, offset = TOperands.InputOffset(parameters.InputZeroPoint);
        foreach (sbyte w in weights) sum += w - weightZero;
        int bias = parameters.Bias[channel] - (parameters.InputZeroPoint + offset) * sum;
        return TOperands.IsDoubled ? 2 * bias : bias;
    }

    /// <inheritdoc/>
    protected override void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => TOperands.Convert(source, destination, count, zeroPoint);

    /// <inheritdoc/>
    protected override void Fill(byte* destination, nint count, int zeroPoint)
    {
        int value = zeroPoint + TOperands.InputOffset(zeroPoint);
        if (TOperands.Step == 2) new Span<short>(destination, (int)count).Fill((short)value);
        else new Span<byte>(destination, (int)count).Fill((byte)value);
    }

    /// <summary>Stores the doubled sums of up to 6 positions.</summary>
    private protected abstract void StoreSums(in ConvolutionInt8Tile tile);

    /// <inheritdoc/>
    protected override void RunTile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        ConvolutionInt8Tile part = tile;
        for (int left = tile.Rows; left > 0; left -= Rows)
        {
            part.Rows = Math.Min(Rows, left);
            StoreSums(part);
            part.Windows += Rows;
            part.Accumulators += Rows * tile.PaddedColumns;
        }
        if (call.Shift == 0) TOperands.Requantize(tile, call);
        else RequantizeScalar.Tile(tile, call);
    }
}

/// <summary>The same by intrinsics, for every way to multiply.</summary>
/// <typeparam name="TDot">The multiplication.</typeparam>
/// <typeparam name="TVector">Its vector of int32.</typeparam>
public class ConvolutionInt8Gemm<TDot, TVector> : ConvolutionInt8Gemm<TDot>
    where TDot : struct, IInt8Dot<TVector>
    where TVector : unmanaged
{
    /// <inheritdoc/>
    private protected override void StoreSums(in ConvolutionInt8Tile tile) => ConvolutionInt8TileProduct<TDot, TVector, Int8StoredSums<TDot, TVector>>.Run(tile);
}
