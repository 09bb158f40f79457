namespace EdgeRuntime.Compressor;

/// <summary>Chooses the channels that go, so that what the network costs falls to a target and little is lost.</summary>
/// <param name="groups">What can go: groups whose sizes fall in steps.</param>
/// <param name="importance">What each channel is worth, by its slot.</param>
/// <param name="multiple">Sizes that are larger are multiples of this.</param>
/// <param name="least">Channels that a group keeps at least.</param>
/// <param name="cost">What the network costs with the channels in the slots that are true.</param>
internal sealed class ChannelSelection(IReadOnlyList<ChannelGroup> groups, double[] importance, int multiple, int least, Func<bool[], double> cost)
{
    /// <summary>Steps that a group may take at once: where one more tile wins nothing, two may.</summary>
    private const int LookAhead = 4;

    private const int Shares = 128;

    // Of each group, the most important channels first; equal ones in their order.
    private readonly int[][] _ranked = [.. groups.Select(g => g.Channels.OrderByDescending(c => importance[c]).ToArray())];

    /// <summary>The same share of every group, as small as the target allows.</summary>
    public bool[] Uniform(double target)
    {
        int[] sizes = [];
        for (int share = Shares; share >= 0; share--)
        {
            sizes = [.. groups.Select(g => Snap(g.Channels.Length, (double)g.Channels.Length * share / Shares))];
            if (cost(Kept(sizes)) <= target) break;
        }
        return Kept(sizes);
    }

    /// <summary>Wherever the least importance is lost for what is won, until the target is met.</summary>
    public bool[] Global(double target)
    {
        int[] sizes = [.. groups.Select(g => g.Channels.Length)];
        for (double now = cost(Kept(sizes)); now > target;)
        {
            if (Best(sizes, now) is not { } best) break;
            (int group, int size, now) = best;
            sizes[group] = size;
        }
        return Kept(sizes);
    }

    private (int Group, int Size, double Cost)? Best(int[] sizes, double now)
    {
        (int, int, double)? best = null;
        double least = double.PositiveInfinity;
        for (int g = 0; g < sizes.Length; g++)
        {
            int size = sizes[g];
            for (int step = 0; step < LookAhead && Snap(groups[g].Channels.Length, size - 1) is var next && next < size; step++)
            {
                size = next;
                int[] changed = [.. sizes];
                changed[g] = size;
                double after = cost(Kept(changed)), lost = _ranked[g][size..sizes[g]].Sum(c => importance[c]);
                double price = lost / (now - after);
                if (after >= now || price >= least) continue;
                (best, least) = ((g, size, after), price);
            }
        }
        return best;
    }

    /// <summary>The largest size allowed that is at most <paramref name="wish"/>, of a group of <paramref name="whole"/>.</summary>
    private int Snap(int whole, double wish)
    {
        int bottom = Math.Min(whole, Math.Max(least, Math.Min(multiple, whole)));
        if (wish >= whole) return whole;
        return Math.Max(bottom, (int)(wish / multiple) * multiple);
    }

    private bool[] Kept(int[] sizes)
    {
        bool[] kept = new bool[importance.Length];
        Array.Fill(kept, true);
        for (int g = 0; g < sizes.Length; g++)
            foreach (int c in _ranked[g].AsSpan(sizes[g])) kept[c] = false;
        return kept;
    }
}
