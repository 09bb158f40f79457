using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Products of int8 rows with weights that are stored as nibbles: fully connected layers of one row first of all, and every
/// convolution. Whatever the weights are, they act as int8 numbers w per output channel, so that there is one integer arithmetic
/// (that of <see cref="ConvolutionInt8Parameters"/>) and any int8 kernel may stand in:
/// <code>
/// per channel      w = n                         n the nibble, −8 to 7
/// per group        w = n · m[o, group]           m an integer of 1 to 16, so that w fits int8
/// int8 weights     w = 16 · high + low           two planes of nibbles, of twice the depth: where no ConvolutionDynamic can multiply them
/// </code>
/// Sums of 32 elements are made with the nibbles alone and multiplied by m (or 16) once. The results leave as int8
/// (<see cref="Run"/>), as floats (<see cref="RunFloat"/>) or as they are (<see cref="RunSums"/>).
/// </summary>
public abstract unsafe class ConvolutionInt4Kernel : ConvolutionInt8Kernel, IDynamicKernel
{
    private const int HeaderBytes = 64;

    /// <summary>The geometry of <paramref name="shape"/>: segments of whole chunks.</summary>
    internal static GemmGeometry Geometry(in ConvolutionShape shape) => new(shape, Int4Block.Chunk, Int4Block.Columns, 1);

    /// <summary>Which nibble of a chunk holds element <paramref name="k"/> of a column.</summary>
    internal abstract int NibbleIndex(int k, int column);

    /// <summary>The word that sums over the 32 elements at <paramref name="x"/> start from.</summary>
    internal abstract int Start(sbyte* x);

    /// <summary>Prepares the block's rows: <see cref="Int4Block.Starts"/>, row after row, and <see cref="Int4Block.RowSums"/>.</summary>
    internal virtual void Prepare(in Int4Block block)
    {
        int* start = block.Starts;
        for (int i = 0; i < block.RowCount; i++)
        {
            int sum = 0;
            for (int outer = 0; outer < block.OuterCount; outer++)
                for (int inner = 0; inner < block.InnerCount; inner++)
                {
                    sbyte* x = block.Rows[i] + (nint)outer * block.OuterStride + inner * block.InnerStride, end = x + block.Segment;
                    for (; x < end; x += Int4Block.Chunk)
                    {
                        *start++ = Start(x);
                        if (block.IsBytes) sum += SumOf(x);
                    }
                }
            block.RowSums[i] = 8 * sum;
        }
    }

    /// <summary>Multiplies: the block's sums, less 8 · Σ x where weights are bytes.</summary>
    internal abstract void Multiply(in Int4Block block);

    /// <summary>Requantises rows of <see cref="Int4Block.Columns"/> sums, the bias not yet added.</summary>
    internal abstract void Requantize(in ConvolutionInt8Tile tile, in ConvolutionInt8Call call);

    /// <summary>Nibbles; as a kernel of int8 layers it leaves weights of 8 bits to the others.</summary>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        parameters.WeightBits == 4 && !shape.IsDepthwise && CanPack(shape, parameters);

