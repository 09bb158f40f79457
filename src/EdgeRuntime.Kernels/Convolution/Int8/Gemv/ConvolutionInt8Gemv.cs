using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Matrix-vector products, M = 1 or a few: bound by the way of the weights through the caches, so these stay int8, are read
/// once, in order, and the input is read in place. With z the input's zero point, v the weights', d the step's input offset:
/// <code>Σ (x − z)(w − v) = Σ (x + d)·w − (z + d)·Σ w − v·(Σ x − K·z)</code>
/// A panel is 32 channels (the last 8, 16 or 24): biases, multipliers and doubled zero points, its <see cref="Form"/>, then for
/// each 4 elements of x the panel's channels × 4 weights. Where floats give all results (<see cref="ExactFloatScale"/>), weights have no zero points and
/// all channels are there, it has float scales for multipliers, and sums become results in registers.
/// </summary>
/// <typeparam name="TStep">The multiplication.</typeparam>
public sealed unsafe class ConvolutionInt8Gemv<TStep> : ConvolutionInt8Kernel where TStep : struct, IInt8Gemv
{
    private const int Columns = 32, Lanes = 8;

    /// <summary>More weights than this hardly stay in a cache that others share; how far ahead near and far ones are asked for.</summary>
    private const int NearBytes = 2 << 20, NearAhead = 1024, FarAhead = 4096;

