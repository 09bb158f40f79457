using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Brings what an importer delivers to the form that the runtime executes: NHWC without removable transposes, operators
/// on quantised integers where the source says so, signed activations, batch normalisation, clamps and padding folded.
/// Results stay the same real numbers.
/// </summary>
public static class GraphOptimizer
{
    private const int MaxRounds = 20;

    /// <summary>Optimises <paramref name="graph"/> in place and returns it. A second call changes nothing.</summary>
    /// <exception cref="ModelException">The graph is not valid, before or after.</exception>
    public static Graph Optimize(Graph graph)
    {
        GraphValidator.Validate(graph);
        ICompressionPass[] fusions = [new FoldConstants(), new SimplifyLayout(), new FoldBatchNormalization(), new FoldScales(),
            new FuseClips(), new FoldPads(), new FoldQuantization(), new FuseClips()];
        Repeat(graph, fusions);
        // Weights that no integer operator took are float, and open to the same fusions.
        if (Apply(graph, new DequantizeConstants()) > 0) Repeat(graph, fusions);
        if (Apply(graph, new FoldBinary()) > 0) Repeat(graph, [.. fusions, new FoldBinary()]);
        if (Apply(graph, new ScalesToDepthwise()) > 0) Repeat(graph, fusions);
        Apply(graph, new MakeSigned());
        GraphValidator.Validate(graph);
        return graph;
    }

    /// <summary>
    /// Brings what an importer delivers to the form that training wants: NHWC without removable transposes, constants folded,
    /// weights float; batch normalisation stays, as it is trained as well.
    /// </summary>
    /// <exception cref="ModelException">The graph is not valid.</exception>
    public static Graph PrepareForTraining(Graph graph)
    {
        GraphValidator.Validate(graph);
        Repeat(graph, [new FoldConstants(), new SimplifyLayout(), new DequantizeConstants()]);
        GraphValidator.Validate(graph);
        return graph;
    }

    private static void Repeat(Graph graph, ICompressionPass[] passes)
    {
        for (int round = 0; round < MaxRounds; round++)
            if (passes.Sum(pass => Apply(graph, pass)) == 0) return;
    }

    private static int Apply(Graph graph, ICompressionPass pass)
    {
        int removed = GraphEditor.RemoveDeadNodes(graph);
        return removed + pass.Apply(graph, PassContext.Empty).Changes;
    }
}
