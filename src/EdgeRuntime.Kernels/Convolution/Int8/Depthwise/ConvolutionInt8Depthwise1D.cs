using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise convolutions along one axis (windows 1×k, or k×1 of one column; AVX2): each input column is zipped once with the one a tap after it, so that VPMADDWD
/// multiplies two taps; up to 6 outputs of 16 channels are summed in registers over all taps and requantised there in floats, as by <see cref="ConvolutionInt8Depthwise3x3"/>.
/// </summary>
public sealed unsafe class ConvolutionInt8Depthwise1D : ConvolutionInt8Kernel
{
    private const int Lanes = 16, Half = 8;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new("conv-s8-depthwise1d-avx2", "convolution-s8", CpuFeature.Avx2,
        "depthwise along one axis on pairs of columns (VPMADDWD), requantised in floats where that is exact; multiples of 8 channels");

    /// <summary>Lines of whole vectors, weights known, no channel that floats can't requantise.</summary>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionShape s = shape.Canonical();
        bool fits = s.IsDepthwise && s.OutPerGroup == 1 && s.KernelHeight == 1 && s.PadTop == 0 && s.PadBottom == 0 && s.Channels % Half == 0;
        return fits && parameters.Weights.Length == s.Channels * s.KernelWidth && ExactFloatScale.OfDepthwise(parameters) is not null;
    }

    /// <summary>Of 16 channels: zipping a column, an output's products, its requantisation.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        return 100 + (double)layout.Portions * (80 + layout.Shape.Width * 2 + layout.Shape.OutWidth * (layout.Pairs * 0.85 + 4.5));
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => new Layout(shape).Chunks * (long)new Layout(shape).ChunkInts * sizeof(int);

    /// <summary>Layout: for each chunk of 16 channels: biases (less the input's zero point), scales, then the weights of each pair of taps; of 16 channels each, in the order of zipped columns.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        Layout layout = new(shape);
        destination.Clear();
        ExactFloatScale[] scales = ExactFloatScale.OfDepthwise(parameters) ?? throw new InvalidOperationException("the kernel does not support these weights");
        int taps = layout.Shape.KernelWidth;
        for (int c = 0; c < scales.Length; c++)
        {
            int zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[c], factor = scales[c].Factor, sum = 0;
            int slot = layout.Shape.Channels - c / Lanes * Lanes >= Lanes ? InterleavedTaps.Lane(c % Lanes) : c % Lanes;
            Span<byte> lane = destination[((c / Lanes * layout.ChunkInts + slot) * sizeof(int))..];
            Span<short> pairs = MemoryMarshal.Cast<byte, short>(lane)[(4 * Lanes)..];
            for (int t = 0; t < taps; t++)
            {
                int weight = weights[c * taps + t] - zero;
                sum += weight;
                pairs[t / 2 * 2 * Lanes + t % 2] = (short)(factor * weight);
            }
            MemoryMarshal.Cast<byte, int>(lane)[0] = factor * (parameters.Bias[c] - parameters.InputZeroPoint * sum);
            MemoryMarshal.Cast<byte, float>(lane)[Lanes] = scales[c].Scale;
        }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * new Layout(shape).WorkerBytes;

    /// <summary>Chunks of channels of each line.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) => new Layout(shape).Portions;

    /// <inheritdoc/>
    public override object? Plan(in ConvolutionShape shape) => new Layout(shape);

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        Layout layout = call.Plan is Layout made ? made : new(call.Shape);
        ref readonly ConvolutionShape s = ref layout.Shape;
        int* line = (int*)(call.Scratch + (long)worker * layout.WorkerBytes);
        Int8FloatOutput constants = new(call);
        for (; first < end; first++)
        {
            int row = first / layout.Chunks, chunk = first % layout.Chunks, inputRow = row / s.OutHeight * s.Height + row % s.OutHeight * s.StrideY;
            Line task = new()
            {
                Packed = (int*)call.Packed + (long)chunk * layout.ChunkInts,
                Pairs = layout.Pairs,
                PairStep = 2 * s.DilationX * Lanes,
                Input = line,
                InputStep = s.StrideX * Lanes,
                Output = call.Output + (long)row * s.OutWidth * s.Channels + chunk * Lanes,
                OutputStep = s.Channels,
                Constants = &constants,
            };
            sbyte* input = call.Input + (long)inputRow * s.Width * s.Channels + chunk * Lanes;
            if (s.Channels - chunk * Lanes >= Lanes) RunLine<N2>(ref task, input, call.InputZeroPoint, s);
            else RunLine<N1>(ref task, input, call.InputZeroPoint, s);
        }
    }

    // By reference: a copy would read in whole vectors what was just written in words, for which the processor waits.
    private static void RunLine<TVectors>(ref Line task, sbyte* input, int zeroPoint, in ConvolutionShape s) where TVectors : struct, ICount
    {
        // Columns x and x + dilation: in the middle both are of the input.
        int middle = Math.Max(s.Width - s.DilationX, 0);
        int* to = ZipEnds<TVectors>(-s.PadLeft, 0, input, zeroPoint, s, task.Input);
        nint tap = (nint)s.DilationX * s.Channels;
        sbyte* column = input;
        for (int x = middle; x > 0; x--, column += s.Channels, to += Lanes) Zip<TVectors>(column, column + tap, to);
        ZipEnds<TVectors>(middle, s.Width + s.PadRight, input, zeroPoint, s, to);
        int left = s.OutWidth;
        for (; left >= 6; left -= 6, task.Input += 6 * task.InputStep, task.Output += 6 * task.OutputStep) Run<TVectors, N6>(task);
        switch (left)
        {
            case 1: Run<TVectors, N1>(task); break;
            case 2: Run<TVectors, N2>(task); break;
            case 3: Run<TVectors, N3>(task); break;
            case 4: Run<TVectors, N4>(task); break;
            case 5: Run<TVectors, N5>(task); break;
        }
    }

    /// <summary>Columns [<paramref name="first"/>, <paramref name="end"/>), of which padding is one or the other; returns where the next is put.</summary>
    private static int* ZipEnds<TVectors>(int first, int end, sbyte* input, int zeroPoint, in ConvolutionShape s, int* to) where TVectors : struct, ICount
    {
        Vector128<sbyte> padding = Vector128.Create((sbyte)zeroPoint);
        for (int x = first; x < end; x++, to += Lanes)
        {
            int next = x + s.DilationX;
            Zip<TVectors>((uint)x < (uint)s.Width ? input + (nint)x * s.Channels : (sbyte*)&padding, (uint)next < (uint)s.Width ? input + (nint)next * s.Channels : (sbyte*)&padding, to);
        }
        return to;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Zip<TVectors>(sbyte* a, sbyte* b, int* to) where TVectors : struct, ICount
    {
        if (TVectors.Value > 1) InterleavedTaps.Interleave(a, b, to);
        else Avx2.ConvertToVector256Int16(Sse2.UnpackLow(Vector128.CreateScalarUnsafe(*(long*)a).AsSByte(), Vector128.CreateScalarUnsafe(*(long*)b).AsSByte())).AsInt32().Store(to);
    }

    /// <summary>Up to 6 outputs of 8 or 16 channels; the unused ones vanish in compilation.</summary>
    private static void Run<TVectors, TColumns>(in Line task)
        where TVectors : struct, ICount
        where TColumns : struct, ICount
    {
        int* w = task.Packed + 2 * Lanes, x = task.Input;
        nint step = task.InputStep;
        Vector256<int> l0 = Vector256.Load(task.Packed), l1 = l0, l2 = l0, l3 = l0, l4 = l0, l5 = l0, h0 = Vector256.Load(task.Packed + Half), h1 = h0, h2 = h0, h3 = h0, h4 = h0, h5 = h0;
        for (int t = task.Pairs; t > 0; t--, w += Lanes, x += task.PairStep)
        {
            Vector256<int> low = Vector256.Load(w), high = TVectors.Value > 1 ? Vector256.Load(w + Half) : default;
            Add<TVectors>(x, low, high, ref l0, ref h0);
            if (TColumns.Value > 1) Add<TVectors>(x + step, low, high, ref l1, ref h1);
            if (TColumns.Value > 2) Add<TVectors>(x + 2 * step, low, high, ref l2, ref h2);
            if (TColumns.Value > 3) Add<TVectors>(x + 3 * step, low, high, ref l3, ref h3);
            if (TColumns.Value > 4) Add<TVectors>(x + 4 * step, low, high, ref l4, ref h4);
            if (TColumns.Value > 5) Add<TVectors>(x + 5 * step, low, high, ref l5, ref h5);
        }
        Store<TVectors>(task, 0, l0, h0, TColumns.Value > 1, l1, h1);
        if (TColumns.Value > 2) Store<TVectors>(task, 2, l2, h2, TColumns.Value > 3, l3, h3);
        if (TColumns.Value > 4) Store<TVectors>(task, 4, l4, h4, TColumns.Value > 5, l5, h5);
    }

    /// <summary>Both products before the sums: see <see cref="Int8DotAvx2"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TVectors>(int* x, Vector256<int> low, Vector256<int> high, ref Vector256<int> l, ref Vector256<int> h) where TVectors : struct, ICount
    {
        Vector256<int> a = Avx2.MultiplyAddAdjacent(low.AsInt16(), Vector256.Load((short*)x));
        Vector256<int> b = TVectors.Value > 1 ? Avx2.MultiplyAddAdjacent(high.AsInt16(), Vector256.Load((short*)(x + Half))) : default;
        l += a;
        if (TVectors.Value > 1) h += b;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(in Line task, int column, Vector256<int> a0, Vector256<int> a1, bool both, Vector256<int> b0, Vector256<int> b1)
        where TVectors : struct, ICount
    {
        float* scales = (float*)(task.Packed + Lanes);
        sbyte* output = task.Output + column * task.OutputStep;
        a0 = Int8FloatOutput.Round(a0, scales, *task.Constants);
        if (TVectors.Value > 1) a1 = Int8FloatOutput.Round(a1, scales + Half, *task.Constants);
        if (both) b0 = Int8FloatOutput.Round(b0, scales, *task.Constants);
        if (both && TVectors.Value > 1) b1 = Int8FloatOutput.Round(b1, scales + Half, *task.Constants);
        Int8FloatOutput.Store<TVectors>(a0, a1, output, both, b0, b1, output + task.OutputStep, *task.Constants, isInterleaved: TVectors.Value > 1);
    }

    /// <summary>A chunk of a line: its packed constants, where the next outputs' windows and results lie, and how far apart (in elements).</summary>
    private struct Line
    {
        public int* Packed, Input;
        public nint PairStep, InputStep, OutputStep;
        public sbyte* Output;
        public Int8FloatOutput* Constants;
        public int Pairs;
    }

    /// <summary>Chunks and sizes of a shape.</summary>
    private readonly struct Layout
    {
        public readonly ConvolutionShape Shape;

        public Layout(in ConvolutionShape shape) => Shape = shape.Canonical();

        public int Chunks => (Shape.Channels + Lanes - 1) / Lanes;

        public int Portions => Shape.Batch * Shape.OutHeight * Chunks;

        public int Pairs => (Shape.KernelWidth + 1) / 2;

        public int ChunkInts => (Pairs + 2) * Lanes;

        public int WorkerBytes => (Shape.PadLeft + Shape.Width + Shape.PadRight) * Lanes * sizeof(int);
    }
}
