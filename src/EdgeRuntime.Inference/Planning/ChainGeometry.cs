using EdgeRuntime.Kernels;

namespace EdgeRuntime.Inference;

/// <summary>Rows [First, End) of a layer's output.</summary>
internal readonly record struct RowRange(int First, int End)
{
    public int Count => End - First;
}

/// <summary>
/// Which rows each layer of a chain makes for a band of the last layer's rows. Layer j reads what layer j − 1 makes. Bands
/// follow one another from top to bottom, and rows that a band made for itself are kept for the next one, so that none
/// is made twice.
/// </summary>
internal sealed class ChainGeometry
{
    private readonly ConvolutionShape[] _shapes;

    public ChainGeometry(ReadOnlySpan<ConvolutionShape> shapes, int bandRows)
    {
        _shapes = shapes.ToArray();
        BandRows = bandRows;
        BandsPerImage = (_shapes[^1].OutHeight + bandRows - 1) / bandRows;
    }

    /// <summary>Layers.</summary>
    public int Count => _shapes.Length;

    /// <summary>Layer <paramref name="j"/> as a whole.</summary>
    public ref readonly ConvolutionShape this[int j] => ref _shapes[j];

    /// <summary>Output rows of a band; the last of an image may have fewer.</summary>
    public int BandRows { get; }

    public int BandsPerImage { get; }

    /// <summary>Images.</summary>
    public int Batch => _shapes[0].Batch;

    /// <summary>Bands of all images.</summary>
    public int Bands => Batch * BandsPerImage;

    /// <summary>Whether <paramref name="next"/> can read <paramref name="shape"/>'s rows as they are made: the same image, and no window that lies in padding only.</summary>
    public static bool Follows(in ConvolutionShape shape, in ConvolutionShape next) =>
        next.Batch == shape.Batch && next.Height == shape.OutHeight && next.Width == shape.OutWidth && next.Channels == shape.OutChannels && HasRows(shape) && HasRows(next);

    private static bool HasRows(in ConvolutionShape s) => s.PadTop < Span(s) && s.PadBottom < Span(s) && s.Positions > 0 && s.Height > 0 && s.Channels > 0 && s.OutChannels > 0;

    /// <summary>
    /// The rows that each layer has yet to make for band <paramref name="band"/> of an image; <paramref name="made"/>[j] is
    /// where the rows that layer j has made end: 0 at first, brought up to date here.
    /// </summary>
    public void Rows(int band, Span<int> made, Span<RowRange> rows)
    {
        int first = band * BandRows, end = Math.Min(first + BandRows, _shapes[^1].OutHeight);
        for (int j = Count - 1; j >= 0; j--)
        {
            rows[j] = new RowRange(Math.Max(first, made[j]), Math.Max(end, made[j]));
            made[j] = rows[j].End;
            if (j == 0) return;
            (first, end) = rows[j].Count == 0 ? new RowRange(made[j - 1], made[j - 1]) : Input(j, rows[j]);
        }
    }

    /// <summary>What <see cref="Rows"/> can give: every band as a worker's first, and as the successor of the one before it.</summary>
    public IEnumerable<(int Band, bool IsFirst, RowRange[] Rows)> AllRows()
    {
        for (int first = 0; first < BandsPerImage; first++)
        {
            int[] made = new int[Count];
            for (int band = first; band < Math.Min(first + 2, BandsPerImage); band++)
            {
                RowRange[] rows = new RowRange[Count];
                Rows(band, made, rows);
                yield return (band, band == first, rows);
            }
        }
    }

    /// <summary>The rows of its input that layer <paramref name="j"/> reads to make rows of its output, without padding.</summary>
    public RowRange Input(int j, RowRange output)
    {
        ref readonly ConvolutionShape s = ref _shapes[j];
        return new(Math.Max(0, output.First * s.StrideY - s.PadTop), Math.Min(s.Height, (output.End - 1) * s.StrideY - s.PadTop + Span(s)));
    }

    /// <summary>Layer <paramref name="j"/> as a convolution of just these rows.</summary>
    public ConvolutionShape Band(int j, RowRange output)
    {
        ref readonly ConvolutionShape s = ref _shapes[j];
        int top = output.First * s.StrideY - s.PadTop, bottom = (output.End - 1) * s.StrideY - s.PadTop + Span(s);
        return s with { Batch = 1, Height = Math.Min(bottom, s.Height) - Math.Max(top, 0), PadTop = Math.Max(0, -top), PadBottom = Math.Max(0, bottom - s.Height) };
    }

    private static int Span(in ConvolutionShape s) => (s.KernelHeight - 1) * s.DilationY + 1;
}
