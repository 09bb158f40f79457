namespace EdgeRuntime.Training;

/// <summary>Arrays by length. All that was lent is taken back at once.</summary>
internal sealed class BufferPool
{
    private readonly Dictionary<int, (List<float[]> Arrays, int Lent)> _byLength = [];
    private readonly Lock _gate = new();

    public float[] Rent(int count)
    {
        lock (_gate)
        {
            if (!_byLength.TryGetValue(count, out var entry)) entry = ([], 0);
            if (entry.Lent == entry.Arrays.Count) entry.Arrays.Add(GC.AllocateUninitializedArray<float>(count));
            _byLength[count] = (entry.Arrays, entry.Lent + 1);
            return entry.Arrays[entry.Lent];
        }
    }

    public void TakeBack()
    {
        lock (_gate)
            foreach (int length in _byLength.Keys.ToArray()) _byLength[length] = (_byLength[length].Arrays, 0);
    }
}
