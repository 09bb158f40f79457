using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Splits dense layers, convolutions and the products of recurrent layers into cheaper ones by low-rank decompositions of their
/// weights. Chains are ordinary layers; the runtime runs each as one step.
/// </summary>
public sealed class Factorize : ICompressionPass
{
    private static readonly string[] Methods = ["auto", "channel", "spatial", "tucker", "cp"];

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public Factorize(FactorizeOptions options)
    {
        Options = options;
        if (!Methods.Contains(options.Method)) throw new ArgumentException($"no method \"{options.Method}\"; known: {string.Join(", ", Methods)}");
        if (!(options.Ratio is > 0 and < 1)) throw new ArgumentException($"ratio {options.Ratio} is not in (0, 1)");
        if (options.Energy is { } energy && !(energy is > 0 and < 1)) throw new ArgumentException($"energy {energy} is not in (0, 1)");
        if (options is { Method: "cp", Energy: not null }) throw new ArgumentException("method cp takes ratio or rank, not energy");
        if (options.Rank < 1 || options.RankMultiple < 1) throw new ArgumentException("rank and rankMultiple are at least 1");
        if (options is { Rank: not null, Energy: not null }) throw new ArgumentException("rank and energy exclude each other");
        if (options.Budget is { } budget && (!(budget is > 0 and < 1) || options.Rank is not null || options.Energy is not null)) throw new ArgumentException($"budget {budget} is not in (0, 1), or there is a rank or energy besides");
        if (options.BudgetOf is not ("multiplies" or "bytes" or "latency")) throw new ArgumentException($"no budgetOf \"{options.BudgetOf}\"; known: multiplies, bytes, latency");
        if (options.ErrorOf is not ("outputs" or "loss")) throw new ArgumentException($"no errorOf \"{options.ErrorOf}\"; known: outputs, loss");
        if (!(options.LeastSaving < 1)) throw new ArgumentException($"leastSaving {options.LeastSaving} is not below 1");
        if (!(options.MaxError > 0)) throw new ArgumentException($"maxError {options.MaxError} is not positive");
    }

    /// <inheritdoc/>
    public string Name => "factorize";

    /// <inheritdoc/>
    public bool NeedsTraining => Options is { ErrorOf: "loss", Budget: not null };

