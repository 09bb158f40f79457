using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise 3×3 convolutions (AVX2): input rows are zipped in pairs once, VPMADDWD multiplies two taps, and sums are requantised in floats while they are in
/// registers (<see cref="ExactFloatScale"/>: proved for each channel when weights are packed). Vectors run over 16 channels, or over two pixels of 8. Of 12
/// products 3 are with zero; floats would need none of those, but can be multiplied by two of the core's four vector units only.
/// </summary>
public sealed unsafe class ConvolutionInt8Depthwise3x3 : ConvolutionInt8Kernel
{
    private const int Lanes = 16, Half = 8, Taps = 9, WindowRows = 3;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new("conv-s8-depthwise3x3-avx2", "convolution-s8", CpuFeature.Avx2,
        "depthwise 3×3 of stride 1 or 2 on pairs of rows (VPMADDWD), requantised in floats where that is exact; multiples of 16 channels, or 8");

    /// <summary>The shapes of mobile networks, weights known, no channel that floats can't requantise.</summary>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        bool fits = shape.IsDepthwise && shape.OutPerGroup == 1 && shape.KernelHeight == WindowRows && shape.KernelWidth == WindowRows && shape.StrideX is 1 or 2
            && shape.StrideY == shape.StrideX && shape.DilationX == 1 && shape.DilationY == 1 && (shape.Channels % Lanes == 0 || IsFlat(shape));
        return fits && parameters.Weights.Length == shape.Channels * Taps && ExactFloatScale.OfDepthwise(parameters) is not null;
    }

    /// <summary>Products and requantisation of a vector; zipping a column; what a row and a chunk take besides: as measured on a Zen 3 core.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        double vectors = (double)shape.Batch * shape.OutHeight * layout.Chunks * layout.Columns;
        double rows = (double)shape.Batch * ((shape.OutHeight - 1) * shape.StrideY + WindowRows);
        return vectors * 10.5 + layout.Chunks * (100 + rows * (layout.RowElements / Lanes * 2.1 + 5));
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => new Layout(shape).Chunks * (long)Layout.ChunkBytes;

    /// <summary>
    /// Layout: for each chunk of 16 channels: biases (less the input's zero point), scales; then for windows that begin in an even row, and for those
    /// that begin in an odd one: for each column of the first pair of rows, of the second, the weights of both rows; all of 16 channels, in the order of zipped rows.
    /// </summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        ExactFloatScale[] scales = ExactFloatScale.OfDepthwise(parameters) ?? throw new InvalidOperationException("the kernel does not support these weights");
        Layout layout = new(shape);
        for (int lane = 0; lane < layout.Chunks * Lanes; lane++)
        {
            int c = layout.IsFlat ? lane % Half : InterleavedTaps.Lane(lane), zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[c], factor = scales[c].Factor, sum = 0;
            Span<byte> chunk = destination.Slice(lane / Lanes * Layout.ChunkBytes, Layout.ChunkBytes);
            Span<short> pairs = MemoryMarshal.Cast<byte, short>(chunk)[(2 * Layout.HeaderInts)..];
            for (int t = 0; t < Taps; t++)
            {
                int weight = weights[c * Taps + t] - zero;
                sum += weight;
                for (int odd = 0; odd < 2; odd++)
                {
                    int row = t / WindowRows + odd, column = t % WindowRows;
                    pairs[((odd * 2 + row / 2) * WindowRows + column) * 2 * Lanes + lane % Lanes * 2 + row % 2] = (short)(factor * weight);
                }
            }
            MemoryMarshal.Cast<byte, int>(chunk)[lane % Lanes] = factor * (parameters.Bias[c] - parameters.InputZeroPoint * sum);
            MemoryMarshal.Cast<byte, float>(chunk)[Lanes + lane % Lanes] = scales[c].Scale;
        }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * new Layout(shape).WorkerBytes;

    /// <summary>Output rows.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) => shape.Batch * shape.OutHeight;

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ConvolutionShape s = call.Shape;
        Layout layout = new(s);
        int height = s.OutHeight;
        int* rows = (int*)(call.Scratch + (long)worker * layout.WorkerBytes);
        layout.FillBorders(rows, call.InputZeroPoint);
        while (first < end)
        {
            int image = first / height, row = first % height, count = Math.Min(height - row, end - first);
            for (int chunk = 0; chunk < layout.Chunks; chunk++)
                if (layout.IsFlat) DepthwisePairRows<N2, N8>.Run(call, layout, rows, chunk, image, row, count);
                else if (s.StrideX == 1) DepthwisePairRows<N1, N16>.Run(call, layout, rows, chunk, image, row, count);
                else DepthwisePairRows<N2, N16>.Run(call, layout, rows, chunk, image, row, count);
            first += count;
        }
    }

    private static bool IsFlat(in ConvolutionShape shape) => shape.Channels == Half && shape.StrideX == 1 && shape.OutWidth % 2 == 0;

    /// <summary>The zipped rows of a shape, [column][channels of a chunk][two rows] with borders; two pixels of 8 channels count as one column of 16.</summary>
    internal readonly struct Layout
    {
        public const int HeaderInts = 2 * Lanes, WeightInts = 2 * WindowRows * Lanes, ChunkBytes = (HeaderInts + 2 * WeightInts) * sizeof(int);

        private const int RingBytes = 16 << 10, MostPairs = 32;

        public readonly bool IsFlat;

        /// <summary>Chunks of channels; output vectors of a row; pairs of elements of two zipped rows, and before their first pixel.</summary>
        public readonly int Chunks, Columns, RowElements, Left;

        /// <summary>Zipped pairs that are kept, as many as stay in the nearest cache, and the output rows that lie in them.</summary>
        public readonly int Pairs, BlockRows;

        private readonly int _right;

        public Layout(in ConvolutionShape s)
        {
            IsFlat = ConvolutionInt8Depthwise3x3.IsFlat(s);
            int lanes = IsFlat ? Half : Lanes;
            Chunks = IsFlat ? 1 : s.Channels / Lanes;
            Columns = IsFlat ? s.OutWidth / 2 : s.OutWidth;
            Left = s.PadLeft * lanes;
            _right = s.PadRight * lanes;
            RowElements = Left + s.Width * lanes + _right;
            int needed = (s.OutHeight - 1) * s.StrideY / 2 + 2;
            Pairs = Math.Clamp(RingBytes / (RowElements * sizeof(int)), 2, Math.Min(needed, MostPairs));
            BlockRows = (Pairs - 1) * 2 / s.StrideY;
        }

        public int WorkerBytes => (Pairs * RowElements * sizeof(int) + 63) / 64 * 64;

        /// <summary>The borders at both sides, which no conversion touches.</summary>
        public void FillBorders(int* rows, int zeroPoint)
        {
            Vector256<short> zero = Vector256.Create((short)zeroPoint);
            for (int i = 0; i < Pairs; i++)
            {
                for (int k = Left; k > 0; k -= Half, rows += Half) zero.Store((short*)rows);
                rows += RowElements - Left - _right;
                for (int k = _right; k > 0; k -= Half, rows += Half) zero.Store((short*)rows);
            }
        }
    }
}
