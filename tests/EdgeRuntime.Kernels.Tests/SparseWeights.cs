using System.Numerics;

namespace EdgeRuntime.Kernels.Tests;

/// <summary>Weights with zeros in every pattern.</summary>
internal static class SparseWeights
{
    /// <summary>Clears blocks of a matrix of <paramref name="rows"/> rows: sides, share and places follow from the seed; some seeds clear everything, or leave one row whole.</summary>
    public static void Clear<T>(T[] weights, int rows, int seed) where T : unmanaged, INumber<T>
    {
        (int height, int width) = (seed % 6) switch { 0 => (1, 1), 1 => (1, 4), 2 => (4, 1), 3 => (4, 4), 4 => (8, 1), _ => (1, 2) };
        Random random = new(seed);
        int columns = weights.Length / Math.Max(1, rows), percent = (seed % 7) switch { 0 => 100, 1 => 95, 2 => 90, 3 => 50, _ => 75 };
        for (int r = 0; r < rows; r += height)
            for (int c = 0; c < columns; c += width)
            {
                if (random.Next(100) >= percent || (seed % 11 == 0 && r == 0)) continue;
                for (int i = r; i < Math.Min(rows, r + height); i++) Array.Clear(weights, i * columns + c, Math.Min(width, columns - c));
            }
    }
}
