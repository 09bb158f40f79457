namespace EdgeRuntime.Kernels;

/// <summary>
/// Sparse weights times one row at a time: fully connected layers of one or a few rows, whose time goes into reading the
/// weights. Units are of one column and either one output channel, whose products are summed in four chains, or as many as a
/// vector has lanes.
/// </summary>
/// <typeparam name="S">The instruction set.</typeparam>
/// <typeparam name="V">Its register.</typeparam>
internal sealed unsafe class ConvolutionFloat32SparseRow<S, V> : ConvolutionFloat32Kernel where S : struct, IFloatVector<V> where V : unmanaged
{
    private readonly int _rows;
    private readonly double _unitCycles;

    /// <summary>Units of <paramref name="rows"/> output channels: 1 or the lanes of a vector.</summary>
    public ConvolutionFloat32SparseRow(string name, CpuFeature requires, int rows, double unitCycles)
    {
        _rows = rows;
        _unitCycles = unitCycles;
        Descriptor = new($"conv-f32-sparse-row-{name}-{rows}x1", "convolution-f32", requires,
            $"skips zero weights in units of {rows}×1 (output channels × depth), one row at a time; fully connected, few rows, many zeros");
    }

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; }

    private int UnitBytes => 4 + 4 * _rows;

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape) => shape.Units is not null && shape.IsPointwise && shape.Positions <= 8;

    /// <summary>Units at the rate of the loop, or of the cache level that holds them.</summary>
    public override double EstimateCycles(in ConvolutionShape shape) =>
        shape.Positions * WeightReading.Of(Descriptor.Requires).Cycles(shape.Units!.Count(_rows, 1) * _unitCycles + 12.0 * Groups(shape), PackedBytes(shape));

    private int Groups(in ConvolutionShape shape) => (shape.OutChannels + _rows - 1) / _rows;

    private int HeaderBytes(in ConvolutionShape shape) => Groups(shape) * (_rows + 1) * 4 + 4;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape) => HeaderBytes(shape) + shape.Units!.Count(_rows, 1) * UnitBytes;

    /// <summary>Layout: biases, the first unit of each group of channels and the end, then the units: weights and their column's offset in bytes.</summary>
    public override void Pack(in ConvolutionShape shape, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination) =>
        SparseFloat32Units.Pack(shape, _rows, sizeof(float), weights, bias, destination);

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => 0;

    /// <summary>Groups of channels, 16 at a time.</summary>
    public override int Portions(in ConvolutionShape shape, int stage) => (Groups(shape) + 15) / 16;

    /// <inheritdoc/>
    public override void Run(in ConvolutionFloat32Call call, int stage, int first, int end, int worker)
    {
        int groups = Groups(call.Shape), outputs = call.Shape.OutChannels, last = Math.Min(groups, end * 16);
        float* bias = (float*)call.Packed;
        int* starts = (int*)bias + groups * _rows;
        byte* units = call.Packed + HeaderBytes(call.Shape);
        for (int row = 0; row < call.Shape.Positions; row++)
        {
            byte* x = (byte*)(call.Input + (long)row * call.Shape.Depth);
            float* y = call.Output + (long)row * outputs;
            for (int group = first * 16; group < last; group++)
            {
                byte* from = units + (long)starts[group] * UnitBytes, to = units + (long)starts[group + 1] * UnitBytes;
                if (_rows == 1) y[group] = Math.Min(Math.Max(bias[group] + Sum(x, from, to), call.Min), call.Max);
                else
                {
                    V sum = S.Clamp(Lanes(x, from, to, S.Load(bias + group * _rows)), S.Create(call.Min), S.Create(call.Max));
                    int channel = group * _rows;
                    if (channel + _rows <= outputs) S.Store(y + channel, sum);
                    else S.StoreFirst(y + channel, sum, outputs - channel);
                }
            }
        }
    }

    private static float Sum(byte* x, byte* units, byte* end)
    {
        float a = 0, b = 0, c = 0, d = 0;
        for (; units + 24 < end; units += 32)
        {
            a = MathF.FusedMultiplyAdd(*(float*)units, *(float*)(x + *(uint*)(units + 4)), a);
            b = MathF.FusedMultiplyAdd(*(float*)(units + 8), *(float*)(x + *(uint*)(units + 12)), b);
            c = MathF.FusedMultiplyAdd(*(float*)(units + 16), *(float*)(x + *(uint*)(units + 20)), c);
            d = MathF.FusedMultiplyAdd(*(float*)(units + 24), *(float*)(x + *(uint*)(units + 28)), d);
        }
        for (; units < end; units += 8) a = MathF.FusedMultiplyAdd(*(float*)units, *(float*)(x + *(uint*)(units + 4)), a);
        return a + b + (c + d);
    }

    private static V Lanes(byte* x, byte* units, byte* end, V sum)
    {
        V a = sum, b = default, c = default, d = default;
        nint width = 4 * S.Lanes, step = width + 4;
        for (; units + 3 * step < end; units += 4 * step)
        {
            byte* second = units + step, third = second + step, fourth = third + step;
            a = S.Fma(S.Broadcast((float*)(x + *(uint*)(units + width))), S.Load((float*)units), a);
            b = S.Fma(S.Broadcast((float*)(x + *(uint*)(second + width))), S.Load((float*)second), b);
            c = S.Fma(S.Broadcast((float*)(x + *(uint*)(third + width))), S.Load((float*)third), c);
            d = S.Fma(S.Broadcast((float*)(x + *(uint*)(fourth + width))), S.Load((float*)fourth), d);
        }
        for (; units < end; units += step) a = S.Fma(S.Broadcast((float*)(x + *(uint*)(units + width))), S.Load((float*)units), a);
        return S.Add(S.Add(a, b), S.Add(c, d));
    }
}
