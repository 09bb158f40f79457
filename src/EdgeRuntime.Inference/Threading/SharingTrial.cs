namespace EdgeRuntime.Inference;

/// <summary>
/// Whether sharing a step pays on this machine, which no estimate knows: cores may be two halves of one, busy, or slow. In the first
/// runs every step that the plan would share is shared, in as many more it is not; then each goes the way in which its smallest time was
/// the smaller. Some thousand runs later the trial is held again. Results are the same in either way.
/// </summary>
internal sealed class SharingTrial
{
    private const int Rounds = 8, Period = 4096;

    private readonly bool[] _isShared;
    private readonly long[] _shared, _alone;
    private int _run;

    public SharingTrial(int steps)
    {
        _isShared = new bool[steps];
        _shared = new long[steps];
        _alone = new long[steps];
        Array.Fill(_isShared, true);
        Restart();
    }

    /// <summary>Whether this run's steps are to be timed.</summary>
    public bool IsTiming => _run < 2 * Rounds;

    /// <summary>Whether a step is shared in this run.</summary>
    public bool Shares(int step) => _run < Rounds || (_run >= 2 * Rounds && _isShared[step]);

    /// <summary>Notes a step's time in a run that is timed.</summary>
    public void Record(int step, long ticks)
    {
        long[] least = _run < Rounds ? _shared : _alone;
        least[step] = Math.Min(least[step], ticks);
    }

    /// <summary>Ends a run.</summary>
    public void EndRun()
    {
        _run++;
        if (_run == 2 * Rounds)
            for (int i = 0; i < _isShared.Length; i++) _isShared[i] = _shared[i] < 0.95 * _alone[i];
        else if (_run == Period) Restart();
    }

    private void Restart()
    {
        _run = 0;
        Array.Fill(_shared, long.MaxValue);
        Array.Fill(_alone, long.MaxValue);
    }
}
