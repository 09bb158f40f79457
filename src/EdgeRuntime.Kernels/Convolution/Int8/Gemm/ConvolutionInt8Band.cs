namespace EdgeRuntime.Kernels;

/// <summary>
/// The private, padded and converted copy of the input rows that a block of output rows needs. There, the window of every
/// output position has the same shape: no borders. It is small enough for the near caches.
/// </summary>
internal readonly struct ConvolutionInt8Band
{
    /// <summary>The shape; pointwise products are seen as an image of one column.</summary>
    public readonly ConvolutionShape Shape;

    /// <summary>Bytes of an element: 1 or 2.</summary>
    public readonly int ElementBytes;

    /// <summary>Whether only every stride-th pixel is copied (1×1 windows), so that the band has stride 1.</summary>
    public readonly bool IsSubsampled;

    /// <summary>Elements of a band row; bytes of a band row; strides of an output row and an output column in the band, bytes.</summary>
    public readonly int RowElements, Pitch, OutRowBytes, OutColumnBytes;

    /// <summary>Output rows of a block; output rows of a portion; portions of one image.</summary>
    public readonly int BlockRows, PortionRows, PortionsPerImage;

    /// <param name="given">The shape.</param>
    /// <param name="elementBytes">Bytes of an element.</param>
    /// <param name="targetBytes">Wanted size.</param>
    /// <param name="positions">Output positions of a tile; a portion holds that many or more.</param>
    public ConvolutionInt8Band(in ConvolutionShape given, int elementBytes, long targetBytes, int positions)
    {
        ConvolutionShape s = given.IsPointwise ? ConvolutionShape.FullyConnected(given.Positions, given.Channels, given.OutChannels) : given;
        (Shape, ElementBytes) = (s, elementBytes);
        IsSubsampled = s.KernelHeight == 1 && s.KernelWidth == 1 && !s.IsPadded && s.StrideX > 1;
        RowElements = (IsSubsampled ? s.OutWidth : s.Width + s.PadLeft + s.PadRight) * s.Channels;
        Pitch = RowElements * elementBytes;
        OutRowBytes = IsSubsampled ? Pitch : s.StrideY * Pitch;
        OutColumnBytes = (IsSubsampled ? 1 : s.StrideX) * s.Channels * elementBytes;
        BlockRows = (int)Math.Clamp(1 + (targetBytes - (long)Rows(1) * Pitch) / Math.Max(1, OutRowBytes), 1, Math.Max(1, s.OutHeight));
        if (s.OutWidth == 1 && BlockRows > positions) BlockRows -= BlockRows % positions;
        PortionRows = Math.Max(1, positions / Math.Max(1, s.OutWidth));
        PortionsPerImage = (s.OutHeight + PortionRows - 1) / PortionRows;
    }

    /// <summary>Portions of all images.</summary>
    public int Portions => Shape.Batch * PortionsPerImage;

    /// <summary>Bytes of a band, with room for vectors that read beyond the last element (times a zero weight).</summary>
    public int Bytes => (Rows(BlockRows) * Pitch + 64 + 63) / 64 * 64;

    /// <summary>Band rows that <paramref name="outRows"/> output rows need.</summary>
    public int Rows(int outRows) => IsSubsampled ? outRows : (outRows - 1) * Shape.StrideY + (Shape.KernelHeight - 1) * Shape.DilationY + 1;

    /// <summary>Offset of a tap from its window's first element, bytes.</summary>
    public int TapOffset(int ky, int kx) => ky * Shape.DilationY * Pitch + kx * Shape.DilationX * Shape.Channels * ElementBytes;
}
