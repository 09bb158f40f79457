using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Magnitude pruning: the smallest weights of float layers become 0, one by one, n of m, or block by block, at once or in steps
/// with training between them. (Han et al., "Learning both weights and connections for efficient neural networks", 2015; Zhu and
/// Gupta, "To prune, or not to prune", 2017; Mishra et al., "Accelerating sparse deep neural networks", 2021; rewinding: Renda,
/// Frankle and Carbin, "Comparing rewinding and fine-tuning in neural network pruning", 2020.)
/// </summary>
public sealed class Prune : ICompressionPass
{
    private readonly Sparsity _pattern;

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is not known, or outside its range.</exception>
    public Prune(PruneOptions options)
    {
        Options = options;
        _pattern = PatternOf(options.Pattern);
        if (!(options.Sparsity is >= 0 and < 1)) throw new ArgumentException($"sparsity {options.Sparsity} is not in [0, 1)");
        if (options.Norm is not ("l1" or "l2")) throw new ArgumentException($"no norm \"{options.Norm}\"; known: l1, l2");
        if (options.Scope is not ("layer" or "global" or "lamp")) throw new ArgumentException($"no scope \"{options.Scope}\"; known: layer, global, lamp");
        if (options.Schedule is not ("cubic" or "linear")) throw new ArgumentException($"no schedule \"{options.Schedule}\"; known: cubic, linear");
        if (options.Rewind is not ("none" or "rate" or "weights")) throw new ArgumentException($"no rewind \"{options.Rewind}\"; known: none, rate, weights");
        if (options.Steps < 1) throw new ArgumentException("steps is at least 1");
        if (options is { Steps: > 1, FineTune: null }) throw new ArgumentException("steps are of use only with training between them: give fineTune");
        if (options is { RewindTo: not null, Rewind: not "weights" }) throw new ArgumentException("rewindTo needs \"rewind\": \"weights\"");
        if (options.Latency?.Fault is { } fault) throw new ArgumentException(fault);
        if (options is { Latency: not null, Scope: not "layer" }) throw new ArgumentException("latency chooses each layer's share itself; leave scope out");
        if (options.Precision is not ("int8" or "float")) throw new ArgumentException($"no precision \"{options.Precision}\"; known: int8, float");
        options.FineTune?.Check();
    }

    /// <inheritdoc/>
    public string Name => "prune";

    /// <inheritdoc/>
    public bool NeedsTraining => Options.FineTune is not null;

