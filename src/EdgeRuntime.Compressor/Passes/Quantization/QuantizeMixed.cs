using System.Globalization;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Mixed precision: bits and groups of each layer's weights are chosen so that all of them together keep a size budget and the network's
/// outputs move least on calibration data, one layer's error counted beside the others' (as in HAWQ; Dong et al., 2019, but measured, not
/// estimated by curvature). The best choice is found exactly; then all is done as by <see cref="QuantizeInt4"/> with int8 activations.
/// </summary>
public sealed class QuantizeMixed : ICompressionPass
{
    private static readonly string[] Shares = ["span", "int8", "float"], Metrics = ["kl", "noise"], Known = ["int8", "int4", "int4/32", "int4/64", "int4/128"];

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is none of the known ones.</exception>
    public QuantizeMixed(QuantizeMixedOptions options)
    {
        Options = options;
        if (!(options.Budget >= 0) || !double.IsFinite(options.Budget)) throw new ArgumentException($"budget {options.Budget} is no size");
        if (!Shares.Contains(options.Of)) throw new ArgumentException($"a budget is no share of \"{options.Of}\"; known: {string.Join(", ", Shares)}");
        if (!Metrics.Contains(options.Metric)) throw new ArgumentException($"no metric \"{options.Metric}\"; known: {string.Join(", ", Metrics)}");
        if (options.Samples < 1) throw new ArgumentException($"{options.Samples} samples are too few");
        if (options.Candidates.Count == 0 || options.Candidates.Any(c => !Known.Contains(c)))
            throw new ArgumentException($"candidates are some of {string.Join(", ", Known)}");
        _ = new QuantizeInt4(options.ToInt4());
    }

    /// <inheritdoc/>
    public string Name => "quantize-mixed";

    /// <summary>What it was created with.</summary>
    public QuantizeMixedOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        GraphOptimizer.Optimize(graph);
        if (QuantizeInt8.IsQuantized(graph))
            return new PassReport(Name, 0) { Notes = ["the network is quantised already: left as it is"] };
        Node[] layers = [.. graph.Nodes.Where(n => QuantizeInt4.IsDense(n) && !Options.Skip.Contains(n.Name))];
        QuantizeInt4Options options = Options.ToInt4();
        WeightRounding rounding = WeightRounding.For(options.ToInt8().Rounding, graph, layers, Options.BiasCorrection, context);
        (long Bytes, double Cost)[][] choices = Measure(graph, layers, rounding, context);
        long others = graph.Nodes.Except(layers).Sum(n => Weights.Of(n) is { } w ? (long)w.Values.Length + 4L * w.Outputs : 0);
        long budget = BudgetInBytes(graph, choices, others);
        int[] chosen = Knapsack.Solve(choices, budget - others) ?? throw new ModelException(ModelErrorKind.InvalidData, Name,
            $"the weights take {choices.Sum(c => c.Min(o => o.Bytes)) + others:N0} bytes at least, more than the {budget:N0} of the budget; raise \"budget\", or add candidates of fewer bits");
        Dictionary<string, int> groups = [];
        for (int i = 0; i < layers.Length; i++)
            if (GroupOf(Options.Candidates[chosen[i]]) is { } group) groups[layers[i].Name] = group;
        PassReport report = new QuantizeInt4(options) { Groups = groups, Rounding = rounding }.Apply(graph, context);
        long used = others + chosen.Select((c, i) => choices[i][c].Bytes).Sum();
        string note = string.Create(CultureInfo.InvariantCulture, $"weights and scales take {used:N0} bytes of a budget of {budget:N0}; {groups.Count} of {layers.Length} layers in 4 bits");
        return report with { Pass = Name, Notes = [note, .. report.Notes] };
    }

    /// <summary>Bytes and cost of every candidate for every layer.</summary>
    private (long Bytes, double Cost)[][] Measure(Graph graph, Node[] layers, WeightRounding rounding, PassContext context)
    {
        Sensitivity sensitivity = new(graph, context, Options.Samples, Options.Metric == "kl");
        GraphIndex index = new(graph);
        return [.. layers.Select((node, i) =>
        {
            context.Progress?.Invoke($"sensitivity of layer {i + 1} of {layers.Length}");
            return Options.Candidates.Select(candidate =>
            {
                ValueInfo weights = node.Input(1);
                ValueInfo stored = GroupOf(candidate) is { } size ? QuantizeInt4.ToInt4(node, weights, size, new float[weights.Shape[0]], rounding, index)
                    : QuantizeInt4.ToInt8(node, weights, rounding, index);
                float[] reals = stored.Quantization!.Dequantize(stored.Constant!);
                return (stored.ByteCount + 4L * stored.Quantization.Scales.Length, sensitivity.Of(node, reals, rounding.BiasFor(node, weights.Constant!.ToFloats(), reals)));
            }).ToArray();
        })];
    }

    private long BudgetInBytes(Graph graph, (long Bytes, double Cost)[][] choices, long others)
    {
        if (Options.Budget > 1) return (long)Options.Budget;
        Weights[] all = [.. graph.Nodes.Select(Weights.Of).OfType<Weights>()];
        double least = choices.Sum(c => c.Min(o => o.Bytes)) + others, int8 = all.Sum(w => w.Values.Length + 4.0 * w.Outputs);
        return (long)Math.Round(Options.Of switch
        {
            "span" => least + Options.Budget * (int8 - least),
            "int8" => Options.Budget * int8,
            _ => Options.Budget * all.Sum(w => 4.0 * w.Values.Length),
        });
    }

    // Group size of a candidate of four bits, 0 for whole channels; null for eight bits.
    private static int? GroupOf(string candidate) => candidate == "int8" ? null : candidate == "int4" ? 0 : int.Parse(candidate["int4/".Length..], CultureInfo.InvariantCulture);
}
