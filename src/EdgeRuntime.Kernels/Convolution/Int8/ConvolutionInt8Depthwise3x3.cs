using System.Runtime.InteropServices;
using EdgeRuntime.Tensors;

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
        return fits && parameters.Weights.Length == shape.Channels * Taps && Channels(parameters) is not null;
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
        Channel[] channels = Channels(parameters) ?? throw new InvalidOperationException("the kernel does not support these weights");
        for (int lane = 0; lane < new Layout(shape).Chunks * Lanes; lane++)
        {
            int c = lane % shape.Channels;
            Span<float> half = packed.Slice(lane / Half * Layout.HalfFloats, Layout.HalfFloats);
            for (int t = 0; t < Taps; t++) half[t * Half + lane % Half] = channels[c].Factor * (weights[c * Taps + t] - ZeroPoint(parameters, c));
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

    private static int ZeroPoint(ConvolutionInt8Parameters parameters, int channel) => parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[channel];

    /// <summary>How floats compute each channel; null if one can't be. Kept with the parameters, as support and contents ask for it.</summary>
    private static Channel[]? Channels(ConvolutionInt8Parameters p)
    {
        if (p.DepthwiseChannels is { } kept) return kept.Length == 0 ? null : kept;
        Channel[] channels = new Channel[p.Bias.Length];
        for (int c = 0; c < channels.Length; c++)
            if (!TryDescribe(p, c, out channels[c])) channels = [];
        p.DepthwiseChannels = channels;
        return channels.Length == 0 ? null : channels;
    }

    private static bool TryDescribe(ConvolutionInt8Parameters p, int c, out Channel channel)
    {
        int sum = 0, magnitude = 0, zero = ZeroPoint(p, c);
        foreach (sbyte w in p.Weights.Span.Slice(c * Taps, Taps))
        {
            sum += w - zero;
            magnitude += Math.Abs(w - zero);
        }
        // What does not depend on the input is its own result; beyond ±1024 the clamp decides.
        channel = new(1, Math.Clamp(Requantize.Scale(p.Bias[c], p.Multipliers[c], p.Shift), -1024, 1024), 1);
        if (magnitude == 0) return true;
        long bias = p.Bias[c] - (long)p.InputZeroPoint * sum, reach = Math.Abs(bias) + 128L * magnitude;
        if (!ExactFloatScale.TryFind(p.Multipliers[c], p.Shift, reach, p.OutputZeroPoint, p.Min, p.Max, out ExactFloatScale found)) return false;
        channel = new(found.Factor, found.Factor * bias, found.Scale);
        return true;
    }

    /// <summary>One channel: what its weights are multiplied by, its bias times that, and the float that makes an output of the sum.</summary>
    internal readonly record struct Channel(int Factor, float Bias, float Scale);

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
