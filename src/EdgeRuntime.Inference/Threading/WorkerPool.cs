using System.Runtime.InteropServices;

namespace EdgeRuntime.Inference;

/// <summary>What the pool runs: portions [first, end) of a job as one of the workers.</summary>
internal interface IPortions
{
    void Run(int stage, int first, int end, int worker);
}

/// <summary>
/// A fixed set of threads that share one stage at a time. The caller is worker 0. A worker spins for a few microseconds
/// for the next stage, then parks; nothing is allocated while running.
/// </summary>
internal sealed partial class WorkerPool : IDisposable
{
    private const int SpinsBeforeParking = 2000;

    private readonly Thread[] _threads;
    private readonly AutoResetEvent[] _wake;
    private readonly int[] _parked;
    private IPortions? _job;
    private int _stage, _portions, _remaining;
    private volatile int _generation;
    private volatile bool _stopping;
    private volatile Exception? _failure;

    public WorkerPool(int workers, IReadOnlyList<int> processors)
    {
        Workers = workers;
        _wake = new AutoResetEvent[workers];
        _parked = new int[workers];
        _threads = new Thread[workers - 1];
        for (int w = 1; w < workers; w++)
        {
            int worker = w;
            _wake[w] = new AutoResetEvent(false);
            _threads[w - 1] = new Thread(() => Loop(worker, processors)) { IsBackground = true, Name = $"edge worker {w}" };
            _threads[w - 1].Start();
        }
    }

    public int Workers { get; }

    /// <summary>Runs all portions of one stage on all workers and returns when every one is done.</summary>
    public void Run(IPortions job, int stage, int portions)
    {
        (_job, _stage, _portions, _remaining) = (job, stage, portions, Workers - 1);
        _generation++;
        Interlocked.MemoryBarrier();
        for (int w = 1; w < Workers; w++)
            if (Volatile.Read(ref _parked[w]) != 0) _wake[w].Set();
        job.Run(stage, 0, Share(1), 0);
        SpinWait spin = default;
        while (Volatile.Read(ref _remaining) != 0) spin.SpinOnce(-1);
        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("a worker failed: " + failure.Message, failure);
        }
    }

    public void Dispose()
    {
        _stopping = true;
        foreach (AutoResetEvent? e in _wake) e?.Set();
        foreach (Thread t in _threads) t.Join();
        foreach (AutoResetEvent? e in _wake) e?.Dispose();
    }

    /// <summary>Pins the calling thread to one processor; silently does nothing where the system refuses.</summary>
    public static void PinCurrentThread(int processor)
    {
        if (!OperatingSystem.IsLinux() || processor is < 0 or >= 1024) return;
        Span<ulong> mask = stackalloc ulong[16];
        mask.Clear();
        mask[processor / 64] = 1UL << (processor % 64);
        _ = SchedSetAffinity(0, (nint)(mask.Length * sizeof(ulong)), MemoryMarshal.GetReference(mask));
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SchedSetAffinity(int thread, nint size, in ulong mask);

    private int Share(int worker) => (int)((long)_portions * worker / Workers);

    private void Loop(int worker, IReadOnlyList<int> processors)
    {
        if (worker < processors.Count) PinCurrentThread(processors[worker]);
        int seen = 0;
        while (true)
        {
            Await(worker, seen);
            if (_stopping) return;
            seen = _generation;
            try
            {
                _job!.Run(_stage, Share(worker), Share(worker + 1), worker);
            }
            catch (Exception e)
            {
                _failure = e;
            }
            Interlocked.Decrement(ref _remaining);
        }
    }

    private void Await(int worker, int seen)
    {
        for (int i = 0; i < SpinsBeforeParking; i++)
        {
            if (_generation != seen || _stopping) return;
            Thread.SpinWait(8);
        }
        // The flag goes up before the last look: whoever starts a stage after it sees the flag and wakes us.
        Volatile.Write(ref _parked[worker], 1);
        Interlocked.MemoryBarrier();
        while (_generation == seen && !_stopping) _wake[worker].WaitOne();
        Volatile.Write(ref _parked[worker], 0);
    }
}
