using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>What a recipe did to a network.</summary>
/// <param name="Recipe">The recipe's name.</param>
/// <param name="Source">The network before the first pass.</param>
/// <param name="Passes">What each pass did, and the network after it.</param>
public sealed record PipelineReport(string Recipe, PassReport Source, IReadOnlyList<PassReport> Passes);

/// <summary>Applies recipes. After each pass the shapes are inferred anew and every rule of the graph is checked.</summary>
public static class CompressionPipeline
{
    /// <summary>
    /// Applies <paramref name="recipe"/> to <paramref name="graph"/> in place, and writes it into the graph's metadata.
    /// </summary>
    /// <exception cref="ModelException">The graph is not valid, or a pass can't do its work.</exception>
    public static PipelineReport Run(Graph graph, Recipe recipe, PassContext context)
    {
        GraphValidator.Validate(graph);
        CheckWeights(graph);
        LatencyModel? latency = context.Profile is { } profile ? new LatencyModel(profile) : null;
        PassReport source = Measure(new PassReport("source", 0), graph, latency);
        List<PassReport> reports = [];
        context = context with { Source = context.Source ?? GraphCopy.Of(graph) };
        foreach (ICompressionPass pass in recipe.Passes)
        {
            PassReport report = pass.Apply(graph, context);
            GraphEditor.RemoveDeadNodes(graph);
            GraphEditor.InferShapes(graph);
            GraphValidator.Validate(graph);
            reports.Add(Measure(report, graph, latency));
        }
        graph.Metadata[MetadataKeys.Recipe] = recipe.Json;
        return new PipelineReport(recipe.Name, source, reports);
    }

    /// <summary>Scales, norms and factors of weights that are not finite would be none.</summary>
    private static void CheckWeights(Graph graph)
    {
        foreach (Node node in graph.Nodes.Where(n => n.Type is OperatorType.Convolution or OperatorType.FullyConnected or OperatorType.Lstm or OperatorType.Gru or OperatorType.BatchNormalization))
            foreach (ValueInfo value in node.Inputs.OfType<ValueInfo>())
                if (value.Constant is { Type: ElementType.Float32 } constant && constant.AsSpan<float>().ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
                    throw new ModelException(ModelErrorKind.InvalidData, node.ToString(), $"{value.Name} holds numbers that are not finite; was the training stopped after it had diverged?");
    }

    private static PassReport Measure(PassReport report, Graph graph, LatencyModel? latency) => report with
    {
        Nodes = graph.Nodes.Count,
        ConstantBytes = graph.Values().Where(v => v.IsConstant).Sum(v => v.StoredBytes),
        MultiplyAccumulates = graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates),
        PredictedUs = latency is null ? null : Predict(latency, graph),
    };

    private static double? Predict(LatencyModel latency, Graph graph)
    {
        try
        {
            return latency.Predict(graph).TotalUs;
        }
        catch (ModelException)
        {
            // Between passes a network need not be in a form that runs.
            return null;
        }
    }
}
