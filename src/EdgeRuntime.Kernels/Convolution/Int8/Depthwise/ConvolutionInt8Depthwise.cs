using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Depthwise convolutions of any window, stride and dilation: taps are taken in pairs, the int16 channels of both interleaved
/// and multiplied by VPMADDWD, so that one instruction handles two taps. Vectors run over channels; where few channels divide
/// a vector and the stride is 1, over several pixels.
/// </summary>
/// <typeparam name="TPairs">The instruction set.</typeparam>
/// <typeparam name="TVector">Its vector of int32.</typeparam>
public sealed unsafe class ConvolutionInt8Depthwise<TPairs, TVector> : ConvolutionInt8Banded
    where TPairs : struct, IInt16Pairs<TVector>
    where TVector : unmanaged
{
    private const int HeaderBytes = 64;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-depthwise-{TPairs.Name}", "convolution-s8", TPairs.Requires,
        $"depthwise: pairs of taps (VPMADDWD) on {Lanes} channels at a time, any window");

    // Output vectors whose accumulators fit the registers.
    private static int MaxColumns => sizeof(TVector) == 64 ? 6 : 4;

    // Channels of a chunk.
    private static int Lanes => sizeof(TVector) / sizeof(short);

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.IsDepthwise && shape.OutPerGroup == 1;

    /// <summary>Pairs × vectors, conversion and epilogue.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        double vectors = (double)shape.Batch * layout.Band.Shape.OutHeight * layout.Columns * layout.Chunks, wide = sizeof(TVector) / 64.0;
        return 300 + vectors * (layout.Pairs * (2 + 2.4 * wide) + 4 + 9 * wide) + (double)shape.Batch * layout.Band.Shape.Height * (layout.Band.Pitch / 32.0 + 10);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        Layout layout = new(shape);
        return layout.OffsetBytes + (long)layout.Chunks * layout.ChunkBytes;
    }

    /// <summary>
    /// Layout: byte offsets of the two taps of each pair; then for each chunk of channels the doubled biases and the multipliers
    /// (int32, in the order of unpacking) and for each pair the doubled weights, lower then upper halves.
    /// </summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        Layout layout = new(shape);
        destination.Clear();
        Span<int> offsets = MemoryMarshal.Cast<byte, int>(destination[..layout.OffsetBytes]);
        int taps = shape.Depth;
        for (int t = 0; t < 2 * layout.Pairs; t++)
        {
            int tap = Math.Min(t, taps - 1);
            offsets[t] = layout.Band.TapOffset(tap / layout.Band.Shape.KernelWidth, tap % layout.Band.Shape.KernelWidth);
        }
        for (int lane = 0; lane < layout.Chunks * Lanes; lane++)
        {
            int channel = layout.IsFlat ? lane % shape.Channels : lane;
            if (channel >= shape.Channels) break;
            Span<byte> chunk = destination.Slice(layout.OffsetBytes + lane / Lanes * layout.ChunkBytes, layout.ChunkBytes);
            int slot = Slot(lane % Lanes);
            int zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[channel];
            Span<int> header = MemoryMarshal.Cast<byte, int>(chunk);
            header[slot] = 2 * parameters.Bias[channel];
            header[Lanes + slot] = parameters.Multipliers[channel];
            Span<short> pairs = MemoryMarshal.Cast<byte, short>(chunk[(2 * Lanes * sizeof(int))..]);
            for (int t = 0; t < taps; t++) pairs[(t / 2 * Lanes + slot) * 2 + t % 2] = (short)(2 * (weights[channel * taps + t] - zero));
        }
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * new Layout(shape).Band.Bytes;

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => new Layout(shape).Band.Portions;

    /// <inheritdoc/>
    public override object? Plan(in ConvolutionShape shape) => new Layout(shape);

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        Block block = new(call);
        RunPortions(call, block.Layout.Band, first, end, call.Scratch + (long)worker * block.Layout.Band.Bytes, ref block);
    }

    /// <inheritdoc/>
    protected override void Convert(sbyte* source, byte* destination, nint count, int zeroPoint) => TPairs.Convert(source, (short*)destination, count, zeroPoint);

    /// <inheritdoc/>
    protected override void Fill(byte* destination, nint count, int zeroPoint) => new Span<short>(destination, (int)count).Clear();

    // The next columns of so many left, in calls of about equal size.
    private static int Even(int left)
    {
        int calls = (left + MaxColumns - 1) / MaxColumns;
        return (left + calls - 1) / calls;
    }

    // Where unpacking puts channel c of a chunk: 128-bit lane c / 8 of the lower or the upper vector.
    private static int Slot(int c) => (c % 8 < 4 ? 0 : Lanes / 2) + c / 8 * 4 + c % 4;

    /// <summary>Chunks and columns of a shape.</summary>
    private readonly struct Layout
    {
        public readonly ConvolutionInt8Band Band;

        /// <summary>Whether a vector spans several pixels: an output row is one array of OutWidth·C independent elements.</summary>
        public readonly bool IsFlat;

        /// <summary>Chunks of channels, vectors of an output row in each, pairs of taps.</summary>
        public readonly int Chunks, Columns, Pairs;

        public Layout(in ConvolutionShape shape)
        {
            ConvolutionShape s = shape.Canonical();
            Band = new ConvolutionInt8Band(s, sizeof(short), 24 << 10, 4);
            IsFlat = s.StrideX == 1 && s.Channels < Lanes && Lanes % s.Channels == 0;
            Chunks = IsFlat ? 1 : (s.Channels + Lanes - 1) / Lanes;
            Columns = IsFlat ? (s.OutWidth * s.Channels + Lanes - 1) / Lanes : s.OutWidth;
            Pairs = (s.Depth + 1) / 2;
        }

        public int OffsetBytes => (2 * Pairs * sizeof(int) + HeaderBytes - 1) / HeaderBytes * HeaderBytes;

        /// <summary>Biases and multipliers of <see cref="Lanes"/> channels, and for each pair two vectors.</summary>
        public int ChunkBytes => 2 * Lanes * sizeof(int) + Pairs * 2 * sizeof(TVector);
    }

    private readonly struct Block(in ConvolutionInt8Call call) : IConvolutionInt8Block
    {
        public readonly Layout Layout = call.Plan is Layout made ? made : new(call.Shape);
        private readonly ConvolutionInt8Call _call = call;

        public void Run(byte* band, long position, int rows)
        {
            if (_call.Shift == 0) Run<N0>(band, position, rows);
            else Run<N1>(band, position, rows);
        }

        private void Run<TShifted>(byte* band, long position, int rows) where TShifted : struct, ICount
        {
            ref readonly ConvolutionShape s = ref Layout.Band.Shape;
            int columnBytes = Layout.IsFlat ? sizeof(TVector) : Layout.Band.OutColumnBytes, stride = Layout.IsFlat ? Lanes : s.Channels;
            int* offsets = (int*)_call.Packed;
            byte* chunk = _call.Packed + Layout.OffsetBytes;
            for (int c = 0; c < Layout.Chunks; c++, chunk += Layout.ChunkBytes)
                for (int y = 0; y < rows; y++)
                {
                    byte* x = band + y * Layout.Band.OutRowBytes + c * sizeof(TVector);
                    sbyte* output = _call.Output + (position + (long)y * s.OutWidth) * s.Channels + c * Lanes;
                    int count = Math.Min(Lanes, s.Channels * (Layout.IsFlat ? Lanes : 1) - c * Lanes);
                    for (int left = Layout.Columns; left > 0;)
                    {
                        // The last vector of a flat row may be a part of one.
                        int columns = Even(Layout.IsFlat && left > 1 ? left - 1 : left);
                        if (Layout.IsFlat && left == 1) count = s.OutWidth * s.Channels - (Layout.Columns - 1) * Lanes;
                        Run<TShifted>(columns, x, columnBytes, offsets, chunk, output, stride, count);
                        x += columns * columnBytes;
                        output += columns * stride;
                        left -= columns;
                    }
                }
        }

        private void Run<TShifted>(int columns, byte* x, nint columnBytes, int* offsets, byte* chunk, sbyte* output, nint stride, int count)
            where TShifted : struct, ICount
        {
            switch (columns)
            {
                case 1: Run<TShifted, N1>(x, columnBytes, offsets, chunk, output, stride, count); break;
                case 2: Run<TShifted, N2>(x, columnBytes, offsets, chunk, output, stride, count); break;
                case 3: Run<TShifted, N3>(x, columnBytes, offsets, chunk, output, stride, count); break;
                case 4: Run<TShifted, N4>(x, columnBytes, offsets, chunk, output, stride, count); break;
                case 5 when MaxColumns > 4: Run<TShifted, N5>(x, columnBytes, offsets, chunk, output, stride, count); break;
                default:
                    if (MaxColumns > 4) Run<TShifted, N6>(x, columnBytes, offsets, chunk, output, stride, count);
                    break;
            }
        }

        // Up to 6 output vectors, columnBytes apart in the band and stride apart in the output; the unused vanish in compilation.
        private void Run<TShifted, TColumns>(byte* x, nint columnBytes, int* offsets, byte* chunk, sbyte* output, nint stride, int count)
            where TShifted : struct, ICount
            where TColumns : struct, ICount
        {
            byte* w = chunk + 2 * Lanes * sizeof(int);
            TVector low0 = TPairs.Load(chunk), high0 = TPairs.Load(chunk + sizeof(TVector));
            TVector low1 = low0, low2 = low0, low3 = low0, low4 = low0, low5 = low0, high1 = high0, high2 = high0, high3 = high0, high4 = high0, high5 = high0;
            nint x2 = 2 * columnBytes, x3 = 3 * columnBytes, x4 = 4 * columnBytes, x5 = 5 * columnBytes;
            for (int* end = offsets + 2 * Layout.Pairs; offsets < end; offsets += 2, w += 2 * sizeof(TVector))
            {
                TVector lowWeights = TPairs.Load(w), highWeights = TPairs.Load(w + sizeof(TVector));
                byte* p = x + offsets[0], q = x + offsets[1];
                Add(p, q, lowWeights, highWeights, ref low0, ref high0);
                if (TColumns.Value > 1) Add(p + columnBytes, q + columnBytes, lowWeights, highWeights, ref low1, ref high1);
                if (TColumns.Value > 2) Add(p + x2, q + x2, lowWeights, highWeights, ref low2, ref high2);
                if (TColumns.Value > 3) Add(p + x3, q + x3, lowWeights, highWeights, ref low3, ref high3);
                if (TColumns.Value > 4) Add(p + x4, q + x4, lowWeights, highWeights, ref low4, ref high4);
                if (TColumns.Value > 5) Add(p + x5, q + x5, lowWeights, highWeights, ref low5, ref high5);
            }
            int* multipliers = (int*)chunk + Lanes;
            Store<TShifted>(low0, high0, multipliers, output, count);
            if (TColumns.Value > 1) Store<TShifted>(low1, high1, multipliers, output + stride, count);
            if (TColumns.Value > 2) Store<TShifted>(low2, high2, multipliers, output + 2 * stride, count);
            if (TColumns.Value > 3) Store<TShifted>(low3, high3, multipliers, output + 3 * stride, count);
            if (TColumns.Value > 4) Store<TShifted>(low4, high4, multipliers, output + 4 * stride, count);
            if (TColumns.Value > 5) Store<TShifted>(low5, high5, multipliers, output + 5 * stride, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add(byte* p, byte* q, TVector lowWeights, TVector highWeights, ref TVector low, ref TVector high)
        {
            TVector a = TPairs.Load(p), b = TPairs.Load(q);
            low = TPairs.MultiplyAdd(low, TPairs.UnpackLow(a, b), lowWeights);
            high = TPairs.MultiplyAdd(high, TPairs.UnpackHigh(a, b), highWeights);
        }

        // The form without a shift must not contain a call: see RequantizeAvx512.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Store<TShifted>(TVector low, TVector high, int* multipliers, sbyte* output, int count) where TShifted : struct, ICount
        {
            if (TShifted.Value == 0) TPairs.Store(low, high, multipliers, output, count, _call);
            else StoreShifted(low, high, multipliers, output, count);
        }

        private void StoreShifted(TVector low, TVector high, int* multipliers, sbyte* output, int count)
        {
            int* sums = stackalloc int[Lanes];
            TPairs.StoreSums(sums, low);
            TPairs.StoreSums(sums + Lanes / 2, high);
            for (int i = 0; i < count; i++) output[i] = RequantizeScalar.Apply(sums[Slot(i)], multipliers[Slot(i)], _call);
        }
    }
}
