using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// <see cref="ConvolutionInt8Gemm{TOperands}"/> by VPDPBUSD on 512 bits, for processors with AVX-512 VNNI, in machine code (<see cref="Int8VnniTile"/>), as .NET has no intrinsics for it.
/// Panels for whose channels that is proved are requantised in registers, in floats (<see cref="ExactFloatScale"/>). Where weights have zero points z, sums begin with
/// Σ (x − x0)(w − z) − Σ x·w = −z · Σ x − x0 · Σ (w − z), the first part of each position, with Σ x of its window.
/// </summary>
public sealed unsafe class ConvolutionInt8VnniGemm : ConvolutionInt8Gemm<Int8OperandsAvx512Vnni>
{
    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.Depth > 0 && base.Supports(shape, parameters);

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        EstimateCycles(shape, 4, parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0) ? 205 + shape.Depth * 0.4 : 45);

    /// <summary>A single row comes at 25 bytes a cycle from the second-level cache, as by <see cref="ConvolutionInt8Gemv{TStep}"/>; more from beyond.</summary>
    private protected override int LeastRows => 3;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Plan plan = new(shape, TileSize);
        return plan.PackedBytes + Columns(plan) * (sizeof(float) + sizeof(int));
    }

    /// <summary>Layout: as the general kernel, then factors, then the weights' zero points; in panels with float scales these stand, negative, in the place of multipliers.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        base.Pack(shape, parameters, weights, destination);
        ConvolutionInt8Plan plan = new(shape, TileSize);
        Span<float> scales = MemoryMarshal.Cast<byte, float>(destination[(int)plan.MultiplierOffset..]), factors = MemoryMarshal.Cast<byte, float>(destination[(int)plan.PackedBytes..]);
        Span<int> zeros = MemoryMarshal.Cast<byte, int>(destination[(int)plan.PackedBytes..])[Columns(plan)..];
        for (int o = 0; o < parameters.WeightZeroPoints.Length; o++) zeros[o / plan.Shape.OutPerGroup * plan.PaddedColumns + o % plan.Shape.OutPerGroup] = parameters.WeightZeroPoints[o];
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

    /// <summary>Zero points stay out of the weights, which must fit a byte.</summary>
    protected override void PackWeights(ReadOnlySpan<sbyte> weights, int weightZero, Span<byte> destination, int stepBytes) => base.PackWeights(weights, 0, destination, stepBytes);

    /// <inheritdoc/>
    private protected override void StoreSums(in ConvolutionInt8Tile tile) => Int8VnniTile.StoreSums(tile);

    /// <inheritdoc/>
    private protected override void RunPanel(ref ConvolutionInt8Tile tile, in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, byte* band, int rows)
    {
        float* factors = (float*)(call.Packed + plan.PackedBytes + ((byte*)tile.Multipliers - (call.Packed + plan.MultiplierOffset)));
        int* zeros = (int*)factors + Columns(plan), bias = tile.Bias;
        bool hasZeros = new ReadOnlySpan<int>(zeros, tile.PaddedColumns).ContainsAnyExcept(0), isFloat = tile.Multipliers[0] < 0;
        if (!hasZeros && !isFloat)
        {
            base.RunPanel(ref tile, call, plan, band, rows);
            return;
        }
        Int8VnniOutput output = new()
        {
            Factors = factors,
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
            if (hasZeros) StoreBiases(ref tile, bias, zeros, plan.SegmentElements);
            if (isFloat) Int8VnniTile.StoreResults(tile, output);
            else RunTile(tile, call);
            tile.Output += Int8VnniTile.Rows * tile.OutputStride;
        }
        tile.Bias = bias;
        tile.BiasStride = 0;
    }

    /// <summary>Gives each position its own biases, in the place of its sums: bias − zero point · Σ of the window's bytes.</summary>
    private static void StoreBiases(ref ConvolutionInt8Tile tile, int* bias, int* zeros, int segmentElements)
    {
        for (int r = 0; r < tile.Rows; r++)
        {
            int sum = 0, first = r * tile.PaddedColumns;
            for (int s = 0; s < tile.Segments; s++) sum += Sum(tile.Windows[r] + tile.SegmentOffsets[s], segmentElements);
            for (int c = 0; c < tile.PaddedColumns; c += Vector256<int>.Count) (Vector256.Load(bias + c) - Vector256.Load(zeros + c) * sum).Store(tile.Accumulators + first + c);
        }
        tile.Bias = tile.Accumulators;
        tile.BiasStride = tile.PaddedColumns * sizeof(int);
    }

    private static int Sum(byte* bytes, int count)
    {
        Vector256<long> sums = default;
        int i = 0, sum = 0;
        for (; i + 32 <= count; i += 32) sums += Avx2.SumAbsoluteDifferences(Vector256.Load(bytes + i), Vector256<byte>.Zero).AsInt64();
        for (; i + 8 <= count; i += 8) sum += Sse2.SumAbsoluteDifferences(Vector128.CreateScalar(*(ulong*)(bytes + i)).AsByte(), Vector128<byte>.Zero).AsInt32().ToScalar();
        for (; i < count; i++) sum += bytes[i];
        return sum + (int)Vector256.Sum(sums);
    }

    private static int Columns(in ConvolutionInt8Plan plan) => plan.PaddedColumns * plan.Shape.Group;
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
    public static bool AllowsWeightZeroPoints => true;

    /// <inheritdoc/>
    public static int InputOffset(int zeroPoint) => 128;

    /// <inheritdoc/>
    public static void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => Int8Widening.ToUnsigned(source, destination, count);

    /// <inheritdoc/>
    public static void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call) => RequantizeAvx2.Tile(tile, call);
}
