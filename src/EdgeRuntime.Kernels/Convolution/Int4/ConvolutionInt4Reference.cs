namespace EdgeRuntime.Kernels;

/// <summary>The definition of products with nibbles as plain loops.</summary>
internal sealed unsafe class ConvolutionInt4Reference : ConvolutionInt4Kernel
{
    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8s4-reference", "convolution-s8", CpuFeature.None, "plain loops over nibble weights, for processors without vectors");

    /// <summary>Products, those with what fills up panels and chunks included.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        GemmGeometry g = Geometry(shape);
        return 5.0 * g.Rows * g.Groups * g.Panels * Int4Block.Columns * g.Depth;
    }

    internal override int NibbleIndex(int k, int column) => k * Int4Block.Columns + column;

    internal override int Start(sbyte* x) => 0;

    internal override void Multiply(in Int4Block block)
    {
        for (int row = 0; row < block.RowCount; row++)
            for (int column = 0; column < Int4Block.Columns; column++) block.Sums[row * Int4Block.Columns + column] = Sum(block, block.Rows[row], column);
    }

    internal override void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => Int4Requantize.Scalar(tile, call);

    private static int Sum(in Int4Block block, sbyte* row, int column)
    {
        int sum = 0;
        byte* panel = block.Panel;
        for (int outer = 0; outer < block.OuterCount; outer++)
            for (int inner = 0; inner < block.InnerCount; inner++)
                for (int k = 0; k < block.Segment; k += Int4Block.Chunk)
                {
                    sbyte* x = row + (nint)outer * block.OuterStride + inner * block.InnerStride + k;
                    sum += Chunk(panel, x, column) * (block.IsGrouped ? panel[Int4Block.ChunkBytes + column] : block.IsBytes ? 16 : 1);
                    panel += Int4Block.ChunkBytes + (block.IsGrouped ? Int4Block.Columns : 0);
                    if (!block.IsBytes) continue;
                    sum += Chunk(panel, x, column);
                    panel += Int4Block.ChunkBytes;
                }
        return sum;
    }

    private static int Chunk(byte* nibbles, sbyte* x, int column)
    {
        int sum = 0;
        for (int k = 0; k < Int4Block.Chunk; k++)
        {
            int index = k * Int4Block.Columns + column;
            sum += ((nibbles[index / 2] >> (index % 2 * 4) & 15) - 8) * x[k];
        }
        return sum;
    }
}
