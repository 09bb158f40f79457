using System.Numerics;
using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Kernels;

/// <summary>
/// What the binary kernels that work on words share: a convolution as products of rows (output positions, their windows gathered
/// into consecutive words, padding as clear bits) with panels of 64 output channels, and where everything lies. A sum is
/// <code>acc[o] = Base[class][o] − 2 · (differing bits)</code>
/// where Base is the products of the taps inside the image plus twice the set weights of the taps in the padding, which differ from
/// the clear bits there. It depends on the class of the output's row and column only: those from which the same taps are inside.
/// Packed: classes of rows and columns (int32), bases [class][O], two constants [O] of the output each, panels.
/// </summary>
internal readonly struct BinaryLayout
{
    /// <summary>Output channels of a panel: one word of output bits.</summary>
    public const int Columns = 64;

    /// <summary>Most rows of a block.</summary>
    public const int MaxRows = 64;

    private const int BlockBytes = 16384;
    private const int EnoughPortions = 8;

    private readonly ConvolutionShape _shape;

    public BinaryLayout(in ConvolutionShape s)
    {
        _shape = s;
        PixelWords = BitPacked.Words(s.Channels);
        GroupWords = BitPacked.Words(s.ChannelsPerGroup);
        RowWords = s.KernelHeight * s.KernelWidth * GroupWords;
        PaddedWords = (RowWords + 1) & ~1;
        Panels = (s.OutPerGroup + Columns - 1) / Columns;
        BlockRows = Math.Clamp(BlockBytes / (Math.Max(1, PaddedWords) * sizeof(ulong)) & ~7, 8, MaxRows);
        RowBlocks = (s.Positions + BlockRows - 1) / BlockRows;
        int blocks = RowBlocks * s.Group;
        PanelBlocks = blocks >= EnoughPortions ? 1 : Math.Min(Panels, (EnoughPortions + blocks - 1) / Math.Max(1, blocks));
        RowClasses = s.PadTop + s.PadBottom == 0 ? 1 : Classes(s.OutHeight, s.Height, s.KernelHeight, s.StrideY, s.DilationY, s.PadTop, []);
        ColumnClasses = s.PadLeft + s.PadRight == 0 ? 1 : Classes(s.OutWidth, s.Width, s.KernelWidth, s.StrideX, s.DilationX, s.PadLeft, []);
    }

    /// <summary>Words of an input pixel, and of the part of it that a group reads.</summary>
    public int PixelWords { get; }
    public int GroupWords { get; }

    /// <summary>Words of a gathered window, and with a clear word added where that makes it even.</summary>
    public int RowWords { get; }
    public int PaddedWords { get; }

    /// <summary>Panels of one group.</summary>
    public int Panels { get; }
    public int BlockRows { get; }
    public int RowBlocks { get; }
    public int PanelBlocks { get; }
    public int RowClasses { get; }
    public int ColumnClasses { get; }

    public int Portions => _shape.Group * RowBlocks * PanelBlocks;

    /// <summary>Output channels with every group padded to whole panels.</summary>
    public int PaddedOut => _shape.Group * Panels * Columns;

    public long BaseOffset => RoundUp(4L * (_shape.OutHeight + _shape.OutWidth));

    public long ConstantOffset => BaseOffset + 4L * RowClasses * ColumnClasses * PaddedOut;

    public long PanelOffset => ConstantOffset + 8L * PaddedOut;

    /// <summary>Whether groups consist of whole words, and so do their outputs where these are bits.</summary>
    public static bool Supports(in ConvolutionShape s, BinaryOutput output) => s.Depth <= ushort.MaxValue
        && (s.Group == 1 || (s.ChannelsPerGroup % BitPacked.WordBits == 0 && (output != BinaryOutput.Binary || s.OutPerGroup % BitPacked.WordBits == 0)));

    /// <summary>Index of an output channel among the padded ones.</summary>
    public int PaddedIndex(int o) => o / _shape.OutPerGroup * Panels * Columns + o % _shape.OutPerGroup;

    /// <summary>Writes everything before the panels.</summary>
    public void PackHeader(ConvolutionBinaryParameters p, ReadOnlySpan<ulong> weights, Span<byte> destination)
    {
        ConvolutionShape s = _shape;
        destination[..(int)PanelOffset].Clear();
        Span<int> classes = MemoryMarshal.Cast<byte, int>(destination[..(int)BaseOffset]), rowClass = classes[..s.OutHeight], columnClass = classes.Slice(s.OutHeight, s.OutWidth);
        if (RowClasses > 1) Classes(s.OutHeight, s.Height, s.KernelHeight, s.StrideY, s.DilationY, s.PadTop, rowClass);
        if (ColumnClasses > 1) Classes(s.OutWidth, s.Width, s.KernelWidth, s.StrideX, s.DilationX, s.PadLeft, columnClass);
        Span<int> bases = MemoryMarshal.Cast<byte, int>(destination[(int)BaseOffset..(int)ConstantOffset]);
        for (int row = 0; row < RowClasses; row++)
            for (int column = 0; column < ColumnClasses; column++)
            {
                int y = rowClass.IndexOf(row), x = columnClass.IndexOf(column);
                if (y < 0 || x < 0) continue;
                Span<int> target = bases.Slice((row * ColumnClasses + column) * PaddedOut, PaddedOut);
                for (int o = 0; o < s.OutChannels; o++) target[PaddedIndex(o)] = Fold(p, o, Base(weights, o, y, x));
            }
        Span<int> first = MemoryMarshal.Cast<byte, int>(destination[(int)ConstantOffset..(int)PanelOffset]), second = first[PaddedOut..];
        for (int o = 0; o < s.OutChannels; o++)
        {
            int at = PaddedIndex(o);
            if (p.Output == BinaryOutput.Int8) first[at] = p.Multipliers[o];
            if (p.Output != BinaryOutput.Float32) continue;
            first[at] = BitConverter.SingleToInt32Bits(p.Scales[o]);
            second[at] = BitConverter.SingleToInt32Bits(p.Offsets[o]);
        }
    }

    // The integer bias becomes part of the base, which is in the unit of the bias.
    private static int Fold(ConvolutionBinaryParameters p, int o, int sum) => p.Output switch
    {
        BinaryOutput.Int8 => (sum << ConvolutionBinaryParameters.BiasBits) + p.Bias[o],
        BinaryOutput.Binary => (int)Math.Clamp((long)sum + p.Bias[o], -(1 << 30), 1 << 30),
        _ => sum,
    };

    private int Base(ReadOnlySpan<ulong> weights, int o, int y, int x)
    {
        ConvolutionShape s = _shape;
        int sum = 0, at = o * RowWords;
        for (int ky = 0; ky < s.KernelHeight; ky++)
            for (int kx = 0; kx < s.KernelWidth; kx++, at += GroupWords)
            {
                int iy = y * s.StrideY - s.PadTop + ky * s.DilationY, ix = x * s.StrideX - s.PadLeft + kx * s.DilationX;
                if ((uint)iy < (uint)s.Height && (uint)ix < (uint)s.Width) sum += s.ChannelsPerGroup;
                else
                    foreach (ulong w in weights.Slice(at, GroupWords)) sum += 2 * BitOperations.PopCount(w);
            }
        return sum;
    }

    /// <summary>Number of classes of the outputs along one axis, and the class of each: neighbours with the same taps inside share one.</summary>
    private static int Classes(int outputs, int inputs, int kernel, int stride, int dilation, int pad, Span<int> result)
    {
        int count = 0, lastFirst = -1, lastEnd = -1;
        for (int i = 0; i < outputs; i++)
        {
            int start = i * stride - pad;
            int first = Math.Min(kernel, start >= 0 ? 0 : (-start + dilation - 1) / dilation), end = start >= inputs ? 0 : Math.Min(kernel, (inputs - start + dilation - 1) / dilation);
            if (i == 0 || first != lastFirst || end != lastEnd) count++;
            (lastFirst, lastEnd) = (first, end);
            if (!result.IsEmpty) result[i] = count - 1;
        }
        return count;
    }

    /// <summary>Gathers the windows of <paramref name="count"/> output positions, <see cref="PaddedWords"/> words each.</summary>
    public unsafe void Gather(ulong* input, int group, int first, int count, ulong* to)
    {
        ConvolutionShape s = _shape;
        int outWidth = s.OutWidth, outHeight = s.OutHeight, spill = PaddedWords - RowWords;
        bool joined = GroupWords == PixelWords && s.DilationX == 1;
        for (int i = 0; i < count; i++)
        {
            int position = first + i, line = position / outWidth, n = line / outHeight;
            int x0 = (position - line * outWidth) * s.StrideX - s.PadLeft, y0 = (line - n * outHeight) * s.StrideY - s.PadTop;
            for (int ky = 0; ky < s.KernelHeight; ky++)
            {
                int y = y0 + ky * s.DilationY;
                bool inside = (uint)y < (uint)s.Height;
                ulong* from = input + (((long)n * s.Height + y) * s.Width + x0) * PixelWords + group * GroupWords;
                if (joined && inside && x0 >= 0 && x0 + s.KernelWidth <= s.Width) to = Copy(from, to, s.KernelWidth * GroupWords);
                else
                    for (int kx = 0, x = x0; kx < s.KernelWidth; kx++, x += s.DilationX, from += s.DilationX * PixelWords)
                        to = inside && (uint)x < (uint)s.Width ? Copy(from, to, GroupWords) : Clear(to, GroupWords);
            }
            to = Clear(to, spill);
        }
    }

    private static unsafe ulong* Copy(ulong* from, ulong* to, int words)
    {
        for (int i = 0; i < words; i++) to[i] = from[i];
        return to + words;
    }

    private static unsafe ulong* Clear(ulong* to, int words)
    {
        for (int i = 0; i < words; i++) to[i] = 0;
        return to + words;
    }

    private static long RoundUp(long bytes) => (bytes + 63) & ~63L;
}
