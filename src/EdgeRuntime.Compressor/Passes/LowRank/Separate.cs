using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Rewrites k×k convolutions as a depthwise k×k and a pointwise one. The windows of each input channel are the leading singular vectors
/// of its part of the weights (network decoupling; Guo et al. 2018); with calibration data the pointwise weights then have the least
/// squared error of the outputs. Training mends the rest: <c>distil-blocks</c>, then <c>fine-tune</c> with the source as teacher.
/// </summary>
public sealed class Separate : ICompressionPass
{
    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public Separate(SeparateOptions options)
    {
        Options = options;
        if (options.Multiplier < 1 || options.LeastChannels < 1) throw new ArgumentException("multiplier and leastChannels are at least 1");
        if (!(options.LeastSaving < 1)) throw new ArgumentException($"leastSaving {options.LeastSaving} is not below 1");
        if (!(options.MaxError > 0)) throw new ArgumentException($"maxError {options.MaxError} is not positive");
    }

    /// <inheritdoc/>
    public string Name => "separate";

    /// <summary>What it was created with.</summary>
    public SeparateOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        GraphOptimizer.Optimize(graph);
        List<string> notes = [];
        Dictionary<Node, Factors> splits = graph.Nodes.Where(IsCandidate).ToDictionary(n => n, Split);
        foreach (Node node in splits.Keys.Where(n => Macs(n, splits[n]) > (1 - Options.LeastSaving) * OperatorCosts.MultiplyAccumulates(n)).ToArray())
        {
            notes.Add($"{node} stays whole: that saves too few multiplies");
            splits.Remove(node);
        }
        if (Options.Calibrated && context.Calibration is { Count: > 0 } && splits.Count > 0) splits = SeparableFit.Refine(graph, splits, context);
        List<FactorReport> reports = [];
        foreach (var (node, factors) in splits)
            if (factors.Error > Options.MaxError) notes.Add($"{node} stays whole: there would be an error of {factors.Error:P0}");
            else
            {
                reports.Add(new FactorReport(node.Name, "separable", factors.Ranks, factors.Error, OperatorCosts.MultiplyAccumulates(node), Macs(node, factors)));
                Factorize.Replace(graph, node, factors, null);
            }
        return new PassReport(Name, reports.Count) { Factors = reports, Notes = notes };
    }

    private bool IsCandidate(Node node) => node.Type == OperatorType.Convolution && Weights.Of(node) is { Inputs: var inputs } && inputs >= Options.LeastChannels
        && node.Attributes.Int("group", 1) == 1 && node.Input(1).Shape.CountOf(1, 3) > 1 && !Options.Skip.Contains(node.Name);

    private static long Macs(Node node, Factors factors)
    {
        long columns = factors.Chain[0].Outputs, pixels = node.Output.Shape.ElementCount / node.Output.Shape[-1];
        return pixels * columns * (node.Input(1).Shape.CountOf(1, 3) + node.Output.Shape[-1]);
    }

    /// <summary>W[o,t,c] ≈ Σ over j of P[o,(c,j)] · D[(c,j),t], for each channel c its own singular value decomposition.</summary>
    private Factors Split(Node node)
    {
        Weights weights = Weights.Of(node)!;
        int outputs = weights.Outputs, channels = weights.Inputs, taps = weights.PerOutput / channels, m = Math.Min(Options.Multiplier, Math.Min(outputs, taps));
        Matrix depthwise = new(channels * m, taps), pointwise = new(outputs, channels * m);
        double lost = 0, all = 0;
        for (int c = 0; c < channels; c++)
        {
            Matrix own = new(outputs, taps);
            for (int i = 0; i < own.Values.Length; i++) own.Values[i] = weights.Values[i * channels + c];
            TruncatedSvd svd = new(own);
            (Matrix a, Matrix b) = svd.Truncate(m);
            for (int j = 0; j < m; j++)
            {
                b.Row(j).CopyTo(depthwise.Row(c * m + j));
                for (int o = 0; o < outputs; o++) pointwise[o, c * m + j] = a[o, j];
            }
            all += own.Energy();
            lost += own.Energy() * Math.Pow(svd.Error(m), 2);
        }
        return new Factors([m], all == 0 ? 0 : Math.Sqrt(lost / all), [new(channels * m, FactorAxes.Both, true, depthwise), new(outputs, FactorAxes.None, false, pointwise)]);
    }
}
