namespace EdgeRuntime.Training;

/// <summary>An exponential moving average of parameters (Polyak and Juditsky 1992), to be evaluated in their place.</summary>
public sealed class MovingAverage(IReadOnlyList<Variable> parameters, float decay = 0.999f)
{
    private int _updates;

    internal float[][] Averages { get; } = [.. parameters.Select(p => p.Data.ToArray())];

    internal int Updates
    {
        get => _updates;
        set => _updates = value;
    }

    /// <summary>Takes the parameters' present values in; early on with less weight on the past.</summary>
    public void Update()
    {
        float d = Math.Min(decay, (1f + _updates) / (10f + _updates));
        _updates++;
        for (int p = 0; p < parameters.Count; p++)
            for (int i = 0; i < Averages[p].Length; i++) Averages[p][i] += (1 - d) * (parameters[p].Data[i] - Averages[p][i]);
    }

    /// <summary>Exchanges averages and parameters; a second call brings the parameters back.</summary>
    public void Swap()
    {
        for (int p = 0; p < parameters.Count; p++)
            for (int i = 0; i < Averages[p].Length; i++) (Averages[p][i], parameters[p].Data[i]) = (parameters[p].Data[i], Averages[p][i]);
    }
}
