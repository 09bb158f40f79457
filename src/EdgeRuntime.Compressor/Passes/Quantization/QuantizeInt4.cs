using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Int4 weights of least squared error for convolutions and fully connected layers, per output channel or per group along the
/// reduction axis. Activations become int8 by calibration, all other layers int8 as by <see cref="QuantizeInt8"/>; or int8 row by
/// row while the network runs; or stay float.
/// </summary>
public sealed class QuantizeInt4 : ICompressionPass
{
    private static readonly string[] Activations = ["int8", "dynamic", "float"];

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is none of the known ones.</exception>
    public QuantizeInt4(QuantizeInt4Options options)
    {
        Options = options;
        if (options.Group is not (0 or 32 or 64 or 128)) throw new ArgumentException($"group {options.Group}; known: 0 (per output channel), 32, 64, 128");
        if (!Activations.Contains(options.Activations)) throw new ArgumentException($"no activations \"{options.Activations}\"; known: {string.Join(", ", Activations)}");
        WeightRounding.Check(options.Rounding);
        Static = new QuantizeInt8(options.ToInt8()) { Nibbles = this };
    }

    /// <inheritdoc/>
    public string Name => "quantize-int4";

    /// <inheritdoc/>
    public bool NeedsCalibration => Options.Activations == "int8" || Options.Rounding is WeightRounding.Learned or WeightRounding.Feedback;

    /// <summary>What it was created with.</summary>
    public QuantizeInt4Options Options { get; }

    private QuantizeInt8 Static { get; }

    /// <summary>Where another pass has decided on layers: the group size of each that gets int4 weights, by name.</summary>
    internal IReadOnlyDictionary<string, int>? Groups { get; init; }

    /// <summary>Where another pass has observed the network: how its layers are rounded.</summary>
    internal WeightRounding? Rounding { get; init; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, [.. Options.Skip, .. Options.Int8]);
        if (Options.Activations == "int8") return Static.Apply(graph, context) with { Pass = Name };
        GraphOptimizer.Optimize(graph);
        GraphIndex index = new(graph);
        HashSet<Node> nibbles = Choose(graph);
        Node[] layers = [.. graph.Nodes.Where(n => IsDense(n) && !Options.Skip.Contains(n.Name))];
        string method = Options.Rounding ?? (context.Calibration is null ? WeightRounding.Nearest : WeightRounding.Feedback);
        WeightRounding rounding = WeightRounding.For(method, graph, layers, biasCorrection: false, context);
        foreach (Node node in layers)
        {
            ValueInfo weights = nibbles.Contains(node) ? Quantize(node, node.Input(1), new float[node.Input(1).Shape[0]], rounding, index) : ToInt8(node, node.Input(1), rounding, index);
            node.Inputs[1] = weights;
        }
        Node[] recurrent = [.. graph.Nodes.Where(n => !Options.Skip.Contains(n.Name) && RecurrentInsertion.StoreWeights(n, w => Options.Int8.Contains(n.Name) ? ToInt8(n, w, WeightRounding.ToNearest, index)
            : Quantize(n, w, new float[w.Shape[0]], WeightRounding.ToNearest, index)))];
        if (Options.Activations == "dynamic")
            foreach (Node node in layers.Concat(recurrent)) node.Attributes.Set("dynamic", 1);
        return new PassReport(Name, layers.Length + recurrent.Length) { Notes = [.. layers.Where(n => !nibbles.Contains(n)).Select(n => $"{n} has int8 weights")] };
    }

    /// <summary>Nodes of <paramref name="graph"/> that get int4 weights: dense ones, the first and the last only if they may.</summary>
    internal HashSet<Node> Choose(Graph graph)
    {
        Node[] dense = [.. graph.Nodes.Where(IsDense)];
        if (Groups is not null) return [.. dense.Where(n => Groups.ContainsKey(n.Name))];
        IEnumerable<Node> chosen = Options.KeepEnds ? dense.Skip(1).SkipLast(1) : dense;
        return [.. chosen.Where(Takes)];
    }

    /// <summary>Whether no option says that the node keeps its weights.</summary>
    internal bool Takes(Node node) => (Groups is null || Groups.ContainsKey(node.Name)) && !Options.Int8.Contains(node.Name) && !Options.Skip.Contains(node.Name);

    /// <summary>The int4 form of constant float <paramref name="weights"/>.</summary>
    internal ValueInfo Quantize(Node node, ValueInfo weights, ReadOnlySpan<float> least, WeightRounding rounding, GraphIndex index) =>
        ToInt4(node, weights, Groups?.GetValueOrDefault(node.Name) ?? Options.Group, least, rounding, index);

    /// <summary>The same with scales for groups of <paramref name="size"/> weights, or 0 for one a channel.</summary>
    internal static ValueInfo ToInt4(Node node, ValueInfo weights, int size, ReadOnlySpan<float> least, WeightRounding rounding, GraphIndex index)
    {
        int outputs = weights.Shape[0], depth = (int)weights.Shape.CountOf(1, weights.Shape.Rank), group = depth > size ? size : 0;
        float[] values = weights.Constant!.ToFloats(), scales = NibbleWeights.Choose(values, outputs, group, least, rounding.Importance(node));
        sbyte[] nibbles = rounding.Round(node, values, outputs, scales, group == 0 ? depth : group, NibbleWeights.Least, NibbleWeights.Most);
        return new ValueInfo(GraphEditor.UniqueName(index.Graph, weights.Name + ".int4"), Int4.Pack(weights.Shape, nibbles), new QuantizationParameters(scales, default, 0, group)) { Sparsity = weights.Sparsity };
    }

    /// <summary>Whether nibble kernels can take the weights of <paramref name="node"/>.</summary>
    internal static bool IsDense(Node node) => Weights.Of(node) is not null && node.Output.Type == ElementType.Float32
        && (node.Type == OperatorType.FullyConnected || node.Attributes.Int("group") == 1);

    /// <summary>The int8 form, one scale for each output channel.</summary>
    internal static ValueInfo ToInt8(Node node, ValueInfo weights, WeightRounding rounding, GraphIndex index)
    {
        float[] values = weights.Constant!.ToFloats(), scales = new float[weights.Shape[0]];
        int depth = values.Length / Math.Max(1, scales.Length);
        for (int i = 0; i < values.Length; i++) scales[i / depth] = Math.Max(scales[i / depth], Math.Max(Math.Abs(values[i]) / sbyte.MaxValue, 1e-20f));
        sbyte[] integers = rounding.Round(node, values, scales.Length, scales, depth, -sbyte.MaxValue, sbyte.MaxValue);
        return new ValueInfo(GraphEditor.UniqueName(index.Graph, weights.Name + ".int8"), Tensor.From<sbyte>(weights.Shape, integers), new QuantizationParameters(scales, axis: 0));
    }
}
