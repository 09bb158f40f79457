using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// A convolution as products of rows (output positions) with panels (of <c>nr</c> output channels), tiles having <c>mr</c> rows. Channels last, a
/// kernel row of an undilated, ungrouped window is one contiguous segment of kW·C elements, and the segments of all
/// positions lie at the same offsets from their first element: k×k windows need no im2col. A row is therefore
/// <see cref="OuterCount"/> × <see cref="InnerCount"/> segments of <see cref="Segment"/> elements, at offsets
/// outer·<see cref="OuterStride"/> + inner·<see cref="InnerStride"/>. Segments are rounded up to <c>kr</c> elements; the
/// surplus meets weights that make it vanish, and is only ever read from copies, which have room for it. A padded input is
/// copied with its borders in a stage of its own (<see cref="IsCopied"/>); rows of narrow windows and odd depths are gathered
/// into one segment by each worker for its own portion (<see cref="IsGathered"/>).
/// Portions are (group, block of rows, block of panels), the last fastest.
/// </summary>
internal readonly struct GemmGeometry
{
    /// <summary>Most rows of one portion; of wider elements half as many.</summary>
    public const int MaxRows = 128;

    private const int BlockBytes = 16384;
    private const int EnoughPortions = 8;

    /// <summary>Bytes in which runs are gathered.</summary>
    private const int RunUnit = 16;

    private readonly ConvolutionShape _shape;
    private readonly int _elementBytes;

    public GemmGeometry(in ConvolutionShape s, int kr, int nr, int elementBytes, int mr = 8)
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
        IsCopied = s.IsPadded;
        IsGathered = !compact || (!IsCopied && rounded != natural);
        NaturalSegment = natural;
        Segment = rounded;
        ImageHeight = s.Height + s.PadTop + s.PadBottom;
        ImageWidth = s.Width + s.PadLeft + s.PadRight;
        if (IsGathered)
        {
            NaturalSegment = s.Depth;
            Segment = gathered;
            OuterCount = InnerCount = 1;
        }
        OuterStride = s.DilationY * ImageWidth * s.Channels;
        InnerStride = s.DilationX * s.Channels;
        Slack = RoundUp(rounded - natural + 64, 64);
        Panels = (s.OutPerGroup + nr - 1) / nr;
        Rows = s.Positions;
        BlockRows = Math.Clamp(BlockBytes / (Math.Max(1, Depth) * elementBytes) / mr * mr, Math.Max(mr, 8 / mr * mr), (elementBytes == 1 ? MaxRows : MaxRows / 2) / mr * mr);
        RowBlocks = (Rows + BlockRows - 1) / BlockRows;
        // Blocks of about as many rows each: a last one of a single row would cost like two.
        if (RowBlocks > 0) BlockRows = Math.Min(BlockRows, RoundUp((Rows + RowBlocks - 1) / RowBlocks, mr));
        int blocks = RowBlocks * Groups;
        PanelBlocks = blocks >= EnoughPortions ? 1 : Math.Min(Panels, (EnoughPortions + blocks - 1) / Math.Max(1, blocks));
    }

    /// <summary>Whether the input is copied with padded borders first.</summary>
    public bool IsCopied { get; }

    /// <summary>Whether rows are gathered before they are multiplied.</summary>
    public bool IsGathered { get; }

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

    /// <summary>Where element <paramref name="k"/> of the multiplied ones lies, from a row's start.</summary>
    public long OffsetOf(int k)
    {
        int segment = k / Segment;
        return segment / InnerCount * (long)OuterStride + segment % InnerCount * (long)InnerStride + k % Segment;
    }

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

    public int Stages => IsCopied ? 2 : 1;

    /// <summary>Rows of the padded copy: the portions of its stage.</summary>
    public int CopyRows => PaddedInput.Rows(_shape);

    /// <summary>The padded copy, then each worker's gathered rows.</summary>
    public long ScratchBytes(int workers) => CopyBytes + workers * GatherBytes;

    /// <summary>Bytes of the padded copy, a multiple of 64.</summary>
    public long CopyBytes => IsCopied ? ((long)CopyRows * ImageWidth * _shape.Channels * _elementBytes + Slack + 63) & ~63L : 0;

    /// <summary>Bytes of one worker's gathered rows, with room for the last run's surplus; a multiple of 64.</summary>
    public long GatherBytes => IsGathered ? ((long)BlockRows * Segment * _elementBytes + RunUnit + 63) & ~63L : 0;

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    /// <summary>Copies rows [<paramref name="first"/>, <paramref name="end"/>) of the padded image.</summary>
    public unsafe void CopyPadded<T>(T* input, T* copy, T padding, int first, int end) where T : unmanaged =>
        PaddedInput.Copy(_shape, input, copy, padding, first, end);

    /// <summary>
    /// The first elements of <paramref name="count"/> rows from <paramref name="first"/> on: in <paramref name="image"/> (the input or its
    /// padded copy), or in <paramref name="buffer"/> where they are gathered. <paramref name="rows"/> has room for a multiple of 4.
    /// </summary>
    public unsafe void Locate<T>(T* image, int group, int first, int count, T* buffer, T** rows) where T : unmanaged
    {
        int width = _shape.OutWidth, height = _shape.OutHeight, x = first % width, y = first / width % height, n = first / width / height;
        int stepX = _shape.StrideX * _shape.Channels, pitch = ImageWidth * _shape.Channels;
        T* line = image + ((long)n * ImageHeight + (long)y * _shape.StrideY) * pitch + group * _shape.ChannelsPerGroup;
        if (!IsGathered && stepX * width == _shape.StrideY * pitch && _shape.StrideY * height == ImageHeight)
        {
            // Pointwise: all rows are equally far apart.
            nint row = (nint)(line + (long)x * stepX), step = stepX * (nint)sizeof(T);
            Vector128<nint> pair = Vector128.Create([row, row + step]), two = Vector128.Create(2 * step), four = two + two;
            for (nint* to = (nint*)rows, end = to + count; to < end; to += 4, pair += four)
            {
                Vector128.Store(pair, to);
                Vector128.Store(pair + two, to + 2);
            }
            return;
        }
        if (IsGathered && Strips(line, x, y, count, buffer, rows, End(image))) return;
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
        if (IsGathered) Gather(count, buffer, rows, End(image));
    }

    /// <summary>Behind the last element that may be read.</summary>
    private unsafe byte* End<T>(T* image) where T : unmanaged =>
        (byte*)(image + (long)_shape.Batch * ImageHeight * ImageWidth * _shape.Channels) + (IsCopied ? Slack : 0);

    private bool IsContiguous => _shape.Group == 1 && _shape.DilationX == 1;

    /// <summary>
    /// Gathers windows that overlap from line to line in narrow images: of each column the runs of all lines one behind the other, where each window lies in one piece. False if that would take
    /// more room than the windows.
    /// </summary>
    private unsafe bool Strips<T>(T* line, int x, int y, int count, T* buffer, T** rows, byte* end) where T : unmanaged
    {
        int width = _shape.OutWidth, lines = (x + count - 1) / width * _shape.StrideY + _shape.KernelHeight, run = _shape.KernelWidth * _shape.Channels;
        if (!IsContiguous || _shape.DilationY != 1 || y + (x + count - 1) / width >= _shape.OutHeight || (long)width * lines * run > (long)count * Segment) return false;
        nint pitch = (nint)ImageWidth * _shape.Channels * _elementBytes;
        for (int i = 0; i < width; i++)
            CopyRuns((byte*)(line + i * _shape.StrideX * _shape.Channels), (byte*)(buffer + i * lines * run), run * _elementBytes, pitch, lines, end);
        nint column = (nint)lines * run;
        T** stop = rows + count;
        for (T* strip = buffer; rows < stop; strip += _shape.StrideY * run, x = 0)
            for (T* to = strip + x * column; x < width && rows < stop; x++, to += column) *rows++ = to;
        return true;
    }

    /// <summary>Gathers the windows that <paramref name="rows"/> point to, <see cref="Segment"/> elements each, and points there.</summary>
    private unsafe void Gather<T>(int count, T* buffer, T** rows, byte* end) where T : unmanaged
    {
        int depth = _shape.ChannelsPerGroup, kernelHeight = _shape.KernelHeight, kernelWidth = _shape.KernelWidth, segment = Segment;
        bool contiguous = IsContiguous;
        nint run = (contiguous ? kernelWidth : 1) * depth * _elementBytes, line = (nint)OuterStride * _elementBytes, column = (nint)_shape.DilationX * _shape.Channels * _elementBytes;
        // The last window is the one nearest to the end.
        if (contiguous && kernelHeight == 3 && run <= RunUnit && (byte*)rows[count - 1] + 2 * line + RunUnit <= end)
        {
            Gather3((byte**)rows, count, (byte*)buffer, run, line, (nint)segment * _elementBytes);
            return;
        }
        for (int i = 0; i < count; i++, buffer += segment)
        {
            byte* from = (byte*)rows[i], to = (byte*)buffer;
            rows[i] = buffer;
            if (contiguous) CopyRuns(from, to, run, line, kernelHeight, end);
            else
                for (int ky = kernelHeight; ky > 0; ky--, from += line)
                    for (int kx = 0; kx < kernelWidth; kx++, to += run) Copy(from + kx * column, to, run);
        }
    }

    /// <summary>The first layers of most image networks: windows of three runs of up to 16 bytes, each written over by the next where it is shorter.</summary>
    private static unsafe void Gather3(byte** rows, int count, byte* to, nint run, nint line, nint segment)
    {
        nint twoRuns = 2 * run, twoLines = 2 * line;
        for (byte** stop = rows + count; rows < stop; rows++, to += segment)
        {
            byte* from = *rows;
            *rows = to;
            Vector128.Store(Vector128.Load(from), to);
            Vector128.Store(Vector128.Load(from + line), to + run);
            Vector128.Store(Vector128.Load(from + twoLines), to + twoRuns);
        }
    }

    /// <summary>Copies <paramref name="count"/> runs that lie <paramref name="pitch"/> bytes apart one behind the other: in steps of 16 bytes where those may be read; what a run writes too much is written over by the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void CopyRuns(byte* from, byte* to, nint run, nint pitch, int count, byte* end)
    {
        if (from + (count - 1) * pitch + ((run + RunUnit - 1) & -RunUnit) > end)
            for (; count > 0; count--, from += pitch, to += run) Copy(from, to, run);
        else if (run <= RunUnit)
        {
            for (; count > 1; count -= 2, from += 2 * pitch, to += 2 * run)
            {
                Vector128.Store(Vector128.Load(from), to);
                Vector128.Store(Vector128.Load(from + pitch), to + run);
            }
            if (count > 0) Vector128.Store(Vector128.Load(from), to);
        }
        else
            for (; count > 0; count--, from += pitch, to += run)
                for (nint k = 0; k < run; k += RunUnit) Vector128.Store(Vector128.Load(from + k), to + k);
    }

    /// <summary>Runs are short here (a few elements to some tens): words first, then what is left.</summary>
    private static unsafe void Copy(byte* from, byte* to, nint bytes)
    {
        nint i = 0;
        for (; i + 16 <= bytes; i += 16) Vector128.Store(Vector128.Load(from + i), to + i);
        for (; i + 4 <= bytes; i += 4) *(int*)(to + i) = *(int*)(from + i);
        for (; i < bytes; i++) to[i] = from[i];
    }
}
