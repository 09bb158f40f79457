using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>Requantisation one by one, for the rare layers whose factor is 1 or more (a left shift, with saturation).</summary>
internal static unsafe class RequantizeScalar
{
    /// <summary>Requantises a tile of doubled sums, rows of <c>PaddedColumns</c>.</summary>
    public static void Tile(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call)
    {
        for (int r = 0; r < tile.Rows; r++)
            for (int c = 0; c < tile.Columns; c++)
                tile.Output[(long)r * tile.OutputStride + c] = Apply(tile.Accumulators[r * tile.PaddedColumns + c], tile.Multipliers[c], call);
    }

    /// <summary>One doubled sum.</summary>
    public static sbyte Apply(int doubled, int multiplier, in ConvolutionInt8Call call) =>
        (sbyte)Requantize.Apply(doubled >> 1, multiplier, call.Shift, call.OutputZeroPoint, call.Min, call.Max);
}
