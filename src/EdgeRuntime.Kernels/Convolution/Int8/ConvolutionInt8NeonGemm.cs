using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>One block of a product: rows × one panel.</summary>
internal unsafe struct Int8NeonBlock
{
    /// <summary>Where each row starts.</summary>
    public sbyte** Rows;

    /// <summary>Σ x of each row; null where the weights are symmetric.</summary>
    public int* Sums;

    public int RowCount, OuterCount, OuterStride, InnerCount, InnerStride, Segment;

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

    public const int EdgeBytes = 256;

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
internal readonly ref struct Int8NeonWeights(in GemmGeometry g, ReadOnlySpan<sbyte> weights, ReadOnlySpan<int> zeros, int columns)
{
    private readonly ReadOnlySpan<sbyte> _weights = weights;
    private readonly ReadOnlySpan<int> _zeros = zeros;
    private readonly int _natural = g.NaturalSegment, _depth = weights.Length / columns;

    /// <summary>Columns that exist.</summary>
    public int Columns { get; } = columns;

    /// <summary>The weight that surplus elements of a column have.</summary>
    public sbyte Zero(int column) => (sbyte)_zeros[column];

    /// <summary>A segment of a column, without its surplus.</summary>
    public ReadOnlySpan<sbyte> Segment(int column, int segment) => _weights.Slice(column * _depth + segment * _natural, _natural);

    /// <summary>Element <paramref name="k"/> of a segment of a column; 0 beyond the last column.</summary>
    public sbyte this[int column, int segment, int k] =>
        column >= Columns ? (sbyte)0 : k < _natural ? _weights[column * _depth + segment * _natural + k] : (sbyte)_zeros[column];
}

/// <summary>
/// What the int8 GEMM kernels of ARM64 have in common. The input's zero point is folded into the bias, and the weights'
/// into row sums: with z the input's zero point and v the weights',
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

    /// <summary>Segments are multiples of this.</summary>
    protected abstract int DepthUnit { get; }

    /// <summary>Bytes of a panel after its biases, multipliers and zero points.</summary>
    private protected abstract long WeightBytes(in GemmGeometry g);

    /// <summary>Writes them. The weights lie [column][k] without the surplus of segments, which has to vanish: w = zero point.</summary>
    private protected abstract void PackWeights(in GemmGeometry g, in Int8NeonWeights weights, Span<byte> destination);

    /// <summary>Multiplies.</summary>
    internal abstract void Multiply(in Int8NeonBlock block);

    private GemmGeometry Geometry(in ConvolutionShape shape) => new(shape, DepthUnit, PanelColumns, 1, TileRows);

    private long PanelBytes(in GemmGeometry g) => 12L * PanelColumns + WeightBytes(g);

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => true;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        GemmGeometry g = Geometry(shape);
        return HeaderBytes + g.Groups * g.Panels * PanelBytes(g);
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

