namespace EdgeRuntime.Compressor;

/// <summary>Takes trials from a study until none is left; any number of workers may share one.</summary>
/// <param name="store">The study.</param>
/// <param name="name">Unique among the workers.</param>
/// <param name="lease">How long a worker may be silent before its trial is given to another.</param>
/// <param name="threads">Threads of training.</param>
public sealed class SearchWorker(IStudyStore store, string name, TimeSpan lease, int threads)
{
    /// <summary>Told what the present trial is at.</summary>
    public Action<string>? OnProgress { get; init; }

    /// <summary>Told of each trial that this worker ended.</summary>
    public Action<Trial>? OnTrial { get; init; }

    /// <summary>Works until every trial of the study is done; a trial that <paramref name="cancel"/> interrupts waits for the next worker.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> was asked for.</exception>
    public void Run(CancellationToken cancel)
    {
        TrialRunner runner = new(store, threads);
        SearchSampler sampler = new(store.Settings!, runner.Space);
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            if (store.Claim(name, lease) is { } trial)
            {
                Work(runner, trial, cancel);
                continue;
            }
            IReadOnlyList<Trial> trials = store.Trials();
            if (sampler.Next(trials) is { } next) store.TryAdd(next.Choices, next.Rung);
            else if (trials.All(t => t.Result is not null)) return;
            // Others are at work: what they find may call for more, and they may be lost.
            else cancel.WaitHandle.WaitOne(TimeSpan.FromSeconds(Math.Min(0.5, lease.TotalSeconds / 4)));
        }
    }

    private void Work(TrialRunner runner, Trial trial, CancellationToken cancel)
    {
        using CancellationTokenSource lost = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using Timer heartbeat = new(_ => Renew(trial, lost), null, lease / 3, lease / 3);
        try
        {
            var (result, recipe, model, _) = runner.Run(trial, text => OnProgress?.Invoke($"{runner.Space.NameOf(trial.Choices)}: {text}"), lost.Token);
            store.Complete(trial.Id, name, result, recipe, model);
            OnTrial?.Invoke(trial with { Result = result });
        }
        catch (OperationCanceledException)
        {
            if (cancel.IsCancellationRequested) store.Release(trial.Id, name);
            cancel.ThrowIfCancellationRequested();
        }
    }

    private void Renew(Trial trial, CancellationTokenSource lost)
    {
        try
        {
            if (!store.Renew(trial.Id, name, lease)) lost.Cancel();
        }
        catch (Exception e) when (e is IOException or System.Data.Common.DbException or ObjectDisposedException)
        {
            // The next beat tries again; a lease that runs out meanwhile costs one trial computed twice.
        }
    }
}
