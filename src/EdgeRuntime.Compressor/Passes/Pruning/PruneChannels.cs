using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Removes whole channels (neurons, filters, recurrent units) with all that depends on them, so that what is left is an
/// ordinary, smaller network. (Li et al., "Pruning filters for efficient ConvNets", 2017; Molchanov et al., "Importance
/// estimation for neural network pruning", 2019; Fang et al., "DepGraph", 2023.)
/// </summary>
public sealed class PruneChannels : ICompressionPass
{
    private static readonly string[] Importances = ["l1", "l2", "gamma", "taylor", "loss"];

    /// <summary>Creates the pass.</summary>
    /// <exception cref="ArgumentException">An option is not known, or outside its range.</exception>
    public PruneChannels(PruneChannelsOptions options)
    {
        Options = options;
        if (!Importances.Contains(options.Importance)) throw new ArgumentException($"no importance \"{options.Importance}\"; known: {string.Join(", ", Importances)}");
        if (options.Scope is not ("layer" or "global")) throw new ArgumentException($"no scope \"{options.Scope}\"; known: layer, global");
        if (options is { Importance: "loss", Scope: not "global" }) throw new ArgumentException("importance \"loss\" chooses each group's share itself; leave scope out");
        if (new object?[] { options.Ratio, options.Macs, options.Latency }.Count(o => o is not null) > 1) throw new ArgumentException("ratio, macs and latency exclude each other");
        if (!((options.Ratio ?? options.Macs ?? 1) is > 0 and <= 1)) throw new ArgumentException($"{(options.Ratio is null ? "macs" : "ratio")} {options.Ratio ?? options.Macs} is not in (0, 1]");
        if (options.Multiple < 1 || options.LeastChannels < 1 || options.Steps < 1 || options.Samples < 1) throw new ArgumentException("multiple, leastChannels, steps and samples are at least 1");
        if (!(options.LeastShare is >= 0 and <= 1)) throw new ArgumentException($"leastShare {options.LeastShare} is not in [0, 1]");
        if (options.Latency?.Fault is { } fault) throw new ArgumentException(fault);
        if (options.Precision is not ("int8" or "float")) throw new ArgumentException($"no precision \"{options.Precision}\"; known: int8, float");
        options.FineTune?.Check();
    }

    /// <inheritdoc/>
    public string Name => "prune-channels";

    /// <inheritdoc/>
    public bool NeedsTraining => Options.FineTune is not null || Options.Importance is "taylor" or "loss";

    /// <summary>What it was created with.</summary>
    public PruneChannelsOptions Options { get; }

    /// <inheritdoc/>
    public PassReport Apply(Graph graph, PassContext context)
    {
        NodeNames.Require(graph, Name, Options.Skip);
        GraphOptimizer.PrepareForTraining(graph);
        IReadOnlyList<ChannelGroup> before = new ChannelDependencies(graph, Options.Skip).Groups;
        List<string> notes = [];
        Func<Graph, double> cost = Cost(context);
        Dictionary<string, int> least = Widths(before).ToDictionary(g => g.Key, g => Math.Max(Options.LeastChannels, (int)Math.Ceiling(Options.LeastShare * g.Value / Options.Multiple) * Options.Multiple));
        double whole = cost(graph), target = Options.Latency?.Us(whole) ?? (Options.Ratio ?? Options.Macs ?? 0.5) * whole;
        for (int step = 1; step <= Options.Steps; step++)
        {
            Remove(graph, cost, whole + (target - whole) * step / Options.Steps, least, context);
            if (Options.FineTune is { } tuning) notes.AddRange(new FineTune(tuning).Apply(graph, context).Notes);
        }
        Dictionary<string, int> left = Widths(new ChannelDependencies(graph, Options.Skip).Groups);
        notes.InsertRange(0, Widths(before).Where(g => left[g.Key] < g.Value).Select(g => $"{g.Key}: {left[g.Key]} of {g.Value} channels"));
        double now = cost(graph);
        notes.Add($"{now / whole:P0} of the {(Options.Latency is not null ? $"predicted latency, {now / 1000:F3} of {whole / 1000:F3} ms," : Options.Macs is null ? "channels" : "multiplies")} are left"
            + (now > target ? ": multiple, leastChannels and skip allow no less" : ""));
        return new PassReport(Name, before.Sum(g => g.Channels.Length) - left.Values.Sum()) { Notes = notes };
    }

    private void Remove(Graph graph, Func<Graph, double> cost, double target, Dictionary<string, int> least, PassContext context)
    {
        ChannelDependencies dependencies = new(graph, Options.Skip);
        double[] importance = Options.Importance switch
        {
            "taylor" or "loss" => ChannelImportance.ByTaylor(dependencies, context.RequireTraining(Name).Data, Options.Samples, context),
            "gamma" => ChannelImportance.ByGamma(dependencies),
            _ => ChannelImportance.BySize(dependencies, Options.Importance == "l2"),
        };
        ChannelSelection selection = new(dependencies.Groups, importance, Options.Multiple, g => least[Key(g)], kept => cost(Without(graph, kept, hollow: true)),
            Options.Importance == "loss" ? kept => ChannelImportance.Loss(Without(graph, kept), context.RequireTraining(Name).Data, Options.Samples, context) : null);
        bool[] kept = Options.Scope == "layer" ? selection.Uniform(target) : selection.Global(target);
        ChannelRemoval.Apply(dependencies, slot => kept[dependencies.Slots.Find(slot)]);
    }

    /// <summary>What <paramref name="graph"/> would be with only the channels that are kept; where it is hollow, shapes without contents.</summary>
    private Graph Without(Graph graph, bool[] kept, bool hollow = false)
    {
        ChannelDependencies copy = new(GraphCopy.Of(graph), Options.Skip);
        ChannelRemoval.Apply(copy, slot => kept[copy.Slots.Find(slot)], hollow);
        return copy.Graph;
    }

    /// <summary>What is to fall.</summary>
    private Func<Graph, double> Cost(PassContext context)
    {
        if (Options.Latency is not null) return new LayerLatency(context.RequireProfile(Name, Options.Profile), Options.Precision).Us;
        if (Options.Macs is not null) return graph => graph.Nodes.Sum(OperatorCosts.MultiplyAccumulates);
        return graph => new ChannelDependencies(graph, Options.Skip).Groups.Sum(g => g.Channels.Length);
    }

    private static string Key(ChannelGroup group) => string.Join(" + ", group.Nodes);

    private static Dictionary<string, int> Widths(IReadOnlyList<ChannelGroup> groups) =>
        groups.GroupBy(Key).ToDictionary(g => g.Key, g => g.Sum(c => c.Channels.Length));
}
