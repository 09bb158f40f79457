namespace EdgeRuntime.Compressor;

/// <summary>One choice for each item, of least total cost within a budget of bytes: dynamic programming over the budget.</summary>
internal static class Knapsack
{
    // Bytes are counted in steps of 1/20,000 of the budget, rounded up: never above it.
    private const int Steps = 20_000;

    /// <summary>The index of the choice for each item; null if even the smallest choices exceed <paramref name="budget"/>.</summary>
    public static int[]? Solve(IReadOnlyList<(long Bytes, double Cost)[]> items, long budget)
    {
        if (items.Sum(choices => choices.Min(c => c.Bytes)) > budget) return null;
        // The smallest choices fit whatever the rounding: only what exceeds them is counted.
        long[] smallest = [.. items.Select(choices => choices.Min(c => c.Bytes))];
        long free = budget - smallest.Sum(), step = Math.Max(1, (free + Steps - 1) / Steps);
        int size = (int)(free / step);
        double[] costs = new double[size + 1];
        byte[][] chosen = [.. items.Select(_ => new byte[size + 1])];
        for (int i = 0; i < items.Count; i++)
        {
            double[] next = new double[size + 1];
            Array.Fill(next, double.PositiveInfinity);
            for (int c = 0; c < items[i].Length; c++)
            {
                long needed = (items[i][c].Bytes - smallest[i] + step - 1) / step;
                for (long left = needed; left <= size; left++)
                {
                    double cost = costs[left - needed] + items[i][c].Cost;
                    if (cost < next[left]) (next[left], chosen[i][left]) = (cost, (byte)c);
                }
            }
            costs = next;
        }
        int[] result = new int[items.Count];
        long rest = size;
        for (int i = items.Count - 1; i >= 0; i--)
        {
            result[i] = chosen[i][rest];
            rest -= (items[i][result[i]].Bytes - smallest[i] + step - 1) / step;
        }
        return result;
    }
}
