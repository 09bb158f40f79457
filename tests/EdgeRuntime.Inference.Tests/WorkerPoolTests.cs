using Xunit;

namespace EdgeRuntime.Inference.Tests;

/// <summary>The workers do every portion once, whatever they are at when a stage begins, and survive what goes wrong.</summary>
public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Every_portion_runs_once_and_is_seen_after_the_stage(int workers)
    {
        using WorkerPool pool = new(workers, []);
        Counter job = new(64);
        Random random = new(1);
        for (int stage = 1; stage <= 3000; stage++)
        {
            int portions = 1 + random.Next(64);
            pool.Run(job, stage, portions, 1 + random.Next(portions), wakes: random.Next(4) == 0);
            for (int i = 0; i < portions; i++) Assert.Equal(stage, job.Stages[i]);
            Assert.Equal(portions, Interlocked.Exchange(ref job.Runs, 0));
            if (random.Next(100) == 0) Thread.Sleep(1);
        }
    }

    [Fact]
    public void A_failure_reaches_the_caller_once_and_the_pool_goes_on()
    {
        using WorkerPool pool = new(3, []);
        Counter job = new(64);
        for (int stage = 1; stage <= 200; stage++)
        {
            job.FailsAt = stage % 64;
            Assert.Equal($"portion {job.FailsAt}", Assert.Throws<InvalidDataException>(() => pool.Run(job, 2 * stage, 64, 16, wakes: true)).Message);
            job.FailsAt = -1;
            pool.Run(job, 2 * stage + 1, 64, 16, wakes: false);
            Assert.All(job.Stages, s => Assert.Equal(2 * stage + 1, s));
        }
    }

    [Fact]
    public void Idle_workers_park_and_a_stage_does_not_wait_for_them()
    {
        using WorkerPool pool = new(4, []);
        Assert.True(SpinWait.SpinUntil(() => pool.Parked == 3, TimeSpan.FromSeconds(30)));
        Counter job = new(64);
        pool.Run(job, 1, 64, 8, wakes: false);
        Assert.Equal(64, job.Runs);
        Assert.Equal(3, pool.Parked);
        pool.Run(job, 2, 64, 8, wakes: true);
        Assert.True(SpinWait.SpinUntil(() => pool.Parked == 3, TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Pools_end_in_every_state()
    {
        for (int i = 0; i < 60; i++)
        {
            WorkerPool pool = new(1 + i % 5, [0, 1, 5000]);
            if (i % 3 > 0) pool.Run(new Counter(8), 1, 8, 8, wakes: true);
            if (i % 3 == 2) Assert.True(SpinWait.SpinUntil(() => pool.Parked == pool.Workers - 1, TimeSpan.FromSeconds(30)));
            pool.Dispose();
        }
    }

    [Fact]
    public void A_trial_shares_what_was_faster_shared_and_is_held_again()
    {
        SharingTrial trial = new(2);
        for (int period = 0; period < 2; period++)
        {
            int timed = 0;
            for (; trial.IsTiming; timed++, trial.EndRun())
            {
                Assert.Equal(trial.Shares(0), trial.Shares(1));
                trial.Record(0, trial.Shares(0) ? 60 : 100);
                trial.Record(1, trial.Shares(1) ? 99 : 100);
            }
            Assert.Equal(16, timed);
            for (; !trial.IsTiming; trial.EndRun()) Assert.Equal((true, false), (trial.Shares(0), trial.Shares(1)));
        }
    }

    [Fact]
    public async Task Many_sessions_run_side_by_side()
    {
        Task[] users = [.. Enumerable.Range(0, 6).Select(user => Task.Run(() =>
        {
            for (int round = 0; round < 4; round++)
            {
                using InferenceSession shared = new(InferenceSessionTests.Large(), new SessionOptions { Threads = 1 + user % 4 }), alone = new(InferenceSessionTests.Large());
                for (int run = 0; run < 5; run++)
                {
                    RandomGraphs.FillInputs(shared, run);
                    RandomGraphs.FillInputs(alone, run);
                    shared.Run();
                    alone.Run();
                    Assert.Equal(alone.OutputBytes(0).ToArray(), shared.OutputBytes(0).ToArray());
                }
            }
        }))];
        await Task.WhenAll(users);
    }

    private sealed class Counter(int portions) : IPortions
    {
        public int Runs;

        public int FailsAt { get; set; } = -1;

        public int[] Stages { get; } = new int[portions];

        public void Run(int stage, int first, int end, int worker)
        {
            for (int i = first; i < end; i++)
            {
                if (i == FailsAt) throw new InvalidDataException($"portion {i}");
                Assert.NotEqual(stage, Stages[i]);
                Stages[i] = stage;
                Interlocked.Increment(ref Runs);
            }
        }
    }
}
