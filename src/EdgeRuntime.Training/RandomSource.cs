namespace EdgeRuntime.Training;

/// <summary>
/// Random numbers whose whole state is one number, so that a checkpoint can hold it: SplitMix64 (Steele, Lea and Flood 2014).
/// </summary>
public sealed class RandomSource(ulong state)
{
    private ulong _state = state;

    /// <summary>Where the sequence is.</summary>
    public ulong State
    {
        get => _state;
        set => _state = value;
    }

    /// <summary>64 random bits.</summary>
    public ulong NextBits()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }

    /// <summary>Uniform in [0, 1).</summary>
    public float NextSingle() => (NextBits() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    public float Uniform(float low, float high) => low + (high - low) * NextSingle();

    /// <summary>Uniform in [0, <paramref name="count"/>).</summary>
    public int Next(int count) => (int)((NextBits() >> 32) * (ulong)count >> 32);

    /// <summary>Normal with mean 0 and deviation 1 (Box and Muller 1958).</summary>
    public float Gaussian() => MathF.Sqrt(-2 * MathF.Log(1 - NextSingle())) * MathF.Cos(2 * MathF.PI * NextSingle());

    /// <summary>A source that is independent of this one's further course.</summary>
    public RandomSource Fork() => new(NextBits());

    /// <summary>Brings <paramref name="items"/> into random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
