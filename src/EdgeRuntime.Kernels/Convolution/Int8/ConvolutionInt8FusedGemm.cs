using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// <see cref="ConvolutionInt8Gemm{TDot, TVector}"/> on 256 bits that requantises sums while they are in registers, in floats. That their
/// rounding is that of the integers is proved for each channel when weights are packed (<see cref="ExactFloatScale"/>); panels with a channel
/// for which it is not, or that end within a vector, run as there.
/// </summary>
/// <typeparam name="TDot">The multiplication.</typeparam>
public sealed unsafe class ConvolutionInt8FusedGemm<TDot> : ConvolutionInt8Gemm<TDot, Vector256<int>> where TDot : struct, IInt8Dot<Vector256<int>>
{
    private const int Rows = 6;

    // Bytes have no room for a factor.
    private static int LargestFactor => TDot.Step == 2 ? ExactFloatScale.LargestFactor : 1;

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
                bool fits = first + count <= plan.Shape.OutPerGroup;
                for (int c = 0; c < count && fits; c++)
                {
                    int channel = group * plan.Shape.OutPerGroup + first + c;
                    fits = ExactFloatScale.TryFind(parameters, channel, weights.Slice(channel * plan.Shape.Depth, plan.Shape.Depth), LargestFactor, out scales[c]);
                }
                if (fits) Scale(plan, scales.AsSpan(0, count), group, first, destination);
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
            multipliers[c] = -(TDot.IsDoubled ? scales[c].Scale / 2 : scales[c].Scale);
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
        Int8FloatOutput constants = new(call);
        tile.Constants = &constants;
        int width = plan.Shape.OutWidth, column = plan.Band.OutColumnBytes;
        if (plan.Band.OutRowBytes == width * column) RunLine(ref tile, band, rows * width, column);
        else if (width >= 2 * Rows)
            for (; rows > 0; rows--, band += plan.Band.OutRowBytes) RunLine(ref tile, band, width, column);
        else RunShortRows(ref tile, new(plan, band), rows * width);
    }

    /// <summary>Positions whose windows lie <paramref name="step"/> bytes apart.</summary>
    private static void RunLine(ref ConvolutionInt8Tile tile, byte* window, int count, int step)
    {
        if (ConvolutionInt8AccumulateOverlapping<TDot, Int8FloatOutput>.Fits(tile, step))
        {
            tile.Windows[0] = window;
            int done = ConvolutionInt8AccumulateOverlapping<TDot, Int8FloatOutput>.Run(tile, count);
            tile.Output += done * tile.OutputStride;
            window += done * step;
            count -= done;
        }
        int tiles = count / Rows, last = count % Rows;
        for (int r = 0; r < Rows; r++) tile.Windows[r] = window + (nint)r * step;
        if (tile.PaddedColumns == Lanes) ConvolutionInt8Accumulate<TDot, Vector256<int>, Int8FloatOutput, N6, N1>.Run(tile, tiles, Rows * step);
        else ConvolutionInt8Accumulate<TDot, Vector256<int>, Int8FloatOutput, N6, N2>.Run(tile, tiles, Rows * step);
        tile.Output += tiles * Rows * tile.OutputStride;
        if (last == 0) return;
        for (int r = 0; r < last; r++) tile.Windows[r] = window + (nint)(tiles * Rows + r) * step;
        tile.Rows = last;
        ConvolutionInt8TileProduct<TDot, Vector256<int>, Int8FloatOutput>.Run(tile);
        tile.Output += last * tile.OutputStride;
    }

    /// <summary>Tiles across the ends of rows.</summary>
    private static void RunShortRows(ref ConvolutionInt8Tile tile, ConvolutionInt8Windows windows, int left)
    {
        for (; left > 0; left -= Rows, tile.Output += Rows * tile.OutputStride)
        {
            tile.Rows = Math.Min(Rows, left);
            windows.Next(tile.Windows, tile.Rows);
            ConvolutionInt8TileProduct<TDot, Vector256<int>, Int8FloatOutput>.Run(tile);
        }
    }
}
