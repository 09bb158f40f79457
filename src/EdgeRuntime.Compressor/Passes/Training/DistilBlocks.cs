using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Trains each layer that a pass before replaced, by factors, a separable pair or anything between two values that the source has as well, to
/// make the source's output of the source's input (block-wise distillation; Li et al. 2020). Needs samples, but no labels.
/// </summary>
public sealed class DistilBlocks : ICompressionPass
{
    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is not known, or outside its range.</exception>
    public DistilBlocks(DistilBlocksOptions options)
    {
        Options = options;
        options.Check();
    }

    /// <inheritdoc/>
    public string Name => "distil-blocks";

    /// <summary>What it was created with.</summary>
    public DistilBlocksOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        Graph source = GraphOptimizer.Optimize(GraphCopy.Of(context.Source ?? throw new ModelException(ModelErrorKind.InvalidData, Name, "this pass learns from the network before a recipe's first pass; it stands in a recipe")));
        TrainableNetwork network = new(GraphOptimizer.Optimize(graph));
        List<NetworkBlock> blocks = Blocks(graph, source);
        if (blocks.Count == 0) return new PassReport(Name, 0) { Notes = ["no layer was replaced: nothing to learn"] };
        using SessionTeacher teacher = new(source, blocks.SelectMany(b => (string[])[b.Input.Name, b.Output.Name]), context.Threads);
        TrainingResult result = new Trainer(network, Samples(graph, context), null, Options.ToTraining(context, Name, graph), new BlockObjective(blocks, teacher.Run)).Run(context.Cancel);
        return new PassReport(Name, blocks.Count) { Notes = [$"mean squared error over mean square of {blocks.Count} blocks: {result.Losses[0]:F4} in the first epoch, {result.Losses[^1]:F4} in the last"] };
    }

    /// <summary>The parts between values that both networks have, where they are not the same.</summary>
    internal static List<NetworkBlock> Blocks(Graph student, Graph source)
    {
        Dictionary<string, ValueInfo> shared = source.Values().Where(v => !v.IsConstant).ToDictionary(v => v.Name);
        Dictionary<ValueInfo, Node> theirs = source.Producers(), own = student.Producers();
        List<NetworkBlock> blocks = [];
        foreach (Node node in student.Nodes.Where(n => IsShared(n.Output)))
        {
            HashSet<ValueInfo> inputs = [];
            List<Node> inside = [node];
            for (int i = 0; i < inside.Count; i++)
                foreach (ValueInfo v in inside[i].Inputs.OfType<ValueInfo>().Where(v => !v.IsConstant))
                    if (IsShared(v)) inputs.Add(v);
                    else if (!inside.Contains(own[v])) inside.Add(own[v]);
            bool isSame = inside.Count == 1 && theirs.TryGetValue(shared[node.Output.Name], out Node? twin) && twin.Type == node.Type && Constants(twin).SequenceEqual(Constants(node));
            if (inputs.Count == 1 && !isSame) blocks.Add(new NetworkBlock(inputs.Single(), node.Output));
        }
        return blocks;

        bool IsShared(ValueInfo v) => shared.TryGetValue(v.Name, out ValueInfo? other) && other.Shape == v.Shape;
    }

    private static IEnumerable<float> Constants(Node node) => node.Inputs.OfType<ValueInfo>().Where(v => v.IsConstant).SelectMany(v => v.Constant!.ToFloats());

    private static Dataset Samples(Graph graph, PassContext context)
    {
        if (context.Training is { } training) return training.Data;
        CalibrationData data = context.RequireCalibration();
        return new Dataset(Enumerable.Range(0, data.Count).SelectMany(i => data.Sample(i, 0, graph.Inputs[0]).ToFloats()).ToArray(), ReadOnlyMemory<int>.Empty, (int)graph.Inputs[0].Shape.ElementCount);
    }
}
