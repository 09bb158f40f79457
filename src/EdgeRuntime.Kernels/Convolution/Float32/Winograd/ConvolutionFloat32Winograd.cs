using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Dense 3×3 convolutions of stride 1 by Winograd's F(2×2, 3×3): 16 products of matrices [tiles × C]·[C × O] in place of 36 per
/// 2×2 outputs, a 2.25th of the multiplications. A worker takes a block of tiles through all steps in scratch of its own:
/// transform the input, multiply by the tiles of <see cref="ConvolutionFloat32Gemm"/>, transform the result.
/// Sums run over the whole 4×4 tile, so rounding follows the largest input of the tile, and infinities and NaN reach all its outputs.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal abstract unsafe class ConvolutionFloat32Winograd<S, V>(ConvolutionFloat32Gemm gemm) : ConvolutionFloat32Kernel where S : struct, IFloatVector<V> where V : unmanaged
{
    private const int Matrices = 16;

    /// <summary>Cycles of one vector operation of the transforms, loads and stores included.</summary>
    private protected abstract double CyclesPerOperation { get; }

    /// <inheritdoc/>
    public override bool MixesNeighbours => true;

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape s) =>
        s.Group == 1 && s.KernelHeight == 3 && s.KernelWidth == 3 && s.StrideY == 1 && s.StrideX == 1 && s.DilationY == 1 && s.DilationX == 1
        && s.Channels % S.Lanes == 0 && s.OutChannels % S.Lanes == 0;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape)
    {
        int tiles = Tiles(shape);
        double transforms = CyclesPerOperation * tiles * (64 * (shape.Channels / S.Lanes) + 56 * (shape.OutChannels / S.Lanes));
        return transforms + gemm.EstimateCycles(ConvolutionShape.FullyConnected(tiles, shape.Channels, shape.OutChannels), Matrices);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => BiasBytes(shape) + Matrices * gemm.PackedBytes(Product(shape));

    /// <summary>Layout: the biases, then the transformed weights as 16 matrices in the layout of the matrix product, without biases.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        Span<float> packedBias = MemoryMarshal.Cast<byte, float>(destination[..BiasBytes(shape)]);
        packedBias.Clear();
        bias.CopyTo(packedBias);
        int channels = shape.Channels, size = shape.OutChannels * channels;
        float[] transformed = new float[Matrices * size];
        Span<double> u = stackalloc double[Matrices];
        for (int o = 0; o < shape.OutChannels; o++)
            for (int c = 0; c < channels; c++)
            {
                WinogradFloat32Tile<S, V>.TransformWeights(weights[(o * 9 * channels + c)..], channels, u);
                for (int m = 0; m < Matrices; m++) transformed[m * size + o * channels + c] = (float)u[m];
            }
        ConvolutionShape product = Product(shape);
        int bytes = (int)gemm.PackedBytes(product);
        for (int m = 0; m < Matrices; m++) gemm.Pack(product, transformed.AsSpan(m * size, size), [], destination.Slice(BiasBytes(shape) + m * bytes, bytes));
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => workers * WorkerFloats(shape) * sizeof(float);

    /// <summary>One portion is a block of tiles.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) => (Tiles(shape) + BlockTiles(shape) - 1) / BlockTiles(shape);

    /// <inheritdoc/>
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int block = BlockTiles(s), tiles = Tiles(s);
        float* transformed = (float*)call.Scratch + worker * WorkerFloats(s), products = transformed + Matrices * MatrixStep(s, s.Channels);
        for (int portion = first; portion < end; portion++)
        {
            int from = portion * block, count = Math.Min(block, tiles - from);
            TransformInput(call, from, count, transformed);
            Multiply(call, count, transformed, products);
            TransformOutput(call, from, count, products);
        }
    }

    private static void TransformInput(in ConvolutionFloat32Call call, int from, int count, float* transformed)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int across = (s.OutWidth + 1) / 2, down = (s.OutHeight + 1) / 2, channels = s.Channels;
        nint rowStep = (nint)s.Width * channels, matrixStep = MatrixStep(s, channels);
        int tileX = from % across, row = from / across, tileY = row % down, image = row / down;
        for (int i = 0; i < count; i++, transformed += channels)
        {
            int y = 2 * tileY - s.PadTop, x = 2 * tileX - s.PadLeft;
            float* corner = call.Input + ((nint)image * s.Height + y) * rowStep + (nint)x * channels;
            if (y < 0 || x < 0 || y + 4 > s.Height || x + 4 > s.Width)
                WinogradFloat32Tile<S, V>.TransformInput<N1>(corner, rowStep, channels, y, x, s.Height, s.Width, transformed, matrixStep);
            else
                WinogradFloat32Tile<S, V>.TransformInput<N0>(corner, rowStep, channels, y, x, s.Height, s.Width, transformed, matrixStep);
            if (++tileX < across) continue;
            tileX = 0;
            if (++tileY < down) continue;
            tileY = 0;
            image++;
        }
    }

    private void Multiply(in ConvolutionFloat32Call call, int count, float* transformed, float* products)
    {
        int channels = call.Shape.Channels, outputs = call.Shape.OutChannels;
        nint fromStep = MatrixStep(call.Shape, channels), toStep = MatrixStep(call.Shape, outputs);
        float* panel = (float*)(call.Packed + BiasBytes(call.Shape));
        float** rows = stackalloc float*[count];
        GemmFloat32Task task = new()
        {
            Rows = rows,
            OuterCount = 1,
            InnerCount = 1,
            Length = channels,
            OutputStep = outputs,
            Min = float.NegativeInfinity,
            Max = float.PositiveInfinity,
        };
        for (int m = 0; m < Matrices; m++)
        {
            for (int i = 0; i < count; i++) rows[i] = transformed + m * fromStep + (nint)i * channels;
            for (int n = 0, vectors; n < outputs; n += vectors * S.Lanes)
            {
                vectors = Math.Min(gemm.PanelVectors, (outputs - n) / S.Lanes);
                task.Panel = panel;
                task.Output = products + m * toStep + n;
                gemm.RunRows(count, vectors, task);
                panel += (nint)vectors * S.Lanes * (1 + channels);
            }
        }
    }

    private static void TransformOutput(in ConvolutionFloat32Call call, int from, int count, float* products)
    {
        ref readonly ConvolutionShape s = ref call.Shape;
        int width = s.OutWidth, height = s.OutHeight, across = (width + 1) / 2, down = (height + 1) / 2, channels = s.OutChannels;
        nint matrixStep = MatrixStep(s, channels);
        int tileX = from % across, row = from / across, tileY = row % down, image = row / down;
        for (int i = 0; i < count; i++, products += channels)
        {
            int y = 2 * tileY, x = 2 * tileX;
            float* target = call.Output + (((nint)image * height + y) * width + x) * channels;
            WinogradFloat32Tile<S, V>.TransformOutput(products, matrixStep, (float*)call.Packed, target, (nint)width * channels, channels, height - y, width - x, call.Min, call.Max);
            if (++tileX < across) continue;
            tileX = 0;
            if (++tileY < down) continue;
            tileY = 0;
            image++;
        }
    }

    private static ConvolutionShape Product(in ConvolutionShape s) => ConvolutionShape.FullyConnected(1, s.Channels, s.OutChannels);

    private static int Tiles(in ConvolutionShape s) => s.Batch * ((s.OutHeight + 1) / 2) * ((s.OutWidth + 1) / 2);

    /// <summary>So many tiles that both sets of matrices stay in the second-level cache, and a multiple of every tile's rows.</summary>
    private static int BlockTiles(in ConvolutionShape s) => Math.Clamp(3072 / (s.Channels + s.OutChannels) / 12 * 12, 12, 96);

    /// <summary>Floats from one matrix to the next: a cache line more than it holds, lest all 16 share cache sets.</summary>
    private static nint MatrixStep(in ConvolutionShape s, int channels) => (nint)BlockTiles(s) * channels + 16;

    private static long WorkerFloats(in ConvolutionShape s) => Matrices * ((long)MatrixStep(s, s.Channels) + MatrixStep(s, s.OutChannels));

    private static int BiasBytes(in ConvolutionShape s) => (s.OutChannels * sizeof(float) + 63) / 64 * 64;
}
