using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Sparse int8 weights times one row at a time: fully connected layers of one or a few rows, whose time goes into reading the weights. Output channels lie in the lanes of VPDPBUSD on 512 bits,
/// in machine code; see <see cref="SparseInt8Slots"/>.
/// </summary>
internal sealed unsafe class ConvolutionInt8SparseRow : ConvolutionInt8Kernel
{
    /// <summary>Output channels that are requantised at once, and that a portion has at least.</summary>
    private const int Channels = 64;

    private const int Lanes = SparseInt8Slots.Lanes, Alignment = 64;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } = new("conv-s8-sparse-row-avx512vnni-16x4", "convolution-s8", CpuFeature.Avx2 | CpuFeature.Avx512Vnni,
        "skips blocks of 4 zero weights along the depth, one row at a time, output channels in the lanes; fully connected, few rows, symmetric weights, many zeros");

    /// <inheritdoc/>
    public override bool Supports(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => shape.Units is not null && shape.IsPointwise && shape.Positions <= 8
        && !parameters.Weights.IsEmpty && !parameters.WeightZeroPoints.AsSpan().ContainsAnyExcept(0);

    /// <summary>Bundles at the rate of the second-level cache for each row; for the first, also at that of the level that holds them.</summary>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        double row = Counted(parameters).Bundles * 28.0 + Padded(shape) / Lanes * 40 + shape.Depth * 0.1;
        return 60 + Math.Max(0, shape.Positions - 1) * row + WeightReading.X64.Cycles(row, PackedBytes(shape, parameters));
    }

    /// <summary>How many bundles there are, which is found while weights are known.</summary>
    private sealed record Count(int Bundles);

    private static Count Counted(ConvolutionInt8Parameters parameters) => parameters.Derived(p => new Count(SparseInt8Slots.Count(p.Weights.Span, p.Weights.Length / p.Bias.Length)));

    /// <inheritdoc/>
    public override ConvolutionInt8Parameters WithoutWeights(ConvolutionInt8Parameters parameters)
    {
        ConvolutionInt8Parameters kept = base.WithoutWeights(parameters);
        kept.Derived(_ => Counted(parameters));
        return kept;
    }

    private static int Padded(in ConvolutionShape shape) => (shape.OutChannels + Lanes - 1) / Lanes * Lanes;

    /// <summary>Bytes of biases, multipliers and of where bundles start.</summary>
    private static int HeaderBytes(in ConvolutionShape shape) => (2 * Padded(shape) + Padded(shape) / Lanes + 1) * sizeof(int);

    /// <summary>Bytes before the bundles.</summary>
    private static int BundleOffset(in ConvolutionShape shape, int bundles) => HeaderBytes(shape) + bundles * SparseInt8Slots.Bundle * sizeof(int) + Alignment - 1 & -Alignment;

    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters)
    {
        int bundles = Counted(parameters).Bundles;
        return BundleOffset(shape, bundles) + (long)bundles * SparseInt8Slots.BundleBytes;
    }

    /// <summary>Layout, channels in sixteens: biases, multipliers, the first bundle of each sixteen and the end; where in the row slots begin; bundles.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        destination.Clear();
        int depth = shape.Depth, padded = Padded(shape), packed = 0;
        Span<int> bias = MemoryMarshal.Cast<byte, int>(destination), multipliers = bias[padded..], starts = multipliers[padded..], offsets = MemoryMarshal.Cast<byte, int>(destination[HeaderBytes(shape)..]);
        Span<byte> bundles = destination[BundleOffset(shape, Counted(parameters).Bundles)..];
        for (int o = 0; o < shape.OutChannels; o++)
        {
            int sum = 0;
            foreach (sbyte w in weights.Slice(o * depth, depth)) sum += w;
            bias[o] = parameters.Bias[o] - (parameters.InputZeroPoint + 128) * sum;
            multipliers[o] = parameters.Multipliers[o];
        }
        for (int first = 0; first < shape.OutChannels; first += Lanes)
        {
            packed += SparseInt8Slots.Pack(weights.Slice(first * depth, Math.Min(Lanes, shape.OutChannels - first) * depth), depth,
                bundles[(packed * SparseInt8Slots.BundleBytes)..], offsets[(packed * SparseInt8Slots.Bundle)..]);
            starts[first / Lanes + 1] = packed;
        }
    }

    private static int RowBytes(in ConvolutionShape shape) => SparseInt8Slots.RowBytes(shape.Depth);

    /// <inheritdoc/>
    public override long ScratchBytes(in ConvolutionShape shape, int workers) => (long)workers * RowBytes(shape);

    /// <inheritdoc/>
    public override int Portions(in ConvolutionShape shape, int stage) => shape.Positions == 0 ? 0 : (shape.OutChannels + Channels - 1) / Channels;

    /// <inheritdoc/>
    public override object? Plan(in ConvolutionShape shape)
    {
        SparseInt8RowTile.Prepare();
        return base.Plan(shape);
    }

    /// <inheritdoc/>
    public override void Run(in ConvolutionInt8Call call, int stage, int first, int end, int worker)
    {
        ConvolutionShape shape = call.Shape;
        int padded = Padded(shape);
        int* bias = (int*)call.Packed, multipliers = bias + padded, starts = multipliers + padded, offsets = (int*)(call.Packed + HeaderBytes(shape)), sums = stackalloc int[Channels];
        byte* row = call.Scratch + (long)worker * RowBytes(shape), bundles = call.Packed + BundleOffset(shape, starts[padded / Lanes]);
        for (int position = 0; position < shape.Positions; position++)
        {
            SparseInt8Slots.PrepareRow(call.Input + (long)position * shape.Depth, row, shape.Depth);
            for (int channel = first * Channels; channel < Math.Min(shape.OutChannels, end * Channels); channel += Channels)
            {
                int group = channel / Lanes, columns = Math.Min(Channels, shape.OutChannels - channel);
                SparseInt8RowTile.Run(new()
                {
                    Row = row,
                    Bundles = bundles + (long)starts[group] * SparseInt8Slots.BundleBytes,
                    Offsets = offsets + starts[group] * SparseInt8Slots.Bundle,
                    Starts = starts + group,
                    Bias = bias + channel,
                    Sums = sums,
                    Groups = (columns + Lanes - 1) / Lanes,
                });
                ConvolutionInt8Tile tile = new()
                {
                    Multipliers = multipliers + channel,
                    Accumulators = sums,
                    Output = call.Output + (long)position * shape.OutChannels + channel,
                    OutputStride = shape.OutChannels,
                    Rows = 1,
                    Columns = columns,
                    PaddedColumns = Channels,
                };
                if (call.Shift == 0) RequantizeAvx2.Tile(tile, call);
                else RequantizeScalar.Tile(tile, call);
            }
        }
    }
}
