namespace EdgeRuntime.Compressor;

/// <summary>
/// Slots that channels stand in, and which of them can only go together: disjoint sets joined as dependencies are found
/// (Tarjan 1975). Each slot knows where it came from, so that sets of the same origins can be treated alike.
/// </summary>
internal sealed class ChannelSlots
{
    private readonly List<int> _parents = [], _origins = [];
    private readonly List<string> _names = [];
    private readonly HashSet<int> _frozen = [];

    /// <summary>Slots made so far.</summary>
    public int Count => _parents.Count;

    /// <summary>New slots for the channels that <paramref name="origin"/> makes.</summary>
    public int[] Add(string origin, int count)
    {
        _names.Add(origin);
        int first = _parents.Count;
        for (int i = 0; i < count; i++)
        {
            _parents.Add(first + i);
            _origins.Add(_names.Count - 1);
        }
        return [.. Enumerable.Range(first, count)];
    }

    /// <summary>The slot that stands for all that go together with <paramref name="slot"/>.</summary>
    public int Find(int slot)
    {
        while (_parents[slot] != slot) slot = _parents[slot] = _parents[_parents[slot]];
        return slot;
    }

    public void Join(int a, int b)
    {
        (a, b) = (Find(a), Find(b));
        if (a == b) return;
        _parents[Math.Max(a, b)] = Math.Min(a, b);
        if (_frozen.Contains(Math.Max(a, b))) _frozen.Add(Math.Min(a, b));
    }

    public void Join(int[] a, int[] b)
    {
        for (int i = 0; i < a.Length; i++) Join(a[i], b[i]);
    }

    /// <summary>Forbids to remove <paramref name="slots"/> and all that goes with them.</summary>
    public void Freeze(params IEnumerable<int> slots) => _frozen.UnionWith(slots.Select(Find));

    /// <summary>The sets that can be removed, by where their slots came from: the groups in which one set is as good as another.</summary>
    public IReadOnlyList<ChannelGroup> Groups() =>
        [.. Enumerable.Range(0, Count).GroupBy(Find).Where(set => !_frozen.Contains(set.Key))
            .GroupBy(set => string.Join(' ', set.Select(s => _origins[s]).Distinct().Order()), set => set)
            .Select(group => new ChannelGroup([.. group.First().Select(s => _names[_origins[s]]).Distinct()], [.. group.Select(set => set.Key)]))];
}

/// <summary>Channels that the same nodes make together.</summary>
/// <param name="Nodes">Names of the nodes that make them.</param>
/// <param name="Channels">A slot for each channel; see <see cref="ChannelSlots.Find"/>.</param>
internal sealed record ChannelGroup(IReadOnlyList<string> Nodes, int[] Channels);
