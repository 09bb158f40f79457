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
    private const int Observed = 128;

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
        TrainingSamples samples = context.RequireTraining(Name);
        GraphOptimizer.Optimize(graph);
        Node[] layers = new BinarizeLayers(Options.ToBinarize()).Choose(graph);
        if (layers.Length == 0) return new PassReport(Name, 0) { Notes = ["no layer is to be binary: left as it is"] };
        foreach (Node layer in layers) TakeClampOut(layer, graph);
        Dictionary<ValueInfo, (float[] Means, float[] Deviations, float Spread)> moments = Observe(graph, layers, samples.Data);
        foreach (Node layer in layers) Normalize(layer, moments[layer.Output], graph);
        BinaryNetwork network = new(graph, layers.ToDictionary(l => l, l => (moments[l.Input(0)].Means, moments[l.Input(0)].Spread)));
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

    /// <summary>A layer's clamp becomes a node of its own, so that batch normalisation fits between.</summary>
    private static void TakeClampOut(Node layer, Graph graph)
    {
        AttributeSet bounds = new();
        foreach (string name in (string[])["min", "max"])
            if (layer.Attributes.Contains(name))
            {
                bounds.Set(name, layer.Attributes.Float(name));
                layer.Attributes.Remove(name);
            }
        if (!bounds.Contains("min") && !bounds.Contains("max")) return;
        Insert(layer, OperatorType.Clip, ".clip", [], bounds, graph);
    }

    private static void Normalize(Node layer, (float[] Means, float[] Deviations, float Spread) m, Graph graph)
    {
        ValueInfo Constant(string part, float[] values) => new(GraphEditor.UniqueName(graph, $"{layer.Name}.bn.{part}"), Tensor.Vector<float>(values));
        float[] zeros = new float[m.Means.Length], ones = new float[m.Means.Length];
        Array.Fill(ones, 1);
        AttributeSet attributes = new AttributeSet().Set("axis", layer.Output.Shape.Rank - 1).Set("epsilon", 1e-5f);
        Insert(layer, OperatorType.BatchNormalization, ".bn", [Constant("scale", m.Deviations), Constant("bias", m.Means), Constant("mean", zeros), Constant("variance", ones)], attributes, graph);
    }

    /// <summary>Puts a node between <paramref name="layer"/> and its readers.</summary>
    private static void Insert(Node layer, OperatorType type, string suffix, ValueInfo[] constants, AttributeSet attributes, Graph graph)
    {
        ValueInfo output = layer.Output, inner = new(GraphEditor.UniqueName(graph, output.Name + suffix), ElementType.Float32, output.Shape);
        layer.Outputs[0] = inner;
        graph.Nodes.Insert(graph.Nodes.IndexOf(layer) + 1, new Node(type, layer.Name + suffix, [inner, .. constants], [output], attributes));
    }

    /// <summary>Mean and deviation of each channel of the layers' inputs and outputs in the float network.</summary>
    private static Dictionary<ValueInfo, (float[] Means, float[] Deviations, float Spread)> Observe(Graph graph, Node[] layers, Dataset data)
    {
        ValueInfo[] values = [.. layers.SelectMany(l => (ValueInfo[])[l.Input(0), l.Output]).Distinct()];
        Tape tape = new(1) { IsTraining = false };
        int count = Math.Min(Observed, data.Count);
        float[] samples = [.. Enumerable.Range(0, count).SelectMany(i => data[(int)((long)i * data.Count / count)].ToArray())];
        Variable[] found = new TrainableNetwork(graph).Forward(tape, [tape.Constant(graph.Inputs[0].Shape.With(0, count), samples)], values);
        return values.Zip(found).ToDictionary(p => p.First, p => Moments(p.Second));
    }

    private static (float[] Means, float[] Deviations, float Spread) Moments(Variable v)
    {
        int channels = v.Shape[-1], rows = v.Count / channels;
        double[] sums = new double[channels], squares = new double[channels];
        for (int i = 0; i < v.Count; i++)
        {
            sums[i % channels] += v.Data[i];
            squares[i % channels] += (double)v.Data[i] * v.Data[i];
        }
        float[] means = Array.ConvertAll(sums, s => (float)(s / rows));
        float[] deviations = [.. squares.Select((s, c) => (float)Math.Sqrt(Math.Max(s / rows - (double)means[c] * means[c], 1e-10)))];
        return (means, deviations, deviations.Average());
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
