using System.Diagnostics;
using EdgeRuntime.Inference;
using Xunit;

namespace EdgeRuntime.Cli.Tests;

public sealed class LatencySummaryTests
{
    [Fact]
    public void PercentilesAreNearestRanks()
    {
        long[] ticks = [.. Enumerable.Range(1, 200).Reverse().Select(i => i * Stopwatch.Frequency / 1_000_000)];
        LatencySummary s = LatencySummary.Of(ticks);
        Assert.Equal((200, 1.0, 100.0, 180.0, 198.0, 200.0), (s.Runs, s.MinUs, s.MedianUs, s.P90Us, s.P99Us, s.MaxUs));
        Assert.Equal(100.5, s.MeanUs, 6);
    }

    [Fact]
    public void OneRunIsEverything()
    {
        LatencySummary s = LatencySummary.Of([Stopwatch.Frequency]);
        Assert.Equal((1e6, 1e6, 1e6), (s.MinUs, s.MedianUs, s.P99Us));
    }

    [Fact]
    public void NoRunsAreAnError() => Assert.Throws<ArgumentException>(() => LatencySummary.Of([]));
}
