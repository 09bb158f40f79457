using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Marks weights whose zeros fit a pattern, so that they are stored without these. No value changes.</summary>
public sealed class Sparsify : ICompressionPass
{
    private readonly Sparsity[] _patterns;

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">A pattern is not known, or the saving is not in [0, 1).</exception>
    public Sparsify(SparsifyOptions options)
    {
        Options = options;
        if (!(options.Saving is >= 0 and < 1)) throw new ArgumentException($"saving {options.Saving} is not in [0, 1)");
        _patterns = [.. options.Patterns.Select(Prune.PatternOf)];
    }

    /// <inheritdoc/>
    public string Name => "sparsify";

    /// <summary>What it was created with.</summary>
    public SparsifyOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        List<string> notes = [];
        foreach ((Node node, ValueInfo weights) in graph.Nodes.SelectMany(n => WeightMatrix.Inputs(n.Type).Select(i => n.OptionalInput(i)).OfType<ValueInfo>().Select(v => (n, v))))
        {
            if (weights.Constant is not { } constant) continue;
            weights.Sparsity = null;
            var best = _patterns.Where(p => p.Fault(weights.Type, weights.Shape) is null && p.Fits(constant))
                .Select(p => (Pattern: p, Bytes: p.StoredBytes(constant))).DefaultIfEmpty().MinBy(p => p.Bytes);
            if (best.Pattern is null || best.Bytes > (1 - Options.Saving) * weights.ByteCount) continue;
            weights.Sparsity = best.Pattern;
            notes.Add($"{(node.Input(1) == weights ? node.Name : weights.Name)}: {best.Pattern}, {best.Bytes} of {weights.ByteCount} bytes");
        }
        return new PassReport(Name, notes.Count) { Notes = notes };
    }
}
