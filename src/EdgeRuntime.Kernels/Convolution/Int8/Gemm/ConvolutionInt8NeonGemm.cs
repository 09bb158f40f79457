using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>One block of a product: rows × one panel.</summary>
internal unsafe struct Int8NeonBlock
{
    /// <summary>Where each row starts.</summary>
    public sbyte** Rows;

    /// <summary>Σ x of each row; null where weights have no zero points left.</summary>
    public int* Sums;

    public int RowCount, OuterCount, OuterStride, InnerCount, InnerStride, Segment;

    /// <summary>Whole panels to multiply with, <see cref="PanelBytes"/> apart: 1 if they are careful, or the first is not whole.</summary>
    public int Panels;

    public nint PanelBytes;

    /// <summary>Panel: bias, multiplier, weight zero point (int32 × Nr each), 4·Nr bytes for the kernel, weights.</summary>
    public byte* Panel;

    /// <summary>Output of the first row and the panel's first column; <see cref="OutputPitch"/> elements from row to row.</summary>
    public sbyte* Output;

    public long OutputPitch;

    /// <summary>Columns that exist, 1 to Nr.</summary>
    public int Columns;

    public int Shift;

    public Int8NeonFinish Finish;

    /// <summary>Output zero point, and the clamp, in every lane.</summary>
    public Vector128<short> ZeroPoint;

    public Vector128<sbyte> Min, Max;

    /// <summary><see cref="EdgeBytes"/> bytes for a tile's sums, and its results if the panel has fewer columns than Nr.</summary>
    public sbyte* Edge;

    public const int EdgeBytes = 512;

    /// <summary>Where a tile at <paramref name="row"/> writes rows <paramref name="pitch"/> apart: the output, or the buffer.</summary>
    public readonly sbyte* Target(int row, int nr, out nint pitch)
    {
        bool whole = Columns == nr;
        pitch = whole ? (nint)OutputPitch : nr;
        return whole ? Output + row * OutputPitch : Edge;
    }

    /// <summary>Brings a tile of few columns from the buffer to the output.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public readonly void CopyEdge(int row, int rows, int nr)
    {
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < Columns; i++) Output[(row + r) * OutputPitch + i] = Edge[r * nr + i];
    }
}

/// <summary>The weights of a panel by position, surplus included.</summary>
/// <param name="g">The product.</param>
/// <param name="weights">[column][k], without the surplus of segments.</param>
/// <param name="rest">What is to be added to them, as long as they or empty.</param>
/// <param name="zeros">The weights that surplus elements have, one a column.</param>
/// <param name="columns">Columns that exist.</param>
internal readonly ref struct Int8NeonWeights(in GemmGeometry g, ReadOnlySpan<sbyte> weights, ReadOnlySpan<sbyte> rest, ReadOnlySpan<int> zeros, int columns)
{
    /// <summary>Most groups that are multiplied a second time.</summary>
    public const int MaxExtras = 4;

    private readonly ReadOnlySpan<sbyte> _weights = weights, _rest = rest;
    private readonly ReadOnlySpan<int> _zeros = zeros;
    private readonly int _natural = g.NaturalSegment, _segment = g.Segment, _depth = weights.Length / columns;

    /// <summary>Columns that exist.</summary>
    public int Columns { get; } = columns;

    /// <summary>Groups of elements of the depth that have weights beyond int8; what int8 does not hold of them is multiplied in a group of its own.</summary>
    public int[] Extras { get; init; } = [];

    /// <summary>The weight that surplus elements of a column have.</summary>
    public sbyte Zero(int column) => (sbyte)_zeros[column];

    /// <summary>A segment of a column, without its surplus.</summary>
    public ReadOnlySpan<sbyte> Segment(int column, int segment) => _weights.Slice(column * _depth + segment * _natural, _natural);

    /// <summary>Element <paramref name="k"/> of a segment of a column.</summary>
    public sbyte this[int column, int segment, int k] => k < _natural ? _weights[column * _depth + segment * _natural + k] : (sbyte)_zeros[column];

    /// <summary>What int8 does not hold of element <paramref name="k"/> of the multiplied ones.</summary>
    public sbyte Rest(int column, int k) => k % _segment < _natural ? _rest[column * _depth + k / _segment * _natural + k % _segment] : (sbyte)0;
}

/// <summary>
/// What the int8 GEMM kernels of ARM64 have in common. The input's zero point is folded into the bias, and the weights'
/// subtracted from the weights. The few w − v beyond int8 (a layer trained with a zero point has some one or two: its extreme weights) are cut off there, and their
/// groups are multiplied a second time with the rest. Panels with more of them use row sums: with z the input's zero point and v the weights',
/// <code>Σ (x − z)(w − v) = Σ x·w − v·Σ x − z·Σ (w − v)</code>
/// where surplus elements of a segment have w = v, so that they vanish whatever x is there.
/// </summary>
public abstract unsafe class ConvolutionInt8NeonGemm : ConvolutionInt8Kernel
{
    private const int HeaderBytes = 64;

