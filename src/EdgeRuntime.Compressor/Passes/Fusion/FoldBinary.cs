using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Makes layers that read signs and have weights ±s binary layers; what lies between such a layer and the next Binarize
/// (batch normalisation, bias, clamp) becomes one integer threshold per channel, so that activations stay packed bits.
/// </summary>
internal sealed class FoldBinary : ICompressionPass
{
    public string Name => "fold-binary";

    // Thresholds first: they may flip signs, which only float weights can follow.
    public PassReport Apply(Graph graph, PassContext context) => new(Name, GraphIndex.Rewrite(graph, BinaryRules.FoldThreshold)
        + GraphIndex.Rewrite(graph, BinaryRules.CompareIntegers, BinaryRules.FoldLayer, BinaryRules.FoldBinaryOutput, BinaryRules.FoldInt8Output));
}
