namespace EdgeRuntime.Kernels;

/// <summary>Nibble products on int32 lanes, a channel a lane, for every way to multiply. In a panel, each lane's 4 bytes hold elements k to k+3 of its channel in the low nibbles and k+4 to k+7 in the high ones.</summary>
/// <typeparam name="TOperands">What it wants and costs.</typeparam>
public abstract class ConvolutionInt4Gemm<TOperands> : ConvolutionInt4Kernel where TOperands : struct, IInt4Operands
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8s4-gemm-{TOperands.Name}", "convolution-s8", TOperands.Requires,
        "nibble weights unpacked in registers, per channel or per group; 1 row × 32 channels, or some rows at a time");

    /// <summary>Products, the end of each row's panel, preparation of rows.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        GemmGeometry g = Geometry(shape);
        (double perCycle, double finish) = TOperands.Cost(g.Rows == 1);
        double rows = (double)g.Rows * g.Groups, products = rows * g.Panels * (Int4Block.Columns * g.Depth * (parameters.WeightBits / 4) / perCycle + finish);
        return 500 + WeightReading.Of(TOperands.Requires).Cycles(products, PackedBytes(shape, parameters)) + rows * (20 + g.Depth / (g.IsGathered ? 2.0 : 4.0));
    }

    internal override int NibbleIndex(int k, int column) => k / 8 * 8 * Int4Block.Columns + column * 8 + k % 4 * 2 + k / 4 % 2;

    internal override void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => TOperands.Requantize(tile, call);
}

/// <summary>The same by intrinsics.</summary>
/// <typeparam name="TDot">The multiplication.</typeparam>
/// <typeparam name="TVector">Its vector of int32.</typeparam>
public sealed unsafe class ConvolutionInt4Gemm<TDot, TVector> : ConvolutionInt4Gemm<TDot> where TDot : struct, IInt4Dot<TVector> where TVector : unmanaged
{
    internal override int Start(sbyte* x) => TDot.Start(x);

    internal override void Multiply(in Int4Block block) => Int4Tile<TDot, TVector>.Multiply(block);
}
