using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Replaces nodes whose inputs are all constant by their results, but keeps weights quantised.</summary>
internal sealed class FoldConstants : ICompressionPass
{
    public string Name => "fold-constants";

    public PassReport Apply(Graph graph, PassContext context) => new(Name, GraphIndex.Rewrite(graph, ConstantRules.Fold));
}
