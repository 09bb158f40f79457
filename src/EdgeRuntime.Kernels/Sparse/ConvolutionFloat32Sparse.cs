using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Float convolutions that skip zero weights, many output positions at a time (see <see cref="SparsePlan"/>). Units are of one
/// column and of one output channel or four: 1×1 for zeros anywhere, n:m and 1×n blocks, 4×1 for blocks of 4 and 8 channels.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal abstract unsafe class ConvolutionFloat32Sparse<S, V, TRows> : ConvolutionFloat32Kernel
    where S : struct, IFloatVector<V> where V : unmanaged where TRows : struct, ICount
{
    /// <summary>Channels whose results are put in order together: a whole line of a cache, since rows of many channels lie in few sets of it.</summary>
    private const int Channels = 16;

    /// <summary>Panels above this leave the nearest cache.</summary>
    private const int PanelBytes = 24 << 10;

    private static int UnitBytes => 4 + 4 * TRows.Value;

    /// <summary>Vectors of positions in a full tile.</summary>
    protected abstract int Vectors { get; }

    /// <summary>Cycles of one unit times so many vectors of a panel in the nearest cache.</summary>
    protected abstract double UnitCycles(int vectors);

    /// <summary>How much longer a unit takes where the panel has left the nearest cache.</summary>
    protected virtual double FarFactor => 1.5;

    /// <summary>Cycles of storing one sum, whose neighbours in memory belong to other channels.</summary>
    protected abstract double OutputCycles { get; }

    /// <summary>Transposes S.Lanes × S.Lanes words.</summary>
    protected abstract void Transpose(float* x, float* y, nint stepX, nint stepY);

    private int Tile => Vectors * S.Lanes;

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape) => shape.Units is not null && shape.Group == 1;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape)
    {
        long units = shape.Units!.Count(TRows.Value, 1);
        double cycles = 0, reading = WeightReading.Cycles(PackedBytes(shape)), far = Tile * shape.Depth * sizeof(float) > PanelBytes ? FarFactor : 1;
        for (int left = shape.Positions; left > 0; left -= Tile)
        {
            int vectors = Math.Min(Vectors, (left + S.Lanes - 1) / S.Lanes);
            cycles += 100 + Math.Max(reading, units * far * UnitCycles(vectors))
                + vectors * S.Lanes * (shape.Depth * (shape.IsPointwise ? 0.5 : 1) + OutputCycles * shape.OutChannels);
        }
        return cycles;
    }

    private static int Groups(in ConvolutionShape shape) => (shape.OutChannels + TRows.Value - 1) / TRows.Value;

    /// <summary>Bytes of biases and of where units start.</summary>
    private static int HeaderBytes(in ConvolutionShape shape) => Groups(shape) * (TRows.Value + 1) * 4 + 4;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => HeaderBytes(shape) + shape.Units!.Count(TRows.Value, 1) * UnitBytes;

    /// <summary>Layout: biases, the first unit of each group of channels and the end, then the units.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination) =>
        SparseFloat32Units.Pack(shape, TRows.Value, Tile * sizeof(float), weights, bias, destination);

    private SparsePlan Divide(in ConvolutionShape shape) => new(shape, Tile, Channels);

    /// <summary>Floats of one worker: panel, gathered rows, sums of some channels.</summary>
    private int WorkerFloats(in ConvolutionShape shape) => (Tile + S.Lanes) * shape.Depth + Channels * Tile + 16 & ~15;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * WorkerFloats(shape) * sizeof(float);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => Divide(shape).Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        SparsePlan plan = Divide(call.Shape);
        int depth = call.Shape.Depth, made = -1;
        float* panel = (float*)call.Scratch + (long)worker * WorkerFloats(call.Shape), rows = panel + (long)Tile * depth, sums = rows + (long)S.Lanes * depth;
        for (int portion = first; portion < end; portion++)
        {
            int tile = portion / plan.Ranges;
            (int position, int count) = plan.Positions(tile);
            if (tile != made) MakePanel(call, plan, position, count, panel, rows);
            made = tile;
            (int channel, int last) = plan.Channels(portion % plan.Ranges);
            for (; channel < last; channel += Channels) RunChannels(call, channel, Math.Min(Channels, last - channel), position, count, (byte*)panel, sums);
        }
    }

    /// <summary>Windows of <paramref name="count"/> positions as [depth][position]; positions beyond are whatever was there.</summary>
    private void MakePanel(in ConvolutionFloat32Call call, in SparsePlan plan, int position, int count, float* panel, float* rows)
    {
        int depth = call.Shape.Depth;
        for (int p = 0; p < count; p += S.Lanes, panel += S.Lanes)
        {
            float* from = call.Input + (long)(position + p) * depth;
            if (!call.Shape.IsPointwise || p + S.Lanes > count)
            {
                from = rows;
                for (int i = 0; i < Math.Min(S.Lanes, count - p); i++) plan.Gather(call.Input, position + p + i, 0f, rows + (long)i * depth);
            }
            int k = 0;
            for (; k + S.Lanes <= depth; k += S.Lanes) Transpose(from + k, panel + (long)k * Tile, depth, Tile);
            for (; k < depth; k++)
                for (int i = 0; i < S.Lanes; i++) panel[(long)k * Tile + i] = from[(long)i * depth + k];
        }
    }

    private void RunChannels(in ConvolutionFloat32Call call, int channel, int channels, int position, int count, byte* panel, float* sums)
    {
        int groups = Groups(call.Shape), vectors = (count + S.Lanes - 1) / S.Lanes, outputs = call.Shape.OutChannels;
        float* bias = (float*)call.Packed;
        int* starts = (int*)bias + groups * TRows.Value;
        byte* units = call.Packed + HeaderBytes(call.Shape);
        for (int r = 0; r < channels; r += TRows.Value)
        {
            int group = (channel + r) / TRows.Value;
            byte* from = units + (long)starts[group] * UnitBytes, to = units + (long)starts[group + 1] * UnitBytes;
            RunTile(vectors, panel, from, to, bias + channel + r, call.Min, call.Max, sums + r * Tile);
        }
        float* output = call.Output + (long)position * outputs + channel;
        int p = 0, whole = channels / S.Lanes * S.Lanes;
        for (; p + S.Lanes <= count; p += S.Lanes)
        {
            float* at = output + (long)p * outputs;
            for (int c = 0; c < whole; c += S.Lanes) Transpose(sums + c * Tile + p, at + c, Tile, outputs);
            for (int i = 0; i < S.Lanes; i++)
                for (int c = whole; c < channels; c++) at[(long)i * outputs + c] = sums[c * Tile + p + i];
        }
        for (; p < count; p++)
            for (int c = 0; c < channels; c++) output[(long)p * outputs + c] = sums[c * Tile + p];
    }

    private void RunTile(int vectors, byte* panel, byte* from, byte* to, float* bias, float min, float max, float* output)
    {
        switch (vectors)
        {
            case 1: RunTile<N1>(panel, from, to, bias, min, max, output); break;
            case 2: RunTile<N2>(panel, from, to, bias, min, max, output); break;
            case 3 when Vectors > 2: RunTile<N3>(panel, from, to, bias, min, max, output); break;
            default:
                if (Vectors > 3) RunTile<N4>(panel, from, to, bias, min, max, output);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void RunTile<TVectors>(byte* panel, byte* from, byte* to, float* bias, float min, float max, float* output) where TVectors : struct, ICount
    {
        if (TRows.Value == 1) SparseFloat32Tile<S, V>.One<TVectors>(panel, from, to, *bias, min, max, output);
        else SparseFloat32Tile<S, V>.Four<TVectors>(panel, from, to, bias, min, max, output, Tile);
    }
}
