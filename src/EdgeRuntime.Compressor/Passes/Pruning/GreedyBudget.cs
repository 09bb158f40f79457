namespace EdgeRuntime.Compressor;

/// <summary>
/// Lowers what a network costs, a level of one of its parts at a time, always where the least importance is lost for what is won:
/// the usual way with knapsacks, which this is.
/// </summary>
internal static class GreedyBudget
{
    /// <summary>Levels that a part may fall at once: where one more tile wins nothing, two may.</summary>
    private const int LookAhead = 4;

    /// <summary>The level of each part, from 0 on, once the target is met or nothing more can be won.</summary>
    /// <param name="levels">How many levels each part has.</param>
    /// <param name="lost">Importance lost by a part at a level, growing with it.</param>
    /// <param name="cost">What the network costs with these levels.</param>
    /// <param name="target">The cost to reach.</param>
    public static int[] Spend(IReadOnlyList<int> levels, Func<int, int, double> lost, Func<int[], double> cost, double target)
    {
        int[] chosen = new int[levels.Count];
        for (double now = cost(chosen); now > target;)
        {
            (int Part, int Level, double Cost, double Price) best = (-1, 0, 0, double.PositiveInfinity);
            for (int part = 0; part < chosen.Length; part++)
                for (int level = chosen[part] + 1; level < Math.Min(levels[part], chosen[part] + 1 + LookAhead); level++)
                {
                    int[] changed = [.. chosen];
                    changed[part] = level;
                    double after = cost(changed), price = (lost(part, level) - lost(part, chosen[part])) / (now - after);
                    if (after < now && price < best.Price) best = (part, level, after, price);
                }
            if (best.Part < 0) break;
            chosen[best.Part] = best.Level;
            now = best.Cost;
        }
        return chosen;
    }

    /// <summary>
    /// Undoes what turned out not to be needed: the last step down is often a large one, and leaves room for smaller ones to be taken back, those
    /// first that regain most.
    /// </summary>
    public static int[] GiveBack(int[] chosen, Func<int, int, double> lost, Func<int[], double> cost, double target)
    {
        chosen = [.. chosen];
        while (true)
        {
            (int Part, int Level, double Gain) best = (-1, 0, 0);
            for (int part = 0; part < chosen.Length; part++)
                for (int level = chosen[part] - 1; level >= Math.Max(0, chosen[part] - LookAhead); level--)
                {
                    int[] changed = [.. chosen];
                    changed[part] = level;
                    double gain = lost(part, chosen[part]) - lost(part, level);
                    if (gain > best.Gain && cost(changed) <= target) best = (part, level, gain);
                }
            if (best.Part < 0) return chosen;
            chosen[best.Part] = best.Level;
        }
    }
}
