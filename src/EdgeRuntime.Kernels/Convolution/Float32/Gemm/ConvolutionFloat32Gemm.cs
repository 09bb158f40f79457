using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Dense and grouped convolutions as a matrix product without im2col. In a channels-last image one row of a k×k window is a
/// contiguous run of kW·C floats at the same distance from the window's corner for every output, so a row of the product is
/// a pointer to the corner, and its depth is a walk over kH such segments (kH·kW of C/group when dilated or grouped). Padding is
/// a zero-padded copy of the input, made in a first stage; unpadded inputs are read in place. Weights are packed in panels of
/// <see cref="PanelVectors"/> vectors of columns, depth outermost, behind their biases. Nothing is read or written outside
/// the operands: panels are padded with zeros, and panels that hang over the last column go through a buffer.
/// </summary>
internal abstract unsafe class ConvolutionFloat32Gemm : ConvolutionFloat32Kernel
{
    /// <summary>Columns in a vector.</summary>
    private protected abstract int Lanes { get; }

    /// <summary>Vectors in a full panel.</summary>
    internal abstract int PanelVectors { get; }

    /// <summary>Rows of a full tile over a panel of so many vectors; at most 12.</summary>
    internal abstract int TileRows(int vectors);

    /// <summary>Computes the task's tiles, of <paramref name="rows"/> rows each.</summary>
    internal abstract void RunTiles(int rows, int vectors, in GemmFloat32Task task);

