using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>The direct convolution of x86, for every way to multiply.</summary>
/// <typeparam name="TDot">The multiplication.</typeparam>
/// <typeparam name="TVector">Its vector of int32.</typeparam>
public sealed unsafe class ConvolutionInt8Gemm<TDot, TVector> : ConvolutionInt8Direct
    where TDot : struct, IInt8Dot<TVector>
    where TVector : unmanaged
{
    private const int Rows = 6;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-gemm-{TDot.Name}-{Rows}x{TDot.Vectors * Lanes}", "convolution-s8", TDot.Requires,
        $"direct convolution as a matrix product, {Rows} positions × {TDot.Vectors * Lanes} channels, {TDot.Step} products a lane; every shape"
            + (TDot.AllowsWeightZeroPoints ? "" : ", symmetric weights"));

    /// <inheritdoc/>
    public override ConvolutionInt8TileSize TileSize => new(Rows, TDot.Vectors * Lanes, Lanes, 4 / TDot.Step, TDot.Step);

    private static int Lanes => sizeof(TVector) / sizeof(int);

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        TDot.AllowsWeightZeroPoints || !parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <summary>Steps × vectors of all tiles at two 256-bit multiplications per cycle, conversion, epilogue and tile overhead.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        double tiles = Math.Ceiling((double)plan.Shape.Positions / Rows) * plan.Shape.Group, vectors = (double)plan.PaddedColumns / Lanes;
        double widths = sizeof(TVector) / 32.0, perStep = Rows * vectors * widths / 2 * 1.15 + 1;
        double converted = (double)plan.Shape.Batch * plan.Shape.OutHeight * plan.Band.OutRowBytes / 32;
        return tiles * (plan.DepthSteps * perStep + plan.Segments * 4 + Rows * vectors * widths * 3 + 20 * plan.Panels) + converted;
    }

    /// <inheritdoc/>
    protected override void PackWeight(int weight, Span<byte> destination, int element)
    {
        if (TDot.Step == 2) MemoryMarshal.Cast<byte, short>(destination)[element] = (short)(TDot.IsDoubled ? 2 * weight : weight);
        else destination[element] = (byte)weight;
    }

    /// <inheritdoc/>
    protected override int FoldBias(ConvolutionInt8Parameters parameters, int channel, ReadOnlySpan<sbyte> weights, int weightZero)
    {
        // The band holds x + offset; the sum wants x − zero.
        int sum = 0, offset = TDot.InputOffset(parameters.InputZeroPoint);
        foreach (sbyte w in weights) sum += w - weightZero;
        int bias = parameters.Bias[channel] - (parameters.InputZeroPoint + offset) * sum;
        return TDot.IsDoubled ? 2 * bias : bias;
    }

    /// <inheritdoc/>
    protected override void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => TDot.Convert(source, destination, count, zeroPoint);

    /// <inheritdoc/>
    protected override void Fill(byte* destination, nint count, int zeroPoint)
    {
        int value = zeroPoint + TDot.InputOffset(zeroPoint);
        if (TDot.Step == 2) new Span<short>(destination, (int)count).Fill((short)value);
        else new Span<byte>(destination, (int)count).Fill((byte)value);
    }

    /// <inheritdoc/>
    protected override void RunTile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        ConvolutionInt8TileProduct<TDot, TVector>.Run(tile);
        if (call.Shift == 0) TDot.Requantize(tile, call);
        else RequantizeScalar.Tile(tile, call);
    }
}
