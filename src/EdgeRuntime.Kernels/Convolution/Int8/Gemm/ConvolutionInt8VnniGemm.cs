using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// <see cref="ConvolutionInt8Gemm{TOperands}"/> by VPDPBUSD on 512 bits, for processors with AVX-512 VNNI, in machine code (<see cref="Int8VnniTile"/>), as .NET has no intrinsics for it.
/// Panels for whose channels that is proved are requantised in registers, in floats (<see cref="ExactFloatScale"/>).
/// </summary>
public sealed unsafe class ConvolutionInt8VnniGemm : ConvolutionInt8Gemm<Int8OperandsAvx512Vnni>
{
    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.Depth > 0 && base.Supports(shape, parameters);

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => EstimateCycles(shape, 4, 45);

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        return plan.PackedBytes + plan.PaddedColumns * shape.Group * sizeof(float);
    }

    /// <summary>Layout: as the general kernel, then factors; in panels with float scales these stand, negative, in the place of multipliers.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        base.Pack(shape, parameters, weights, destination);
        ConvolutionInt8Plan plan = new(shape, TileSize);
        Span<float> scales = MemoryMarshal.Cast<byte, float>(destination[(int)plan.MultiplierOffset..]), factors = MemoryMarshal.Cast<byte, float>(destination[(int)plan.PackedBytes..]);
        Span<ExactFloatScale> found = stackalloc ExactFloatScale[TileSize.Columns];
        for (int group = 0; group < shape.Group; group++)
            for (int panel = 0; panel < plan.Panels; panel++)
            {
                (int first, int count) = plan.PanelColumns(panel);
                count = Math.Min(count, plan.Shape.OutPerGroup - first);
                if (!ExactFloatScale.TryFind(parameters, group * plan.Shape.OutPerGroup + first, weights, ExactFloatScale.LargestFactor, found[..count])) continue;
                for (int c = 0, slot = group * plan.PaddedColumns + first; c < count; c++, slot++) (scales[slot], factors[slot]) = (-found[c].Scale, found[c].Factor);
            }
    }

    /// <inheritdoc/>
    public override object? Plan(in ConvolutionShape shape)
    {
        Int8VnniTile.Prepare();
        return base.Plan(shape);
    }

    /// <inheritdoc/>
    private protected override void StoreSums(in ConvolutionInt8Tile tile) => Int8VnniTile.StoreSums(tile);

    /// <inheritdoc/>
    private protected override void RunPanel(ref ConvolutionInt8Tile tile, in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, byte* band, int rows)
    {
        if (tile.Multipliers[0] >= 0)
        {
            base.RunPanel(ref tile, call, plan, band, rows);
            return;
        }
        Int8VnniOutput output = new()
        {
            Factors = (float*)(call.Packed + plan.PackedBytes + ((byte*)tile.Multipliers - (call.Packed + plan.MultiplierOffset))),
            Zero = Int8FloatOutput.Whole + call.OutputZeroPoint,
            Whole = Int8FloatOutput.Whole,
            Min = call.Min,
            Max = call.Max,
            Mask = (1 << (tile.Columns - (tile.PaddedColumns - Lanes))) - 1,
        };
        ConvolutionInt8Windows windows = new(plan, band);
        for (int left = rows * plan.Shape.OutWidth; left > 0; left -= Int8VnniTile.Rows)
        {
            tile.Rows = Math.Min(Int8VnniTile.Rows, left);
            windows.Next(tile.Windows, tile.Rows);
            Int8VnniTile.StoreResults(tile, output);
            tile.Output += Int8VnniTile.Rows * tile.OutputStride;
        }
    }
}

/// <summary>Quadruples of bytes on 512 bits. Input is multiplied as x + 128, which the bias takes back.</summary>
public readonly unsafe struct Int8OperandsAvx512Vnni : IInt8Operands
{
    /// <inheritdoc/>
    public static string Name => "avx512vnni";

    /// <inheritdoc/>
    public static CpuFeature Requires => CpuFeature.Avx2 | CpuFeature.Avx512Vnni;

    /// <inheritdoc/>
    public static (double ProductsPerCycle, double RequantizeCycles) Cost => (58, 4);

    /// <inheritdoc/>
    public static int Step => 4;

    /// <inheritdoc/>
    public static int Lanes => Vector512<int>.Count;

    /// <inheritdoc/>
    public static int Vectors => Int8VnniTile.Vectors;

    /// <inheritdoc/>
    public static bool IsDoubled => false;

    /// <inheritdoc/>
    public static bool AllowsWeightZeroPoints => false;

    /// <inheritdoc/>
    public static int InputOffset(int zeroPoint) => 128;

    /// <inheritdoc/>
    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToUnsigned(source, destination, count);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => RequantizeAvx2.Tile(tile, call);
}
