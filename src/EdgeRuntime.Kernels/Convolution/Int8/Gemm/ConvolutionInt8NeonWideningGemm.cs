using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRuntime.Kernels;

/// <summary>
/// Int8 products for ARMv8.0, which has no dot products. SMULL and SMLAL add products in 16 bits, SADALP adds neighbouring
/// sums into 32 bits. A lane belongs to one column and to the even or odd elements of the depth: LD4R repeats four pairs of
/// elements of a row over four registers, the panel holds the pairs of its columns side by side, and SADALP gives one 32-bit
/// sum a column. How many products a lane may add before it is emptied follows from the weights, and is decided when they
/// are packed:
/// <code>|Σ x·w| ≤ 128 · Σ|w| ≤ 128 · 255 &lt; 2^15</code>
/// A group is 8 elements of the depth; a block is two groups. Groups may be multiplied in any order, so that those are paired
/// that allow many products between two SADALP, blocks are sorted by that number, and each kind has a loop of its own; groups
/// whose weights are all 0 are left out.
/// Panel after its header: numbers of blocks of 4, 3 and 2 products a sum, whether a single group of 2 follows, whether there
/// is anything else: blocks of 8, groups of 1, and at which byte of the panel they begin. Then the blocks and groups: the offsets of its two
/// groups from a row's start (int64, one unused for a group), and its weights: pairs × columns × 2.
/// </summary>
public sealed unsafe class ConvolutionInt8NeonWideningGemm : ConvolutionInt8NeonGemm
{
    /// <summary>Columns of a full panel. One of 8 or fewer has half of them.</summary>
    internal const int Nr = 16;

    /// <summary>Bytes of a panel before its first block.</summary>
    internal const int HeaderBytes = 16 * Nr;

    /// <summary>Groups among which one looks for another to form a block with.</summary>
    private const int Partners = 12;

    /// <summary>The largest Σ|w| of a lane: 128 · 255 &lt; 2^15.</summary>
    private const int LaneLimit = 255;

    /// <inheritdoc/>
    public override KernelDescriptor Descriptor { get; } =
        new("conv-s8-gemm-neon-2x16", "convolution-s8", CpuFeature.Neon, "SMULL, SMLAL and, as rarely as the weights allow, SADALP; rows read in place or from a padded copy");

    /// <inheritdoc/>
    protected override int PanelColumns => Nr;

    /// <inheritdoc/>
    private protected override int TileRows => 2;

    /// <inheritdoc/>
    protected override int DepthUnit => 8;

    /// <inheritdoc/>
    public override double EstimateCycles(in ConvolutionShape shape, ConvolutionInt8Parameters parameters) => NeonGemmCost.Widening(shape);

    /// <inheritdoc/>
    private protected override long WeightBytes(in GemmGeometry g) => 4 * Nr + (long)g.Depth * (Nr + 2);

    /// <inheritdoc/>
    private protected override void PackWeights(in GemmGeometry g, in Int8NeonWeights weights, Span<byte> destination)
    {
        int columns = weights.Columns <= Nr / 2 ? Nr / 2 : Nr, groupBytes = 8 * columns;
        byte[] groups = new byte[(g.Depth + 8 * weights.Extras.Length) * columns];
        Arrange(g, weights, columns, groups);
        for (int i = 0; i < 8 * weights.Extras.Length * weights.Columns; i++)
        {
            int column = i % weights.Columns, k = i / weights.Columns;
            groups[g.Depth * columns + (k / 2 * columns + column) * 2 + k % 2] = (byte)weights.Rest(column, 8 * weights.Extras[k / 8] + k % 8);
        }
        List<(int Kind, int First, int Second)> blocks = Blocks(groups, groupBytes);
        // Kind 0, 1, 2: 4, 3 and 2 products a sum; 3: the single group; 4: 8 products; 5: 1.
        Span<int> counts = MemoryMarshal.Cast<byte, int>(destination[..(4 * Nr)]);
        int at = 4 * Nr;
        foreach ((int kind, int first, int second) in blocks)
        {
            if (kind >= 4 && counts[4]++ == 0) counts[7] = HeaderBytes - 4 * Nr + at;
            counts[kind < 4 ? kind : kind + 1]++;
            Span<long> offsets = MemoryMarshal.Cast<byte, long>(destination.Slice(at, 16));
            at += 16;
            for (int i = 0; i < (second < 0 ? 1 : 2); i++, at += groupBytes)
            {
                int group = i == 0 ? first : second;
                offsets[i] = g.OffsetOf(8 * (8 * group < g.Depth ? group : weights.Extras[group - g.Depth / 8]));
                groups.AsSpan(group * groupBytes, groupBytes).CopyTo(destination[at..]);
            }
        }
    }

