using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Trains the float network on, as it stands after the passes before, so that it makes up for what they took. Weights that
/// pruning made 0 stay 0. (Han et al., "Learning both weights and connections for efficient neural networks", 2015.)
/// </summary>
public sealed class FineTune : ICompressionPass
{
    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is not known, or outside its range.</exception>
    public FineTune(FineTuneOptions options)
    {
        Options = options;
        options.Check();
    }

    /// <inheritdoc/>
    public string Name => "fine-tune";

    /// <inheritdoc/>
    public bool NeedsTraining => true;

    /// <summary>What it was created with.</summary>
    public FineTuneOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        int parameters = new TrainableNetwork(graph).Parameters.Count;
        TrainingSamples samples = context.RequireTraining(Name);
        int inserted = Options.Normalize ? InsertedNormalization.Insert(graph, samples.Data) : 0;
        TuitionResult result = Tuition.Run(graph, samples, Options, context, Name);
        if (inserted > 0) GraphOptimizer.Optimize(graph);
        return new PassReport(Name, parameters) { Notes = result.Generations };
    }
}