    /// <summary>Weights of <see cref="Form.Bytes8"/> that are multiplied in a cycle; what the second-level cache gives.</summary>
    private const double ShortSumsPerCycle = 41, CacheBytesPerCycle = 28;

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
    /// For each row its preparation, the products, and what every panel takes besides; for the first row, the way of the weights. Fewer bits without multipliers
    /// always fit <see cref="Form.Bytes8"/>, which takes them from the nearest cache faster than the next gives them. As measured on a Zen 4 core, without AVX-512.
    /// </summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        bool isShort = TStep.HasShortSums && parameters is { WeightBits: < 8, WeightMultipliers.Length: 0 };
        double bytes = (double)RoundUp(shape.OutChannels, Lanes) * RoundUp(shape.Depth, 4), perCycle = isShort ? ShortSumsPerCycle : TStep.WeightsPerCycle;
        double besides = Panels(shape) * PanelCycles(shape, parameters) + shape.Depth * (isShort ? 0.1 : 0.35);
        return 60 + (shape.Positions - 1) * (besides + bytes / perCycle) + WeightReading.X64.Cycles(besides + bytes / Math.Min(perCycle, CacheBytesPerCycle), bytes);
    }

    /// <summary>A call and the end of the sums, in registers, as floats give most results; zero points want the sum of the row.</summary>
    private static double PanelCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        parameters.WeightZeroPoints.Length == 0 ? 32 : 150 + (shape.Positions > 1 ? 2 * shape.Depth : 0);

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
        bool inFloats = parameters.WeightZeroPoints.Length == 0 && first + columns <= shape.OutChannels;
        Span<ExactFloatScale> scales = stackalloc ExactFloatScale[Columns];
        for (int column = 0; inFloats && column < columns; column++)
            inFloats = ExactFloatScale.TryFind(parameters, first + column, weights.Slice((first + column) * shape.Depth, shape.Depth), 1, out scales[column]);
        header[3 * columns + 2] = inFloats ? 1 : 0;
        for (int column = 0; column < Math.Min(columns, shape.OutChannels - first); column++)
        {
            int o = first + column, zero = parameters.WeightZeroPoints.Length == 0 ? 0 : parameters.WeightZeroPoints[o], sum = 0;
            foreach (sbyte w in weights.Slice(o * shape.Depth, shape.Depth)) sum += w;
            header[column] = parameters.Bias[o] - (parameters.InputZeroPoint + offset) * sum + shape.Depth * parameters.InputZeroPoint * zero;
            header[columns + column] = inFloats ? BitConverter.SingleToInt32Bits(scales[column].Scale) : parameters.Multipliers[o];
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
        int outputs = call.Shape.OutChannels, depth = call.Shape.Depth, rows = call.Shape.Positions, rowBytes = (int)RowBytes(depth), bytesRow = BytesRow(depth);
        byte* prepared = call.Scratch + (nint)worker * rows * rowBytes;
        bool hasBytes = false, hasSteps = false;
        Int8GemvPanel panel = new() { Depth = depth, Ahead = (long)outputs * depth > NearBytes ? FarAhead : NearAhead, Constants = new Int8FloatOutput(call), Sums = sums };
        int firstColumn = first * PortionPanels * Columns, stop = Math.Min(outputs, end * PortionPanels * Columns), elements = 0, summed = -1;
        panel.Header = (int*)(call.Packed + PanelOffset(call.Shape, firstColumn));
        for (int column = firstColumn; column < stop; column += Columns)
        {
            int columns = PanelColumns(call.Shape, column);
            int* header = panel.Header;
            Form form = (Form)header[3 * columns];
            panel.InFloats = header[3 * columns + 2] != 0;
            panel.Weights = (byte*)header + HeaderBytes(columns);
            if (form == Form.Step ? !hasSteps : !hasBytes)
                for (int row = 0; row < rows; row++)
                {
                    sbyte* x = call.Input + (long)row * depth;
                    byte* to = prepared + row * rowBytes;
                    if (form == Form.Step) Prepare(x, to + bytesRow, depth);
                    else Int8Widening.ToUnsigned(x, to, depth);
                }
            if (form == Form.Step) hasSteps = true;
            else hasBytes = true;
            for (int row = 0; row < rows; row++)
            {
                panel.X = prepared + row * rowBytes;
                panel.Output = call.Output + (long)row * outputs + column;
                switch (form)
                {
                    case Form.Bytes8: MultiplyBytes<N8>(panel, columns / Lanes); break;
                    case Form.Bytes4: MultiplyBytes<N4>(panel, columns / Lanes); break;
                    case Form.Bytes1: MultiplyBytes<N1>(panel, columns / Lanes); break;
                    default:
                        panel.X += bytesRow;
                        Multiply(panel, columns / Lanes);
                        break;
                }
                if (panel.InFloats) continue;
                if (header[3 * columns + 1] != 0)
                {
                    // A single row's sum serves all panels.
                    if (summed != row) (summed, elements) = (row, Sum(call.Input + (long)row * depth, depth));
                    for (int i = 0; i < columns; i++) sums[i] -= header[2 * columns + i] * elements;
                }
                Requantize(call, panel, columns, Math.Min(columns, outputs - column));
            }
            panel.Header = (int*)(panel.Weights + StepBytes(columns) * Steps(depth));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Requantize(in ConvolutionInt8Call call, in Int8GemvPanel panel, int columns, int present)
    {
        ConvolutionInt8Tile tile = new() { Accumulators = panel.Sums, Rows = 1, PaddedColumns = columns, Columns = present, Multipliers = panel.Header + columns, Output = panel.Output };
        if (call.Shift == 0) RequantizeAvx2.Tile(tile, call);
        else RequantizeScalar.Tile(tile, call);
    }

    private static int Sum(sbyte* x, int count)
    {
        int sum = 0;
        for (int k = 0; k < count; k++) sum += x[k];
        return sum;
    }

    /// <summary>A row as the step takes it; what is missing in all sums follows.</summary>
    private static void Prepare(sbyte* x, byte* to, int depth) => *(int*)(to + Steps(depth) * TStep.StepBytes) = TStep.Prepare(x, to, depth);

    /// <summary>Bytes of a row of bytes x + 128, which is there if sums may be short, with what may follow the last of them.</summary>
    private static int BytesRow(int depth) => TStep.HasShortSums ? RoundUp(depth, 64) : 0;

    private static long RowBytes(int depth) => BytesRow(depth) + (Steps(depth) * TStep.StepBytes + sizeof(int) + 63) / 64 * 64;

    private static void Multiply(in Int8GemvPanel panel, int vectors)
    {
        switch (vectors)
        {
            case 1: Multiply<N1>(panel); break;
            case 2: Multiply<N2>(panel); break;
            case 3: Multiply<N3>(panel); break;
            default: Multiply<N4>(panel); break;
        }
    }

    /// <summary>
    /// bias + Σ; two sets of accumulators, so that a multiplication need not wait for the one before. Weights come in
    /// order, but processors look ahead within a page only: those <see cref="Int8GemvPanel.Ahead"/> are asked for in time.
    /// </summary>
    private static void Multiply<TVectors>(in Int8GemvPanel panel) where TVectors : struct, ICount
    {
        Vector256<int> b0 = default, b1 = b0, b2 = b0, b3 = b0;
        panel.Begin<TVectors>(out Vector256<int> a0, out Vector256<int> a1, out Vector256<int> a2, out Vector256<int> a3);
        byte* x = panel.X, w = panel.Weights;
        int bytes = StepBytes(TVectors.Value * Lanes);
        nint steps = (nint)Steps(panel.Depth), ahead = panel.Ahead;
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
        panel.End<TVectors>(a0 + b0 + missing, a1 + b1 + missing, a2 + b2 + missing, a3 + b3 + missing);
    }

    private static void MultiplyBytes<TSteps>(in Int8GemvPanel panel, int vectors) where TSteps : struct, ICount
    {
        switch (vectors)
        {
            case 1: Int8GemvBytes<TSteps, N1>.Run(panel); break;
            case 2: Int8GemvBytes<TSteps, N2>.Run(panel); break;
            case 3: Int8GemvBytes<TSteps, N3>.Run(panel); break;
            default: Int8GemvBytes<TSteps, N4>.Run(panel); break;
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
