using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Makes operators between Dequantize and Quantize compute on the integers themselves, which is what the pair means;
/// a Dequantize that meets a Quantize is nothing, or a Requantize.
/// </summary>
internal sealed class FoldQuantization : ICompressionPass
{
    public string Name => "fold-quantization";

    public PassReport Apply(Graph graph, PassContext context) => new(Name, GraphIndex.Rewrite(graph,
        MergeRules.MergeTwins, MergeRules.RaiseOverDequantize, BinaryRules.RaiseOverBinarize, QuantizationRules.RaiseOverDequantize, QuantizationRules.CancelPair,
        QuantizationRules.CancelRequantize, QuantizationRules.FoldWeighted, QuantizationRules.FoldUnweighted, QuantizationRules.FoldConcat));
}
