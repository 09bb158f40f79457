using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace EdgeRuntime.Inference;

/// <summary>What the pool runs: portions [first, end) of a job as one of the workers.</summary>
internal interface IPortions
{
    void Run(int stage, int first, int end, int worker);
}

/// <summary>
/// A fixed set of threads that share one stage at a time. The caller is worker 0. A stage is divided into chunks that whoever is
/// free takes, and ends when every chunk is done: a worker that is parked, or that the system has taken off its processor, delays
/// nothing unless it holds a chunk. A worker spins for some microseconds for the next stage, then parks. Running allocates nothing.
/// </summary>
internal sealed partial class WorkerPool : IDisposable
{
    /// <summary>Looks for work before parking, each after a pause of some 40 ns: longer than the steps between two shared ones take.</summary>
    private const int SpinsBeforeParking = 2000;

    private const long OneActive = 1L << 32;

    private readonly Thread[] _threads;
    private readonly AutoResetEvent[] _wake;
    private readonly int[] _isParked;
    private Lines _lines;
    private IPortions? _job;
    private int _stage, _portions, _chunks;
    private volatile bool _stopping;
    private Exception? _failure;

    public WorkerPool(int workers, IReadOnlyList<int> processors)
    {
        Workers = workers;
        _wake = new AutoResetEvent[workers - 1];
        _isParked = new int[workers - 1];
        _threads = new Thread[workers - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _wake[i] = new AutoResetEvent(false);
            _threads[i] = new Thread(() => Loop(worker, processors)) { IsBackground = true, Name = $"edge worker {worker}" };
            _threads[i].Start();
        }
    }

    public int Workers { get; }

    /// <summary>Workers that are parked now.</summary>
    public int Parked => Volatile.Read(ref _lines.Parked);

    /// <summary>
    /// Runs all portions of one stage, divided into <paramref name="chunks"/>, and returns when every one is done.
    /// <paramref name="wakes"/>: whether to wake parked workers, which takes the caller some microseconds and a worker some tens.
    /// </summary>
    /// <exception cref="Exception">What the job threw first; all other chunks were run.</exception>
    public void Run(IPortions job, int stage, int portions, int chunks, bool wakes)
    {
        (_job, _stage, _portions, _chunks) = (job, stage, portions, chunks);
        Interlocked.Exchange(ref _lines.State, chunks);
        if (wakes && Volatile.Read(ref _lines.Parked) != 0) WakeAll();
        while (TryRunChunk(0)) { }
        while (Volatile.Read(ref _lines.State) != 0) Thread.SpinWait(1);
        if (Interlocked.Exchange(ref _failure, null) is { } failure) ExceptionDispatchInfo.Throw(failure);
    }

    public void Dispose()
    {
        _stopping = true;
        foreach (AutoResetEvent e in _wake) e.Set();
        foreach (Thread t in _threads) t.Join();
        foreach (AutoResetEvent e in _wake) e.Dispose();
    }

    /// <summary>The processors that the process was given, whatever threads were pinned to since; empty where the system does not say.</summary>
    public static IReadOnlyList<int> AllowedProcessors { get; } = ReadAllowedProcessors();

    /// <summary>Lets the calling thread run on these processors only; silently does nothing where the system refuses.</summary>
    public static void Pin(params ReadOnlySpan<int> processors)
    {
        // A mask read later would be that of a pinned thread, which threads that it starts inherit.
        if (AllowedProcessors.Count == 0) return;
        Span<ulong> mask = stackalloc ulong[16];
        mask.Clear();
        foreach (int processor in processors)
            if (processor is >= 0 and < 1024) mask[processor / 64] |= 1UL << (processor % 64);
        _ = SchedSetAffinity(0, mask.Length * sizeof(ulong), MemoryMarshal.GetReference(mask));
    }

    private static List<int> ReadAllowedProcessors()
    {
        Span<ulong> mask = stackalloc ulong[16];
        mask.Clear();
        if (!OperatingSystem.IsLinux() || SchedGetAffinity(0, mask.Length * sizeof(ulong), ref MemoryMarshal.GetReference(mask)) < 0) return [];
        List<int> processors = [];
        for (int i = 0; i < mask.Length * 64; i++)
            if ((mask[i / 64] >> (i % 64) & 1) != 0) processors.Add(i);
        return processors;
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SchedSetAffinity(int thread, nint size, in ulong mask);

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int SchedGetAffinity(int thread, nint size, ref ulong mask);

    /// <summary>
    /// Takes and runs one chunk if there is one. Chunks left and chunks being run are one number, so that a chunk is taken only
    /// while its stage lasts, whatever was seen before; the stage's description is read after that, and stays until it is done.
    /// </summary>
    private bool TryRunChunk(int worker)
    {
        long state = Volatile.Read(ref _lines.State);
        int left = (int)state;
        if (left == 0) return false;
        if (Interlocked.CompareExchange(ref _lines.State, state + OneActive - 1, state) != state) return true;
        int chunk = _chunks - left;
        try
        {
            _job!.Run(_stage, Boundary(chunk), Boundary(chunk + 1), worker);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
        }
        Interlocked.Add(ref _lines.State, -OneActive);
        return true;
    }

    private int Boundary(int chunk) => (int)((long)_portions * chunk / _chunks);

    private void WakeAll()
    {
        for (int i = 0; i < _wake.Length; i++)
            if (Volatile.Read(ref _isParked[i]) != 0) _wake[i].Set();
    }

    private void Loop(int worker, IReadOnlyList<int> processors)
    {
        if (worker < processors.Count) Pin(processors[worker]);
        else Pin([.. AllowedProcessors]);
        for (int spins = 0; !_stopping; spins++)
        {
            if (TryRunChunk(worker)) spins = 0;
            else if (spins < SpinsBeforeParking) Thread.SpinWait(1);
            else
            {
                Park(worker - 1);
                spins = 0;
            }
        }
    }

    /// <summary>The flag goes up before the last look: whoever starts a stage after that look sees the flag and wakes us.</summary>
    private void Park(int index)
    {
        Volatile.Write(ref _isParked[index], 1);
        Interlocked.Increment(ref _lines.Parked);
        if ((int)Volatile.Read(ref _lines.State) == 0 && !_stopping) _wake[index].WaitOne();
        Volatile.Write(ref _isParked[index], 0);
        Interlocked.Decrement(ref _lines.Parked);
    }

    /// <summary>What workers write while others read, each on a cache line of its own (two, as they are fetched in pairs).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Lines
    {
        /// <summary>Low half: chunks that nobody has taken. High half: chunks being run.</summary>
        [FieldOffset(128)]
        public long State;

        [FieldOffset(256)]
        public int Parked;
    }
}
