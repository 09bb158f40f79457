using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 convolutions that skip zero weights, many output positions at a time (see <see cref="SparsePlan"/>). Units are of one
/// output channel or four, and as deep as one multiplication: 2 or 4 elements.
/// </summary>
/// <typeparam name="S">The multiplication.</typeparam>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal unsafe class ConvolutionInt8Sparse<S, TRows> : ConvolutionInt8Kernel where S : struct, ISparseInt8 where TRows : struct, ICount
{
    /// <summary>Channels whose results are put in order together: as many words of four as a vector of 256 bits has.</summary>
    private protected const int Channels = 32;

    /// <summary>Panels above this leave the nearest cache, sums and results beside them.</summary>
    private const int PanelBytes = 20 << 10;

    private static int UnitBytes => SparseLayer<S, TRows>.UnitBytes;

    private static int Side => S.Side;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-s8-sparse-{S.Name}-{TRows.Value}x{S.Step}", "convolution-s8", S.Requires,
        $"skips zero weights in units of {TRows.Value}×{S.Step} (output channels × depth), positions in the lanes; ungrouped, symmetric weights, many zeros");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.Units is { } units && shape.Group == 1
        && !(S.ExcludesMinimum && units.HasMinimum) && !parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <summary>Four products of a load hide some of the time that it takes from the second-level cache.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) =>
        SparseLayer<S, TRows>.Cycles(shape, Divide(shape), PanelSteps(shape), TRows.Value == 1 ? 0.5 : 0.25);

    private static int Pitch(in ConvolutionShape shape) => SparseLayer<S, TRows>.Pitch(PanelSteps(shape), PanelBytes);

    private static SparsePlan Divide(in ConvolutionShape shape) => new(shape, Pitch(shape), S.Lanes, Channels);

    private static int Steps(in ConvolutionShape shape) => (shape.Depth + S.Step - 1) / S.Step;

    /// <summary>Steps as panels have them: whole squares.</summary>
    private static int PanelSteps(in ConvolutionShape shape) => (Steps(shape) + Side - 1) / Side * Side;

    private static int Groups(in ConvolutionShape shape) => SparseLayer<S, TRows>.Groups(shape);

    /// <summary>Bytes of biases, multipliers and of where units start.</summary>
    private static int HeaderBytes(in ConvolutionShape shape) => (2 * Padded(shape) + Padded(shape) / TRows.Value + 1) * sizeof(int);

    /// <summary>Bytes of what every instruction set needs.</summary>
    private protected static long CommonBytes(in ConvolutionShape shape) => HeaderBytes(shape) + SparseLayer<S, TRows>.Units(shape) * UnitBytes;

    /// <summary>Channels padded to whole words of results.</summary>
    private protected static int Padded(in ConvolutionShape shape) => shape.OutChannels + 3 & ~3;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => CommonBytes(shape);

    /// <summary>Layout, channels in fours: biases, multipliers, the first unit of each group of channels and the end, then the units.</summary>
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
        starts[(groups + 1)..(padded / TRows.Value + 1)].Fill(unit);
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

    /// <summary>Bytes of one worker: panel, rows in the panel's form, sums and results of some channels, one row as it is.</summary>
    private static int WorkerBytes(in ConvolutionShape shape) =>
        (Pitch(shape) + Side) * PanelSteps(shape) * 4 + Channels * Pitch(shape) * 5 + shape.Depth + 8 + 63 & ~63;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * WorkerBytes(shape);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => Divide(shape).Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        SparsePlan plan = Divide(call.Shape);
        Tiles tiles = new(this, in call, plan, worker);
        plan.Run(ref tiles, first, end);
    }

    /// <summary>Results of some channels as words of four, [word][position], for <paramref name="count"/> positions of a panel.</summary>
    private protected virtual void MakeWords(in SparseRows rows, int* multipliers, byte* panel, int count, int* sums, int* words, in ConvolutionInt8Call call)
    {
        S.Multiply<TRows>(rows, panel, count, sums);
        for (int c = 0; c < rows.Channels; c += 4) S.Requantize(sums + c * rows.Pitch, rows.Pitch, count, multipliers + c, words + c / 4 * rows.Pitch, call);
    }

    private readonly ref struct Tiles : ISparseTiles
    {
        private readonly ConvolutionInt8Sparse<S, TRows> _kernel;
        private readonly ref readonly ConvolutionInt8Call _call;
        private readonly SparsePlan _plan;
        private readonly int _pitch;
        private readonly int* _panel, _rows, _sums, _words;
        private readonly sbyte* _window;

        public Tiles(ConvolutionInt8Sparse<S, TRows> kernel, ref readonly ConvolutionInt8Call call, in SparsePlan plan, int worker)
        {
            int steps = PanelSteps(call.Shape);
            _kernel = kernel;
            _call = ref call;
            _plan = plan;
            _pitch = Pitch(call.Shape);
            _panel = (int*)(call.Scratch + (long)worker * WorkerBytes(call.Shape));
            _rows = _panel + (long)_pitch * steps;
            _sums = _rows + (long)Side * steps;
            _words = _sums + Channels * _pitch;
            _window = (sbyte*)(_words + Channels / 4 * _pitch);
        }

        /// <summary>As [step][position].</summary>
        public void MakePanel(int position, int count)
        {
            int depth = _call.Shape.Depth, steps = PanelSteps(_call.Shape);
            bool isPointwise = _call.Shape.IsPointwise, inPlace = S.IsRaw && isPointwise && depth == 4 * steps;
            int* panel = _panel;
            for (int p = 0; p < count; p += Side, panel += Side)
            {
                int* from = (int*)(_call.Input + (long)(position + p) * depth);
                if (!inPlace || p + Side > count)
                {
                    from = _rows;
                    for (int i = 0; i < Math.Min(Side, count - p); i++)
                    {
                        sbyte* source = _call.Input + (long)(position + p + i) * depth;
                        if (!isPointwise) _plan.Gather(_call.Input, position + p + i, (sbyte)_call.InputZeroPoint, source = _window);
                        S.Convert(source, (byte*)(from + (long)i * steps), depth, _call.InputZeroPoint);
                    }
                }
                S.ToPanel(from, panel, steps, _pitch, Side, Side * _pitch, steps / Side);
            }
        }

        public void Compute(int position, int count, int channel, int channels)
        {
            int padded = Padded(_call.Shape);
            int* bias = (int*)_call.Packed, multipliers = bias + padded;
            SparseRows rows = new()
            {
                Units = _call.Packed + HeaderBytes(_call.Shape),
                Starts = multipliers + padded + channel / TRows.Value,
                Bias = bias + channel,
                Channels = channels,
                Pitch = _pitch,
            };
            _kernel.MakeWords(rows, multipliers + channel, (byte*)_panel, count, _sums, _words, _call);
            PutInOrder(_words, _pitch, _call.Output + (long)position * _call.Shape.OutChannels + channel, _call.Shape.OutChannels, channels, count);
        }
    }

    /// <summary>Words of four channels as [position][word]; the last word may have fewer channels.</summary>
    private static void PutInOrder(int* words, int pitch, sbyte* output, int outputs, int channels, int count)
    {
        int p = 0, squares = outputs % 4 == 0 ? channels / (4 * Side) : 0, first = squares * Side;
        if (squares > 0)
            for (; p + Side <= count; p += Side)
                S.Transpose(words + p, (int*)(output + (long)p * outputs), pitch, outputs / 4, Side * pitch, Side, squares);
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
