using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Binary weights after training: w ≈ sign(w) · mean|w| of its output channel, and if wanted activations x ≈ m + s · sign(x − m) with
/// m = mean x and s = mean|x − m| over the calibration data (Rastegari et al., "XNOR-Net", 2016, with a threshold). Grouped layers
/// stay as they are. Accuracy is poor unless the network is trained for it.
/// </summary>
public sealed class BinarizeLayers : ICompressionPass
{
    /// <summary>The least magnitude of a channel's weights, as a share of the largest channel's.</summary>
    private const float LeastMagnitude = 1e-4f;

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">The activations are of no known kind.</exception>
    public BinarizeLayers(BinarizeOptions options)
    {
        Options = options;
        if (options.Activations is not ("binary" or "int8")) throw new ArgumentException($"no activations \"{options.Activations}\"; known: binary, int8");
    }

    /// <inheritdoc/>
    public string Name => "binarize";

    /// <summary>What it was created with.</summary>
    public BinarizeOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        GraphOptimizer.Optimize(graph);
        Node[] layers = Choose(graph);
        GraphIndex index = new(graph);
        BinarizeWeights(layers, index);
        if (Options.Activations == "binary")
        {
            Dictionary<ValueInfo, (float Mean, float Spread)> inputs = Observe(graph, [.. layers.Select(l => l.Input(0)).Distinct()], context);
            foreach (Node layer in layers) BinarizeInput(layer, inputs[layer.Input(0)], index);
        }
        GraphOptimizer.Optimize(graph);
        return new PassReport(Name, layers.Length)
        {
            Notes = ["binary layers lose much accuracy unless the network is trained for them", .. graph.Nodes.Where(n => Weights.Of(n) is not null).Except(layers).Select(n => $"{n} keeps its weights")],
        };
    }

    /// <summary>The layers that are to be binary.</summary>
    internal Node[] Choose(Graph graph)
    {
        Node[] all = [.. graph.Nodes.Where(n => Weights.Of(n) is not null)];
        return [.. all.Where((n, i) => (i > 0 || !Options.KeepFirst) && (i < all.Length - 1 || !Options.KeepLast) && !Options.Skip.Contains(n.Name) && IsLargeEnough(n))];
    }

    /// <summary>Whether a layer has no groups, enough weights for each output, and any that is not 0: zeros have no magnitude for signs.</summary>
    internal static bool IsLargeEnough(Node layer) => layer.Attributes.Int("group", 1) == 1 && Weights.Of(layer)! is var weights
        && weights.PerOutput >= BinaryRules.LeastWeights && weights.Values.AsSpan().ContainsAnyExcept(0f);

    /// <summary>Weights become ± the mean magnitude of their output channel.</summary>
    internal static void BinarizeWeights(IEnumerable<Node> layers, GraphIndex index)
    {
        foreach (Node layer in layers) BinarizeWeights(layer, index);
    }

    private static void BinarizeWeights(Node layer, GraphIndex index)
    {
        Weights weights = Weights.Of(layer)!;
        float[] means = [.. weights.Values.Chunk(weights.PerOutput).Select(own => (float)own.Average(w => (double)Math.Abs(w)))];
        // A channel of zeros gets weights too small to matter beside the others', but large enough for its bias to be counted in int8 steps of them.
        float least = means.Max() * LeastMagnitude;
        for (int i = 0; i < weights.Values.Length; i++) weights.Values[i] = MathF.CopySign(Math.Max(means[i / weights.PerOutput], least), weights.Values[i] >= 0 ? 1 : -1);
        weights.Store(index);
    }

    // x ≈ m + s · sign(x − m): the layer reads the signs, and its bias takes up m · Σ w (at padded borders, a little too much).
    private static void BinarizeInput(Node layer, (float Mean, float Spread) input, GraphIndex index)
    {
        ValueInfo x = layer.Input(0);
        ValueInfo signs = new(GraphEditor.UniqueName(index.Graph, x.Name + ".signs"), ElementType.Binary, x.Shape, new QuantizationParameters(input.Spread, 0));
        ValueInfo threshold = index.Constant(x, Tensor.Vector(input.Mean));
        index.InsertBefore(layer, new Node(OperatorType.Binarize, layer.Name + ".binarize", [x, threshold], [signs]));
        ValueInfo reals = index.Derive(x, ".binary");
        index.InsertBefore(layer, new Node(OperatorType.Dequantize, layer.Name + ".signs", [signs], [reals]));
        layer.Inputs[0] = reals;
        Weights weights = Weights.Of(layer)!;
        for (int i = 0; i < weights.Values.Length; i++) weights.Bias[i / weights.PerOutput] += input.Mean * weights.Values[i];
        weights.Store(index);
    }

    private static Dictionary<ValueInfo, (float Mean, float Spread)> Observe(Graph graph, ValueInfo[] values, PassContext context)
    {
        CalibrationData data = context.RequireCalibration();
        using InferenceSession session = new(graph, context.Options(keepIntermediates: true));
        double[] Average(Func<float, int, double> of)
        {
            double[] sums = new double[values.Length];
            data.ForEach(session, _ =>
            {
                for (int i = 0; i < values.Length; i++)
                    foreach (float x in MemoryMarshal.Cast<byte, float>(session.ValueBytes(values[i]))) sums[i] += of(x, i);
            });
            return [.. sums.Select((s, i) => s / ((double)data.Count * Math.Max(1, values[i].Shape.ElementCount)))];
        }
        double[] means = Average((x, _) => x), spreads = Average((x, i) => Math.Abs(x - means[i]));
        return values.Select((v, i) => (v, Pair: ((float)means[i], Math.Max((float)spreads[i], 1e-20f)))).ToDictionary(p => p.v, p => p.Pair);
    }
}
