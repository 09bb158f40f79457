namespace EdgeRuntime.Compressor;

/// <summary>
/// Decides what to try next. Recipes go up the steps of asynchronous successive halving (Li et al., "A system for massively
/// parallel hyperparameter tuning", 2020); new ones are drawn from tree-structured Parzen estimators of the good and of the
/// other trials (Bergstra et al., "Algorithms for hyper-parameter optimization", 2011), stage by stage.
/// </summary>
public sealed class SearchSampler(StudySettings settings, SearchSpace space)
{
    private const int RandomAtFirst = 8, Draws = 24;
    private const double GoodShare = 0.3, Explore = 0.15;

    /// <summary>The next trial to add; null where there is none until a running one ends, or none at all.</summary>
    public (IReadOnlyList<int> Choices, int Rung)? Next(IReadOnlyList<Trial> trials)
    {
        if (Promotion(trials) is { } promoted) return promoted;
        HashSet<string> known = [.. trials.Where(t => t.Rung == 0).Select(t => t.Key)];
        if (known.Count >= Math.Min(settings.Trials, space.Count)) return null;
        // The same trials give the same proposal, whoever asks.
        Random random = new(HashCode(settings.Seed, known.Count));
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            int[] choices = Propose(trials, known.Count, random);
            if (!known.Contains(string.Join(',', choices))) return (choices, 0);
        }
        return null;
    }

    /// <summary>Done trials that no other beats in size, every latency and accuracy, at the highest step that each recipe reached.</summary>
    public static IReadOnlyList<Trial> ParetoFront(IEnumerable<Trial> trials)
    {
        Trial[] last = Highest(trials);
        return [.. last.Where(t => !last.Any(o => o != t && Dominates(o.Result!, t.Result!))).OrderBy(t => t.Result!.Bytes)];
    }

    /// <summary>The best trial that ran in full: targets first, then accuracy, size and time together.</summary>
    public Trial? Best(IEnumerable<Trial> trials) => Highest(trials).Where(t => t.Rung == settings.Rungs - 1).MinBy(Score) ?? Highest(trials).MinBy(Score);

    private static Trial[] Highest(IEnumerable<Trial> trials) => [.. trials.Where(t => t.IsDone).GroupBy(t => t.Key).Select(g => g.MaxBy(t => t.Rung)!)];

    private static bool Dominates(TrialResult a, TrialResult b)
    {
        bool isNoWorse = a.Bytes <= b.Bytes && a.Accuracy >= b.Accuracy && a.PredictedUs.All(p => p.Value <= b.PredictedUs[p.Key]);
        return isNoWorse && (a.Bytes < b.Bytes || a.Accuracy > b.Accuracy || a.PredictedUs.Any(p => p.Value < b.PredictedUs[p.Key]));
    }

    /// <summary>The top share of a step that has not gone up yet: of n that are done, the best n / reduction; in the end the best of all, so that one is computed in full.</summary>
    private (IReadOnlyList<int> Choices, int Rung)? Promotion(IReadOnlyList<Trial> trials)
    {
        for (int rung = settings.Rungs - 2; rung >= 0; rung--)
        {
            Trial[] done = [.. trials.Where(t => t.Rung == rung && t.IsDone)];
            HashSet<string> above = [.. trials.Where(t => t.Rung == rung + 1).Select(t => t.Key)];
            bool isComplete = rung == 0 && trials.Count(t => t.Rung == 0 && t.Result is not null) >= Math.Min(settings.Trials, space.Count);
            int places = isComplete ? Math.Max(1, done.Length / settings.Reduction) : done.Length / settings.Reduction;
            Trial? next = done.OrderBy(Score).Take(places).FirstOrDefault(t => !above.Contains(t.Key));
            if (next is not null) return (next.Choices, rung + 1);
        }
        if (trials.Count(t => t.Rung == 0) < Math.Min(settings.Trials, space.Count) || trials.Any(t => t.Result is null)) return null;
        Trial? last = trials.Where(t => t.IsDone && !trials.Any(o => o.Key == t.Key && o.Rung == t.Rung + 1)).OrderByDescending(t => t.Rung).ThenBy(Score).FirstOrDefault();
        return last is not null && last.Rung < settings.Rungs - 1 ? (last.Choices, last.Rung + 1) : null;
    }

    /// <summary>Smaller is better: what lacks of the targets, and a little for each of size, time and errors.</summary>
    private double Score(Trial trial)
    {
        TrialResult r = trial.Result!;
        double time = r.PredictedUs.Count > 0 ? r.PredictedUs.Values.Average(us => Math.Log(us)) : Math.Log(r.MeasuredUs);
        return settings.Targets.Excess(r) + 0.02 * (Math.Log(r.Bytes) + time) + (settings.Targets.Accuracy is null ? 5 : 1) * (1 - r.Accuracy);
    }

    private int[] Propose(IReadOnlyList<Trial> trials, int count, Random random)
    {
        Trial[] done = Highest(trials);
        int[] Uniform() => [.. space.Stages.Select(s => random.Next(s.Choices.Count))];
        if (count < RandomAtFirst || done.Length < 4 || random.NextDouble() < Explore) return Uniform();
        HashSet<Trial> good = [.. done.OrderBy(Score).Take(Math.Max(2, (int)(done.Length * GoodShare))), .. ParetoFront(done).Where(t => settings.Targets.Accuracy is not { } a || t.Result!.Accuracy >= a - 0.03)];
        Trial[] others = [.. done.Where(t => !good.Contains(t))];
        double[][] liked = [.. space.Stages.Select((_, s) => Density(good, s))], rest = [.. space.Stages.Select((_, s) => Density(others, s))];
        int[] best = Uniform();
        double bestRatio = double.NegativeInfinity;
        for (int draw = 0; draw < Draws; draw++)
        {
            int[] choices = [.. liked.Select(p => Draw(p, random))];
            if (trials.Any(t => t.Key == string.Join(',', choices))) continue;
            double ratio = choices.Select((c, s) => Math.Log(liked[s][c] / rest[s][c])).Sum();
            if (ratio <= bestRatio) continue;
            (best, bestRatio) = (choices, ratio);
        }
        return best;
    }

    /// <summary>Shares of a stage's choices among trials, one more of each counted.</summary>
    private double[] Density(IReadOnlyCollection<Trial> trials, int stage)
    {
        int choices = space.Stages[stage].Choices.Count;
        return [.. Enumerable.Range(0, choices).Select(c => (trials.Count(t => t.Choices[stage] == c) + 1.0) / (trials.Count + choices))];
    }

    private static int Draw(double[] shares, Random random)
    {
        double at = random.NextDouble();
        for (int i = 0; i < shares.Length - 1; i++)
            if ((at -= shares[i]) < 0) return i;
        return shares.Length - 1;
    }

    private static int HashCode(int a, int b) => unchecked((a * 73856093) ^ (b * 19349663));
}
