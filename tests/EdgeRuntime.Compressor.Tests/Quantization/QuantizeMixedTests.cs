using EdgeRuntime.Model;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class QuantizeMixedTests
{
    [Fact]
    public void TheKnapsackIsSolvedExactly()
    {
        Random random = new(9);
        for (int trial = 0; trial < 20; trial++)
        {
            (long Bytes, double Cost)[][] items = [.. Enumerable.Range(0, 6).Select(_ => Enumerable.Range(0, 3).Select(_ => (random.NextInt64(10, 500), random.NextDouble())).ToArray())];
            long budget = items.Sum(i => i.Min(c => c.Bytes)) + random.NextInt64(0, 800);
            double best = double.PositiveInfinity;
            for (int code = 0; code < 729; code++)
            {
                int[] choice = [.. Enumerable.Range(0, 6).Select(i => code / (int)Math.Pow(3, i) % 3)];
                if (choice.Select((c, i) => items[i][c].Bytes).Sum() <= budget) best = Math.Min(best, choice.Select((c, i) => items[i][c].Cost).Sum());
            }
            int[] found = Knapsack.Solve(items, budget)!;
            Assert.True(found.Select((c, i) => items[i][c].Bytes).Sum() <= budget);
            Assert.Equal(best, found.Select((c, i) => items[i][c].Cost).Sum(), 12);
            Assert.Null(Knapsack.Solve(items, items.Sum(i => i.Min(c => c.Bytes)) - 1));
        }
    }

    [Fact]
    public void TheBudgetDecidesBetweenFourAndEightBits()
    {
        double last = double.NegativeInfinity;
        foreach (double budget in (double[])[0, 0.5, 1])
        {
            Graph graph = RoundingTests.Network(out PassContext context);
            PassReport report = new QuantizeMixed(new QuantizeMixedOptions { Budget = budget }).Apply(graph, context);
            GraphValidator.Validate(graph);
            // The depthwise layer stands second and keeps 8 bits whatever the budget.
            int?[] bits = [.. report.Layers.Where(l => l.Bits is not null).Select(l => l.Bits)];
            Assert.Equal(8, bits[1]);
            if (budget == 0) Assert.Equal([4, 8, 4, 4, 4], bits);
            if (budget == 1) Assert.DoesNotContain(4, bits);
            if (budget == 0.5) Assert.Equal([4, 8], bits.Distinct().OfType<int>().Order());
            Assert.True(report.Layers[^1].SignalToNoise > last, $"{report.Layers[^1]} is no better than {last} dB with a smaller budget");
            last = report.Layers[^1].SignalToNoise;
        }
    }

    [Fact]
    public void ImpossibleBudgetsSayWhatIsPossible()
    {
        Graph graph = RoundingTests.Network(out PassContext context);
        ModelException e = Assert.Throws<ModelException>(() => new QuantizeMixed(new QuantizeMixedOptions { Budget = 100 }).Apply(graph, context));
        Assert.Contains("bytes at least", e.Message, StringComparison.Ordinal);
    }
}
