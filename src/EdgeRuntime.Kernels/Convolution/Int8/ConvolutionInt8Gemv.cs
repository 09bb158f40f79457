using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Matrix-vector products, M = 1 or a few: bound by the way of the weights through the caches, so these stay int8, are read
/// once, in order, and the input is read in place. With z the input's zero point, v the weights', d the step's input offset:
/// <code>Σ (x − z)(w − v) = Σ (x + d)·w − (z + d)·Σ w − v·(Σ x − K·z)</code>
/// A panel is 32 channels (the last 8, 16 or 24): doubled biases, multipliers and doubled zero points, its <see cref="Form"/>, then for
/// each 4 elements of x the panel's channels × 4 weights.
/// </summary>
/// <typeparam name="TStep">The multiplication.</typeparam>
public sealed unsafe class ConvolutionInt8Gemv<TStep> : ConvolutionInt8Kernel where TStep : struct, IInt8Gemv
{
    private const int Columns = 32, Lanes = 8;

    /// <summary>More weights than this hardly stay in a cache that others share; how far ahead near and far ones are asked for.</summary>
    private const int NearBytes = 2 << 20, NearAhead = 1024, FarAhead = 4096;

    /// <summary>What the second-level cache of a Zen 3 core gives.</summary>
    private const int CacheBytesPerCycle = 32;

    /// <summary>Panels of one portion.</summary>
    private const int PortionPanels = 4;

    /// <summary>How a panel is multiplied: by the step; or as bytes x + 128, whose products of 1, 4 or 8 steps are added in 16 bits.</summary>
    private enum Form
    {
        Step,
        Bytes1,
        Bytes4,
        Bytes8,
    }