    /// <summary>What it was created with.</summary>
    public FactorizeOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        GraphOptimizer.Optimize(graph);
        Node[] layers = [.. graph.Nodes.Where(n => Weights.Of(n) is { } w && w.Outputs > 1 && n.Attributes.Int("group", 1) == 1 && !Options.Skip.Contains(n.Name))];
        Node[] recurrent = [.. graph.Nodes.Where(n => RecurrentFactors.Fits(n) && !Options.Skip.Contains(n.Name))];
        Dictionary<ValueInfo, InputMoments> moments = Options.Calibrated && context.Calibration is { Count: > 0 }
            ? InputMoments.Observe(graph, context, layers.Concat(recurrent).Select(n => n.Input(0)).Concat(recurrent.Select(n => n.Output))) : [];
        List<FactorReport> reports = [];
        List<string> notes = [];
        FactorLayer[] all = [.. layers.Select(n => Layer(n, moments.GetValueOrDefault(n.Input(0))))];
        var splits = Options.Budget is null ? all.Select(l => (l, Best: Best(l.Size, l.Weights))).Where(s => s.Best is not null).ToDictionary(s => s.l.Node, s => s.Best!.Value) : Search(graph, context, all, notes);
        foreach (FactorLayer layer in all)
        {
            if (!splits.TryGetValue(layer.Node, out var best)) notes.Add($"{layer.Node} stays whole: {(Options.Budget is null ? "no ranks save enough" : "others save more for less error")}");
            else if (best.Factors.Error > Options.MaxError) notes.Add($"{layer.Node} stays whole: its factors would have an error of {best.Factors.Error:P0}");
            else
            {
                Replace(graph, layer.Node, best.Factors, layer.Moments);
                reports.Add(new FactorReport(layer.Node.Name, best.Form.Name, best.Factors.Ranks, best.Factors.Error, layer.Size.Macs, best.Form.Macs(best.Factors.Ranks)));
            }
        }
        foreach (Node node in recurrent) Split(graph, node, moments, reports, notes);
        return new PassReport(Name, reports.Count) { Factors = reports, Notes = notes };
    }

    private static FactorLayer Layer(Node node, InputMoments? moments)
    {
        Weights weights = Weights.Of(node)!;
        Matrix matrix = new(weights.Outputs, weights.PerOutput, Array.ConvertAll(weights.Values, v => (double)v));
        return new FactorLayer(node, Size(node), moments?.Weigh(matrix) ?? matrix, moments);
    }

    private Dictionary<Node, (LowRankForm Form, Factors Factors)> Search(Graph graph, PassContext context, FactorLayer[] layers, List<string> notes)
    {
        (var splits, string note) = new RankSearch(graph, context, Options).Choose(layers);
        notes.Add(note);
        return splits;
    }

    /// <summary>The two products of a recurrent layer.</summary>
    private void Split(Graph graph, Node node, Dictionary<ValueInfo, InputMoments> moments, List<FactorReport> reports, List<string> notes)
    {
        RecurrentProduct[] products = RecurrentProduct.Of(node, moments);
        foreach (var (product, rank) in products.Zip(Ranks(products)))
        {
            if (rank is not { } r) notes.Add($"{node}: the product with the {product.Name} stays whole: no ranks save enough, or it is better spared");
            else
            {
                product.Replace(graph, node, r);
                reports.Add(new FactorReport($"{node.Name}.{product.Name}", product.Forms[0].Name, [r], product.Forms.Max(f => f.Error(r)), product.Macs(null), product.Macs(r)));
            }
        }
    }

    /// <summary>
    /// Ranks of a recurrent layer's products, null where one stays whole. The ratio holds for both together: what they add up to, the
    /// gates before their activations, shall have the least squared error.
    /// </summary>
    private int?[] Ranks(RecurrentProduct[] products)
    {
        int?[][] choices = [.. products.Select(Choices)];
        if (Options.Rank is not null || Options.Energy is not null) return [.. choices.Select(c => c[^1])];
        double most = Options.Ratio * products.Sum(p => p.Macs(null));
        return choices[0].SelectMany(input => choices[1].Select(state => (int?[])[input, state])).Where(r => Macs(r) <= most)
            .MinBy(r => products.Zip(r, (p, rank) => p.Lost(rank)).Sum()) ?? new int?[products.Length];

        long Macs(int?[] ranks) => products.Zip(ranks, (p, rank) => p.Macs(rank)).Sum();
    }

    /// <summary>To stay whole, and the ranks that options allow.</summary>
    private int?[] Choices(RecurrentProduct product)
    {
        int largest = product.Forms[0].LargestRanks[0];
        IEnumerable<int> ranks = Options.Rank is not null || Options.Energy is not null ? [product.Forms.Max(f => Ranks(f, product.Size)![0])] : Enumerable.Range(1, largest).Where(r => r == Round(r, 0));
        return [null, .. ranks.Where(r => product.Macs(r) <= (1 - Options.LeastSaving) * product.Macs(null) && product.Forms.All(f => f.Error(r) <= Options.MaxError)).Select(r => (int?)r)];
    }

    private static LayerSize Size(Node node)
    {
        TensorShape x = node.Input(0).Shape, y = node.Output.Shape, w = node.Input(1).Shape;
        return node.Type == OperatorType.FullyConnected
            ? new LayerSize(1, (int)x.CountOf(0, x.Rank - 1), 1, w[1], (int)x.CountOf(0, x.Rank - 1), 1, w[0], 1, 1)
            : new LayerSize(x[0], x[1], x[2], x[3], y[1], y[2], w[0], w[1], w[2]);
    }

    /// <summary>Of the forms that save enough: the cheapest where the error is given, else the one with the least error.</summary>
    internal (LowRankForm Form, Factors Factors)? Best(LayerSize size, Matrix weights)
    {
        if (weights.Energy() == 0) return null;
        (LowRankForm Form, Factors Factors)? best = null;
        foreach (LowRankForm form in LowRankForm.For(Options.Method, size, weights))
        {
            if (Ranks(form, size) is not { } ranks || form.Macs(ranks) > (1 - Options.LeastSaving) * size.Macs) continue;
            Factors factors = form.Split(ranks);
            if (best is not { } b || (Options.Energy is null ? factors.Error < b.Factors.Error : form.Macs(ranks) < b.Form.Macs(b.Factors.Ranks))) best = (form, factors);
        }
        return best;
    }

    private int[]? Ranks(LowRankForm form, LayerSize size)
    {
        int[] largest = form.LargestRanks;
        if (Options.Rank is { } rank) return [.. largest.Select(most => Math.Min(rank, most))];
        if (Options.Energy is { } energy) return [.. form.RanksFor(energy).Zip(largest, (r, most) => Math.Min(most, Round(r, Options.RankMultiple / 2)))];
        // Ranks shrink together, in proportion to the largest.
        int top = largest.Max();
        for (int r = top; r > 0; r--)
        {
            int[] ranks = [.. largest.Select(most => Math.Max(1, Round((int)((long)most * r / top), 0)))];
            if (form.Macs(ranks) <= Options.Ratio * size.Macs) return ranks;
        }
        return null;
    }

    private int Round(int rank, int half) => rank < Options.RankMultiple ? rank : (rank + half) / Options.RankMultiple * Options.RankMultiple;

    /// <summary>Puts the first factors before <paramref name="node"/>, which becomes the last one and keeps name, bias and clamp.</summary>
    internal static void Replace(Graph graph, Node node, Factors factors, InputMoments? moments)
    {
        ValueInfo x = node.Input(0);
        AttributeSet whole = node.Attributes.Clone();
        TensorShape window = node.Input(1).Shape;
        for (int i = 0; i < factors.Chain.Count; i++)
        {
            Factor factor = factors.Chain[i];
            bool isLast = i == factors.Chain.Count - 1;
            Node layer = isLast ? node : new Node(node.Type, $"{node.Name}.factor{i + 1}", [x, null], []);
            layer.Inputs[0] = x;
            Matrix numbers = i == 0 && moments is not null ? moments.Restore(factor.Weights) : factor.Weights;
            TensorShape shape = node.Type == OperatorType.FullyConnected ? new TensorShape(numbers.Rows, numbers.Columns) : Window(factor, window, x.Shape[3]);
            layer.Inputs[1] = new ValueInfo(GraphEditor.UniqueName(graph, $"{node.Name}.factor{i + 1}.weights"), Tensor.From<float>(shape, numbers.ToFloats()));
            if (node.Type == OperatorType.Convolution) Place(layer.Attributes, whole, factor, x.Shape[3]);
            if (isLast) break;
            layer.Outputs.Add(new ValueInfo(GraphEditor.UniqueName(graph, $"{node.Name}.factor{i + 1}"), ElementType.Float32, x.Shape));
            layer.Output.Shape = ShapeInference.Infer(layer);
            graph.Nodes.Insert(graph.Nodes.IndexOf(node), layer);
            x = layer.Output;
        }
    }

    private static TensorShape Window(Factor factor, TensorShape whole, int channels) => new(factor.Outputs, factor.Axes.HasFlag(FactorAxes.Vertical) ? whole[1] : 1,
        factor.Axes.HasFlag(FactorAxes.Horizontal) ? whole[2] : 1, factor.IsDepthwise ? 1 : channels);

    /// <summary>Strides, dilations and padding go with the axes of the window.</summary>
    private static void Place(AttributeSet layer, AttributeSet whole, Factor factor, int channels)
    {
        bool y = factor.Axes.HasFlag(FactorAxes.Vertical), x = factor.Axes.HasFlag(FactorAxes.Horizontal);
        int[] strides = whole.Ints("strides").ToArray(), dilations = whole.Ints("dilations").ToArray(), pads = whole.Ints("pads").ToArray();
        layer.Set("strides", y ? strides[0] : 1, x ? strides[1] : 1).Set("dilations", y ? dilations[0] : 1, x ? dilations[1] : 1)
            .Set("pads", y ? pads[0] : 0, x ? pads[1] : 0, y ? pads[2] : 0, x ? pads[3] : 0).Set("group", factor.IsDepthwise ? channels : 1);
    }
}
