using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Post-training quantisation: int8 weights, symmetric per output channel; int8 activations, asymmetric per tensor, with
/// ranges from calibration; int32 biases, corrected for the mean error. (Jacob et al., "Quantization and training of
/// neural networks for efficient integer-arithmetic-only inference", 2018; Nagel et al., "Data-free quantization", 2019.)
/// </summary>
public sealed class QuantizeInt8(QuantizeOptions options) : ICompressionPass
{
    private static readonly Dictionary<string, CalibrationMethod> Methods = new(StringComparer.Ordinal)
    {
        ["min-max"] = CalibrationMethod.MinMax,
        ["percentile"] = CalibrationMethod.Percentile,
        ["entropy"] = CalibrationMethod.Entropy,
        ["mse"] = CalibrationMethod.MeanSquaredError,
    };

    /// <inheritdoc/>
    public string Name => "quantize-int8";

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        if (!Methods.TryGetValue(options.Method, out CalibrationMethod method))
            throw new RecipeException(Name, $"no calibration method \"{options.Method}\"; known: {string.Join(", ", Methods.Keys)}");
        GraphOptimizer.Optimize(graph);
        if (graph.Nodes.Any(n => n.Output.Type == ElementType.Int8 && n.Type != OperatorType.Quantize))
            return new PassReport(Name, 0) { Notes = ["the network is quantised already: left as it is"] };

        Graph reference = GraphCopy.Of(graph);
        Dictionary<ValueInfo, ValueStatistics> statistics = Calibrator.Observe(graph, context, method != CalibrationMethod.MinMax);
        Int8Ranges ranges = Int8Ranges.Choose(graph, options, v => RangeFinder.Find(statistics[v], method, options.Percentile));
        Dictionary<string, ValueInfo> quantized = Int8Insertion.Apply(graph, ranges, options.PerChannel);
        GraphOptimizer.Optimize(graph);
        if (options.BiasCorrection) BiasCorrector.Correct(reference, graph, quantized, context);
        LayerReport[] layers = NoiseMeter.Measure(reference, graph, quantized, context);
        IntegerBoundary.Apply(graph, options.IntegerInputs, options.IntegerOutputs);
        return new PassReport(Name, ranges.Nodes.Count)
        {
            Layers = layers,
            Notes = [.. ranges.LeftInFloat.Select(n => $"{n} computes in float")],
        };
    }
}
