using System.Numerics;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>
/// How much of a weight matrix [output channels, depth] is left when its zeros are skipped. A <em>unit</em> is a rectangle of
/// rows × columns at multiples of its sides; a sparse kernel multiplies the units in which anything is not 0, whatever
/// pattern the zeros follow, so that the counts alone decide what it costs.
/// </summary>
public sealed class WeightUnits
{
    private readonly long[] _counts = new long[9];

    private WeightUnits() { }

    /// <summary>Whether an int8 weight is −128: two products of it overflow 16 bits.</summary>
    public bool HasMinimum { get; private set; }

    /// <summary>Counts the units of <paramref name="weights"/>, or gives null if fewer than a fifth of them are 0.</summary>
    public static WeightUnits? Of<T>(ReadOnlySpan<T> weights, int rows) where T : unmanaged, INumber<T>
    {
        if (weights.IsEmpty || weights.Count(T.Zero) < weights.Length / 5) return null;
        WeightUnits units = new() { HasMinimum = typeof(T) == typeof(sbyte) && MemoryMarshal.AsBytes(weights).Contains((byte)128) };
        int depth = weights.Length / rows;
        byte[] used = new byte[(depth + 3) / 4 * 4];
        for (int row = 0; row < rows; row += 8)
        {
            // Bit r of a byte: whether that column's weight in row r of eight is not 0.
            Array.Clear(used);
            for (int r = row; r < Math.Min(row + 8, rows); r++)
            {
                ReadOnlySpan<T> line = weights.Slice(r * depth, depth);
                for (int k = 0; k < depth; k++)
                    if (line[k] != T.Zero) used[k] |= (byte)(1 << (r - row));
            }
            units.Add(used);
        }
        return units;
    }

    /// <summary>Units of <paramref name="rows"/> (1, 4 or 8) × <paramref name="columns"/> (1, 2 or 4) that are not all 0.</summary>
    public long Count(int rows, int columns) => _counts[rows / 4 * 3 + columns / 2];

    private void Add(byte[] used)
    {
        for (int k = 0; k < used.Length; k += 4)
        {
            int a = used[k], b = used[k + 1], c = used[k + 2], d = used[k + 3];
            Add(0, a);
            Add(0, b);
            Add(0, c);
            Add(0, d);
            Add(1, a | b);
            Add(1, c | d);
            Add(2, a | b | c | d);
        }
    }

    private void Add(int column, int mask)
    {
        if (mask == 0) return;
        _counts[column] += BitOperations.PopCount((uint)mask);
        _counts[3 + column] += ((mask & 15) != 0 ? 1 : 0) + (mask > 15 ? 1 : 0);
        _counts[6 + column]++;
    }
}
