using System.Runtime.InteropServices;

namespace EdgeRuntime.Kernels;

/// <summary>The packed form of the sparse float kernels.</summary>
internal static class SparseFloat32Units
{
    /// <summary>
    /// Layout: biases, padded to whole groups of <paramref name="rows"/> channels; the first unit of each group and the end;
    /// then the units: one weight for each channel, and the column times <paramref name="columnBytes"/>.
    /// </summary>
    public static void Pack(in ConvolutionShape shape, int rows, int columnBytes, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias, Span<byte> destination)
    {
        destination.Clear();
        bias.CopyTo(MemoryMarshal.Cast<byte, float>(destination));
        int groups = (shape.OutChannels + rows - 1) / rows, depth = shape.Depth, unit = 0, unitBytes = 4 + 4 * rows;
        Span<int> starts = MemoryMarshal.Cast<byte, int>(destination)[(groups * rows)..];
        Span<byte> units = destination[(groups * (rows + 1) * 4 + 4)..];
        for (int group = 0; group < groups; group++)
        {
            int first = group * rows, count = Math.Min(rows, shape.OutChannels - first);
            for (int k = 0; k < depth; k++)
            {
                bool used = false;
                for (int r = 0; r < count; r++) used |= weights[(first + r) * depth + k] != 0;
                if (!used) continue;
                Span<byte> at = units.Slice(unit++ * unitBytes, unitBytes);
                MemoryMarshal.Write(at[(4 * rows)..], k * columnBytes);
                for (int r = 0; r < count; r++) MemoryMarshal.Write(at[(4 * r)..], weights[(first + r) * depth + k]);
            }
            starts[group + 1] = unit;
        }
    }
}
