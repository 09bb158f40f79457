using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>Where a GEMM kernel reads its rows of A.</summary>
internal enum GemmSource
{
    /// <summary>The input itself.</summary>
    InPlace,

    /// <summary>A copy with padded borders, made by a stage of its own.</summary>
    PaddedCopy,

    /// <summary>Rows that each worker gathers for its own portion: narrow windows, odd depths.</summary>
    Gathered,
}

/// <summary>
/// A convolution as products of rows (output positions) with panels (of <c>nr</c> output channels). Channels last, a
/// kernel row of an undilated, ungrouped window is one contiguous segment of kW·C elements, and the segments of all
/// positions lie at the same offsets from their first element: k×k windows need no im2col. A row is therefore
/// <see cref="OuterCount"/> × <see cref="InnerCount"/> segments of <see cref="Segment"/> elements, at offsets
/// outer·<see cref="OuterStride"/> + inner·<see cref="InnerStride"/>. Segments are rounded up to <c>kr</c> elements; the
/// surplus meets weights that make it vanish, and is only ever read from the copies, which have room for it.
/// Portions are (group, block of rows, block of panels), the last fastest.
/// </summary>
internal readonly struct GemmGeometry
{
    /// <summary>Most rows of one portion.</summary>
    public const int MaxRows = 64;

    private const int BlockBytes = 16384;
    private const int EnoughPortions = 8;

    private readonly ConvolutionShape _shape;
    private readonly int _elementBytes;

    public GemmGeometry(in ConvolutionShape s, int kr, int nr, int elementBytes)
    {
        _shape = s;
        _elementBytes = elementBytes;
        Groups = s.Group;
        bool whole = s.Group == 1 && s.DilationX == 1;
        int natural = whole ? s.KernelWidth * s.Channels : s.ChannelsPerGroup;
        OuterCount = s.KernelHeight;
        InnerCount = whole ? 1 : s.KernelWidth;
        int rounded = RoundUp(natural, kr), gathered = RoundUp(s.Depth, kr);
        bool compact = OuterCount * InnerCount == 1 || (natural * elementBytes >= 16 && OuterCount * InnerCount * rounded * 8L <= gathered * 9L);
        Source = !compact ? GemmSource.Gathered
            : s.IsPadded ? GemmSource.PaddedCopy
            : rounded == natural ? GemmSource.InPlace
            : GemmSource.Gathered;
        NaturalSegment = natural;
        Segment = rounded;
        ImageHeight = s.Height;
        ImageWidth = s.Width;
        if (Source == GemmSource.Gathered)
        {
            NaturalSegment = s.Depth;
            Segment = gathered;
            OuterCount = InnerCount = 1;
        }
        else if (Source == GemmSource.PaddedCopy)
        {
            ImageHeight += s.PadTop + s.PadBottom;
            ImageWidth += s.PadLeft + s.PadRight;
        }
        OuterStride = s.DilationY * ImageWidth * s.Channels;
        InnerStride = s.DilationX * s.Channels;
        Slack = RoundUp(rounded - natural + 64, 64);
        Panels = (s.OutPerGroup + nr - 1) / nr;
        Rows = s.Positions;
        BlockRows = Math.Clamp(BlockBytes / (Math.Max(1, Depth) * elementBytes) & ~7, 8, MaxRows);
        RowBlocks = (Rows + BlockRows - 1) / BlockRows;
        int blocks = RowBlocks * Groups;
        PanelBlocks = blocks >= EnoughPortions ? 1 : Math.Min(Panels, (EnoughPortions + blocks - 1) / Math.Max(1, blocks));
    }

    public GemmSource Source { get; }
    public int Groups { get; }
    public int OuterCount { get; }
    public int OuterStride { get; }
    public int InnerCount { get; }
    public int InnerStride { get; }

    /// <summary>Elements of a segment that have weights.</summary>
    public int NaturalSegment { get; }

    /// <summary>Elements of a segment that are multiplied.</summary>
    public int Segment { get; }

    /// <summary>Multiplied elements of a row.</summary>
    public int Depth => OuterCount * InnerCount * Segment;

    /// <summary>Height of the image that is read (in place or copied).</summary>
    public int ImageHeight { get; }

    /// <summary>Width of the image that is read.</summary>
    public int ImageWidth { get; }

    /// <summary>Bytes that a copy has beyond its last element.</summary>
    public int Slack { get; }

    /// <summary>Rows (output positions) in all.</summary>
    public int Rows { get; }

    /// <summary>Rows of one portion; the last may have fewer.</summary>
    public int BlockRows { get; }
    public int RowBlocks { get; }

    /// <summary>Panels of one group.</summary>
    public int Panels { get; }
    public int PanelBlocks { get; }

    /// <summary>Portions of the multiplying stage.</summary>
    public int Portions => Groups * RowBlocks * PanelBlocks;

    public int Stages => Source == GemmSource.PaddedCopy ? 2 : 1;

    /// <summary>Rows of the padded copy: the portions of its stage.</summary>
    public int CopyRows => PaddedInput.Rows(_shape);

    public long ScratchBytes(int workers) => Source switch
    {
        GemmSource.PaddedCopy => (long)CopyRows * ImageWidth * _shape.Channels * _elementBytes + Slack,
        GemmSource.Gathered => workers * WorkerBytes,
        _ => 0,
    };

    /// <summary>Bytes of one worker's gathered rows, with room for the last run's surplus.</summary>
    public long WorkerBytes => ((long)BlockRows * Segment * _elementBytes + 8 + 63) & ~63L;

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    /// <summary>Copies rows [<paramref name="first"/>, <paramref name="end"/>) of the padded image.</summary>
    public unsafe void CopyPadded<T>(T* input, T* copy, T padding, int first, int end) where T : unmanaged =>
        PaddedInput.Copy(_shape, input, copy, padding, first, end);

    /// <summary>The first elements of <paramref name="count"/> rows from <paramref name="first"/> on, for in-place and copied images.</summary>
    public unsafe void Locate<T>(T* image, int group, int first, int count, T** rows) where T : unmanaged
    {
        int width = _shape.OutWidth, height = _shape.OutHeight, x = first % width, y = first / width % height, n = first / width / height;
        int stepX = _shape.StrideX * _shape.Channels, pitch = ImageWidth * _shape.Channels;
        T* line = image + ((long)n * ImageHeight + (long)y * _shape.StrideY) * pitch + group * _shape.ChannelsPerGroup;
        for (int i = 0; i < count; i++)
        {
            rows[i] = line + (long)x * stepX;
            if (++x < width) continue;
            x = 0;
            line += (long)_shape.StrideY * pitch;
            if (++y < height) continue;
            y = 0;
            line += ((long)ImageHeight - (long)height * _shape.StrideY) * pitch;
        }
    }

    /// <summary>Gathers rows into <paramref name="buffer"/>, <see cref="Segment"/> elements each, and points at them.</summary>
    public unsafe void Gather<T>(T* input, int group, int first, int count, T padding, T* buffer, T** rows) where T : unmanaged
    {
        int depth = _shape.ChannelsPerGroup, channels = _shape.Channels, width = _shape.Width, height = _shape.Height, outWidth = _shape.OutWidth, outHeight = _shape.OutHeight;
        int runBytes = _shape.KernelWidth * depth * _elementBytes, spanY = (_shape.KernelHeight - 1) * _shape.DilationY;
        nint pitchBytes = (nint)width * channels * _elementBytes;
        bool contiguous = depth == channels && _shape.DilationX == 1;
        byte* end = (byte*)(input + (long)_shape.Batch * height * width * channels);
        for (int i = 0; i < count; i++, buffer += Segment)
        {
            rows[i] = buffer;
            int position = first + i, line = position / outWidth, n = line / outHeight;
            int x0 = (position - line * outWidth) * _shape.StrideX - _shape.PadLeft, y0 = (line - n * outHeight) * _shape.StrideY - _shape.PadTop;
            T* corner = input + (((long)n * height + y0) * width + x0) * channels + group * depth;
            byte* from = (byte*)corner, last = from + spanY * pitchBytes + ((runBytes + 7) & ~7);
            if (contiguous && x0 >= 0 && x0 + _shape.KernelWidth <= width && y0 >= 0 && y0 + spanY < height && last <= end)
            {
                // Inside the image: runs in steps of 8 bytes; what a run writes too much is written over by the next.
                byte* to = (byte*)buffer;
                for (int ky = 0; ky < _shape.KernelHeight; ky++, from += _shape.DilationY * pitchBytes, to += runBytes)
                    for (int k = 0; k < runBytes; k += 8) *(long*)(to + k) = *(long*)(from + k);
            }
            else GatherBorder(corner, x0, y0, padding, buffer);
        }
    }

    /// <summary>A row whose window leaves the image, or has gaps.</summary>
    private unsafe void GatherBorder<T>(T* corner, int x0, int y0, T padding, T* to) where T : unmanaged
    {
        int depth = _shape.ChannelsPerGroup, kernelWidth = _shape.KernelWidth;
        bool contiguous = depth == _shape.Channels && _shape.DilationX == 1;
        int left = Math.Clamp(-x0, 0, kernelWidth), right = Math.Clamp(x0 + kernelWidth - _shape.Width, 0, kernelWidth - left), middle = kernelWidth - left - right;
        for (int ky = 0; ky < _shape.KernelHeight; ky++)
        {
            T* from = corner + (long)ky * _shape.DilationY * _shape.Width * _shape.Channels;
            if ((uint)(y0 + ky * _shape.DilationY) >= (uint)_shape.Height) to = Fill(to, kernelWidth * depth, padding);
            else if (contiguous) to = Fill(Copy(from + left * depth, Fill(to, left * depth, padding), middle * depth), right * depth, padding);
            else
                for (int kx = 0, x = x0; kx < kernelWidth; kx++, x += _shape.DilationX)
                    to = (uint)x >= (uint)_shape.Width ? Fill(to, depth, padding) : Copy(from + (long)kx * _shape.DilationX * _shape.Channels, to, depth);
        }
    }

    private static unsafe T* Fill<T>(T* to, int count, T value) where T : unmanaged
    {
        for (int i = 0; i < count; i++) to[i] = value;
        return to + count;
    }

    /// <summary>Runs are short here (a few elements to some tens): words first, then what is left.</summary>
    private static unsafe T* Copy<T>(T* from, T* to, int count) where T : unmanaged
    {
        int bytes = count * sizeof(T), i = 0;
        byte* source = (byte*)from, target = (byte*)to;
        for (; i + 16 <= bytes; i += 16) Vector128.Store(Vector128.Load(source + i), target + i);
        for (; i + 4 <= bytes; i += 4) *(int*)(target + i) = *(int*)(source + i);
        for (; i < bytes; i++) target[i] = source[i];
        return to + count;
    }
}