    /// <summary>Layout: a header (1 if any weight zero point is not 0; 1 if all scaled sums fit 16 bits), then the panels of all groups.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        GemmGeometry g = Geometry(shape);
        destination.Clear();
        bool asymmetric = parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);
        bool fits = true;
        int panelBytes = (int)PanelBytes(g);
        for (int group = 0; group < g.Groups; group++)
            for (int panel = 0; panel < g.Panels; panel++)
            {
                int first = group * shape.OutPerGroup + panel * PanelColumns, columns = Math.Min(PanelColumns, (group + 1) * shape.OutPerGroup - first);
                fits &= PackPanel(g, parameters, weights.Slice(first * shape.Depth, columns * shape.Depth), first, columns,
                    destination.Slice(HeaderBytes + (group * g.Panels + panel) * panelBytes, panelBytes));
            }
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination);
        header[0] = asymmetric ? 1 : 0;
        header[1] = fits ? 1 : 0;
    }

    /// <summary>Whether the panel's scaled sums fit 16 bits.</summary>
    private bool PackPanel(in GemmGeometry g, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, int first, int columns, Span<byte> destination)
    {
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination[..(12 * PanelColumns)]);
        int depth = weights.Length / columns;
        bool fits = true;
        for (int column = 0; column < columns; column++)
        {
            int zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[first + column], sum = 0, magnitudes = 0;
            foreach (sbyte w in weights.Slice(column * depth, depth))
            {
                sum += w - zero;
                magnitudes += Math.Abs((int)w);
            }
            header[column] = parameters.Bias[first + column] - parameters.InputZeroPoint * sum;
            header[PanelColumns + column] = parameters.Multipliers[first + column];
            header[2 * PanelColumns + column] = zero;
            fits &= NeonRequantize.Fits(header[column], magnitudes, parameters.Multipliers[first + column]);
        }
        PackWeights(g, new Int8NeonWeights(g, weights, header[(2 * PanelColumns)..], columns), destination[(12 * PanelColumns)..]);
        return fits;
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        GemmGeometry g = Geometry(call.Shape);
        sbyte* scratch = (sbyte*)call.Scratch, image = g.IsCopied ? scratch : call.Input, gathered = scratch + g.CopyBytes + worker * g.GatherBytes;
        if (stage < g.Stages - 1)
        {
            g.CopyPadded(call.Input, scratch, (sbyte)call.InputZeroPoint, first, end);
            return;
        }
        long panelBytes = PanelBytes(g);
        int outputs = call.Shape.OutChannels, nr = PanelColumns;
        sbyte** rows = stackalloc sbyte*[GemmGeometry.MaxRows];
        int* sums = stackalloc int[GemmGeometry.MaxRows];
        sbyte* edge = stackalloc sbyte[Int8NeonBlock.EdgeBytes];
        Int8NeonBlock block = new()
        {
            Rows = rows,
            Edge = edge,
            Sums = *(int*)call.Packed != 0 ? sums : null,
            OuterCount = g.OuterCount,
            OuterStride = g.OuterStride,
            InnerCount = g.InnerCount,
            InnerStride = g.InnerStride,
            Segment = g.Segment,
            OutputPitch = outputs,
            Shift = call.Shift,
            Finish = ((int*)call.Packed)[0] != 0 || ((int*)call.Packed)[1] == 0 || call.Shift != 0 ? Int8NeonFinish.Careful
                : call.Min > sbyte.MinValue || call.Max < sbyte.MaxValue ? Int8NeonFinish.Clamped : Int8NeonFinish.Plain,
            ZeroPoint = Vector128.Create((short)call.OutputZeroPoint),
            Min = Vector128.Create((sbyte)call.Min),
            Max = Vector128.Create((sbyte)call.Max),
        };
        int located = -1;
        for (int portion = first; portion < end; portion++)
        {
            int rowBlock = portion / g.PanelBlocks, panelBlock = portion - rowBlock * g.PanelBlocks, group = rowBlock / g.RowBlocks;
            int row = (rowBlock - group * g.RowBlocks) * g.BlockRows;
            if (rowBlock != located)
            {
                located = rowBlock;
                block.RowCount = Math.Min(g.BlockRows, g.Rows - row);
                g.Locate(image, group, row, block.RowCount, gathered, rows);
                if (block.Sums != null) NeonRowSums.Compute(block);
            }
            int firstPanel = (int)((long)g.Panels * panelBlock / g.PanelBlocks), lastPanel = (int)((long)g.Panels * (panelBlock + 1) / g.PanelBlocks);
            block.Panel = call.Packed + HeaderBytes + (group * g.Panels + firstPanel) * panelBytes;
            block.Output = call.Output + (long)row * outputs + group * call.Shape.OutPerGroup + firstPanel * nr;
            int columns = call.Shape.OutPerGroup - firstPanel * nr;
            for (int panel = firstPanel; panel < lastPanel; panel++, block.Panel += panelBytes, block.Output += nr, columns -= nr)
            {
                block.Columns = Math.Min(nr, columns);
                Multiply(block);
            }
        }
    }
}
