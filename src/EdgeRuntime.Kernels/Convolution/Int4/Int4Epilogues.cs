namespace EdgeRuntime.Kernels;

/// <summary>One execution of a <see cref="ConvolutionInt4Kernel"/> whose input was quantised while running.</summary>
public unsafe struct ConvolutionInt4FloatCall
{
    /// <summary>Shape, packed weights, quantised input and scratch; its zero point is what padding is filled with.</summary>
    public ConvolutionInt8Call Integers;

    /// <summary>Scales and zero points of the input: one a row if <see cref="RowStep"/> is 1, one for all if it is 0.</summary>
    public float* RowScales;

    /// <summary>See <see cref="RowScales"/>.</summary>
    public int* RowZeros;

    /// <summary>See <see cref="RowScales"/>.</summary>
    public int RowStep;

    /// <summary>Scales of the weights and biases [O].</summary>
    public float* Scales, Bias;

    /// <summary>The fused clamp.</summary>
    public float Min, Max;

    /// <summary>Output [N,OutH,OutW,O].</summary>
    public float* Output;
}

/// <summary>What becomes of sums.</summary>
internal unsafe interface IInt4Epilogue
{
    /// <summary>
    /// Stores the block's sums: rows from <paramref name="row"/> on, output channels from <paramref name="channel"/> on, whose
    /// constants stand from <paramref name="slot"/> on.
    /// </summary>
    void Store(in Int4Block block, int row, int channel, int slot, int columns, int* bias, int* multipliers);
}

/// <summary>Requantised.</summary>
internal readonly unsafe struct Int4ToInt8(ConvolutionInt4Kernel kernel, in ConvolutionInt8Call call) : IInt4Epilogue
{
    private readonly ConvolutionInt8Call _call = call;

    public void Store(in Int4Block block, int row, int channel, int slot, int columns, int* bias, int* multipliers) => kernel.Requantize(new ConvolutionInt8Tile
    {
        Accumulators = block.Sums,
        Bias = bias + slot,
        Multipliers = multipliers + slot,
        Output = _call.Output + (long)row * _call.Shape.OutChannels + channel,
        OutputStride = _call.Shape.OutChannels,
        Rows = block.RowCount,
        Columns = columns,
        PaddedColumns = Int4Block.Columns,
    }, _call);
}

/// <summary>
/// y = clamp(float(Σ x·w − z·Σ w) · (row's scale · channel's scale) + bias): each operation rounded by itself, so that the result
/// is the same on every processor.
/// </summary>
internal readonly unsafe struct Int4ToFloat(in ConvolutionInt4FloatCall call, int* columnSums) : IInt4Epilogue
{
    private readonly ConvolutionInt4FloatCall _call = call;

    public void Store(in Int4Block block, int row, int channel, int slot, int columns, int* bias, int* multipliers)
    {
        for (int r = 0; r < block.RowCount; r++)
        {
            float scale = _call.RowScales[(row + r) * _call.RowStep];
            int zero = _call.RowZeros[(row + r) * _call.RowStep];
            int* sums = block.Sums + r * Int4Block.Columns;
            float* y = _call.Output + (long)(row + r) * _call.Integers.Shape.OutChannels + channel;
            for (int c = 0; c < columns; c++)
            {
                float product = (sums[c] - zero * columnSums[slot + c]) * (scale * _call.Scales[channel + c]);
                y[c] = Math.Min(Math.Max(product + _call.Bias[channel + c], _call.Min), _call.Max);
            }
        }
    }
}

/// <summary>As they are, or added to what is there.</summary>
internal readonly unsafe struct Int4ToSums(int* output, int pitch, bool accumulate) : IInt4Epilogue
{
    public void Store(in Int4Block block, int row, int channel, int slot, int columns, int* bias, int* multipliers)
    {
        for (int r = 0; r < block.RowCount; r++)
        {
            Span<int> target = new(output + (long)(row + r) * pitch + channel, columns);
            ReadOnlySpan<int> sums = new(block.Sums + r * Int4Block.Columns, columns);
            if (!accumulate) sums.CopyTo(target);
            else
                for (int c = 0; c < columns; c++) target[c] += sums[c];
        }
    }
}
