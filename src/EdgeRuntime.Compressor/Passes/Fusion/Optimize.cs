using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>All fusions of <see cref="GraphOptimizer"/> until nothing changes.</summary>
internal sealed class Optimize : ICompressionPass
{
    public string Name => "optimize";

    public PassReport Apply(Graph graph, PassContext context)
    {
        int before = graph.Nodes.Count;
        GraphOptimizer.Optimize(graph);
        return new PassReport(Name, before - graph.Nodes.Count);
    }
}
