using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Convolutions that work on a <see cref="ConvolutionInt8Band"/>: this class owns blocks of rows and the copies, the derived
/// kernel the conversion of elements and the arithmetic.
/// </summary>
public abstract unsafe class ConvolutionInt8Banded : ConvolutionInt8Kernel
{
    /// <summary>Converts <paramref name="count"/> input elements to the band's form, in order: where that is wider they may lie at the destination's end.</summary>
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
            for (int y = 0; y < rows; y++, band += plan.Pitch)
            {
                // One conversion for the row, in place: for each pixel it took up to three times as long as this copy.
                byte* picked = band + plan.Pitch - plan.RowElements;
                Pick((byte*)input + (long)(outRow + y) * s.StrideY * width, s.StrideX * s.Channels, picked, s.OutWidth, s.Channels);
                Convert((sbyte*)picked, band, plan.RowElements, zero);
            }
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

    /// <summary>Copies <paramref name="count"/> pieces of so many bytes, a stride apart, behind one another.</summary>
    private static void Pick(byte* source, nint stride, byte* destination, int count, int bytes)
    {
        for (; count > 0; count--, source += stride, destination += bytes)
        {
            int i = 0;
            for (; i + 16 <= bytes; i += 16) Vector128.Load(source + i).Store(destination + i);
            for (; i + 8 <= bytes; i += 8) *(long*)(destination + i) = *(long*)(source + i);
            for (; i < bytes; i++) destination[i] = source[i];
        }
    }
}

/// <summary>What a kernel does with a block of output rows whose band is ready.</summary>
internal unsafe interface IConvolutionInt8Block
{
    /// <summary>Computes <paramref name="rows"/> output rows from output position <paramref name="position"/> on.</summary>
    void Run(byte* band, long position, int rows);
}
