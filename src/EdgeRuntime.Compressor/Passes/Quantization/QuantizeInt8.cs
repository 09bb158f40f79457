using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Post-training quantisation: int8 weights, symmetric per output channel; int8 activations, asymmetric per tensor, with
/// ranges from calibration; int32 biases, corrected for the mean error. (Jacob et al., "Quantization and training of
/// neural networks for efficient integer-arithmetic-only inference", 2018; Nagel et al., "Data-free quantization", 2019.)
/// </summary>
public sealed class QuantizeInt8 : ICompressionPass
{
    private static readonly Dictionary<string, CalibrationMethod> Methods = new(StringComparer.Ordinal)
    {
        ["min-max"] = CalibrationMethod.MinMax,
        ["percentile"] = CalibrationMethod.Percentile,
        ["entropy"] = CalibrationMethod.Entropy,
        ["mse"] = CalibrationMethod.MeanSquaredError,
    };

    private readonly CalibrationMethod _method;

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">There is no such calibration method, or the percentile is not in (50, 100].</exception>
    public QuantizeInt8(QuantizeOptions options)
    {
        Options = options;
        if (!Methods.TryGetValue(options.Method, out _method))
            throw new ArgumentException($"no calibration method \"{options.Method}\"; known: {string.Join(", ", Methods.Keys)}");
        WeightRounding.Check(options.Rounding);
        if (!(options.Percentile is > 50 and <= 100))
            throw new ArgumentException($"percentile {options.Percentile} is not in (50, 100]");
    }

    /// <inheritdoc/>
    public string Name => "quantize-int8";

    /// <summary>Decides on int4 weights for some of the layers; null for none.</summary>
    internal QuantizeInt4? Nibbles { get; init; }

    /// <summary>What it was created with.</summary>
    public QuantizeOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        GraphOptimizer.Optimize(graph);
        if (IsQuantized(graph))
            return new PassReport(Name, 0) { Notes = ["the network is quantised already: left as it is"] };

        Graph reference = GraphCopy.Of(graph);
        (Int8Ranges ranges, Dictionary<string, ValueInfo> quantized) = Insert(graph, context);
        if (Options.BiasCorrection) BiasCorrector.Correct(reference, graph, quantized, context);
        LayerReport[] layers = NoiseMeter.Measure(reference, graph, quantized, context);
        IntegerBoundary.Apply(graph, Options.IntegerInputs, Options.IntegerOutputs);
        return new PassReport(Name, ranges.Nodes.Count)
        {
            Layers = layers,
            Notes = [.. ranges.LeftInFloat.Select(n => $"{n} computes in float")],
        };
    }

    /// <summary>Whether some operator of <paramref name="graph"/> computes on integers.</summary>
    internal static bool IsQuantized(Graph graph) => graph.Nodes.Any(n => n.Output.Type == ElementType.Int8 && n.Type != OperatorType.Quantize);

    /// <summary>Calibrates and makes an integer network of <paramref name="graph"/>; gives the integer value that stands for each float value, by the latter's name.</summary>
    internal (Int8Ranges Ranges, Dictionary<string, ValueInfo> Quantized) Insert(Graph graph, PassContext context)
    {
        Dictionary<ValueInfo, ValueStatistics> statistics = Calibrator.Observe(graph, context, _method != CalibrationMethod.MinMax);
        Int8Ranges ranges = Int8Ranges.Choose(graph, Options, v => RangeFinder.Find(statistics[v], _method, Options.Percentile));
        WeightRounding rounding = Nibbles?.Rounding ?? WeightRounding.For(Options.Rounding, graph, ranges.Nodes, Options.BiasCorrection, context);
        Dictionary<string, ValueInfo> quantized = Int8Insertion.Apply(graph, ranges, Options.PerChannel, Nibbles, rounding,
            RecurrentInsertion.LargestCells(graph, ranges.Nodes, context));
        GraphOptimizer.Optimize(graph);
        return (ranges, quantized);
    }
}
