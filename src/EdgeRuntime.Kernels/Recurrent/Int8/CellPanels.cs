using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>Brings weights to the layout of a product, and multiplies by them.</summary>
internal static class CellPanels<P> where P : struct, ICellProduct
{
    /// <summary>Vectors that are converted together, so that a panel meets all of them while it is in the cache.</summary>
    public static int RowsTogether => P.Rows > 1 ? 4 * P.Rows : 8;

    /// <summary>Products a cycle of <paramref name="rows"/> vectors; for estimates.</summary>
    public static double ProductsPerCycle(int rows) => P.ProductsPerCycle * Math.Min(1 + 0.15 * (Math.Min(rows, P.Rows) - 1), 1.75);

    /// <summary>Writes a panel, unless <paramref name="to"/>, which is clear, is empty; returns its bytes.</summary>
    public static int Pack(CellPanel panel, Span<byte> to) => P.IsSparse ? PackSlabs(panel, to) : PackAll(panel, to);

    /// <summary>sums[gate][unit] of a panel of <paramref name="gates"/>, 1 to 4.</summary>
    public static unsafe void Multiply(int gates, byte* vector, sbyte* weights, int steps, int* sums)
    {
        switch (P.Rows > 1 ? 0 : gates)
        {
            case 0: P.Run(gates, 1, vector, 0, weights, steps, sums); break;
            case 4: P.Run<N4>(vector, weights, steps, sums); break;
            case 3: P.Run<N3>(vector, weights, steps, sums); break;
            case 2: P.Run<N2>(vector, weights, steps, sums); break;
            default: P.Run<N1>(vector, weights, steps, sums); break;
        }
    }

    /// <summary>sums[vector][gate][unit] of up to <see cref="ICellProduct.Rows"/> vectors, <paramref name="distance"/> bytes apart.</summary>
    public static unsafe void Multiply(int gates, int rows, byte* vectors, nint distance, sbyte* weights, int steps, int* sums)
    {
        if (P.Rows > 1) P.Run(gates, rows, vectors, distance, weights, steps, sums);
        else Multiply(gates, vectors, weights, steps, sums);
    }

    /// <summary>[step][gate][units × elements of the step].</summary>
    private static int PackAll(CellPanel panel, Span<byte> to)
    {
        int rows = panel.Gates * P.Units;
        for (int r = 0; r < rows && !to.IsEmpty; r++)
        {
            if (r % P.Units >= panel.Units) continue;
            ReadOnlySpan<sbyte> weights = panel.Weights(r / P.Units, r % P.Units);
            for (int k = 0; k < weights.Length; k++)
            {
                (int at, sbyte stored) = P.Place(r % P.Units, k % P.Step, weights[k]);
                to[(k / P.Step * rows + r / P.Units * P.Units) * P.Step + at] = (byte)stored;
            }
        }
        return rows * ((panel.Length + P.Step - 1) / P.Step) * P.Step;
    }

    /// <summary>Counts of slabs [gate][eight units], rounded up to 64 bytes; where in the converted vector each begins, likewise; the slabs.</summary>
    private static int PackSlabs(CellPanel panel, Span<byte> to)
    {
        int groups = panel.Gates * P.Units / 8, total = 0, slab = 32 * P.WeightBytes;
        for (int group = 0; group < groups; group++) total += Count(panel, group);
        int offsets = Round(groups * sizeof(int)), slabs = offsets + Round(total * sizeof(int)), i = 0;
        for (int group = 0; group < groups && !to.IsEmpty; group++)
        {
            int gate = group * 8 / P.Units, unit = group * 8 % P.Units, end = i + Count(panel, group);
            MemoryMarshal.Write(to[(group * sizeof(int))..], end - i);
            for (int k = 0; k < panel.Length; k += 4)
            {
                if (!panel.HasSlab(gate, unit, k)) continue;
                MemoryMarshal.Write(to[(offsets + i * sizeof(int))..], k * P.ElementBytes);
                for (int u = unit; u < Math.Min(unit + 8, panel.Units); u++)
                    for (int e = k; e < Math.Min(k + 4, panel.Length); e++)
                    {
                        sbyte w = panel.Weights(gate, u)[e];
                        Span<byte> place = to[(slabs + i * slab + P.Place(u - unit, e - k, w).Index * P.WeightBytes)..];
                        if (P.WeightBytes == 1) place[0] = (byte)w;
                        else MemoryMarshal.Write(place, (short)w);
                    }
                i++;
            }
            i = end;
        }
        return slabs + total * slab;
    }

    private static int Count(CellPanel panel, int group)
    {
        int gate = group * 8 / P.Units, unit = group * 8 % P.Units, count = 0;
        for (int k = 0; k < panel.Length; k += 4) count += panel.HasSlab(gate, unit, k) ? 1 : 0;
        return (count + P.SlabsTogether - 1) / P.SlabsTogether * P.SlabsTogether;
    }

    private static int Round(int bytes) => (bytes + 63) / 64 * 64;
}
