namespace EdgeRuntime.Kernels;

/// <summary>The helpers that float convolution kernels of all instruction sets share: canonical shapes and zero padding.</summary>
internal static unsafe class Float32Padding
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

    /// <summary>Rows of the padded copy, over the whole batch.</summary>
    public static int Rows(in ConvolutionShape s) => s.Batch * (s.Height + s.PadTop + s.PadBottom);

    /// <summary>Floats in a row of the padded copy.</summary>
    public static long RowFloats(in ConvolutionShape s) => (long)(s.Width + s.PadLeft + s.PadRight) * s.Channels;

    /// <summary>Bytes of the padded copy; 0 where nothing is padded.</summary>
    public static long Bytes(in ConvolutionShape s) => s.IsPadded ? Rows(s) * RowFloats(s) * sizeof(float) : 0;

    /// <summary>Writes rows [<paramref name="first"/>, <paramref name="end"/>) of the padded copy [N, top+H+bottom, left+W+right, C].</summary>
    public static void Copy(in ConvolutionShape s, float* input, float* padded, int first, int end)
    {
        int height = s.Height + s.PadTop + s.PadBottom, floats = (int)RowFloats(s);
        int left = s.PadLeft * s.Channels, inner = s.Width * s.Channels;
        for (int row = first; row < end; row++)
        {
            Span<float> target = new(padded + (long)row * floats, floats);
            int n = row / height, y = row % height - s.PadTop;
            if ((uint)y >= (uint)s.Height) { target.Clear(); continue; }
            target[..left].Clear();
            new ReadOnlySpan<float>(input + ((long)n * s.Height + y) * inner, inner).CopyTo(target[left..]);
            target[(left + inner)..].Clear();
        }
    }
}