    /// <summary>Columns of a panel.</summary>
    protected abstract int PanelColumns { get; }

    /// <summary>Rows of a tile.</summary>
    private protected virtual int TileRows => 8;

    /// <summary>Most panels that <see cref="Multiply"/> takes at once.</summary>
    private protected virtual int MostPanels => 1;

    /// <summary>Segments are multiples of this.</summary>
    protected abstract int DepthUnit { get; }

    /// <summary>Bytes of a panel after its biases, multipliers and zero points.</summary>
    private protected abstract long WeightBytes(in GemmGeometry g);

    /// <summary>Writes them. The weights lie [column][k] without the surplus of segments, which has to vanish: w = zero point.</summary>
    private protected abstract void PackWeights(in GemmGeometry g, in Int8NeonWeights weights, Span<byte> destination);

    /// <summary>Multiplies.</summary>
    internal abstract void Multiply(in Int8NeonBlock block);

    private GemmGeometry Geometry(in ConvolutionShape shape) => new(shape, DepthUnit, PanelColumns, 1, TileRows);

    private long PanelBytes(in GemmGeometry g, bool asymmetric) =>
        12L * PanelColumns + WeightBytes(g) + (asymmetric ? Int8NeonWeights.MaxExtras * (DepthUnit * PanelColumns + 16) : 0);

    private static bool IsAsymmetric(ConvolutionInt8Parameters parameters) => parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => true;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        GemmGeometry g = Geometry(shape);
        return HeaderBytes + g.Groups * g.Panels * PanelBytes(g, IsAsymmetric(parameters));
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => Geometry(shape).ScratchBytes(workers);

