namespace EdgeRuntime.Compressor;

/// <summary>Chooses the channels that go, so that what the network costs falls to a target and little is lost.</summary>
internal sealed class ChannelSelection
{
    private const int Shares = 128;

    // Of each group, the most important channels first; equal ones in their order.
    private readonly int[][] _ranked;
    // The sizes that a group may have, from the whole one down.
    private readonly int[][] _sizes;
    private readonly double[] _importance;
    private readonly Func<bool[], double> _cost;
    private readonly Func<bool[], double>? _loss;

    /// <summary>Prepares a choice.</summary>
    /// <param name="groups">What can go.</param>
    /// <param name="importance">What each channel is worth, by its slot.</param>
    /// <param name="multiple">Sizes that are larger are multiples of this.</param>
    /// <param name="least">Channels that each group keeps at least.</param>
    /// <param name="cost">What the network costs with the channels in the slots that are true.</param>
    /// <param name="loss">How badly the network does with them; null where channels lost together matter as much as one by one.</param>
    public ChannelSelection(IReadOnlyList<ChannelGroup> groups, double[] importance, int multiple, Func<ChannelGroup, int> least, Func<bool[], double> cost, Func<bool[], double>? loss = null)
    {
        (_importance, _cost, _loss) = (importance, cost, loss);
        _ranked = [.. groups.Select(g => g.Channels.OrderByDescending(c => importance[c]).ToArray())];
        _sizes = [.. groups.Select(g => Sizes(g.Channels.Length, multiple, Math.Min(least(g), g.Channels.Length)).ToArray())];
    }

    /// <summary>The same share of every group, as small as the target asks.</summary>
    public bool[] Uniform(double target)
    {
        bool[] kept = Kept(new int[_sizes.Length]);
        for (int share = Shares; share >= 0 && _cost(kept) > target; share--)
            kept = Kept([.. _sizes.Select(sizes => Array.FindIndex(sizes, s => s * Shares <= sizes[0] * share) is >= 0 and var level ? level : sizes.Length - 1)]);
        return kept;
    }

    /// <summary>Wherever the least importance is lost for what is won.</summary>
    public bool[] Global(double target)
    {
        double[]?[] losses = new double[_sizes.Length][];
        double Lost(int group, int level) => (losses[group] ??= Losses(group))[level];
        double Cost(int[] levels) => _cost(Kept(levels));
        int[] chosen = GreedyBudget.Spend([.. _sizes.Select(s => s.Length)], Lost, Cost, target);
        return Kept(_loss is null ? chosen : GreedyBudget.GiveBack(chosen, Lost, Cost, target));
    }

    /// <summary>What a group alone loses with each of its sizes; a smaller one never less.</summary>
    private double[] Losses(int group)
    {
        if (_loss is null) return [.. _sizes[group].Select(size => _ranked[group][size..].Sum(c => _importance[c]))];
        double[] losses = [.. _sizes[group].Select((_, level) => _loss(Kept([.. _sizes.Select((_, g) => g == group ? level : 0)])))];
        for (int i = 1; i < losses.Length; i++) losses[i] = Math.Max(losses[i], losses[i - 1]);
        return losses;
    }

    private static IEnumerable<int> Sizes(int whole, int multiple, int least)
    {
        int bottom = Math.Max(least, Math.Min(multiple, whole));
        yield return whole;
        for (int size = (whole - 1) / multiple * multiple; size > bottom; size -= multiple) yield return size;
        if (bottom < whole) yield return bottom;
    }

    private bool[] Kept(int[] levels)
    {
        bool[] kept = new bool[_importance.Length];
        Array.Fill(kept, true);
        for (int g = 0; g < levels.Length; g++)
            foreach (int c in _ranked[g].AsSpan(_sizes[g][levels[g]])) kept[c] = false;
        return kept;
    }
}
