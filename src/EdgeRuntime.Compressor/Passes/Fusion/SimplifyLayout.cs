using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Removes the transposes that bring other layouts to NHWC and back. They sink towards the outputs through whatever does
/// not care about the order of axes, until they meet their inverses; those that move only axes of length 1 are reshapes.
/// </summary>
internal sealed class SimplifyLayout : ICompressionPass
{
    public string Name => "simplify-layout";

    public PassReport Apply(Graph graph, PassContext context)
    {
        int changes = GraphIndex.Rewrite(graph, ConstantRules.Fold, MergeRules.MergeTwins, MergeRules.RaiseOverDequantize,
            TransposeRules.Compose, TransposeRules.Sink, TransposeRules.SinkMean);
        return new PassReport(Name, changes + GraphIndex.Rewrite(graph, ConstantRules.Fold, MergeRules.MergeTwins,
            MergeRules.RaiseOverDequantize, TransposeRules.Compose, TransposeRules.Sink, TransposeRules.SinkMean,
            ReshapeRules.FromTranspose, ReshapeRules.Compose, ReshapeRules.Sink, ReshapeRules.SinkPair, ReshapeRules.PermuteWeights));
    }
}