    /// <summary>Whether <see cref="Pack"/> can: weights have no zero points, and no chunk lies in two groups.</summary>
    public static bool CanPack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        if (parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0)) return false;
        if (parameters.WeightMultipliers.Length == 0) return true;
        GemmGeometry g = Geometry(shape);
        return parameters.WeightGroup % Int4Block.Chunk == 0 && (g.OuterCount * g.InnerCount == 1 || g.NaturalSegment % Int4Block.Chunk == 0);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        GemmGeometry g = Geometry(shape);
        return PanelOffset(g) + (long)g.Groups * g.Panels * PanelBytes(g, parameters.WeightMultipliers.Length > 0, parameters.WeightBits == 8);
    }

    /// <summary>Layout: grouped (int32), bytes (int32); biases, multipliers and sums of weights, a panel's columns padded; the panels.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        GemmGeometry g = Geometry(shape);
        bool grouped = parameters.WeightMultipliers.Length > 0, bytes = parameters.WeightBits == 8;
        destination[..(int)PanelOffset(g)].Clear();
        Span<int> header = MemoryMarshal.Cast<byte, int>(destination[..(int)PanelOffset(g)]);
        (header[0], header[1]) = (grouped ? 1 : 0, bytes ? 1 : 0);
        int padded = g.Groups * g.Panels * Int4Block.Columns, panelBytes = (int)PanelBytes(g, grouped, bytes);
        Span<int> bias = header[(HeaderBytes / 4)..], multipliers = bias[padded..], sums = multipliers[padded..];
        for (int o = 0; o < shape.OutChannels; o++)
        {
            int column = o % shape.OutPerGroup, panel = o / shape.OutPerGroup * g.Panels + column / Int4Block.Columns, slot = panel * Int4Block.Columns + column % Int4Block.Columns;
            ReadOnlySpan<sbyte> row = weights.Slice(o * shape.Depth, shape.Depth);
            Span<byte> target = destination.Slice((int)PanelOffset(g) + panel * panelBytes, panelBytes);
            if (column % Int4Block.Columns == 0) Clear(target, grouped, bytes);
            foreach (sbyte w in row) sums[slot] += w;
            bias[slot] = parameters.Bias[o] - parameters.InputZeroPoint * sums[slot];
            multipliers[slot] = parameters.Multipliers[o];
            PackColumn(g, parameters, o, row, column % Int4Block.Columns, target);
        }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers)
    {
        GemmGeometry g = Geometry(shape);
        return g.ScratchBytes(workers) + workers * WorkerBytes(g);
    }

    /// <inheritdoc/>
    public override int Stages(in ConvolutionShape shape) => Geometry(shape).Stages;

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage)
    {
        GemmGeometry g = Geometry(shape);
        return stage < g.Stages - 1 ? g.CopyRows : g.Portions;
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        Int4ToInt8 epilogue = new(this, call);
        Run(call, ref epilogue, stage, first, end, worker);
    }

    /// <summary>Whether <see cref="Pack"/> can.</summary>
    public virtual bool SupportsDynamic(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => CanPack(shape, parameters);

    /// <summary>As <see cref="Run"/>, but the results are floats.</summary>
    public void RunFloat(in ConvolutionDynamicCall call, int stage, int first, int end, int worker)
    {
        Int4ToFloat epilogue = new(call, ColumnSums(call.Integers));
        Run(call.Integers, ref epilogue, stage, first, end, worker);
    }

    /// <summary>
    /// All rows of a layer: sums[row, o] = Σ x · w, or, to <paramref name="accumulate"/>, so much more; bias and zero points are
    /// left to the caller. <paramref name="call"/> needs <c>Shape</c>, <c>Packed</c>, <c>Input</c> and <c>Scratch</c> of one worker.
    /// </summary>
    public void RunSums(in ConvolutionInt8Call call, int* sums, bool accumulate)
    {
        Int4ToSums epilogue = new(sums, call.Shape.OutChannels, accumulate);
        for (int stage = 0; stage < Stages(call.Shape); stage++)
            Run(call, ref epilogue, stage, 0, Portions(call.Shape, stage), 0);
    }

    private static long PanelOffset(in GemmGeometry g) => HeaderBytes + 3L * sizeof(int) * g.Groups * g.Panels * Int4Block.Columns;

    private static long PanelBytes(in GemmGeometry g, bool grouped, bool bytes) =>
        g.Depth / Int4Block.Chunk * (long)(Int4Block.ChunkBytes * (bytes ? 2 : 1) + (grouped ? Int4Block.Columns : 0));

    private static int* ColumnSums(in ConvolutionInt8Call call)
    {
        GemmGeometry g = Geometry(call.Shape);
        return (int*)(call.Packed + HeaderBytes) + 2L * g.Groups * g.Panels * Int4Block.Columns;
    }

    // Surplus elements have weight 0: a nibble of 8, but 0 in the plane of low halves.
    private static void Clear(Span<byte> panel, bool grouped, bool bytes)
    {
        int stride = Int4Block.ChunkBytes * (bytes ? 2 : 1) + (grouped ? Int4Block.Columns : 0);
        panel.Clear();
        for (int at = 0; at < panel.Length; at += stride) panel.Slice(at, Int4Block.ChunkBytes).Fill(0x88);
    }

    private void PackColumn(in GemmGeometry g, ConvolutionInt8Parameters parameters, int channel, ReadOnlySpan<sbyte> row, int column, Span<byte> panel)
    {
        bool grouped = parameters.WeightMultipliers.Length > 0, bytes = parameters.WeightBits == 8;
        int stride = Int4Block.ChunkBytes * (bytes ? 2 : 1) + (grouped ? Int4Block.Columns : 0);
        int groups = grouped ? (row.Length + parameters.WeightGroup - 1) / parameters.WeightGroup : 0;
        for (int i = 0; i < row.Length; i++)
        {
            int k = i % g.NaturalSegment, chunk = i / g.NaturalSegment * (g.Segment / Int4Block.Chunk) + k / Int4Block.Chunk, index = NibbleIndex(k % Int4Block.Chunk, column);
            Span<byte> target = panel.Slice(chunk * stride, stride);
            int m = grouped ? parameters.WeightMultipliers[channel * groups + i / parameters.WeightGroup] : 1;
            SetNibble(target, index, (bytes ? row[i] >> 4 : row[i] / m) + 8);
            if (bytes) SetNibble(target[Int4Block.ChunkBytes..], index, row[i] & 15);
            if (grouped) target[Int4Block.ChunkBytes + column] = (byte)m;
        }
    }

    private static void SetNibble(Span<byte> bytes, int index, int value)
    {
        ref byte b = ref bytes[index / 2];
        b = (byte)(index % 2 == 0 ? (b & 0xF0) | value : (b & 0x0F) | value << 4);
    }

    // Starts, sums of rows, sums of a tile.
    private static long WorkerBytes(in GemmGeometry g) => ((long)g.BlockRows * (g.Depth / Int4Block.Chunk + 1 + Int4Block.Columns) * sizeof(int) + 63) & ~63L;

    private void Run<TEpilogue>(in ConvolutionInt8Call call, ref TEpilogue epilogue, int stage, int first, int end, int worker) where TEpilogue : struct, IInt4Epilogue
    {
        GemmGeometry g = Geometry(call.Shape);
        sbyte* scratch = (sbyte*)call.Scratch;
        if (stage < g.Stages - 1)
        {
            g.CopyPadded(call.Input, scratch, (sbyte)call.InputZeroPoint, first, end);
            return;
        }
        int* header = (int*)call.Packed, bias = (int*)(call.Packed + HeaderBytes), multipliers = bias + (long)g.Groups * g.Panels * Int4Block.Columns;
        // The number of workers is not known here: each one's gathered rows stand before its own part.
        byte* gathered = call.Scratch + g.CopyBytes + worker * (g.GatherBytes + WorkerBytes(g)), own = gathered + g.GatherBytes;
        sbyte** rows = stackalloc sbyte*[GemmGeometry.MaxRows];
        Int4Block block = new()
        {
            Rows = rows,
            Chunks = g.Depth / Int4Block.Chunk,
            OuterCount = g.OuterCount,
            OuterStride = g.OuterStride,
            InnerCount = g.InnerCount,
            InnerStride = g.InnerStride,
            Segment = g.Segment,
            IsGrouped = header[0] != 0,
            IsBytes = header[1] != 0,
        };
        block.Starts = (int*)own;
        block.RowSums = block.Starts + (long)g.BlockRows * block.Chunks;
        block.Sums = block.RowSums + g.BlockRows;
        long panelBytes = PanelBytes(g, block.IsGrouped, block.IsBytes);
        int located = -1;
        for (int portion = first; portion < end; portion++)
        {
            int rowBlock = portion / g.PanelBlocks, panelBlock = portion - rowBlock * g.PanelBlocks, group = rowBlock / g.RowBlocks, row = (rowBlock - group * g.RowBlocks) * g.BlockRows;
            if (rowBlock != located)
            {
                located = rowBlock;
                block.RowCount = Math.Min(g.BlockRows, g.Rows - row);
                g.Locate(g.IsCopied ? scratch : call.Input, group, row, block.RowCount, (sbyte*)gathered, rows);
                Prepare(block);
            }
            int lastPanel = (int)((long)g.Panels * (panelBlock + 1) / g.PanelBlocks);
            for (int panel = (int)((long)g.Panels * panelBlock / g.PanelBlocks); panel < lastPanel; panel++)
            {
                int slot = group * g.Panels + panel, column = panel * Int4Block.Columns;
                block.Panel = call.Packed + PanelOffset(g) + slot * panelBytes;
                Multiply(block);
                if (block.IsBytes) AddRowSums(block);
                epilogue.Store(block, row, group * call.Shape.OutPerGroup + column, slot * Int4Block.Columns, Math.Min(Int4Block.Columns, call.Shape.OutPerGroup - column), bias, multipliers);
            }
        }
    }

    private static int SumOf(sbyte* x)
    {
        (Vector128<short> a, Vector128<short> b) = Vector128.Widen(Vector128.Load(x));
        (Vector128<short> c, Vector128<short> d) = Vector128.Widen(Vector128.Load(x + Int4Block.Chunk / 2));
        return Vector128.Sum(a + b + (c + d));
    }

    private static void AddRowSums(in Int4Block block)
    {
        for (int i = 0; i < block.RowCount; i++)
            for (int c = 0; c < Int4Block.Columns; c++) block.Sums[i * Int4Block.Columns + c] += block.RowSums[i];
    }
}
