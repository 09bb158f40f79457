using EdgeRuntime.Model;
using Xunit;

namespace EdgeRuntime.Inference.Tests;

/// <summary>Latency predictions: the fit, and tables that correct estimates.</summary>
public sealed class LatencyModelTests
{
    [Fact]
    public void TheFitFindsFactorAndStart()
    {
        (double, double)[] points = [.. new[] { 0.1, 0.3, 1, 4, 20, 100, 700 }.Select(e => (e, 2 * (e + 0.5)))];
        LatencyCurve curve = LatencyCurve.Fit(points);
        Assert.InRange(curve.Factor, 1.9, 2.1);
        Assert.InRange(curve.StartUs, 0.45, 0.55);
        Assert.InRange(curve.Deviation(10), 0.95, 1.05);
    }

    [Fact]
    public void EveryProfilePredictsWhateverThisMachineIs() =>
        Assert.All(RuntimeProfiles.All, p => Assert.All(new LatencyModel(p).Predict(RandomGraphs.Create(3, isInt8: true)).Steps, s => Assert.True(s.Us >= 0)));

    [Fact]
    public void AMeasuredTableCorrectsEstimates()
    {
        Graph graph = RandomGraphs.Create(4, isInt8: true, steps: 30);
        RuntimeProfile bare = RuntimeProfiles.All[0] with { Latency = new ProfileLatency("", []) };
        ProfileMeasurement[] table = [.. LatencyModel.Plan(graph, bare).SelectMany(s => s.Parts)
            .Select(p => new ProfileMeasurement(p.Kind, "any", p.Cycles, 1, 3 * (p.Cycles + 100) / bare.ClockMhz.Max))];
        LatencyModel estimated = new(bare), measured = new(bare with { Latency = new ProfileLatency("", table) });
        Assert.False(estimated.IsMeasured);
        Assert.True(measured.IsMeasured);
        double ratio = measured.Predict(graph).TotalUs / estimated.Predict(graph).TotalUs;
        Assert.InRange(ratio, 2.2, 3.4);
    }
}
