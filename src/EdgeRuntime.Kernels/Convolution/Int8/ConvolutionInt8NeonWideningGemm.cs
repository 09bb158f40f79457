using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 products for ARMv8.0, which has no dot products. SMULL and SMLAL add products in 16 bits, SADALP adds neighbouring
/// sums into 32 bits. A lane belongs to one column and to the even or odd elements of the depth: LD4R repeats four pairs of
/// elements of a row over four registers, the panel holds the pairs of its columns side by side, and SADALP gives one 32-bit
/// sum a column. How many products a lane may add before it is emptied follows from the weights, and is decided when they
/// are packed:
/// <code>|Σ x·w| ≤ 128 · Σ|w| ≤ 128 · 255 &lt; 2^15</code>
/// A group is 8 elements of the depth; a block is two groups that need the same number of products between two SADALP.
/// Groups may be multiplied in any order, so that blocks are sorted by that number and each kind has a loop of its own;
/// groups whose weights are all 0 are left out.
/// Panel after its header: numbers of blocks of 8, 4, 3 and 2 products a sum, of groups of 1, whether there is a single group
/// of 2, of 4, whether there is anything but blocks of 4, 3 and 2, and how many groups they have; each group's offset from a
/// row's start (int64); each group's weights: 4 pairs × columns × 2.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonWideningGemm : ConvolutionInt8NeonGemm
{
    /// <summary>Columns of a full panel. One of 8 or fewer has half of them.</summary>
    internal const int Nr = 16;

    /// <summary>Kinds of blocks, and of single groups: products a sum.</summary>
    private static ReadOnlySpan<byte> Chains => [8, 4, 3, 2, 1];

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-gemm-neon-2x16", "convolution-s8", CpuFeature.Neon, "SMULL, SMLAL and, as rarely as the weights allow, SADALP; rows read in place or from a padded copy");

    /// <inheritdoc/>
    protected override int PanelColumns => Nr;

    /// <inheritdoc/>
    protected override int DepthUnit => 8;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => NeonGemmCost.Widening(shape);

    /// <inheritdoc/>
    private protected override long WeightBytes(in GemmGeometry g) => 4 * Nr + (OffsetBytes(g) + (long)g.Depth * Nr);

    /// <summary>Bytes of the offsets.</summary>
    private static int OffsetBytes(in GemmGeometry g) => (g.Depth + 15) & ~15;

    /// <inheritdoc/>
    private protected override void PackWeights(in GemmGeometry g, in Int8NeonWeights weights, Span<byte> destination)
    {
        Span<int> counts = MemoryMarshal.Cast<byte, int>(destination[..(4 * Nr)]);
        Span<long> groups = MemoryMarshal.Cast<byte, long>(destination.Slice(4 * Nr, g.Depth));
        int perSegment = g.Segment / 8, used = 0, columns = weights.Columns <= Nr / 2 ? Nr / 2 : Nr;
        for (int group = 0; group < groups.Length; group++)
        {
            int sum = LargestSum(weights, perSegment, group, group, 0, 4);
            if (sum != 0) groups[used++] = (long)sum << 32 | (uint)group;
        }
        // Groups of like weights meet in a block. Chain 1 goes group by group.
        groups[..used].Sort();
        for (int i = 0; i < used; i += 2)
        {
            int next = Math.Min(i + 1, used - 1), kind = i == next ? 1 : 0; // a single group: 4, 2 or 1
            while (!Fits(weights, perSegment, (int)groups[i], (int)groups[next], i == next ? 4 : 8, Chains[kind])) kind += i == next && kind == 1 ? 2 : 1;
            if (i < next && kind < 4) counts[kind]++;
            else if (kind == 4) counts[4] += next - i + 1;
            else counts[kind == 1 ? 6 : 5]++;
            // The common kinds first: 4, 3, 2; then 8, 1, and the single group.
            int place = i == next && kind < 4 ? 6 : kind == 4 ? 5 : kind == 0 ? 4 : kind;
            for (int j = i; j <= next; j++) groups[j] = (long)place << 60 | (long)j << 32 | (uint)groups[j];
        }
        counts[7] = counts[0] + counts[4] + counts[5] + counts[6];
        counts[8] = 2 * (counts[1] + counts[2] + counts[3]);
        groups[..used].Sort();
        Span<byte> target = destination[(4 * Nr + OffsetBytes(g))..];
        for (int i = 0; i < used; i++, target = target[(8 * columns)..])
        {
            int group = (int)groups[i], segment = group / perSegment, first = group % perSegment * 8;
            for (int k = 0; k < 8; k++)
                for (int column = 0; column < weights.Columns; column++)
                    target[(k / 2 * columns + column) * 2 + k % 2] = (byte)weights[column, segment, first + k];
            groups[i] = segment / g.InnerCount * (long)g.OuterStride + segment % g.InnerCount * (long)g.InnerStride + first;
        }
    }

    /// <summary>Whether sums of <paramref name="chain"/> products stay within 16 bits in a block of <paramref name="steps"/> pairs.</summary>
    private static bool Fits(in Int8NeonWeights weights, int perSegment, int group0, int group1, int steps, int chain)
    {
        if (chain == 1) return true;
        for (int step = 0; step < steps; step += chain)
            if (LargestSum(weights, perSegment, group0, group1, step, Math.Min(step + chain, steps)) > 255) return false;
        return true;
    }

    /// <summary>The largest Σ|w| of a lane over the pairs [<paramref name="step"/>, <paramref name="end"/>) of two groups.</summary>
    private static int LargestSum(in Int8NeonWeights weights, int perSegment, int group0, int group1, int step, int end)
    {
        int largest = 0;
        for (int column = 0; column < weights.Columns; column++)
            for (int parity = 0; parity < 2; parity++)
            {
                int sum = 0;
                for (int i = step; i < end; i++)
                {
                    int group = i < 4 ? group0 : group1;
                    sum += Math.Abs((int)weights[column, group / perSegment, group % perSegment * 8 + i % 4 * 2 + parity]);
                }
                largest = Math.Max(largest, sum);
            }
        return largest;
    }

    internal override void Multiply(in Int8NeonBlock block)
    {
        int offsets = OffsetBytes(block);
        if (block.Columns <= Nr / 2) Int8NeonWideningTile.Run<N1>(block, offsets);
        else Int8NeonWideningTile.Run<N2>(block, offsets);
    }

    private static int OffsetBytes(in Int8NeonBlock block) => (block.OuterCount * block.InnerCount * block.Segment + 15) & ~15;
}
