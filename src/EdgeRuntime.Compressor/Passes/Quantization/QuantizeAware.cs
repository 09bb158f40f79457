using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Quantisation-aware training: the network is quantised as by <see cref="QuantizeInt8"/> or <see cref="QuantizeInt4"/>, and then its
/// weights, biases, steps and ranges are trained through the integer arithmetic that the runtime executes, so that the accuracy found in
/// training is that of the result (Jacob et al. 2018; Esser et al., "Learned step size quantization", 2020). Batch normalisation is
/// folded before, with its running statistics, as it is at inference.
/// </summary>
public sealed class QuantizeAware : ICompressionPass
{
    private readonly QuantizeInt8 _insertion;
    private readonly QuantizeInt4? _nibbles;

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is not known, or outside its range.</exception>
    public QuantizeAware(QuantizeAwareOptions options)
    {
        Options = options;
        options.Check();
        if (options.Bits is not (8 or 4 or 2 or 1)) throw new ArgumentException($"bits {options.Bits}; known: 8, 4, 2, 1");
        if (options.Bits is 8 or 1 && options.Group != 0) throw new ArgumentException($"weights of {options.Bits} bits have no groups");
        if (options.Bits < 8) _nibbles = new QuantizeInt4(options.ToInt4());
        _insertion = new QuantizeInt8(options.ToInt8()) { Nibbles = options.Bits is 4 or 2 ? _nibbles : null };
    }

    /// <inheritdoc/>
    public string Name => "quantize-aware";

    /// <inheritdoc/>
    public bool NeedsTraining => true;

    /// <summary>What it was created with.</summary>
    public QuantizeAwareOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, [.. Options.Skip, .. Options.Int8]);
        TrainingSamples samples = context.RequireTraining(Name);
        GraphOptimizer.Optimize(graph);
        if (QuantizeInt8.IsQuantized(graph)) return new PassReport(Name, 0) { Notes = ["the network is quantised already: left as it is"] };
        Graph reference = GraphCopy.Of(graph);
        (QuantizedNetwork network, Dictionary<string, ValueInfo> quantized) = Prepare(graph, context);
        using Lesson lesson = new(Options, network, context);
        TrainingResult result = new Trainer(network, samples.Data, samples.Validation, Options.ToTraining(context, Name, reference), lesson.Objective).Run(context.Cancel);
        LayerReport[] layers = NoiseMeter.Measure(reference, graph, quantized, context);
        IntegerBoundary.Apply(graph, Options.IntegerInputs, Options.IntegerOutputs);
        return new PassReport(Name, quantized.Count) { Layers = layers, Notes = [result.ToString()] };
    }

    /// <summary>Quantises an optimised float network, and makes it ready for training; gives the integer value for each float one, by name.</summary>
    internal (QuantizedNetwork Network, Dictionary<string, ValueInfo> Quantized) Prepare(Graph graph, PassContext context)
    {
        Graph reference = GraphCopy.Of(graph);
        if (Options.Bits == 1) BinarizeLayers.BinarizeWeights([.. _nibbles!.Choose(graph).Where(BinarizeLayers.IsLargeEnough)], new GraphIndex(graph));
        (_, Dictionary<string, ValueInfo> quantized) = _insertion.Insert(graph, context);
        return (new QuantizedNetwork(graph, new QuantizedTraining
        {
            Layers = Layers(reference, graph, quantized),
            NibbleBits = Options.Bits == 2 ? 2 : 4,
            LearnWeightSteps = Options.LearnSteps,
            LearnRanges = Options.LearnRanges,
            Symmetric = Options.Symmetric,
        }), quantized);
    }

    /// <summary>The float layer behind each integer layer of <paramref name="graph"/>.</summary>
    private static Dictionary<Node, Node> Layers(Graph reference, Graph graph, Dictionary<string, ValueInfo> quantized)
    {
        Dictionary<ValueInfo, Node> producers = graph.Producers();
        return reference.Nodes.Where(n => (Weights.Of(n) is not null || n.Type is OperatorType.Lstm or OperatorType.Gru) && quantized.ContainsKey(n.Output.Name))
            .ToDictionary(n => producers[quantized[n.Output.Name]]);
    }
}
