namespace EdgeRuntime.Kernels;

/// <summary>What float convolution kernels of all instruction sets share: canonical shapes, and the size of the zero-padded copy.</summary>
internal static class Float32Padding
{
    /// <summary>
    /// An image one column wide as the same memory one row high, so that k×1 windows become contiguous; else the shape as it is.
    /// </summary>
    public static ConvolutionShape Canonical(in ConvolutionShape s) =>
        s.Width == 1 && s.KernelWidth == 1 && s.PadLeft == 0 && s.PadRight == 0
            ? s with
            {
                Height = 1,
                Width = s.Height,
                KernelHeight = 1,
                KernelWidth = s.KernelHeight,
                StrideY = 1,
                StrideX = s.StrideY,
                DilationY = 1,
                DilationX = s.DilationY,
                PadTop = 0,
                PadLeft = s.PadTop,
                PadBottom = 0,
                PadRight = s.PadBottom,
            }
            : s;

    /// <summary>Bytes of the padded copy; 0 where nothing is padded.</summary>
    public static long Bytes(in ConvolutionShape s) => s.IsPadded ? (long)PaddedInput.Rows(s) * PaddedInput.Pitch(s) * sizeof(float) : 0;
}
