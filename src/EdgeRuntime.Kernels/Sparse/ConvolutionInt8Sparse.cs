using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 convolutions that skip zero weights, many output positions at a time (see <see cref="SparsePlan"/>). Units are of one
/// output channel or four, and as deep as one multiplication: 2 or 4 elements.
/// </summary>
/// <typeparam name="S">The multiplication.</typeparam>
/// <typeparam name="V">Its vector.</typeparam>
/// <typeparam name="O">Its operands.</typeparam>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal sealed unsafe class ConvolutionInt8Sparse<S, V, O, TRows> : ConvolutionInt8Kernel
    where S : struct, ISparseInt8<V, O> where V : unmanaged where O : unmanaged where TRows : struct, ICount
{
    /// <summary>Channels whose results are put in order together: as many words of four as a vector of 256 bits has.</summary>
    private const int Channels = 32;

    /// <summary>Panels above this leave the nearest cache, sums and results beside them.</summary>
    private const int PanelBytes = 20 << 10;

    private static int UnitBytes => 4 + 4 * TRows.Value;

    private static int Lanes => sizeof(V) / sizeof(int);

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-sparse-{S.Name}-{TRows.Value}x{S.Step}", "convolution-s8", S.Requires,
        $"skips zero weights in units of {TRows.Value}×{S.Step} (output channels × depth), positions in the lanes; ungrouped, symmetric weights, many zeros");

    /// <summary>Positions of the largest tile, and the step from one row of its panel to the next: 8 vectors, or half of that if the panel would leave the nearest cache.</summary>
    private static int Pitch(in ConvolutionShape shape) => (8 * sizeof(V) * PanelSteps(shape) <= PanelBytes ? 8 : 4) * Lanes;

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.Units is { } units && shape.Group == 1
        && !(S.ExcludesMinimum && units.HasMinimum) && !parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <summary>Four products of a load hide some of the time that it takes from the second-level cache.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => S.Cost(TRows.Value).Cycles(shape, Divide(shape), Lanes, Units(shape), UnitBytes,
        Groups(shape), PanelSteps(shape), S.Vectors(TRows.Value), TRows.Value == 1 ? 0.5 : 0.25, WeightReading.Of(S.Requires));

    private static long Units(in ConvolutionShape shape) => shape.Units!.Count(TRows.Value, S.Step);

    private static int Steps(in ConvolutionShape shape) => (shape.Depth + S.Step - 1) / S.Step;

    /// <summary>Steps as panels have them: whole squares.</summary>
    private static int PanelSteps(in ConvolutionShape shape) => (Steps(shape) + Lanes - 1) / Lanes * Lanes;

    private static int Groups(in ConvolutionShape shape) => (shape.OutChannels + TRows.Value - 1) / TRows.Value;

    /// <summary>Bytes of biases, multipliers and of where units start.</summary>
    private static int HeaderBytes(in ConvolutionShape shape) => (2 * Padded(shape) + Groups(shape) + 1) * sizeof(int);

    /// <summary>Channels padded to whole words of results.</summary>
    private static int Padded(in ConvolutionShape shape) => shape.OutChannels + 3 & ~3;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => HeaderBytes(shape) + Units(shape) * UnitBytes;

    /// <summary>Layout: biases, multipliers, the first unit of each group of channels and the end, then the units.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        int groups = Groups(shape), padded = Padded(shape), depth = shape.Depth, steps = Steps(shape), pitch = Pitch(shape), unit = 0;
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
            for (int step = 0; step < steps; step++)
                if (PackUnit(weights.Slice(first * depth, rows * depth), depth, step, pitch, units[(unit * UnitBytes)..])) unit++;
            starts[group + 1] = unit;
        }
    }

    private static bool PackUnit(ReadOnlySpan<sbyte> rows, int depth, int step, int pitch, Span<byte> unit)
    {
        int first = step * S.Step, count = Math.Min(S.Step, depth - first);
        bool used = false;
        for (int r = 0; r * depth < rows.Length; r++) used |= rows.Slice(r * depth + first, count).ContainsAnyExcept((sbyte)0);
        if (!used) return false;
        MemoryMarshal.Write(unit[(4 * TRows.Value)..], step * pitch * sizeof(int));
        for (int r = 0; r * depth < rows.Length; r++)
            for (int i = 0; i < count; i++)
            {
                int weight = S.Factor * rows[r * depth + first + i];
                if (S.Step == 2) MemoryMarshal.Write(unit[(4 * r + 2 * i)..], (short)weight);
                else unit[4 * r + i] = (byte)weight;
            }
        return true;
    }

    private static SparsePlan Divide(in ConvolutionShape shape) => new(shape, Pitch(shape), Lanes, Channels);

    /// <summary>Bytes of one worker: panel, rows in the panel's form, sums and results of some channels, one row as it is.</summary>
    private static int WorkerBytes(in ConvolutionShape shape) =>
        (Pitch(shape) + Lanes) * PanelSteps(shape) * 4 + Channels * Pitch(shape) * 5 + shape.Depth + 8 + 63 & ~63;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * WorkerBytes(shape);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => Divide(shape).Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        SparsePlan plan = Divide(call.Shape);
        int steps = PanelSteps(call.Shape), pitch = Pitch(call.Shape), made = -1;
        byte* panel = call.Scratch + (long)worker * WorkerBytes(call.Shape);
        int* rows = (int*)panel + (long)pitch * steps, sums = rows + (long)Lanes * steps, words = sums + Channels * pitch, window = words + Channels / 4 * pitch;
        for (int portion = first; portion < end; portion++)
        {
            int tile = portion / plan.Ranges;
            (int position, int count) = plan.Positions(tile);
            if (tile != made) MakePanel(call, plan, position, count, (int*)panel, pitch, rows, (sbyte*)window);
            made = tile;
            (int channel, int last) = plan.Channels(portion % plan.Ranges);
            for (; channel < last; channel += Channels)
            {
                int channels = Math.Min(Channels, last - channel);
                Multiply(call, channel, channels, (count + Lanes - 1) / Lanes, panel, sums, pitch);
                int* multipliers = (int*)call.Packed + Padded(call.Shape) + channel;
                for (int c = 0; c < channels; c += 4) S.Requantize(sums + c * pitch, pitch, count, multipliers + c, words + c / 4 * pitch, call);
                PutInOrder(words, pitch, call.Output + (long)position * call.Shape.OutChannels + channel, call.Shape.OutChannels, channels, count);
            }
        }
    }

    /// <summary>Windows of <paramref name="count"/> positions as [step][position]; positions beyond are whatever was there.</summary>
    private static void MakePanel(in ConvolutionInt8Call call, in SparsePlan plan, int position, int count, int* panel, int pitch, int* rows, sbyte* window)
    {
        int depth = call.Shape.Depth, steps = PanelSteps(call.Shape);
        bool isPointwise = call.Shape.IsPointwise, inPlace = S.IsRaw && isPointwise && depth == 4 * steps;
        for (int p = 0; p < count; p += Lanes, panel += Lanes)
        {
            int* from = (int*)(call.Input + (long)(position + p) * depth);
            if (!inPlace || p + Lanes > count)
            {
                from = rows;
                for (int i = 0; i < Math.Min(Lanes, count - p); i++)
                {
                    sbyte* source = call.Input + (long)(position + p + i) * depth;
                    if (!isPointwise) plan.Gather(call.Input, position + p + i, (sbyte)call.InputZeroPoint, source = window);
                    S.Convert(source, (byte*)(rows + (long)i * steps), depth, call.InputZeroPoint);
                }
            }
            S.ToPanel(from, panel, steps, pitch, Lanes, Lanes * pitch, steps / Lanes);
        }
    }

    /// <summary>Sums of some channels as [channel][position].</summary>
    private static void Multiply(in ConvolutionInt8Call call, int channel, int channels, int vectors, byte* panel, int* sums, int pitch)
    {
        int* bias = (int*)call.Packed, starts = bias + 2 * Padded(call.Shape) + channel / TRows.Value;
        byte* units = call.Packed + HeaderBytes(call.Shape);
        int step = S.Vectors(TRows.Value);
        for (; vectors > 0; vectors -= step, panel += step * sizeof(V), sums += step * Lanes)
            Rows(Math.Min(vectors, step), panel, units, starts, bias + channel, channels, sums, pitch);
    }

    private static void Rows(int vectors, byte* panel, byte* units, int* starts, int* bias, int channels, int* sums, nint pitch)
    {
        switch (vectors)
        {
            case 1: Rows<N1>(panel, units, starts, bias, channels, sums, pitch); break;
            case 2: Rows<N2>(panel, units, starts, bias, channels, sums, pitch); break;
            case 3: Rows<N3>(panel, units, starts, bias, channels, sums, pitch); break;
            case 4: Rows<N4>(panel, units, starts, bias, channels, sums, pitch); break;
            case 5: Rows<N5>(panel, units, starts, bias, channels, sums, pitch); break;
            case 6: Rows<N6>(panel, units, starts, bias, channels, sums, pitch); break;
            case 7: Rows<N7>(panel, units, starts, bias, channels, sums, pitch); break;
            default: Rows<N8>(panel, units, starts, bias, channels, sums, pitch); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rows<TVectors>(byte* panel, byte* units, int* starts, int* bias, int channels, int* sums, nint pitch) where TVectors : struct, ICount
    {
        if (TVectors.Value > S.Vectors(TRows.Value)) return;
        if (TRows.Value == 1) SparseInt8Tile<S, V, O>.One<TVectors>(panel, units, starts, bias, channels, sums, pitch);
        else SparseInt8Tile<S, V, O>.Four<TVectors>(panel, units, starts, bias, channels, sums, pitch);
    }

    /// <summary>Words of four channels as [position][word]; the last word may have fewer channels.</summary>
    private static void PutInOrder(int* words, int pitch, sbyte* output, int outputs, int channels, int count)
    {
        int p = 0, squares = outputs % 4 == 0 ? channels / (4 * Lanes) : 0, first = squares * Lanes;
        if (squares > 0)
            for (; p + Lanes <= count; p += Lanes)
                S.Transpose(words + p, (int*)(output + (long)p * outputs), pitch, outputs / 4, Lanes * pitch, Lanes, squares);
        if (4 * first < channels) PutOneByOne(words, pitch, output, outputs, first, channels, 0, p);
        PutOneByOne(words, pitch, output, outputs, 0, channels, p, count);
    }

    private static void PutOneByOne(int* words, int pitch, sbyte* output, int outputs, int firstWord, int channels, int position, int end)
    {
        for (int p = position; p < end; p++)
        {
            sbyte* at = output + (long)p * outputs;
            int w = firstWord;
            for (; 4 * w + 4 <= channels; w++) *(int*)(at + 4 * w) = words[w * pitch + p];
            for (int c = 4 * w; c < channels; c++) at[c] = ((sbyte*)(words + w * pitch + p))[c & 3];
        }
    }
}
