using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// How sparse weights meet a single row. A <em>slot</em> is a block of 4 weights of each of 16 output channels that lie somewhere in the same 64 bytes of the row; channels take part in one
/// as their blocks come, so that there are little more slots than the channel with most blocks has. A <em>bundle</em> is eight slots: a vector of where in the 64 bytes each channel's blocks
/// are, 4 bits for each slot, then the slots' weights. Slots may begin at every 32 bytes, but are loaded from whole lines: the row is there twice, the second time without its first 32 bytes.
/// </summary>
internal static unsafe class SparseInt8Slots
{
    /// <summary>Output channels of a slot, slots of a bundle, and bits of a slot in the vector of places.</summary>
    public const int Lanes = 16, Bundle = 8, OrderBits = 4;

    public const int BundleBytes = (1 + Bundle) * LineBytes;

    private const int LineBytes = 64, Block = 4, Blocks = LineBytes / Block, StartBlocks = Blocks / 2, None = int.MaxValue;

    /// <summary>Bytes of a row, with what slots at its end reach beyond it.</summary>
    public static int RowBytes(int depth) => 2 * CopyBytes(depth);

    private static int CopyBytes(int depth) => (depth + LineBytes - 1) / LineBytes * LineBytes + LineBytes;

    /// <summary>Both copies, as x + 128; bytes behind the end meet no weights.</summary>
    public static void PrepareRow(sbyte* x, byte* row, int depth)
    {
        const int Skipped = StartBlocks * Block;
        Int8Widening.ToUnsigned(x, row, depth);
        if (depth > Skipped) Buffer.MemoryCopy(row + Skipped, row + CopyBytes(depth), depth - Skipped, depth - Skipped);
    }

    /// <summary>Bundles of a whole layer.</summary>
    public static int Count(ReadOnlySpan<sbyte> weights, int depth)
    {
        int bundles = 0;
        for (int first = 0; first < weights.Length; first += Lanes * depth) bundles += Pack(weights[first..Math.Min(weights.Length, first + Lanes * depth)], depth, [], []);
        return bundles;
    }

    /// <summary>Packs up to 16 channels into bundles, and where in the row each slot begins into offsets, both cleared before; counts bundles, even if there is no room for any.</summary>
    public static int Pack(ReadOnlySpan<sbyte> weights, int depth, Span<byte> bundles, Span<int> offsets)
    {
        Span<int> next = stackalloc int[Lanes];
        next.Fill(None);
        for (int lane = 0; lane * depth < weights.Length; lane++) next[lane] = Next(weights.Slice(lane * depth, depth), 0);
        int slot = 0;
        for (; Least(next) is int first and < None; slot++)
        {
            int start = first / StartBlocks * StartBlocks;
            if (!offsets.IsEmpty) offsets[slot] = start % Blocks == 0 ? start * Block : CopyBytes(depth) + (start - StartBlocks) * Block;
            for (int lane = 0; lane < Lanes; lane++)
            {
                if (next[lane] >= start + Blocks) continue;
                ReadOnlySpan<sbyte> row = weights.Slice(lane * depth, depth);
                if (!bundles.IsEmpty) PackBlock(row, next[lane], next[lane] - start, lane, slot % Bundle, bundles.Slice(slot / Bundle * BundleBytes, BundleBytes));
                next[lane] = Next(row, next[lane] + 1);
            }
        }
        return (slot + Bundle - 1) / Bundle;
    }

    private static int Least(ReadOnlySpan<int> values)
    {
        int least = None;
        foreach (int v in values) least = Math.Min(least, v);
        return least;
    }

    private static void PackBlock(ReadOnlySpan<sbyte> row, int block, int place, int lane, int slot, Span<byte> bundle)
    {
        MemoryMarshal.Cast<byte, int>(bundle)[lane] |= place << slot * OrderBits;
        for (int k = block * Block, i = 0; i < Block && k + i < row.Length; i++) bundle[(1 + slot) * LineBytes + lane * Block + i] = (byte)row[k + i];
    }

    /// <summary>The first block from <paramref name="block"/> on that is not all 0.</summary>
    private static int Next(ReadOnlySpan<sbyte> row, int block)
    {
        if (block * Block >= row.Length) return None;
        int zeros = row[(block * Block)..].IndexOfAnyExcept((sbyte)0);
        return zeros < 0 ? None : block + zeros / Block;
    }
}