    /// <summary>The blocks of all groups that are not 0, in the order of their kinds; -1 for the second of a single group.</summary>
    private static List<(int Kind, int First, int Second)> Blocks(byte[] groups, int groupBytes)
    {
        List<(int Sum, int Group)> order = [];
        for (int group = 0; group * groupBytes < groups.Length; group++)
            if (LargestSum(groups, groupBytes, group, group, 0, 4) is > 0 and int sum) order.Add((sum, group));
        order.Sort();
        // Of light groups each holds 4 products a sum by itself; a heavy one looks for another with which it holds 3.
        List<int> light = [.. order.Where(o => o.Sum <= LaneLimit).Select(o => o.Group)], heavy = [.. order.Skip(light.Count).Select(o => o.Group)], left = [];
        if (light.Count % 2 != 0)
        {
            heavy.Insert(0, light[^1]);
            light.RemoveAt(light.Count - 1);
        }
        List<(int Kind, int First, int Second)> blocks = [];
        for (int i = 0; i < light.Count; i += 2) blocks.Add((Fits(groups, groupBytes, light[i], light[i + 1], 8, 8) ? 4 : 0, light[i], light[i + 1]));
        while (heavy.Count > 0)
        {
            int first = heavy[0], last = Math.Min(heavy.Count, 1 + Partners), at = 1;
            while (at < last && !Fits(groups, groupBytes, first, heavy[at], 8, 3) && !Fits(groups, groupBytes, heavy[at], first, 8, 3)) at++;
            if (at == last) left.Add(first);
            else
            {
                blocks.Add(Fits(groups, groupBytes, first, heavy[at], 8, 3) ? (1, first, heavy[at]) : (1, heavy[at], first));
                heavy.RemoveAt(at);
            }
            heavy.RemoveAt(0);
        }
        foreach (int group in left.Where(group => !Fits(groups, groupBytes, group, group, 4, 2)).ToArray())
        {
            blocks.Add((5, group, -1));
            left.Remove(group);
        }
        for (int i = 0; i < left.Count; i += 2) blocks.Add(i + 1 < left.Count ? (2, left[i], left[i + 1]) : (3, left[i], -1));
        blocks.Sort();
        return blocks;
    }

    /// <summary>All groups in the order of the depth: pairs × columns × 2.</summary>
    private static void Arrange(in GemmGeometry g, in Int8NeonWeights weights, int columns, Span<byte> groups)
    {
        Span<ushort> pairs = MemoryMarshal.Cast<byte, ushort>(groups);
        for (int column = 0; column < weights.Columns; column++)
        {
            int to = column, zero = (byte)weights.Zero(column);
            for (int segment = 0; segment < g.OuterCount * g.InnerCount; segment++)
            {
                ReadOnlySpan<sbyte> natural = weights.Segment(column, segment);
                int end = to + g.Segment / 2 * columns;
                foreach (ushort pair in MemoryMarshal.Cast<sbyte, ushort>(natural))
                {
                    pairs[to] = pair;
                    to += columns;
                }
                if (natural.Length % 2 != 0)
                {
                    pairs[to] = (ushort)((byte)natural[^1] | zero << 8);
                    to += columns;
                }
                for (; to < end; to += columns) pairs[to] = (ushort)(zero | zero << 8);
            }
        }
    }

    /// <summary>Whether sums of <paramref name="chain"/> products stay within 16 bits in a block of <paramref name="steps"/> pairs.</summary>
    private static bool Fits(ReadOnlySpan<byte> groups, int groupBytes, int group0, int group1, int steps, int chain)
    {
        for (int step = 0; step < steps; step += chain)
            if (LargestSum(groups, groupBytes, group0, group1, step, Math.Min(step + chain, steps)) > LaneLimit) return false;
        return true;
    }

    /// <summary>The largest Σ|w| of a lane over the pairs [<paramref name="step"/>, <paramref name="end"/>) of two groups.</summary>
    private static int LargestSum(ReadOnlySpan<byte> groups, int groupBytes, int group0, int group1, int step, int end)
    {
        int lanes = groupBytes / 4;
        Vector128<ushort> largest = default;
        for (int lane = 0; lane < lanes; lane += 16)
        {
            Vector128<ushort> low = default, high = default;
            for (int i = step; i < end; i++)
            {
                // |−128| is 128 as an unsigned byte.
                int at = (i < 4 ? group0 : group1) * groupBytes + i % 4 * lanes + lane;
                (Vector128<ushort> a, Vector128<ushort> b) = Vector128.Widen(Vector128.Abs(Vector128.Create(groups.Slice(at, 16)).AsSByte()).AsByte());
                low += a;
                high += b;
            }
            largest = Vector128.Max(largest, Vector128.Max(low, high));
        }
        ushort most = 0;
        for (int i = 0; i < 8; i++) most = Math.Max(most, largest[i]);
        return most;
    }

    internal override void Multiply(in Int8NeonBlock block)
    {
        if (block.Columns <= Nr / 2) Int8NeonWideningTile.Run<N1>(block);
        else Int8NeonWideningTile.Run<N2>(block);
    }
}
