using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise convolutions along one axis (windows 1×k, or k×1 of one column) in floats (AVX2 with FMA), exact for the reasons of
/// <see cref="ConvolutionInt8Depthwise3x3"/>. The line's 16 channels are converted once; up to 6 outputs are summed in registers over all taps.
/// </summary>
public sealed unsafe class ConvolutionInt8Depthwise1D : ConvolutionInt8Kernel
{
    private const int Lanes = 16, Half = 8;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new("conv-s8-depthwise1d-avx2", "convolution-s8", CpuFeature.Avx2,
        "depthwise along one axis, exact in floats where the weights allow; multiples of 8 channels");

    /// <summary>Lines of whole vectors, weights known, no channel whose sums or steps of rounding floats can't hold.</summary>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        ConvolutionShape s = shape.Canonical();
        bool fits = s.IsDepthwise && s.OutPerGroup == 1 && s.KernelHeight == 1 && s.PadTop == 0 && s.PadBottom == 0 && s.Channels % Half == 0;
        return fits && parameters.Weights.Length == s.Channels * s.KernelWidth && DepthwiseFloatChannel.All(parameters) is not null;
    }

    /// <summary>Of 16 channels: converting an element, an output's products, its requantisation.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        return 100 + (double)layout.Portions * (99 + layout.Shape.Width * 2.2 + layout.Shape.OutWidth * (layout.Shape.KernelWidth * 0.88 + 5));
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => new Layout(shape).Chunks * (long)new Layout(shape).ChunkFloats * sizeof(float);

    /// <summary>Layout: for each chunk of 16 channels: biases (less the input's zero point), scales, then the weights of each tap; 16 floats of each.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        Layout layout = new(shape);
        destination.Clear();
        Span<float> packed = MemoryMarshal.Cast<byte, float>(destination);
        DepthwiseFloatChannel[] channels = DepthwiseFloatChannel.All(parameters) ?? throw new InvalidOperationException("the kernel does not support these weights");
        int taps = layout.Shape.KernelWidth;
        for (int c = 0; c < channels.Length; c++)
        {
            Span<float> lane = packed[(c / Lanes * layout.ChunkFloats + c % Lanes)..];
            lane[0] = channels[c].Bias;
            lane[Lanes] = channels[c].Scale;
            for (int t = 0; t < taps; t++) lane[(t + 2) * Lanes] = channels[c].Factor * (weights[c * taps + t] - channels[c].WeightZero);
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
        float* line = (float*)(call.Scratch + (long)worker * layout.WorkerBytes);
        new Span<float>(line, s.PadLeft * Lanes).Fill(call.InputZeroPoint);
        new Span<float>(line + (s.PadLeft + s.Width) * Lanes, s.PadRight * Lanes).Fill(call.InputZeroPoint);
        Int8FloatOutput constants = new(call);
        for (; first < end; first++)
        {
            int row = first / layout.Chunks, chunk = first % layout.Chunks, inputRow = row / s.OutHeight * s.Height + row % s.OutHeight * s.StrideY;
            Line task = new()
            {
                Packed = (float*)call.Packed + (long)chunk * layout.ChunkFloats,
                Taps = s.KernelWidth,
                TapStep = s.DilationX * Lanes,
                Input = line,
                InputStep = s.StrideX * Lanes,
                Output = call.Output + (long)row * s.OutWidth * s.Channels + chunk * Lanes,
                OutputStep = s.Channels,
                Constants = &constants,
            };
            sbyte* input = call.Input + (long)inputRow * s.Width * s.Channels + chunk * Lanes;
            if (s.Channels - chunk * Lanes >= Lanes) RunLine<N2>(task, input, line + s.PadLeft * Lanes, s);
            else RunLine<N1>(task, input, line + s.PadLeft * Lanes, s);
        }
    }

    private static void RunLine<TVectors>(Line task, sbyte* from, float* to, in ConvolutionShape s) where TVectors : struct, ICount
    {
        for (int x = 0; x < s.Width; x++, from += s.Channels, to += Lanes)
        {
            Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(from)).Store(to);
            if (TVectors.Value > 1) Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(from + Half)).Store(to + Half);
        }
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

    /// <summary>Up to 6 outputs of 8 or 16 channels; the unused ones vanish in compilation.</summary>
    private static void Run<TVectors, TColumns>(in Line task)
        where TVectors : struct, ICount
        where TColumns : struct, ICount
    {
        float* w = task.Packed + 2 * Lanes, x = task.Input;
        nint step = task.InputStep;
        Vector256<float> l0 = Vector256.Load(task.Packed), l1 = l0, l2 = l0, l3 = l0, l4 = l0, l5 = l0, h0 = Vector256.Load(task.Packed + Half), h1 = h0, h2 = h0, h3 = h0, h4 = h0, h5 = h0;
        for (int t = task.Taps; t > 0; t--, w += Lanes, x += task.TapStep)
        {
            Vector256<float> low = Vector256.Load(w), high = TVectors.Value > 1 ? Vector256.Load(w + Half) : default;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TVectors>(float* x, Vector256<float> low, Vector256<float> high, ref Vector256<float> l, ref Vector256<float> h) where TVectors : struct, ICount
    {
        l = Fma.MultiplyAdd(Vector256.Load(x), low, l);
        if (TVectors.Value > 1) h = Fma.MultiplyAdd(Vector256.Load(x + Half), high, h);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(in Line task, int column, Vector256<float> a0, Vector256<float> a1, bool both, Vector256<float> b0, Vector256<float> b1)
        where TVectors : struct, ICount
    {
        Vector256<float> low = Vector256.Load(task.Packed + Lanes), high = Vector256.Load(task.Packed + Lanes + Half);
        sbyte* output = task.Output + column * task.OutputStep;
        Int8FloatOutput.Store<TVectors>(Int8FloatOutput.Round(a0, low, *task.Constants), Int8FloatOutput.Round(a1, high, *task.Constants), output, both,
            Int8FloatOutput.Round(b0, low, *task.Constants), Int8FloatOutput.Round(b1, high, *task.Constants), output + task.OutputStep, *task.Constants);
    }

    /// <summary>A chunk of a line: its packed constants, where the next outputs' windows and results lie, and how far apart (in elements).</summary>
    private struct Line
    {
        public float* Packed, Input;
        public nint TapStep, InputStep, OutputStep;
        public sbyte* Output;
        public Int8FloatOutput* Constants;
        public int Taps;
    }

    /// <summary>Chunks and sizes of a shape.</summary>
    private readonly struct Layout
    {
        public readonly ConvolutionShape Shape;

        public Layout(in ConvolutionShape shape) => Shape = shape.Canonical();

        public int Chunks => (Shape.Channels + Lanes - 1) / Lanes;

        public int Portions => Shape.Batch * Shape.OutHeight * Chunks;

        public int ChunkFloats => (Shape.KernelWidth + 2) * Lanes;

        public int WorkerBytes => (Shape.PadLeft + Shape.Width + Shape.PadRight) * Lanes * sizeof(float);
    }
}