    /// <summary>What it was created with.</summary>
    public PruneOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        // Batch normalisation is of use to training.
        if (context.Training is null) GraphOptimizer.Optimize(graph);
        else GraphOptimizer.PrepareForTraining(graph);
        WeightSnapshot? rewind = Options.Rewind != "weights" ? null : Options.RewindTo is { } file ? WeightSnapshot.FromFile(graph, file) : new WeightSnapshot(graph);
        IReadOnlyList<double> shares = Shares(graph, context);
        List<string> trained = [];
        for (int step = 1; step <= Options.Steps; step++)
        {
            double share = Share((double)step / Options.Steps);
            Clear(Layers(graph), shares, share);
            if (Options.FineTune is not { } tuning) continue;
            rewind?.Restore();
            double left = Options.Rewind == "none" ? (1 + Math.Cos(Math.PI * (step - 1) / Options.Steps)) / 2 : 1;
            trained.AddRange(new FineTune(tuning with { Rate = left * tuning.Rate }).Apply(graph, context).Notes.Select(n => $"step {step}, {100 * share:F0} % of the zeros: {n}"));
        }
        List<WeightMatrix> layers = Layers(graph);
        return new PassReport(Name, layers.Count) { Notes = [.. trained, .. layers.Select(l => $"{l.Name}: {100.0 * l.Values.AsSpan().Count(0f) / l.Values.Length:F1} % zeros")] };
    }

    /// <summary>A pattern by name, with the exception that options have.</summary>
    internal static Sparsity PatternOf(string text)
    {
        try
        {
            return Sparsity.Parse(text);
        }
        catch (FormatException e)
        {
            throw new ArgumentException(e.Message, e);
        }
    }

    private List<WeightMatrix> Layers(Graph graph) => [.. WeightMatrix.All(graph).Where(w => w.Values.Length >= Options.LeastWeights
        && !Options.Skip.Contains(w.Node.Name) && (Options.Depthwise || w.Node.Attributes.Int("group", 1) == 1))];

    /// <summary>The share of all zeros that are made at <paramref name="time"/> in (0, 1]; the cubic schedule makes most of them early, while there are many to choose from.</summary>
    private double Share(double time) => Options.Schedule == "linear" ? time : 1 - Math.Pow(1 - time, 3);

    /// <summary>The share of zeros that each layer is to have in the end.</summary>
    private IReadOnlyList<double> Shares(Graph graph, PassContext context)
    {
        List<WeightMatrix> layers = Layers(graph);
        double most = _pattern.Kind == SparsityKind.NM ? 1 - (double)_pattern.First / _pattern.Second : Options.Sparsity;
        if (Options.Latency is not { } target) return [.. layers.Select(_ => most)];
        double[] levels = _pattern.Kind == SparsityKind.NM ? [0, most] : [0, .. Enumerable.Range(4, 12).Select(i => i / 16.0).Where(s => s < most), most];
        LayerLatency latency = new(context.RequireProfile(Name, Options.Profile), Options.Precision);
        double whole = latency.Us(graph), rest = whole - layers.Select(l => l.Node).Distinct().Sum(n => latency.Us(n));
        double[][] lost = [.. layers.Select(l => Lost(l, levels))];
        // The matrices of a recurrent layer fall together where they have the same level; else each counts for its share of the weights.
        double Us(int[] chosen) => rest + layers.Select((l, i) => latency.Us(l.Node, levels[chosen[i]], _pattern) * l.ShareOfNode).Sum();
        int[] chosen = GreedyBudget.Spend([.. layers.Select(_ => levels.Length)], (layer, level) => lost[layer][level], Us, target.Us(whole));
        return [.. chosen.Select(level => levels[level])];
    }

    /// <summary>Share of a layer's squared weights that each share of zeros takes.</summary>
    private double[] Lost(WeightMatrix layer, double[] levels)
    {
        Unit[] units = _pattern.Kind == SparsityKind.NM ? [.. Enumerable.Range(0, layer.Values.Length).Select(i => new Unit(0, i, 1, layer.Size(i)))] : Units(layer);
        double Energy(double below) => units.Where(u => u.Size < below).Sum(u => u.Size * u.Size * u.Weights);
        double all = Math.Max(Energy(double.PositiveInfinity), double.Epsilon);
        return [.. levels.Select(share => Energy(Threshold(units, share)) / all)];
    }

    private void Clear(List<WeightMatrix> layers, IReadOnlyList<double> shares, double time)
    {
        if (_pattern.Kind == SparsityKind.NM)
        {
            int kept = (int)Math.Round(_pattern.Second - time * (_pattern.Second - _pattern.First));
            foreach (var (layer, share) in layers.Zip(shares))
                if (share > 0) KeepLargest(layer, kept);
            return;
        }
        Unit[][] units = [.. layers.Select(l => Options.Scope == "lamp" ? Relative(Units(l)) : Units(l))];
        double? everywhere = Options.Scope != "layer" ? Threshold([.. units.SelectMany(u => u)], time * Options.Sparsity) : null;
        foreach (var (layer, own, share) in layers.Zip(units, shares))
            if (share > 0) Clear(layer, own, everywhere ?? Threshold(own, time * share));
    }

    /// <summary>A block of weights, cut off at the edges, and its mean size.</summary>
    private readonly record struct Unit(int Row, int Column, int Weights, double Size);

    private Unit[] Units(WeightMatrix weights)
    {
        List<Unit> units = [];
        for (int row = 0; row < weights.Rows; row += _pattern.First)
            for (int column = 0; column < weights.Columns; column += _pattern.Second)
            {
                double sum = 0;
                int count = 0;
                foreach (int i in Elements(weights, row, column))
                {
                    double w = weights.Size(i);
                    sum += Options.Norm == "l1" ? w : w * w;
                    count++;
                }
                units.Add(new Unit(row, column, count, Options.Norm == "l1" ? sum / count : Math.Sqrt(sum / count)));
            }
        return [.. units];
    }

    /// <summary>
    /// Sizes that can be compared between layers: a unit's energy over that of all in the layer that are not smaller. (Lee et al.,
    /// "Layer-adaptive sparsity for the magnitude-based pruning", 2021.)
    /// </summary>
    private static Unit[] Relative(Unit[] units)
    {
        double larger = 0;
        return [.. units.OrderByDescending(u => u.Size).Select(u =>
        {
            double energy = u.Size * u.Size * u.Weights;
            larger += energy;
            return u with { Size = energy > 0 ? energy / larger : 0 };
        })];
    }

    private IEnumerable<int> Elements(WeightMatrix weights, int row, int column)
    {
        for (int r = row; r < Math.Min(row + _pattern.First, weights.Rows); r++)
            for (int c = column; c < Math.Min(column + _pattern.Second, weights.Columns); c++) yield return r * weights.Columns + c;
    }

    /// <summary>The size below which units have to go, so that the share is met but not passed.</summary>
    private double Threshold(Unit[] units, double share)
    {
        double budget = share * units.Sum(u => (long)u.Weights);
        foreach (Unit unit in units.OrderBy(u => u.Size))
            if ((budget -= unit.Weights) < 0) return unit.Size;
        return double.PositiveInfinity;
    }

    /// <summary>Units of exactly the threshold stay: of equal ones none is better.</summary>
    private void Clear(WeightMatrix weights, Unit[] units, double threshold)
    {
        foreach (Unit unit in units)
            if (unit.Size < threshold)
                foreach (int i in Elements(weights, unit.Row, unit.Column)) weights.Values[i] = 0;
        weights.Store(_pattern);
    }

    private void KeepLargest(WeightMatrix weights, int kept)
    {
        int m = _pattern.Second;
        for (int row = 0; row < weights.Rows; row++)
            for (int column = 0; column < weights.Columns; column += m)
            {
                int first = row * weights.Columns + column, count = Math.Min(m, weights.Columns - column);
                foreach (int i in Enumerable.Range(first, count).OrderByDescending(i => Math.Abs(weights.Values[i])).Skip(kept)) weights.Values[i] = 0;
            }
        weights.Store(kept < m ? _pattern with { First = kept } : Sparsity.Unstructured);
    }
}
