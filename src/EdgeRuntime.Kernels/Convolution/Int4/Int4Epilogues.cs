namespace EdgeRuntime.Kernels;

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

/// <summary>As floats, see <see cref="IDynamicKernel"/>.</summary>
internal readonly unsafe struct Int4ToFloat(in ConvolutionDynamicCall call, int* columnSums) : IInt4Epilogue
{
    private readonly ConvolutionDynamicCall _call = call;

    public void Store(in Int4Block block, int row, int channel, int slot, int columns, int* bias, int* multipliers)
    {
        for (int r = 0; r < block.RowCount; r++)
            DynamicResults.Store(_call, row + r, channel, block.Sums + r * Int4Block.Columns, columnSums + slot, _call.RowZeros[(row + r) * _call.RowStep], columns);
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
