using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Magnitude pruning in one step: the smallest weights of float layers become 0, one by one, n of m, or block by block. What
/// is left is as it was; accuracy comes back with fine-tuning. (Han et al., "Learning both weights and connections for
/// efficient neural networks", 2015; Mishra et al., "Accelerating sparse deep neural networks", 2021.)
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
        if (options.Scope is not ("layer" or "global")) throw new ArgumentException($"no scope \"{options.Scope}\"; known: layer, global");
    }

    /// <inheritdoc/>
    public string Name => "prune";

    /// <summary>What it was created with.</summary>
    public PruneOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        GraphOptimizer.Optimize(graph);
        if (Options.Skip.FirstOrDefault(s => !graph.Nodes.Exists(n => n.Name == s)) is { } unknown)
            throw new ModelException(ModelErrorKind.InvalidData, unknown, "prune is to skip it, but no node has this name");
        List<(Node Node, Weights Weights, Unit[] Units)> layers = [];
        foreach (Node node in graph.Nodes.Where(Qualifies))
            if (Weights.Of(node) is { } weights && weights.Values.Length >= Options.LeastWeights) layers.Add((node, weights, Units(weights)));
        double? everywhere = Options.Scope == "global" ? Threshold([.. layers.SelectMany(l => l.Units)]) : null;
        GraphIndex index = new(graph);
        List<string> notes = [];
        foreach (var (node, weights, units) in layers)
        {
            if (_pattern.Kind == SparsityKind.NM) KeepLargest(weights);
            else Clear(weights, units, everywhere ?? Threshold(units));
            weights.Store(index);
            node.Input(1).Sparsity = _pattern;
            notes.Add($"{node.Name}: {100.0 * weights.Values.AsSpan().Count(0f) / weights.Values.Length:F1} % zeros");
        }
        return new PassReport(Name, layers.Count) { Notes = notes };
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

    private bool Qualifies(Node node) => !Options.Skip.Contains(node.Name)
        && (Options.Depthwise || node.Type == OperatorType.FullyConnected || node.Attributes.Int("group", 1) == 1);

    /// <summary>A block of weights, cut off at the edges, and its mean size.</summary>
    private readonly record struct Unit(int Row, int Column, int Weights, double Size);

    private Unit[] Units(Weights weights)
    {
        if (_pattern.Kind == SparsityKind.NM) return [];
        List<Unit> units = [];
        for (int row = 0; row < weights.Outputs; row += _pattern.First)
            for (int column = 0; column < weights.PerOutput; column += _pattern.Second)
            {
                double sum = 0;
                int count = 0;
                foreach (int i in Elements(weights, row, column))
                {
                    double w = weights.Values[i];
                    sum += Options.Norm == "l1" ? Math.Abs(w) : w * w;
                    count++;
                }
                units.Add(new Unit(row, column, count, Options.Norm == "l1" ? sum / count : Math.Sqrt(sum / count)));
            }
        return [.. units];
    }

    private IEnumerable<int> Elements(Weights weights, int row, int column)
    {
        for (int r = row; r < Math.Min(row + _pattern.First, weights.Outputs); r++)
            for (int c = column; c < Math.Min(column + _pattern.Second, weights.PerOutput); c++) yield return r * weights.PerOutput + c;
    }

    /// <summary>The size below which units have to go, so that the share is met but not passed.</summary>
    private double Threshold(Unit[] units)
    {
        double budget = Options.Sparsity * units.Sum(u => (long)u.Weights);
        foreach (Unit unit in units.OrderBy(u => u.Size))
            if ((budget -= unit.Weights) < 0) return unit.Size;
        return double.PositiveInfinity;
    }

    /// <summary>Units of exactly the threshold stay: of equal ones none is better.</summary>
    private void Clear(Weights weights, Unit[] units, double threshold)
    {
        foreach (Unit unit in units)
            if (unit.Size < threshold)
                foreach (int i in Elements(weights, unit.Row, unit.Column)) weights.Values[i] = 0;
    }

    private void KeepLargest(Weights weights)
    {
        for (int row = 0; row < weights.Outputs; row++)
            for (int column = 0; column < weights.PerOutput; column += _pattern.Second)
            {
                int first = row * weights.PerOutput + column, count = Math.Min(_pattern.Second, weights.PerOutput - column);
                foreach (int i in Enumerable.Range(first, count).OrderByDescending(i => Math.Abs(weights.Values[i])).Skip(_pattern.First)) weights.Values[i] = 0;
            }
    }
}
