namespace EdgeRuntime.Kernels;

/// <summary>
/// Float convolutions that skip zero weights, many output positions at a time (see <see cref="SparsePlan"/>). Units are of one
/// column and of one output channel or four: 1×1 for zeros anywhere, n:m and 1×n blocks, 4×1 for blocks of 4 and 8 channels.
/// </summary>
/// <typeparam name="P">The multiplication.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal sealed unsafe class ConvolutionFloat32Sparse<P, V, TRows> : ConvolutionFloat32Kernel where P : struct, ISparseProduct<V, V> where V : unmanaged where TRows : struct, ICount
{
    /// <summary>Channels whose results are put in order together: a whole line of a cache, since rows of many channels lie in few sets of it.</summary>
    private const int Channels = 16;

    /// <summary>Panels above this leave the nearest cache.</summary>
    private const int PanelBytes = 24 << 10;

    private static int Lanes => P.Lanes;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new($"conv-f32-sparse-{P.Name}-{TRows.Value}x1", "convolution-f32", P.Requires,
        $"skips zero weights in units of {TRows.Value}×1 (output channels × depth), positions in the lanes; ungrouped, many zeros");

    /// <summary>Not single rows, which would fill one lane (<see cref="ConvolutionFloat32SparseRow{S, V}"/>).</summary>
    public override bool Supports(in ConvolutionShape shape) => shape.Units is not null && shape.Group == 1 && !(shape.IsPointwise && shape.Positions == 1);

    /// <summary>Four products of a load hide that it comes from the second-level cache.</summary>
    public override double EstimateCycles(in ConvolutionShape shape) => SparseLayer<P, TRows>.Cycles(shape, Divide(shape), shape.Depth, TRows.Value == 1 ? 0.5 : 0);

    private static int Pitch(in ConvolutionShape shape) => SparseLayer<P, TRows>.Pitch(shape.Depth, PanelBytes);

    private static SparsePlan Divide(in ConvolutionShape shape) => new(shape, Pitch(shape), Lanes, Channels);

    private static int Groups(in ConvolutionShape shape) => SparseLayer<P, TRows>.Groups(shape);

    /// <summary>Bytes of biases and of where units start.</summary>
    private static int HeaderBytes(in ConvolutionShape shape) => Groups(shape) * (TRows.Value + 1) * 4 + 4;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => HeaderBytes(shape) + SparseLayer<P, TRows>.Units(shape) * SparseLayer<P, TRows>.UnitBytes;

    /// <summary>Layout: biases, the first unit of each group of channels and the end, then the units.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination) =>
        SparseFloat32Units.Pack(shape, TRows.Value, Pitch(shape) * sizeof(float), weights, bias, destination);

    /// <summary>Floats of one worker: panel, gathered rows, sums of some channels.</summary>
    private static int WorkerFloats(in ConvolutionShape shape) => (Pitch(shape) + Lanes) * shape.Depth + Channels * Pitch(shape) + 16 & ~15;

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * WorkerFloats(shape) * sizeof(float);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => Divide(shape).Portions;

    /// <inheritdoc/>
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        SparsePlan plan = Divide(call.Shape);
        Tiles tiles = new(in call, plan, worker);
        plan.Run(ref tiles, first, end);
    }

    private readonly ref struct Tiles : ISparseTiles
    {
        private readonly ref readonly ConvolutionFloat32Call _call;
        private readonly SparsePlan _plan;
        private readonly int _pitch;
        private readonly float* _panel, _rows, _sums;

        public Tiles(ref readonly ConvolutionFloat32Call call, in SparsePlan plan, int worker)
        {
            _call = ref call;
            _plan = plan;
            _pitch = Pitch(call.Shape);
            _panel = (float*)call.Scratch + (long)worker * WorkerFloats(call.Shape);
            _rows = _panel + (long)_pitch * call.Shape.Depth;
            _sums = _rows + (long)Lanes * call.Shape.Depth;
        }

        /// <summary>As [depth][position].</summary>
        public void MakePanel(int position, int count)
        {
            int depth = _call.Shape.Depth, squares = depth / Lanes;
            bool isPointwise = _call.Shape.IsPointwise;
            float* panel = _panel;
            for (int p = 0; p < count; p += Lanes, panel += Lanes)
            {
                float* from = _call.Input + (long)(position + p) * depth;
                if (!isPointwise || p + Lanes > count)
                {
                    from = _rows;
                    for (int i = 0; i < Math.Min(Lanes, count - p); i++) _plan.Gather(_call.Input, position + p + i, 0f, from + (long)i * depth);
                }
                P.Transpose((int*)from, (int*)panel, depth, _pitch, Lanes, Lanes * _pitch, squares);
                for (int k = squares * Lanes; k < depth; k++)
                    for (int i = 0; i < Lanes; i++) panel[(long)k * _pitch + i] = from[(long)i * depth + k];
            }
        }

        public void Compute(int position, int count, int channel, int channels)
        {
            int* bias = (int*)_call.Packed;
            SparseRows rows = new()
            {
                Units = _call.Packed + HeaderBytes(_call.Shape),
                Starts = bias + Groups(_call.Shape) * TRows.Value + channel / TRows.Value,
                Bias = bias + channel,
                Channels = channels,
                Pitch = _pitch,
                Min = _call.Min,
                Max = _call.Max,
            };
            SparseTile<P, V, V>.Run<TRows>(rows, (byte*)_panel, count, (int*)_sums);
            PutInOrder(_sums, _pitch, _call.Output + (long)position * _call.Shape.OutChannels + channel, _call.Shape.OutChannels, channels, count);
        }
    }

    /// <summary>Sums as [position][channel].</summary>
    private static void PutInOrder(float* sums, int pitch, float* output, int outputs, int channels, int count)
    {
        int p = 0, squares = channels / Lanes;
        for (; p + Lanes <= count; p += Lanes)
        {
            float* at = output + (long)p * outputs;
            P.Transpose((int*)(sums + p), (int*)at, pitch, outputs, Lanes * pitch, Lanes, squares);
            for (int i = 0; i < Lanes; i++)
                for (int c = squares * Lanes; c < channels; c++) at[(long)i * outputs + c] = sums[c * pitch + p + i];
        }
        for (; p < count; p++)
            for (int c = 0; c < channels; c++) output[(long)p * outputs + c] = sums[c * pitch + p];
    }
}
