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
        Static = new QuantizeInt8(options.ToInt8()) { Nibbles = this };
    }

    /// <inheritdoc/>
    public string Name => "quantize-int4";

    /// <inheritdoc/>
    public bool NeedsCalibration => Options.Activations == "int8";

    /// <summary>What it was created with.</summary>
    public QuantizeInt4Options Options { get; }

    private QuantizeInt8 Static { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        if (NeedsCalibration) return Static.Apply(graph, context) with { Pass = Name };
        GraphOptimizer.Optimize(graph);
        GraphIndex index = new(graph);
        HashSet<Node> nibbles = Choose(graph);
        Node[] layers = [.. graph.Nodes.Where(n => IsDense(n) && !Options.Skip.Contains(n.Name))];
        foreach (Node node in layers)
        {
            ValueInfo weights = nibbles.Contains(node) ? Quantize(node, node.Input(1), new float[node.Input(1).Shape[0]], index) : ToInt8(node.Input(1), index);
            node.Inputs[1] = weights;
            if (Options.Activations == "dynamic") node.Attributes.Set("dynamic", 1);
        }
        return new PassReport(Name, layers.Length) { Notes = [.. layers.Where(n => !nibbles.Contains(n)).Select(n => $"{n} has int8 weights")] };
    }

    /// <summary>Nodes of <paramref name="graph"/> that get int4 weights: dense ones, the first and the last only if they may.</summary>
    internal HashSet<Node> Choose(Graph graph)
    {
        Node[] dense = [.. graph.Nodes.Where(IsDense)];
        IEnumerable<Node> chosen = Options.KeepEnds ? dense.Skip(1).SkipLast(1) : dense;
        return [.. chosen.Where(Takes)];
    }

    /// <summary>Whether no option says that the node keeps its weights.</summary>
    internal bool Takes(Node node) => !Options.Int8.Contains(node.Name) && !Options.Skip.Contains(node.Name);

    /// <summary>The int4 form of constant float <paramref name="weights"/>.</summary>
    internal ValueInfo Quantize(Node node, ValueInfo weights, ReadOnlySpan<float> least, GraphIndex index)
    {
        int outputs = weights.Shape[0], depth = (int)weights.Shape.CountOf(1, weights.Shape.Rank), group = depth > Options.Group ? Options.Group : 0;
        (sbyte[] nibbles, float[] scales) = NibbleWeights.Choose(weights.Constant!.ToFloats(), outputs, group, least);
        return new ValueInfo(GraphEditor.UniqueName(index.Graph, weights.Name + ".int4"), Int4.Pack(weights.Shape, nibbles), new QuantizationParameters(scales, default, 0, group)) { Sparsity = weights.Sparsity };
    }

    private static bool IsDense(Node node) => Weights.Of(node) is not null && node.Output.Type == ElementType.Float32
        && (node.Type == OperatorType.FullyConnected || node.Attributes.Int("group") == 1);

    private static ValueInfo ToInt8(ValueInfo weights, GraphIndex index)
    {
        float[] values = weights.Constant!.ToFloats(), scales = new float[weights.Shape[0]];
        sbyte[] integers = new sbyte[values.Length];
        int depth = values.Length / Math.Max(1, scales.Length);
        for (int i = 0; i < values.Length; i++) scales[i / depth] = Math.Max(scales[i / depth], Math.Max(Math.Abs(values[i]) / sbyte.MaxValue, 1e-20f));
        for (int i = 0; i < values.Length; i++) integers[i] = (sbyte)Requantize.Quantize(values[i], scales[i / depth], 0, -sbyte.MaxValue, sbyte.MaxValue);
        return new ValueInfo(GraphEditor.UniqueName(index.Graph, weights.Name + ".int8"), Tensor.From<sbyte>(weights.Shape, integers), new QuantizationParameters(scales, axis: 0));
    }
}
