using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>What training led to.</summary>
/// <param name="Result">The course of the generation that was kept.</param>
/// <param name="Generation">Its number, from 1 on.</param>
/// <param name="Generations">What became of each, a line for a person.</param>
public sealed record TuitionResult(TrainingResult Result, int Generation, IReadOnlyList<string> Generations);

/// <summary>
/// Trains a float network as <see cref="FineTuneOptions"/> say: alone, from a teacher, among peers, or over generations of which each
/// is taught by the one before (born-again networks; Furlanello et al. 2018).
/// </summary>
public static class Tuition
{
    /// <summary>Trains <paramref name="graph"/> in place.</summary>
    /// <param name="graph">A float network of one input, as <see cref="GraphOptimizer"/> prepares it.</param>
    /// <param name="samples">What to learn from.</param>
    /// <param name="options">How.</param>
    /// <param name="context">Seed, threads, progress, the teacher "source".</param>
    /// <param name="place">Named in progress and errors.</param>
    /// <param name="checkpoint">Where to save after every epoch, and to go on from; null for nowhere.</param>
    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    /// <exception cref="ModelException">The network can't be trained so.</exception>
    public static TuitionResult Run(Graph graph, TrainingSamples samples, FineTuneOptions options, PassContext context, string place, string? checkpoint = null)
    {
        options.Check();
        if (options.Init == "random") new TrainableNetwork(graph).Randomize(new RandomSource((ulong)context.Seed));
        List<string> notes = [];
        (TrainingResult Result, Graph Graph, int Generation)? best = null;
        Graph? teacher = null;
        for (int g = 1; g <= options.Generations; g++)
        {
            Graph student = options.Generations == 1 ? graph : GraphCopy.Of(graph);
            if (g > 1) new TrainableNetwork(student).Randomize(new RandomSource((ulong)context.Seed + (ulong)g));
            string name = options.Generations == 1 ? place : $"{place}, generation {g}";
            TrainingResult result = One(student, samples, options, context, name, checkpoint is null || options.Generations == 1 ? checkpoint : $"{checkpoint}.{g}", teacher);
            notes.Add(options.Generations == 1 ? result.ToString() : $"generation {g}: {result}");
            if (best is null || samples.Validation is null || Accuracy(result) >= Accuracy(best.Value.Result)) best = (result, student, g);
            teacher = student;
        }
        if (best!.Value.Graph != graph)
            foreach (var (own, trained) in graph.Values().Zip(best.Value.Graph.Values())) own.Constant = trained.Constant;
        return new TuitionResult(best.Value.Result, best.Value.Generation, notes);
    }

    private static double Accuracy(TrainingResult result) => result.Accuracies[result.BestEpoch - 1];

    private static TrainingResult One(Graph graph, TrainingSamples samples, FineTuneOptions options, PassContext context, string place, string? checkpoint, Graph? teacher)
    {
        if (options.Mutual > 1) Peers.Add(graph, options.Mutual - 1, context.Seed);
        TrainableNetwork network = new(graph);
        using Lesson lesson = new(options, network, context, teacher);
        Objective? objective = options.Mutual > 1 ? new MutualObjective(labelSmoothing: (float)options.LabelSmoothing) : lesson.Objective;
        TrainingOptions training = options.ToTraining(context, place, graph) with { Checkpoint = checkpoint };
        TrainingResult result = new Trainer(network, samples.Data, samples.Validation, training, objective).Run(context.Cancel);
        if (options.Mutual > 1) Peers.Remove(graph);
        return result;
    }
}
