using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Trains layers with binary weights and activations: weights first, then both. Behind each binary layer stands a batch normalisation
/// that begins with the moments of the float layer's output; the optimiser makes it scales, biases and thresholds of the XNOR layer.
/// First and last layers, and grouped ones, stay float for a quantisation that follows.
/// (Courbariaux et al. 2016; Rastegari et al., "XNOR-Net", 2016; Liu et al., "Bi-Real Net", 2018.)
/// </summary>
public sealed class BinarizeAware : ICompressionPass
{
    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    public BinarizeAware(BinarizeAwareOptions options)
    {
        Options = options;
        options.Check();
        if (!(options.WeightsFirst is >= 0 and < 1)) throw new ArgumentException($"weightsFirst {options.WeightsFirst} is not in [0, 1)");
    }

    /// <inheritdoc/>
    public string Name => "binarize-aware";

    /// <inheritdoc/>
    public bool NeedsTraining => true;

    /// <summary>What it was created with.</summary>
    public BinarizeAwareOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        TrainingSamples samples = context.RequireTraining(Name);
        GraphOptimizer.Optimize(graph);
        Node[] layers = new BinarizeLayers(Options.ToBinarize()).Choose(graph);
        if (layers.Length == 0) return new PassReport(Name, 0) { Notes = ["no layer is to be binary: left as it is"] };
        foreach (Node layer in layers) InsertedNormalization.TakeClampOut(layer, graph);
        Dictionary<ValueInfo, ChannelMoments> moments = ChannelMoments.Observe(graph, layers.SelectMany(l => (ValueInfo[])[l.Input(0), l.Output]), samples.Data);
        foreach (Node layer in layers) InsertedNormalization.Behind(layer, moments[layer.Output], graph, isIdentity: false);
        BinaryNetwork network = new(graph, layers.ToDictionary(l => l, l => (moments[l.Input(0)].Means, moments[l.Input(0)].Deviations.Average())));
        List<string> notes = [];
        int first = (int)Math.Round(Options.Epochs * Options.WeightsFirst);
        if (first > 0) notes.Add("binary weights: " + Train(network, false, first, samples, context));
        notes.Add("binary weights and activations: " + Train(network, true, Options.Epochs - first, samples, context));
        GraphIndex index = new(graph);
        foreach (Node layer in layers) Write(layer, network, index);
        GraphEditor.SortTopologically(graph);
        GraphOptimizer.Optimize(graph);
        return new PassReport(Name, layers.Length) { Notes = notes };
    }

    private TrainingResult Train(BinaryNetwork network, bool activations, int epochs, TrainingSamples samples, PassContext context)
    {
        network.BinaryActivations = activations;
        using Lesson lesson = new(Options, network, context);
        TrainingOptions options = Options.ToTraining(context, Name, network.Graph) with { Epochs = Math.Max(1, epochs) };
        return new Trainer(network, samples.Data, samples.Validation, options, lesson.Objective).Run(context.Cancel);
    }

    private static void Write(Node layer, BinaryNetwork network, GraphIndex index)
    {
        ValueInfo x = layer.Input(0), weights = layer.Input(1);
        float[] signed = network.Weights(layer), thresholds = network.Thresholds(layer);
        layer.Inputs[1] = index.Constant(weights, Tensor.From<float>(weights.Shape, signed));
        ValueInfo signs = new(GraphEditor.UniqueName(index.Graph, layer.Name + ".signs"), ElementType.Binary, x.Shape, new QuantizationParameters(1, 0));
        ValueInfo threshold = new(GraphEditor.UniqueName(index.Graph, layer.Name + ".threshold"), Tensor.Vector<float>(thresholds));
        index.InsertBefore(layer, new Node(OperatorType.Binarize, layer.Name + ".binarize", [x, threshold], [signs]));
        ValueInfo reals = index.Derive(x, ".binary");
        index.InsertBefore(layer, new Node(OperatorType.Dequantize, layer.Name + ".signs", [signs], [reals]));
        layer.Inputs[0] = reals;
        index.Invalidate();
    }
}