    /// <summary>Cycles that one tile takes.</summary>
    private protected abstract double TileCycles(int rows, int vectors, int depth);

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape) => true;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape) => EstimateCycles(shape, 1) + Float32Padding.Bytes(shape) / 16.0;

    /// <summary>Cycles of the products of <paramref name="layers"/> layers of this shape, one after the other.</summary>
    internal double EstimateCycles(in ConvolutionShape shape, int layers)
    {
        int rows = shape.Positions;
        double cycles = 0;
        for (int v = Vectors(shape); v > 0; v -= PanelVectors)
        {
            int vectors = Math.Min(v, PanelVectors), tile = TileRows(vectors);
            int tiles = (rows + tile - 1) / tile, larger = rows % tiles;
            cycles += larger * TileCycles(rows / tiles + 1, vectors, shape.Depth) + (tiles - larger) * TileCycles(rows / tiles, vectors, shape.Depth);
        }
        return WeightReading.Of(Descriptor.Requires).Cycles(layers * shape.Group * cycles, layers * PackedBytes(shape));
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => (long)shape.Group * Vectors(shape) * Lanes * (1 + shape.Depth) * sizeof(float);

    /// <summary>Layout: for each group and panel, the biases of its columns, then depth × columns.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination)[..(int)(PackedBytes(shape) / sizeof(float))];
        int depth = shape.Depth, perGroup = shape.OutPerGroup, at = 0;
        packed.Clear();
        for (int group = 0; group < shape.Group; group++)
            for (int n = 0; n < perGroup; n += PanelVectors * Lanes)
            {
                int columns = Math.Min(PanelVectors * Lanes, (perGroup - n + Lanes - 1) / Lanes * Lanes);
                int used = Math.Min(columns, perGroup - n), firstOut = group * perGroup + n;
                if (!bias.IsEmpty) bias.Slice(firstOut, used).CopyTo(packed[at..]);
                at += columns;
                for (int k = 0; k < depth; k++, at += columns)
                    for (int c = 0; c < used; c++) packed[at + c] = weights[(firstOut + c) * depth + k];
            }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => Float32Padding.Bytes(shape);

    /// <summary>Where the input is padded, its copy; then the product.</summary>
    public override int Stages(in ConvolutionShape shape) => shape.IsPadded ? 2 : 1;

    /// <summary>Rows of the padded copy; then blocks of output positions × panels.</summary>
    public override int Portions(in ConvolutionShape shape, int stage)
    {
        ConvolutionShape s = shape.Canonical();
        if (shape.IsPadded && stage == 0) return PaddedInput.Rows(s);
        int block = BlockRows(s);
        return (s.Positions + block - 1) / block * Panels(s) * s.Group;
    }

    /// <inheritdoc/>
    [SkipLocalsInit]
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        ConvolutionShape s = call.Shape.Canonical();
        float* input = call.Input;
        if (s.IsPadded)
        {
            input = (float*)call.Scratch;
            if (stage == 0)
            {
                PaddedInput.Copy(s, call.Input, input, 0f, first, end);
                return;
            }
        }
        int panels = Panels(s), blockRows = BlockRows(s), positions = s.Positions;
        float** rows = stackalloc float*[blockRows];
        GemmFloat32Task task = Segments(s);
        task.Min = call.Min;
        task.Max = call.Max;
        (int block, int panel) = Math.DivRem(first, panels * s.Group);
        for (int portion = first; portion < end; portion++)
        {
            int m = block * blockRows, count = Math.Min(blockRows, positions - m);
            (int group, int ofGroup) = Math.DivRem(panel, panels);
            if (portion == first || ofGroup == 0) Locate(s, input + group * s.ChannelsPerGroup, m, count, rows);
            task.Rows = rows;
            RunPanel(s, call, ref task, m, count, group, ofGroup);
            if (++panel == panels * s.Group) { panel = 0; block++; }
        }
    }

    /// <summary>Where the inputs of <paramref name="count"/> output positions from <paramref name="m"/> on begin.</summary>
    private static void Locate(in ConvolutionShape s, float* input, int m, int count, float** rows)
    {
        int width = s.Width + s.PadLeft + s.PadRight, outWidth = s.OutWidth, outHeight = s.OutHeight;
        nint stepX = s.StrideX * s.Channels, stepY = (nint)s.StrideY * width * s.Channels, image = (nint)(s.Height + s.PadTop + s.PadBottom) * width * s.Channels;
        int x = m % outWidth, row = m / outWidth, y = row % outHeight;
        float* top = input + row / outHeight * image, line = top + y * stepY, at = line + x * stepX;
        for (int i = 0; i < count;)
        {
            int stop = Math.Min(count, i + outWidth - x);
            x += stop - i;
            for (; i < stop; i++, at += stepX) rows[i] = at;
            if (x < outWidth) continue;
            x = 0;
            line += stepY;
            if (++y == outHeight) { y = 0; line = top += image; }
            at = line;
        }
    }

    /// <summary><paramref name="count"/> output positions from <paramref name="m"/> on × one panel.</summary>
    private void RunPanel(in ConvolutionShape s, in ConvolutionFloat32Call call, ref GemmFloat32Task task, int m, int count, int group, int panel)
    {
        int n = panel * PanelVectors * Lanes, columns = Math.Min(PanelVectors * Lanes, s.OutPerGroup - n), vectors = (columns + Lanes - 1) / Lanes;
        task.Panel = (float*)call.Packed + ((long)group * Vectors(s) * Lanes + n) * (1 + s.Depth);
        float* output = call.Output + (nint)m * s.OutChannels + group * s.OutPerGroup + n;
        if (columns < vectors * Lanes)
        {
            RunEdge(task, output, s.OutChannels, count, vectors, columns);
            return;
        }
        task.Output = output;
        task.OutputStep = s.OutChannels;
        RunRows(count, vectors, task);
    }

    /// <summary>Rows of a panel that hangs over the last column, through a buffer.</summary>
    [SkipLocalsInit]
    private void RunEdge(GemmFloat32Task task, float* output, nint outputStep, int count, int vectors, int columns)
    {
        const int Together = 12;
        float* edge = stackalloc float[Together * vectors * Lanes];
        task.Output = edge;
        task.OutputStep = vectors * Lanes;
        for (int rows; count > 0; count -= rows, task.Rows += rows)
        {
            rows = Math.Min(count, Together);
            RunRows(rows, vectors, task);
            for (int i = 0; i < rows; i++, output += outputStep) new ReadOnlySpan<float>(edge + i * task.OutputStep, columns).CopyTo(new Span<float>(output, columns));
        }
    }

    /// <summary>Computes <paramref name="count"/> rows in tiles of sizes that differ by one at most.</summary>
    internal void RunRows(int count, int vectors, GemmFloat32Task task)
    {
        int most = TileRows(vectors), tiles = (count + most - 1) / most, rows = count / tiles;
        task.Tiles = count - rows * tiles;
        if (task.Tiles > 0)
        {
            RunTiles(rows + 1, vectors, task);
            task.Rows += task.Tiles * (rows + 1);
            task.Output += task.Tiles * (rows + 1) * task.OutputStep;
        }
        task.Tiles = tiles - task.Tiles;
        RunTiles(rows, vectors, task);
    }

    private static GemmFloat32Task Segments(in ConvolutionShape s)
    {
        nint width = (s.Width + s.PadLeft + s.PadRight) * s.Channels;
        GemmFloat32Task task = default;
        (task.OuterCount, task.OuterStep, task.InnerCount, task.InnerStep, task.Length) = s.DilationX == 1 && s.Group == 1
            ? (s.KernelHeight, s.DilationY * width, 1, 0, s.KernelWidth * s.Channels)
            : (s.KernelHeight, s.DilationY * width, s.KernelWidth, s.DilationX * s.Channels, s.ChannelsPerGroup);
        return task;
    }

    /// <summary>Vectors of columns in one group.</summary>
    private int Vectors(in ConvolutionShape s) => (s.OutPerGroup + Lanes - 1) / Lanes;

    private int Panels(in ConvolutionShape s) => (Vectors(s) + PanelVectors - 1) / PanelVectors;

    /// <summary>
    /// Positions in a block: their inputs stay in the first-level cache while all panels pass over them, or in the second
    /// level's where the panels together are too large to be read often. A multiple of every tile's rows.
    /// </summary>
    private static int BlockRows(in ConvolutionShape s)
    {
        int budget = (long)s.Depth * s.OutPerGroup > 128 * 1024 ? 64 * 1024 : 6 * 1024;
        return Math.Clamp(budget / s.Depth / 12 * 12, 24, 768);
    }
}
