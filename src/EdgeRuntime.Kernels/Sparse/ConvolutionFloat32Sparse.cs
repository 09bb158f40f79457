using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Float convolutions that skip zero weights, many output positions at a time (see <see cref="SparsePlan"/>). Units are of one
/// column and of one output channel or four: 1×1 for zeros anywhere, n:m and 1×n blocks, 4×1 for blocks of 4 and 8 channels.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
/// <typeparam name="T">What else it gives.</typeparam>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal sealed unsafe class ConvolutionFloat32Sparse<S, V, T, TRows> : ConvolutionFloat32Kernel
    where S : struct, IFloatVector<V> where V : unmanaged where T : struct, ISparseFloat32 where TRows : struct, ICount
{
    /// <summary>Channels whose results are put in order together: a whole line of a cache, since rows of many channels lie in few sets of it.</summary>
    private const int Channels = 16;

    /// <summary>Panels above this leave the nearest cache.</summary>
    private const int PanelBytes = 24 << 10;

    private static int UnitBytes => 4 + 4 * TRows.Value;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-f32-sparse-{T.Name}-{TRows.Value}x1", "convolution-f32", T.Requires,
        $"skips zero weights in units of {TRows.Value}×1 (output channels × depth), positions in the lanes; ungrouped, many zeros");

    /// <summary>Positions of the largest tile, and the step from one row of its panel to the next: 8 vectors, or half of that if the panel would leave the nearest cache.</summary>
    private static int Pitch(in ConvolutionShape shape) => (8 * S.Lanes * shape.Depth * sizeof(float) <= PanelBytes ? 8 : 4) * S.Lanes;

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape) => shape.Units is not null && shape.Group == 1;

    /// <summary>Four products of a load hide that it comes from the second-level cache.</summary>
    public override double EstimateCycles(in ConvolutionShape shape) => T.Cost(TRows.Value).Cycles(shape, Divide(shape), S.Lanes, shape.Units!.Count(TRows.Value, 1), UnitBytes,
        Groups(shape), shape.Depth, T.Vectors(TRows.Value), TRows.Value == 1 ? 0.5 : 0, WeightReading.Of(T.Requires));

    private static int Groups(in ConvolutionShape shape) => (shape.OutChannels + TRows.Value - 1) / TRows.Value;

    /// <summary>Bytes of biases and of where units start.</summary>
    private static int HeaderBytes(in ConvolutionShape shape) => Groups(shape) * (TRows.Value + 1) * 4 + 4;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => HeaderBytes(shape) + shape.Units!.Count(TRows.Value, 1) * UnitBytes;

    /// <summary>Layout: biases, the first unit of each group of channels and the end, then the units.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination) =>
        SparseFloat32Units.Pack(shape, TRows.Value, Pitch(shape) * sizeof(float), weights, bias, destination);

    private static SparsePlan Divide(in ConvolutionShape shape) => new(shape, Pitch(shape), S.Lanes, Channels);

    /// <summary>Floats of one worker: panel, gathered rows, sums of some channels.</summary>
    private static int WorkerFloats(in ConvolutionShape shape) => (Pitch(shape) + S.Lanes) * shape.Depth + Channels * Pitch(shape) + 16 & ~15;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * WorkerFloats(shape) * sizeof(float);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => Divide(shape).Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        SparsePlan plan = Divide(call.Shape);
        int depth = call.Shape.Depth, pitch = Pitch(call.Shape), made = -1;
        float* panel = (float*)call.Scratch + (long)worker * WorkerFloats(call.Shape), rows = panel + (long)pitch * depth, sums = rows + (long)S.Lanes * depth;
        for (int portion = first; portion < end; portion++)
        {
            int tile = portion / plan.Ranges;
            (int position, int count) = plan.Positions(tile);
            if (tile != made) MakePanel(call, plan, position, count, panel, pitch, rows);
            made = tile;
            (int channel, int last) = plan.Channels(portion % plan.Ranges);
            for (; channel < last; channel += Channels)
            {
                int channels = Math.Min(Channels, last - channel);
                Multiply(call, channel, channels, (count + S.Lanes - 1) / S.Lanes, (byte*)panel, sums, pitch);
                PutInOrder(sums, pitch, call.Output + (long)position * call.Shape.OutChannels + channel, call.Shape.OutChannels, channels, count);
            }
        }
    }

    /// <summary>Windows of <paramref name="count"/> positions as [depth][position]; positions beyond are whatever was there.</summary>
    private static void MakePanel(in ConvolutionFloat32Call call, in SparsePlan plan, int position, int count, float* panel, int pitch, float* rows)
    {
        int depth = call.Shape.Depth, squares = depth / S.Lanes;
        bool isPointwise = call.Shape.IsPointwise;
        for (int p = 0; p < count; p += S.Lanes, panel += S.Lanes)
        {
            float* from = call.Input + (long)(position + p) * depth;
            if (!isPointwise || p + S.Lanes > count)
            {
                from = rows;
                for (int i = 0; i < Math.Min(S.Lanes, count - p); i++) plan.Gather(call.Input, position + p + i, 0f, rows + (long)i * depth);
            }
            T.Transpose(from, panel, depth, pitch, S.Lanes, S.Lanes * pitch, squares);
            for (int k = squares * S.Lanes; k < depth; k++)
                for (int i = 0; i < S.Lanes; i++) panel[(long)k * pitch + i] = from[(long)i * depth + k];
        }
    }

    /// <summary>Sums of some channels as [channel][position].</summary>
    private static void Multiply(in ConvolutionFloat32Call call, int channel, int channels, int vectors, byte* panel, float* sums, int pitch)
    {
        int groups = Groups(call.Shape), step = T.Vectors(TRows.Value);
        float* bias = (float*)call.Packed;
        int* starts = (int*)bias + groups * TRows.Value + channel / TRows.Value;
        byte* units = call.Packed + HeaderBytes(call.Shape);
        for (; vectors > 0; vectors -= step, panel += step * sizeof(V), sums += step * S.Lanes)
            Rows(Math.Min(vectors, step), panel, units, starts, bias + channel, channels, call.Min, call.Max, sums, pitch);
    }

    private static void Rows(int vectors, byte* panel, byte* units, int* starts, float* bias, int channels, float min, float max, float* sums, nint pitch)
    {
        switch (vectors)
        {
            case 1: Rows<N1>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
            case 2: Rows<N2>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
            case 3: Rows<N3>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
            case 4: Rows<N4>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
            case 5: Rows<N5>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
            case 6: Rows<N6>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
            case 7: Rows<N7>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
            default: Rows<N8>(panel, units, starts, bias, channels, min, max, sums, pitch); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rows<TVectors>(byte* panel, byte* units, int* starts, float* bias, int channels, float min, float max, float* sums, nint pitch) where TVectors : struct, ICount
    {
        if (TVectors.Value > T.Vectors(TRows.Value)) return;
        if (TRows.Value == 1) SparseFloat32Tile<S, V>.One<TVectors>(panel, units, starts, bias, channels, min, max, sums, pitch);
        else SparseFloat32Tile<S, V>.Four<TVectors>(panel, units, starts, bias, channels, min, max, sums, pitch);
    }

    /// <summary>Sums as [position][channel].</summary>
    private static void PutInOrder(float* sums, int pitch, float* output, int outputs, int channels, int count)
    {
        int p = 0, squares = channels / S.Lanes;
        for (; p + S.Lanes <= count; p += S.Lanes)
        {
            float* at = output + (long)p * outputs;
            T.Transpose(sums + p, at, pitch, outputs, S.Lanes * pitch, S.Lanes, squares);
            for (int i = 0; i < S.Lanes; i++)
                for (int c = squares * S.Lanes; c < channels; c++) at[(long)i * outputs + c] = sums[c * pitch + p + i];
        }
        for (; p < count; p++)
            for (int c = 0; c < channels; c++) output[(long)p * outputs + c] = sums[c * pitch + p];
    }
}
