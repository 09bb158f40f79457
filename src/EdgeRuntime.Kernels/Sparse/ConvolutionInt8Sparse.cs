using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 convolutions that skip zero weights, many output positions at a time (see <see cref="SparsePlan"/>). Units are of one
/// output channel or four, and as deep as one multiplication: 2 or 4 elements.
/// </summary>
/// <typeparam name="S">The multiplication.</typeparam>
/// <typeparam name="V">Its vector.</typeparam>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal sealed unsafe class ConvolutionInt8Sparse<S, V, TRows> : ConvolutionInt8Kernel
    where S : struct, ISparseInt8<V> where V : unmanaged where TRows : struct, ICount
{
    /// <summary>Channels whose results are put in order together: rows of many channels lie in few sets of a cache.</summary>
    private const int Channels = 32;

    private static int UnitBytes => 4 + 4 * TRows.Value;

    private static int Lanes => sizeof(V) / sizeof(int);

    private static int Tile => S.Vectors(TRows.Value) * Lanes;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-sparse-{S.Name}-{TRows.Value}x{S.Step}", "convolution-s8", S.Requires,
        $"skips zero weights in units of {TRows.Value}×{S.Step} (output channels × depth), positions in the lanes; ungrouped, symmetric weights, many zeros");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.Units is { } units && shape.Group == 1
        && !(S.ExcludesMinimum && units.HasMinimum) && !parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        long units = Units(shape);
        double cycles = 0, outputs = shape.OutChannels, steps = Steps(shape);
        (double output, double input) = S.Cost;
        for (int left = shape.Positions; left > 0; left -= Tile)
        {
            int vectors = Math.Min(S.Vectors(TRows.Value), (left + Lanes - 1) / Lanes), positions = Math.Min(left, vectors * Lanes);
            cycles += 200 + units * S.UnitCycles(TRows.Value, vectors) + outputs * (8 + output * vectors * Lanes)
                + positions * (steps * input * (shape.IsPointwise ? 1 : 1.5) + 20);
        }
        return cycles;
    }

    private static long Units(in ConvolutionShape shape) => shape.Units!.Count(TRows.Value, S.Step);

    private static int Steps(in ConvolutionShape shape) => (shape.Depth + S.Step - 1) / S.Step;

    private static int Groups(in ConvolutionShape shape) => (shape.OutChannels + TRows.Value - 1) / TRows.Value;

    /// <summary>Bytes of biases, multipliers and of where units start.</summary>
    private static int HeaderBytes(in ConvolutionShape shape) => Groups(shape) * (2 * TRows.Value + 1) * 4 + 4;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => HeaderBytes(shape) + Units(shape) * UnitBytes;

    /// <summary>Layout: biases, multipliers, the first unit of each group of channels and the end, then the units.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        int groups = Groups(shape), padded = groups * TRows.Value, depth = shape.Depth, unit = 0;
        Span<int> bias = MemoryMarshal.Cast<byte, int>(destination), multipliers = bias[padded..], starts = multipliers[padded..];
        Span<byte> units = destination[HeaderBytes(shape)..];
        for (int o = 0; o < shape.OutChannels; o++)
        {
            int sum = 0;
            foreach (sbyte w in weights.Slice(o * depth, depth)) sum += w;
            bias[o] = S.Factor * (parameters.Bias[o] - (parameters.InputZeroPoint + S.InputOffset(parameters.InputZeroPoint)) * sum);
            multipliers[o] = parameters.Multipliers[o];
        }
        for (int group = 0; group < groups; group++)
        {
            int first = group * TRows.Value, rows = Math.Min(TRows.Value, shape.OutChannels - first);
            for (int step = 0; step < Steps(shape); step++)
                if (PackUnit(weights.Slice(first * depth, rows * depth), depth, step, units[(unit * UnitBytes)..])) unit++;
            starts[group + 1] = unit;
        }
    }

    private static bool PackUnit(ReadOnlySpan<sbyte> rows, int depth, int step, Span<byte> unit)
    {
        int first = step * S.Step, count = Math.Min(S.Step, depth - first);
        bool used = false;
        for (int r = 0; r * depth < rows.Length; r++) used |= rows.Slice(r * depth + first, count).ContainsAnyExcept((sbyte)0);
        if (!used) return false;
        MemoryMarshal.Write(unit, step * Tile * sizeof(int));
        for (int r = 0; r * depth < rows.Length; r++)
            for (int i = 0; i < count; i++)
            {
                int weight = S.Factor * rows[r * depth + first + i];
                if (S.Step == 2) MemoryMarshal.Write(unit[(4 + 4 * r + 2 * i)..], (short)weight);
                else unit[4 + 4 * r + i] = (byte)weight;
            }
        return true;
    }

    private static SparsePlan Divide(in ConvolutionShape shape) => new(shape, Tile, Channels);

    /// <summary>Bytes of one worker: panel, rows in the panel's form, sums and results of some channels, one row as it is.</summary>
    private static int WorkerBytes(in ConvolutionShape shape) =>
        (Tile + Lanes) * Steps(shape) * 4 + Channels * Tile * 5 + shape.Depth + 8 + 63 & ~63;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * WorkerBytes(shape);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => Divide(shape).Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        SparsePlan plan = Divide(call.Shape);
        int steps = Steps(call.Shape), made = -1;
        byte* panel = call.Scratch + (long)worker * WorkerBytes(call.Shape), rows = panel + (long)Tile * steps * 4, sums = rows + (long)Lanes * steps * 4;
        for (int portion = first; portion < end; portion++)
        {
            int tile = portion / plan.Ranges;
            (int position, int count) = plan.Positions(tile);
            if (tile != made) MakePanel(call, plan, position, count, (int*)panel, (int*)rows, (sbyte*)sums + Channels * Tile * 5);
            made = tile;
            (int channel, int last) = plan.Channels(portion % plan.Ranges);
            for (; channel < last; channel += Channels) RunChannels(call, channel, Math.Min(Channels, last - channel), position, count, panel, (int*)sums);
        }
    }

    /// <summary>Windows of <paramref name="count"/> positions as [step][position]; positions beyond are whatever was there.</summary>
    private static void MakePanel(in ConvolutionInt8Call call, in SparsePlan plan, int position, int count, int* panel, int* rows, sbyte* window)
    {
        int depth = call.Shape.Depth, steps = Steps(call.Shape);
        bool inPlace = S.IsRaw && call.Shape.IsPointwise && depth % 4 == 0;
        for (int p = 0; p < count; p += Lanes, panel += Lanes)
        {
            int* from = (int*)(call.Input + (long)(position + p) * depth);
            if (!inPlace || p + Lanes > count)
            {
                from = rows;
                for (int i = 0; i < Math.Min(Lanes, count - p); i++)
                {
                    sbyte* source = call.Input + (long)(position + p + i) * depth;
                    if (!call.Shape.IsPointwise) plan.Gather(call.Input, position + p + i, (sbyte)call.InputZeroPoint, source = window);
                    S.Convert(source, (byte*)(rows + (long)i * steps), depth, call.InputZeroPoint);
                }
            }
            int k = 0;
            for (; k + Lanes <= steps; k += Lanes) S.Transpose(from + k, panel + (long)k * Tile, steps, Tile);
            for (; k < steps; k++)
                for (int i = 0; i < Lanes; i++) panel[(long)k * Tile + i] = from[(long)i * steps + k];
            for (k = 0; k < steps; k++) S.Arrange(panel + (long)k * Tile);
        }
    }

    private static void RunChannels(in ConvolutionInt8Call call, int channel, int channels, int position, int count, byte* panel, int* sums)
    {
        int groups = Groups(call.Shape), vectors = (count + Lanes - 1) / Lanes, outputs = call.Shape.OutChannels;
        int* bias = (int*)call.Packed, multipliers = bias + groups * TRows.Value, starts = multipliers + groups * TRows.Value;
        byte* units = call.Packed + HeaderBytes(call.Shape);
        sbyte* results = (sbyte*)(sums + Channels * Tile), output = call.Output + (long)position * outputs + channel;
        for (int r = 0; r < channels; r += TRows.Value)
        {
            int group = (channel + r) / TRows.Value;
            RunTile(vectors, panel, units + (long)starts[group] * UnitBytes, units + (long)starts[group + 1] * UnitBytes, bias + channel + r, sums + r * Tile);
        }
        for (int r = 0; r < channels; r++) S.Requantize(sums + r * Tile, count + 7 & ~7, multipliers[channel + r], results + r * Tile, call);
        int p = 0, whole = channels & ~7;
        for (; p + 8 <= count; p += 8)
        {
            sbyte* at = output + (long)p * outputs;
            for (int c = 0; c < whole; c += 8) S.TransposeBytes((byte*)results + c * Tile + p, (byte*)at + c, Tile, outputs);
            for (int i = 0; i < 8; i++)
                for (int c = whole; c < channels; c++) at[(long)i * outputs + c] = results[c * Tile + p + i];
        }
        for (; p < count; p++)
            for (int c = 0; c < channels; c++) output[(long)p * outputs + c] = results[c * Tile + p];
    }

    private static void RunTile(int vectors, byte* panel, byte* from, byte* to, int* bias, int* sums)
    {
        switch (vectors)
        {
            case 1: RunTile<N1>(panel, from, to, bias, sums); break;
            case 2: RunTile<N2>(panel, from, to, bias, sums); break;
            case 3 when S.Vectors(TRows.Value) > 2: RunTile<N3>(panel, from, to, bias, sums); break;
            default:
                if (S.Vectors(TRows.Value) > 3) RunTile<N4>(panel, from, to, bias, sums);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RunTile<TVectors>(byte* panel, byte* from, byte* to, int* bias, int* sums) where TVectors : struct, ICount
    {
        if (TRows.Value == 1) SparseInt8Tile<S, V>.One<TVectors>(panel, from, to, *bias, sums);
        else SparseInt8Tile<S, V>.Four<TVectors>(panel, from, to, bias, sums, Tile);
    }
}
