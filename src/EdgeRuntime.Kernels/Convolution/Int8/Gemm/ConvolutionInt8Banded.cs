namespace EdgeRuntime.Kernels;

/// <summary>
/// Convolutions that work on a <see cref="ConvolutionInt8Band"/>: this class owns blocks of rows and the copies, the derived
/// kernel the conversion of elements and the arithmetic.
/// </summary>
public abstract unsafe class ConvolutionInt8Banded : ConvolutionInt8Kernel
{
    /// <summary>Converts <paramref name="count"/> input elements to the band's form.</summary>
    protected abstract void Convert(sbyte* source, byte* destination, nint count, int zeroPoint);

    /// <summary>Writes <paramref name="count"/> padding elements.</summary>
    protected abstract void Fill(byte* destination, nint count, int zeroPoint);

    /// <summary>Calls <paramref name="block"/> for each block of output rows in portions [<paramref name="first"/>, <paramref name="end"/>).</summary>
    private protected void RunPortions<TBlock>(in ConvolutionInt8Call call, in ConvolutionInt8Band band, int first, int end, byte* scratch, ref TBlock block)
        where TBlock : struct, IConvolutionInt8Block
    {
        while (first < end)
        {
            int image = first / band.PortionsPerImage, inImage = first % band.PortionsPerImage, count = Math.Min(band.PortionsPerImage - inImage, end - first);
            int row = inImage * band.PortionRows, endRow = Math.Min(band.Shape.OutHeight, row + count * band.PortionRows);
            for (; row < endRow; row += band.BlockRows)
            {
                int rows = Math.Min(band.BlockRows, endRow - row);
                Copy(call, band, image, row, rows, scratch);
                block.Run(scratch, (long)(image * band.Shape.OutHeight + row) * band.Shape.OutWidth, rows);
            }
            first += count;
        }
    }

    // Band row j holds input row (first output row)·stride − padTop + j with its horizontal padding.
    private void Copy(in ConvolutionInt8Call call, in ConvolutionInt8Band plan, int image, int outRow, int outRows, byte* band)
    {
        ref readonly ConvolutionShape s = ref plan.Shape;
        int rows = plan.Rows(outRows), bytes = plan.ElementBytes, zero = call.InputZeroPoint, width = s.Width * s.Channels;
        sbyte* input = call.Input + (long)image * s.Height * width;
        // What vectors read beyond the last element: times a zero weight, but paired products add to it in 16 bits first.
        *(long*)(band + (nint)rows * plan.Pitch) = 0;
        int top = outRow * s.StrideY - s.PadTop, left = s.PadLeft * s.Channels, right = s.PadRight * s.Channels;
        if (plan.IsSubsampled)
        {
            for (int y = 0; y < rows; y++)
                for (int x = 0; x < s.OutWidth; x++, band += s.Channels * bytes)
                    Convert(input + (long)(outRow + y) * s.StrideY * width + (long)x * s.StrideX * s.Channels, band, s.Channels, zero);
            return;
        }
        if ((left | right) == 0 && top >= 0 && top + rows <= s.Height)
        {
            Convert(input + (long)top * width, band, (nint)rows * width, zero);
            return;
        }
        for (int j = 0; j < rows; j++, band += plan.Pitch)
        {
            int y = top + j;
            if ((uint)y >= (uint)s.Height)
            {
                Fill(band, plan.RowElements, zero);
                continue;
            }
            if (left != 0) Fill(band, left, zero);
            Convert(input + (long)y * width, band + left * bytes, width, zero);
            if (right != 0) Fill(band + (left + width) * bytes, right, zero);
        }
    }
}

/// <summary>What a kernel does with a block of output rows whose band is ready.</summary>
internal unsafe interface IConvolutionInt8Block
{
    /// <summary>Computes <paramref name="rows"/> output rows from output position <paramref name="position"/> on.</summary>
    void Run(byte* band, long position, int rows);
}
