using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>Makes stored integer and half-precision constants float where the operators that read them compute in float.</summary>
internal sealed class DequantizeConstants : ICompressionPass
{
    public string Name => "dequantize-constants";

    public PassReport Apply(Graph graph, PassContext context) =>
        new(Name, GraphIndex.Rewrite(graph, ConstantRules.KeepIntegers) + GraphIndex.Rewrite(graph, ConstantRules.Fold, ConstantRules.FoldDequantize, ConstantRules.WidenConstants));
}
