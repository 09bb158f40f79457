using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// <see cref="ConvolutionInt8Gemm{TDot, TVector}"/> on AVX2 that requantises sums while they are in registers, in floats. That their
/// rounding is that of the integers is proved for each channel when weights are packed (<see cref="ExactFloatScale"/>); panels with a channel
/// for which it is not, or that end within a vector, run as there.
/// </summary>
public sealed unsafe class ConvolutionInt8FusedGemm : ConvolutionInt8Gemm<Int8DotAvx2, Vector256<int>>
{
    /// <summary>As the general kernel, with what was measured on a Zen 3 core for requantisation and tiles, as most panels are.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => EstimateCycles(shape, 3, 34);

    /// <summary>Layout: as the general kernel; in panels with float scales these stand, negative, in the place of multipliers, and weights and biases are multiplied by their factors.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        base.Pack(shape, parameters, weights, destination);
        ConvolutionInt8Plan plan = new(shape, TileSize);
        ExactFloatScale[] scales = new ExactFloatScale[TileSize.Columns];
        for (int group = 0; group < shape.Group; group++)
            for (int panel = 0; panel < plan.Panels; panel++)
            {
                (int first, int count) = plan.PanelColumns(panel);
                if (first + count > plan.Shape.OutPerGroup) continue;
                if (ExactFloatScale.TryFind(parameters, group * plan.Shape.OutPerGroup + first, weights, ExactFloatScale.LargestFactor, scales.AsSpan(0, count)))
                    Scale(plan, scales.AsSpan(0, count), group, first, destination);
            }
    }

    private static void Scale(in ConvolutionInt8Plan plan, ReadOnlySpan<ExactFloatScale> scales, int group, int first, Span<byte> destination)
    {
        int slot = group * plan.PaddedColumns + first;
        Span<int> bias = MemoryMarshal.Cast<byte, int>(destination[(int)plan.BiasOffset..]).Slice(slot, scales.Length);
        Span<float> multipliers = MemoryMarshal.Cast<byte, float>(destination[(int)plan.MultiplierOffset..]).Slice(slot, scales.Length);
        Span<short> panel = MemoryMarshal.Cast<byte, short>(destination[(int)(plan.PanelOffset + group * plan.GroupBytes + (long)first * plan.DepthSteps * 4)..]);
        for (int c = 0; c < scales.Length; c++)
        {
            bias[c] *= scales[c].Factor;
            multipliers[c] = -scales[c].Scale / 2; // Weights are doubled.
            for (int k = 0; k < plan.DepthSteps && scales[c].Factor > 1; k++)
                foreach (ref short w in panel.Slice((k * scales.Length + c) * 2, 2)) w *= (short)scales[c].Factor;
        }
    }

    /// <inheritdoc/>
    private protected override void RunPanel(ref ConvolutionInt8Tile tile, in ConvolutionInt8Call call, in ConvolutionInt8Plan plan, byte* band, int rows)
    {
        if (tile.Multipliers[0] >= 0)
        {
            base.RunPanel(ref tile, call, plan, band, rows);
            return;
        }
        ConvolutionInt8Positions<Product>.Run(ref tile, plan, band, rows);
    }

    private readonly struct Product : IConvolutionInt8Product
    {
        public static int Rows => 6;

        public static void Run(in ConvolutionInt8Tile tile, int tiles, nint step)
        {
            if (tile.PaddedColumns == Lanes) ConvolutionInt8Accumulate<Int8DotAvx2, Vector256<int>, Int8FloatOutput, N6, N1>.Run(tile, tiles, step);
            else ConvolutionInt8Accumulate<Int8DotAvx2, Vector256<int>, Int8FloatOutput, N6, N2>.Run(tile, tiles, step);
        }

        public static void RunPart(in ConvolutionInt8Tile tile) => ConvolutionInt8TileProduct<Int8DotAvx2, Vector256<int>, Int8FloatOutput>.Run(tile);

        public static int RunFirst(ref ConvolutionInt8Tile tile, byte* window, int count, int step)
        {
            if (!ConvolutionInt8AccumulateOverlapping<Int8DotAvx2, Int8FloatOutput>.Fits(tile, step)) return 0;
            tile.Windows[0] = window;
            return ConvolutionInt8AccumulateOverlapping<Int8DotAvx2, Int8FloatOutput>.Run(tile, count);
        }
    }
}
