namespace EdgeRuntime.Inference;

/// <summary>
/// Which steps several workers share, into how many chunks each divides, and where parked workers are woken: by estimated
/// cycles, so that a network too small to gain runs as on one thread. The constants are cycles of the running thread; the
/// benchmark <c>threads</c> measures what they are compared with.
/// </summary>
internal sealed class SharingPlan
{
    /// <summary>The least work of a chunk: some ten times what handing it over and awaiting its end take.</summary>
    private const double ChunkCycles = 6_000;

    /// <summary>Work that must still lie ahead for waking a worker to pay: it is there after some 50 µs, and the call takes 5.</summary>
    private const double WakeCycles = 300_000;

    /// <summary>Chunks a worker has in the largest steps: spares, for workers that are slower or held up.</summary>
    private const int ChunksPerWorker = 4;

    private readonly int[] _chunks;
    private readonly bool[] _wakes;

    public SharingPlan(ReadOnlySpan<Operator> steps, int workers)
    {
        _chunks = new int[steps.Length];
        _wakes = new bool[steps.Length];
        double ahead = 0;
        for (int i = steps.Length - 1; i >= 0; i--)
        {
            double cycles = steps[i].SharedCycles;
            _chunks[i] = workers == 1 ? 1 : (int)Math.Clamp(cycles / ChunkCycles, 1, ChunksPerWorker * workers);
            if (_chunks[i] > 1) ahead += cycles;
            IsWorthwhile |= _wakes[i] = ahead > WakeCycles;
        }
        if (!IsWorthwhile) Array.Fill(_chunks, 1);
    }

    /// <summary>Whether anything is shared at all.</summary>
    public bool IsWorthwhile { get; }

    /// <summary>Chunks of step <paramref name="index"/>; 1 runs it on the calling thread.</summary>
    public int Chunks(int index) => _chunks[index];

    /// <summary>Whether step <paramref name="index"/> wakes parked workers.</summary>
    public bool Wakes(int index) => _wakes[index];
}