    // What the weights of a 16-bit lane may sum to, above zero and below: 255 · 128 < 2^15. What bytes are multiplied as, minus x.
    private const int LaneLimit = 128, ByteOffset = 128;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-gemv-{TStep.Name}-1x{Columns}", "convolution-s8", TStep.Requires,
        $"matrix times a vector or a few, weights of 8 bits read once, {Columns} channels at a time");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.IsPointwise;

    /// <summary>
    /// For each row the products, and what every panel takes besides, a call and requantisation, or, for the first row, the way of the weights. Weights of 4 bits
    /// without multipliers always fit <see cref="Form.Bytes8"/>, which takes them as fast as that cache gives them.
    /// </summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        double panels = Panels(shape), bytes = (double)RoundUp(shape.OutChannels, Lanes) * RoundUp(shape.Depth, 4);
        double perCycle = TStep.HasShortSums && parameters is { WeightBits: 4, WeightMultipliers.Length: 0 } ? CacheBytesPerCycle : TStep.WeightsPerCycle;
        double row = panels * 80 + bytes / perCycle;
        return 60 + (shape.Positions - 1) * row + WeightReading.X64.Cycles(row, bytes);
    }

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => PanelOffset(shape, RoundUp(shape.OutChannels, Lanes));

    /// <inheritdoc/>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        for (int first = 0; first < shape.OutChannels; first += Columns)
        {
            int columns = PanelColumns(shape, first);
            Span<byte> panel = destination[(int)PanelOffset(shape, first)..];
            PackPanel(shape, parameters, weights, first, columns, MemoryMarshal.Cast<byte, int>(panel[..HeaderBytes(columns)]),
                MemoryMarshal.Cast<byte, sbyte>(panel.Slice(HeaderBytes(columns), StepBytes(columns) * (int)Steps(shape.Depth))));
        }
    }

    private static void PackPanel(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, int first, int columns, Span<int> header, Span<sbyte> steps)
    {
        for (int column = 0; column < Math.Min(columns, shape.OutChannels - first); column++)
            for (int k = 0; k < shape.Depth; k++) steps[(k / 4 * columns + column) * 4 + k % 4] = weights[(first + column) * shape.Depth + k];
        Form form = FormOf(steps, columns);
        int offset = form >= Form.Bytes1 ? ByteOffset : TStep.InputOffset;
        header[3 * columns] = (int)form;
        for (int column = 0; column < Math.Min(columns, shape.OutChannels - first); column++)
        {
            int o = first + column, zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[o], sum = 0;
            foreach (sbyte w in weights.Slice(o * shape.Depth, shape.Depth)) sum += w;
            header[column] = 2 * (parameters.Bias[o] - (parameters.InputZeroPoint + offset) * sum + shape.Depth * parameters.InputZeroPoint * zero);
            header[columns + column] = parameters.Multipliers[o];
            header[2 * columns + column] = 2 * zero;
            if (zero != 0) header[3 * columns + 1] = 1;
        }
    }

    private static Form FormOf(ReadOnlySpan<sbyte> steps, int columns)
    {
        if (TStep.HasShortSums)
            foreach ((Form form, int count) in (ReadOnlySpan<(Form, int)>)[(Form.Bytes8, 8), (Form.Bytes4, 4), (Form.Bytes1, 1)])
                if (FitShortSums(steps, columns, count)) return form;
        return Form.Step;
    }

    /// <summary>Whether no input can take the sum of <paramref name="count"/> steps out of int16; a lane gets two weights of each.</summary>
    private static bool FitShortSums(ReadOnlySpan<sbyte> steps, int columns, int count)
    {
        int stepBytes = StepBytes(columns);
        for (int first = 0; first < steps.Length; first += count * stepBytes)
            for (int lane = 0; lane < stepBytes; lane += 2)
            {
                int above = 0, below = 0;
                for (int i = first + lane; i < Math.Min(steps.Length, first + count * stepBytes); i += stepBytes)
                {
                    above += Math.Max((int)steps[i], 0) + Math.Max((int)steps[i + 1], 0);
                    below -= Math.Min((int)steps[i], 0) + Math.Min((int)steps[i + 1], 0);
                }
                if (above > LaneLimit || below > LaneLimit) return false;
            }
        return true;
    }

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => workers * (long)shape.Positions * RowBytes(shape.Depth);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => shape.Positions == 0 ? 0 : (Panels(shape) + PortionPanels - 1) / PortionPanels;

    /// <inheritdoc/>
    [SkipLocalsInit]
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        int* sums = stackalloc int[Columns];
        int outputs = call.Shape.OutChannels, depth = call.Shape.Depth, rows = call.Shape.Positions, rowBytes = (int)RowBytes(depth);
        nint ahead = (long)outputs * depth > NearBytes ? FarAhead : NearAhead;
        byte* prepared = call.Scratch + (nint)worker * rows * rowBytes;
        bool isPrepared = false;
        ConvolutionInt8Tile tile = new() { Accumulators = sums, Rows = 1 };
        int firstColumn = first * PortionPanels * Columns, stop = Math.Min(outputs, end * PortionPanels * Columns), elements = 0, summed = -1;
        byte* panel = call.Packed + PanelOffset(call.Shape, firstColumn);
        for (int column = firstColumn; column < stop; column += Columns)
        {
            int columns = PanelColumns(call.Shape, column);
            int* header = (int*)panel;
            tile.PaddedColumns = columns;
            tile.Columns = Math.Min(columns, outputs - column);
            tile.Multipliers = header + columns;
            byte* weights = panel + HeaderBytes(columns);
            if (!isPrepared && (Form)header[3 * columns] == Form.Step)
            {
                for (int row = 0; row < rows; row++) Prepare(call.Input + (long)row * depth, prepared + row * rowBytes, depth);
                isPrepared = true;
            }
            for (int row = 0; row < rows; row++)
            {
                sbyte* x = call.Input + (long)row * depth;
                switch ((Form)header[3 * columns])
                {
                    case Form.Bytes8: MultiplyBytes<N8>(x, depth, columns / Lanes, header, weights, sums); break;
                    case Form.Bytes4: MultiplyBytes<N4>(x, depth, columns / Lanes, header, weights, sums); break;
                    case Form.Bytes1: MultiplyBytes<N1>(x, depth, columns / Lanes, header, weights, sums); break;
                    default: Multiply(prepared + row * rowBytes, depth, columns / Lanes, header, weights, ahead, sums); break;
                }
                if (header[3 * columns + 1] != 0)
                {
                    // A single row's sum serves all panels.
                    if (summed != row) (summed, elements) = (row, Sum(x, depth));
                    for (int i = 0; i < columns; i++) sums[i] -= header[2 * columns + i] * elements;
                }
                tile.Output = call.Output + (long)row * outputs + column;
                if (call.Shift == 0) RequantizeAvx2.Tile(tile, call);
                else RequantizeScalar.Tile(tile, call);
            }
            panel = weights + StepBytes(columns) * Steps(depth);
        }
    }

    private static int Sum(sbyte* x, int count)
    {
        int sum = 0;
        for (int k = 0; k < count; k++) sum += x[k];
        return sum;
    }

    /// <summary>A row as the step takes it; what is missing in all sums follows.</summary>
    private static void Prepare(sbyte* x, byte* to, int depth) => *(int*)(to + Steps(depth) * TStep.StepBytes) = TStep.Prepare(x, to, depth);

    private static long RowBytes(int depth) => (Steps(depth) * TStep.StepBytes + sizeof(int) + 63) / 64 * 64;

    private static void Multiply(byte* x, int depth, int vectors, int* bias, byte* w, nint ahead, int* sums)
    {
        switch (vectors)
        {
            case 1: Multiply<N1>(x, depth, bias, w, ahead, sums); break;
            case 2: Multiply<N2>(x, depth, bias, w, ahead, sums); break;
            case 3: Multiply<N3>(x, depth, bias, w, ahead, sums); break;
            default: Multiply<N4>(x, depth, bias, w, ahead, sums); break;
        }
    }

    /// <summary>
    /// sums = bias + 2·Σ; two sets of accumulators, so that a multiplication need not wait for the one before. Weights come in
    /// order, but processors look ahead within a page only: those <paramref name="ahead"/> are asked for in time.
    /// </summary>
    private static void Multiply<TVectors>(byte* x, int depth, int* bias, byte* w, nint ahead, int* sums) where TVectors : struct, ICount
    {
        Vector256<int> a0 = default, a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        int bytes = StepBytes(TVectors.Value * Lanes);
        nint steps = (nint)Steps(depth);
        for (; steps > 1; steps -= 2, x += 2 * TStep.StepBytes, w += 2 * bytes)
        {
            // A prefetch may point anywhere: it never faults.
            Sse.Prefetch0(w + ahead);
            if (TVectors.Value > 1) Sse.Prefetch0(w + ahead + 64);
            if (TVectors.Value > 2) Sse.Prefetch0(w + ahead + 128);
            if (TVectors.Value > 3) Sse.Prefetch0(w + ahead + 192);
            Step<TVectors>(x, w, ref a0, ref a1, ref a2, ref a3);
            Step<TVectors>(x + TStep.StepBytes, w + bytes, ref b0, ref b1, ref b2, ref b3);
        }
        if (steps > 0)
        {
            Step<TVectors>(x, w, ref a0, ref a1, ref a2, ref a3);
            x += TStep.StepBytes;
        }
        Vector256<int> missing = Vector256.Create(*(int*)x);
        Int8GemvBytes<N1, TVectors>.Store(sums, bias, a0 + b0 + missing, a1 + b1 + missing, a2 + b2 + missing, a3 + b3 + missing);
    }

    private static void MultiplyBytes<TSteps>(sbyte* x, int depth, int vectors, int* bias, byte* w, int* sums) where TSteps : struct, ICount
    {
        switch (vectors)
        {
            case 1: Int8GemvBytes<TSteps, N1>.Run(x, depth, bias, w, sums); break;
            case 2: Int8GemvBytes<TSteps, N2>.Run(x, depth, bias, w, sums); break;
            case 3: Int8GemvBytes<TSteps, N3>.Run(x, depth, bias, w, sums); break;
            default: Int8GemvBytes<TSteps, N4>.Run(x, depth, bias, w, sums); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TVectors>(byte* x, byte* w, ref Vector256<int> s0, ref Vector256<int> s1, ref Vector256<int> s2, ref Vector256<int> s3)
        where TVectors : struct, ICount
    {
        (Vector256<byte> u, Vector256<sbyte> m) = TStep.Load(x);
        s0 = TStep.MultiplyAdd(s0, u, m, (sbyte*)w);
        if (TVectors.Value > 1) s1 = TStep.MultiplyAdd(s1, u, m, (sbyte*)w + 32);
        if (TVectors.Value > 2) s2 = TStep.MultiplyAdd(s2, u, m, (sbyte*)w + 64);
        if (TVectors.Value > 3) s3 = TStep.MultiplyAdd(s3, u, m, (sbyte*)w + 96);
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private static int Panels(in ConvolutionShape shape) => (shape.OutChannels + Columns - 1) / Columns;

    private static int PanelColumns(in ConvolutionShape shape, int first) => Math.Min(Columns, RoundUp(shape.OutChannels - first, Lanes));

    private static int HeaderBytes(int columns) => 3 * columns * sizeof(int) + 32;

    private static int StepBytes(int columns) => columns * 4;

    private static long Steps(int depth) => (depth + 3) / 4;

    /// <summary>Where the panel of column <paramref name="first"/> begins; the headers' last 32 bytes come once for each panel.</summary>
    private static long PanelOffset(in ConvolutionShape shape, int first) =>
        (long)first * (3 * sizeof(int) + Steps(shape.Depth) * 4) + (first + Columns - 1) / Columns * 32L;
}
