using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// <see cref="ConvolutionInt4Gemm{TOperands}"/> by VPDPBUSD on 512 bits, for processors with AVX-512 VNNI, in machine code (<see cref="Int4VnniTile"/>), as .NET has no intrinsics for it.
/// </summary>
internal sealed unsafe class ConvolutionInt4VnniGemm : ConvolutionInt4Gemm<Int4OperandsAvx512Vnni>
{
    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => SupportsDynamic(shape, parameters) && base.Supports(shape, parameters);

    /// <summary>Nibbles: of single rows no more than their sums hold.</summary>
    public override bool SupportsDynamic(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        parameters.WeightBits == 4 && Geometry(shape).Depth is > 0 and <= Int4VnniTile.MostDepth && base.SupportsDynamic(shape, parameters);

    /// <inheritdoc/>
    public override object? Plan(in ConvolutionShape shape)
    {
        Int4VnniTile.Prepare();
        return base.Plan(shape);
    }

    internal override int Start(sbyte* x) => SumOf(x, x + Int4Block.Chunk);

    /// <summary>In groups −8 · Σ x of each chunk, all rows' of the first chunk first; else of each row.</summary>
    internal override void Prepare(in Int4Block block)
    {
        for (int row = 0; row < block.RowCount; row++)
        {
            int* start = block.Starts + row;
            int sum = 0;
            for (int outer = 0; outer < block.OuterCount; outer++)
                for (int inner = 0; inner < block.InnerCount; inner++)
                {
                    sbyte* x = block.Rows[row] + (nint)outer * block.OuterStride + inner * block.InnerStride, end = x + block.Segment;
                    if (!block.IsGrouped) sum += SumOf(x, end);
                    else
                        for (; x < end; x += Int4Block.Chunk, start += block.RowCount) *start = Start(x);
                }
            if (!block.IsGrouped) *start = sum;
        }
    }

    internal override void Multiply(in Int4Block block)
    {
        Int4VnniCall call = new()
        {
            Rows = block.Rows,
            Panel = block.Panel,
            Starts = block.Starts,
            StartBytes = block.RowCount * sizeof(int),
            Sums = block.Sums,
            SegmentChunks = block.Segment / Int4Block.Chunk,
            OuterCount = block.OuterCount,
            OuterSkip = block.OuterStride - block.InnerCount * block.InnerStride,
            InnerCount = block.InnerCount,
            InnerSkip = block.InnerStride - block.Segment,
        };
        // Tiles of about as many rows each.
        for (int tiles = (block.RowCount + Int4VnniTile.Rows - 1) / Int4VnniTile.Rows, left = block.RowCount; tiles > 0; tiles--)
        {
            int rows = (left + tiles - 1) / tiles;
            Int4VnniTile.Run(rows, block.IsGrouped, call);
            call.Rows += rows;
            call.Starts += rows;
            call.Sums += rows * Int4Block.Columns;
            left -= rows;
        }
    }

    // −8 · Σ x of whole chunks.
    private static int SumOf(sbyte* x, sbyte* end)
    {
        Vector256<int> sum = default;
        for (; x < end; x += Int4Block.Chunk) sum += Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(Vector256.Create((byte)8), Vector256.Load(x)), Vector256.Create((short)-1));
        return Vector256.Sum(sum);
    }
}

/// <summary>Quadruples of nibbles on 512 bits.</summary>
public readonly struct Int4OperandsAvx512Vnni : IInt4Operands
{
    /// <inheritdoc/>
    public static string Name => "avx512vnni";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.Avx512Vnni;

    /// <inheritdoc/>
    public static (double PerCycle, double Finish) Cost(bool isRow) => isRow ? (48, 140) : (60, 33);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => Int4Requantize.Avx2(tile, call);
}
