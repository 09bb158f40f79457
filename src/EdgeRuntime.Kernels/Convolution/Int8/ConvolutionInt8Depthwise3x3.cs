using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise 3×3 convolutions in floats (AVX2 with FMA). Products of bytes and their sums are whole numbers below 2^24, which floats
/// hold exactly, and one fused multiplication does what VPMADDWD does together with VPADDD and the interleaving of taps; the last of
/// them requantises (see <see cref="ExactFloatScale"/>: proved for each channel when weights are packed). Vectors run over 16 channels, or
/// over two pixels of 8. Each input row is converted once, into one of three rows that stay in the nearest cache.
/// </summary>
public sealed unsafe class ConvolutionInt8Depthwise3x3 : ConvolutionInt8Kernel
{
    private const int Lanes = 16, Half = 8, Taps = 9, WindowRows = 3;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new("conv-s8-depthwise3x3-avx2", "convolution-s8", CpuFeature.Avx2,
        "depthwise 3×3 of stride 1 or 2, exact in floats where the weights allow; multiples of 16 channels, or 8");

    /// <summary>The shapes of mobile networks, weights known, no channel whose sums or steps of rounding floats can't hold.</summary>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        bool fits = shape.IsDepthwise && shape.OutPerGroup == 1 && shape.KernelHeight == WindowRows && shape.KernelWidth == WindowRows && shape.StrideX is 1 or 2
            && shape.StrideY == shape.StrideX && shape.DilationX == 1 && shape.DilationY == 1 && (shape.Channels % Lanes == 0 || IsFlat(shape));
        return fits && parameters.Weights.Length == shape.Channels * Taps && DepthwiseFloatChannel.All(parameters) is not null;
    }

    /// <summary>Products and requantisation of a vector; converting a pixel's 16 channels.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        double vectors = (double)shape.Batch * shape.OutHeight * layout.Chunks * layout.Columns;
        double rows = (double)shape.Batch * ((shape.OutHeight - 1) * shape.StrideY + WindowRows);
        return 200 + vectors * 14 + rows * layout.Chunks * (layout.RowElements / Lanes * 2 + 10);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => new Layout(shape).Chunks * (long)Layout.ChunkBytes;

    /// <summary>Layout: for each chunk of 16 channels, for each half of it: 9 weights, bias (less the input's zero point), scale; 8 floats of each.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination);
        DepthwiseFloatChannel[] channels = DepthwiseFloatChannel.All(parameters) ?? throw new InvalidOperationException("the kernel does not support these weights");
        for (int lane = 0; lane < new Layout(shape).Chunks * Lanes; lane++)
        {
            int c = lane % shape.Channels;
            Span<float> half = packed.Slice(lane / Half * Layout.HalfFloats, Layout.HalfFloats);
            for (int t = 0; t < Taps; t++) half[t * Half + lane % Half] = channels[c].Factor * (weights[c * Taps + t] - channels[c].WeightZero);
            half[Taps * Half + lane % Half] = channels[c].Bias;
            half[(Taps + 1) * Half + lane % Half] = channels[c].Scale;
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
        float* rows = (float*)(call.Scratch + (long)worker * layout.WorkerBytes);
        layout.FillBorders(rows, call.InputZeroPoint);
        while (first < end)
        {
            int image = first / height, row = first % height, count = Math.Min(height - row, end - first);
            for (int chunk = 0; chunk < layout.Chunks; chunk++)
                if (layout.IsFlat) DepthwiseFloatRows<N2, N8>.Run(call, layout, rows, chunk, image, row, count);
                else if (s.StrideX == 1) DepthwiseFloatRows<N1, N16>.Run(call, layout, rows, chunk, image, row, count);
                else DepthwiseFloatRows<N2, N16>.Run(call, layout, rows, chunk, image, row, count);
            first += count;
        }
    }

    private static bool IsFlat(in ConvolutionShape shape) => shape.Channels == Half && shape.StrideX == 1 && shape.OutWidth % 2 == 0;

    /// <summary>The converted rows of a shape, [column][channels of a chunk] with borders; two pixels of 8 channels count as one column of 16.</summary>
    internal readonly struct Layout
    {
        public const int HalfFloats = (Taps + 2) * Half, ChunkBytes = 2 * HalfFloats * sizeof(float);

        public readonly bool IsFlat;

        /// <summary>Chunks of channels; output vectors of a row; floats of a converted row, and before its first pixel.</summary>
        public readonly int Chunks, Columns, RowElements, Left;

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
        }

        public int WorkerBytes => (WindowRows * RowElements * sizeof(float) + 63) / 64 * 64;

        /// <summary>The borders at both sides, which no conversion touches.</summary>
        public void FillBorders(float* rows, int zeroPoint)
        {
            for (int i = 0; i < WindowRows; i++, rows += RowElements)
            {
                new Span<float>(rows, Left).Fill(zeroPoint);
                new Span<float>(rows + RowElements - _right, _right).Fill(zeroPoint);
            }
        }
    }
}
