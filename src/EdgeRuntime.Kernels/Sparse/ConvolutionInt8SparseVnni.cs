using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// The same by VPDPBUSD on 512 bits. Channels for which that is proved are requantised in registers, in floats (<see cref="ExactFloatScale"/>).
/// </summary>
/// <typeparam name="TRows">Output channels of a unit.</typeparam>
internal sealed unsafe class ConvolutionInt8SparseVnni<TRows> : ConvolutionInt8Sparse<SparseInt8Vnni, TRows> where TRows : struct, ICount
{
    /// <inheritdoc/>
    public override long PackedBytes(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => CommonBytes(shape) + Padded(shape) * sizeof(float);

    /// <summary>Layout: as the general kernel, then factors; where scales are floats these stand, negative, in the place of multipliers.</summary>
    public override void Pack(in ConvolutionShape shape, ConvolutionInt8Parameters parameters, ReadOnlySpan<sbyte> weights, Span<byte> destination)
    {
        base.Pack(shape, parameters, weights, destination);
        int padded = Padded(shape);
        Span<float> scales = MemoryMarshal.Cast<byte, float>(destination).Slice(padded, padded), factors = MemoryMarshal.Cast<byte, float>(destination[(int)CommonBytes(shape)..]);
        Span<ExactFloatScale> found = stackalloc ExactFloatScale[Channels];
        for (int first = 0; first < shape.OutChannels; first += Channels)
        {
            int count = Math.Min(Channels, shape.OutChannels - first);
            if (!ExactFloatScale.TryFind(parameters, first, weights, ExactFloatScale.LargestFactor, found[..count])) continue;
            for (int c = 0; c < count; c++) (scales[first + c], factors[first + c]) = (-found[c].Scale, found[c].Factor);
        }
    }

    /// <inheritdoc/>
    public override object? Plan(in ConvolutionShape shape)
    {
        SparseInt8VnniTile.Prepare();
        return base.Plan(shape);
    }

    /// <inheritdoc/>
    private protected override void MakeWords(in SparseRows rows, int* multipliers, byte* panel, int count, int* sums, int* words, in ConvolutionInt8Call call)
    {
        if (*multipliers >= 0)
        {
            base.MakeWords(rows, multipliers, panel, count, sums, words, call);
            return;
        }
        SparseInt8VnniCall c = SparseInt8Vnni.Call<TRows>(rows, panel, words);
        int padded = Padded(call.Shape);
        c.Scales = (float*)multipliers;
        c.Factors = (float*)(call.Packed + CommonBytes(call.Shape)) + (multipliers - (int*)call.Packed - padded);
        (c.Zero, c.Whole) = (Int8FloatOutput.Whole + call.OutputZeroPoint, Int8FloatOutput.Whole);
        (c.Min, c.Max) = ((byte)call.Min * 0x01010101, (byte)call.Max * 0x01010101);
        for (int i = 0; i < 16; i++) c.Order[i] = (byte)(i % 4 * 4 + i / 4);
        SparseInt8Vnni.Run<TRows>(c, count, true);
    }
}