    /// <inheritdoc/>
    public override int Stages(in ConvolutionShape shape) => Geometry(shape).Stages;

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage)
    {
        GemmGeometry g = Geometry(shape);
        return stage < g.Stages - 1 ? g.CopyRows : g.Portions;
    }

    /// <summary>Layout: a header (1 if any weight zero point is not 0; 1 if all scaled sums of panels without row sums fit 16 bits; 1 if any panel uses row sums), then the panels of all groups.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        GemmGeometry g = Geometry(shape);
        destination.Clear();
        bool asymmetric = IsAsymmetric(parameters), fits = true, sums = false;
        int panelBytes = (int)PanelBytes(g, asymmetric);
        for (int group = 0; group < g.Groups; group++)
            for (int panel = 0; panel < g.Panels; panel++)
            {
                int first = group * shape.OutPerGroup + panel * PanelColumns, columns = Math.Min(PanelColumns, (group + 1) * shape.OutPerGroup - first);
                bool fit = PackPanel(g, parameters, weights.Slice(first * shape.Depth, columns * shape.Depth), first, columns,
                    destination.Slice(HeaderBytes + (group * g.Panels + panel) * panelBytes, panelBytes), out bool summed);
                fits &= fit || summed;
                sums |= summed;
            }
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination);
        header[0] = asymmetric ? 1 : 0;
        header[1] = fits ? 1 : 0;
        header[2] = sums ? 1 : 0;
    }

    /// <summary>Whether the panel's scaled sums fit 16 bits; <paramref name="summed"/>: whether it uses row sums.</summary>
    private bool PackPanel(in GemmGeometry g, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, int first, int columns, Span<byte> destination, out bool summed)
    {
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination[..(12 * PanelColumns)]);
        ReadOnlySpan<int> zeros = parameters.WeightZeroPoints.Length == 0 ? new int[columns] : parameters.WeightZeroPoints.AsSpan(first, columns);
        int depth = weights.Length / columns;
        bool fits = true;
        for (int column = 0; column < columns; column++)
        {
            int sum = 0, magnitudes = 0;
            foreach (sbyte w in weights.Slice(column * depth, depth))
            {
                sum += w - zeros[column];
                magnitudes += Math.Abs(w - zeros[column]);
            }
            header[column] = parameters.Bias[first + column] - parameters.InputZeroPoint * sum;
            header[PanelColumns + column] = parameters.Multipliers[first + column];
            fits &= NeonRequantize.Fits(header[column], magnitudes, parameters.Multipliers[first + column]);
        }
        Span<byte> panel = destination[(12 * PanelColumns)..];
        summed = false;
        if (!zeros.ContainsAnyExcept(0)) PackWeights(g, new Int8NeonWeights(g, weights, [], zeros, columns), panel);
        else if (Centre(g, weights, zeros, out sbyte[] centred, out sbyte[] rest) is { } extras)
            PackWeights(g, new Int8NeonWeights(g, centred, rest, new int[columns], columns) { Extras = extras }, panel);
        else
        {
            summed = true;
            zeros.CopyTo(header[(2 * PanelColumns)..]);
            PackWeights(g, new Int8NeonWeights(g, weights, [], zeros, columns), panel);
            MemoryMarshal.Cast<byte, int>(panel)[PanelColumns - 1] = 1;
        }
        return fits;
    }

    /// <summary>Weights less their zero points, as int8 and what is beyond it, and the groups that have such; null if there are too many.</summary>
    private int[]? Centre(in GemmGeometry g, ReadOnlySpan<sbyte> weights, ReadOnlySpan<int> zeros, out sbyte[] centred, out sbyte[] rest)
    {
        (centred, rest) = (new sbyte[weights.Length], new sbyte[weights.Length]);
        int depth = weights.Length / zeros.Length;
        SortedSet<int> groups = [];
        for (int i = 0; i < weights.Length; i++)
        {
            int w = weights[i] - zeros[i / depth], k = i % depth;
            if (w > 254) return null;
            centred[i] = (sbyte)Math.Clamp(w, sbyte.MinValue, sbyte.MaxValue);
            rest[i] = (sbyte)(w - centred[i]);
            if (rest[i] != 0 && groups.Add((k / g.NaturalSegment * g.Segment + k % g.NaturalSegment) / DepthUnit) && groups.Count > Int8NeonWeights.MaxExtras) return null;
        }
        return [.. groups];
    }

    /// <inheritdoc/>
    [SkipLocalsInit]
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        GemmGeometry g = Geometry(call.Shape);
        sbyte* scratch = (sbyte*)call.Scratch, image = g.IsCopied ? scratch : call.Input, gathered = scratch + g.CopyBytes + worker * g.GatherBytes;
        if (stage < g.Stages - 1)
        {
            g.CopyPadded(call.Input, scratch, (sbyte)call.InputZeroPoint, first, end);
            return;
        }
        ReadOnlySpan<int> header = new(call.Packed, 3);
        long panelBytes = PanelBytes(g, header[0] != 0);
        int outputs = call.Shape.OutChannels, nr = PanelColumns;
        sbyte** rows = stackalloc sbyte*[GemmGeometry.MaxRows];
        int* sums = stackalloc int[GemmGeometry.MaxRows];
        sbyte* edge = stackalloc sbyte[Int8NeonBlock.EdgeBytes];
        Int8NeonBlock block = new()
        {
            Rows = rows,
            Edge = edge,
            OuterCount = g.OuterCount,
            OuterStride = g.OuterStride,
            InnerCount = g.InnerCount,
            InnerStride = g.InnerStride,
            Segment = g.Segment,
            OutputPitch = outputs,
            PanelBytes = (nint)panelBytes,
            Shift = call.Shift,
            ZeroPoint = Vector128.Create((short)call.OutputZeroPoint),
            Min = Vector128.Create((sbyte)call.Min),
            Max = Vector128.Create((sbyte)call.Max),
        };
        Int8NeonFinish finish = header[1] == 0 || call.Shift != 0 ? Int8NeonFinish.Careful
            : call.Min > sbyte.MinValue || call.Max < sbyte.MaxValue ? Int8NeonFinish.Clamped
            : call.OutputZeroPoint == sbyte.MinValue ? Int8NeonFinish.Unsigned : Int8NeonFinish.Plain;
        block.Finish = finish;
        bool summed = header[2] != 0;
        for (int portion = first, next; portion < end; portion = next)
        {
            // All of a block of rows at once.
            int rowBlock = portion / g.PanelBlocks, start = rowBlock * g.PanelBlocks, group = rowBlock / g.RowBlocks, row = (rowBlock - group * g.RowBlocks) * g.BlockRows;
            next = Math.Min(end, start + g.PanelBlocks);
            block.RowCount = Math.Min(g.BlockRows, g.Rows - row);
            g.Locate(image, group, row, block.RowCount, gathered, rows);
            if (summed) NeonRowSums.Compute(block, sums);
            int firstPanel = (int)((long)g.Panels * (portion - start) / g.PanelBlocks), lastPanel = (int)((long)g.Panels * (next - start) / g.PanelBlocks);
            block.Panel = call.Packed + HeaderBytes + (group * g.Panels + firstPanel) * panelBytes;
            block.Output = call.Output + (long)row * outputs + group * call.Shape.OutPerGroup + firstPanel * nr;
            int columns = call.Shape.OutPerGroup - firstPanel * nr;
            for (int panel = firstPanel; panel < lastPanel; panel += block.Panels, block.Panel += block.Panels * panelBytes, block.Output += block.Panels * nr, columns -= block.Panels * nr)
            {
                block.Columns = Math.Min(nr, columns);
                block.Panels = columns < nr || summed || finish == Int8NeonFinish.Careful ? 1 : Math.Min(MostPanels, Math.Min(columns / nr, lastPanel - panel));
                if (summed)
                {
                    bool uses = ((int*)block.Panel)[4 * nr - 1] != 0;
                    block.Sums = uses ? sums : null;
                    block.Finish = uses ? Int8NeonFinish.Careful : finish;
                }
                Multiply(block);
            }
        }
    }
}
