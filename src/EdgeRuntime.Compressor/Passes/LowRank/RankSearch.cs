using System.Globalization;
using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>A layer that may be split: its size, and its weights in the coordinates of its input's moments, where there are some.</summary>
internal sealed record FactorLayer(Node Node, LayerSize Size, Matrix Weights, InputMoments? Moments);

/// <summary>
/// Chooses ranks for the least error of the network under a budget for the whole. Each layer is split alone at some ranks, and what
/// that does is measured: the squared error of the outputs on calibration data, or how much the loss on labelled samples grows; both
/// of several layers about add up. Then, again and again, the step is taken that costs the least error for what it saves, until the
/// budget is kept.
/// </summary>
internal sealed class RankSearch
{
    private const int Samples = 32, LabelledSamples = 256;

    private static readonly double[] Shares = [0.9, 0.75, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

    private readonly Graph _graph;
    private readonly PassContext _context;
    private readonly FactorizeOptions _options;
    private readonly LatencyModel? _latency;
    private readonly int[]? _labels;
    private readonly CalibrationData _samples;
    private readonly float[][] _expected;
    private readonly double _expectedLoss;

    public RankSearch(Graph graph, PassContext context, FactorizeOptions options)
    {
        (_graph, _context, _options) = (graph, context, options);
        if (options.BudgetOf == "latency") _latency = new LatencyModel(context.RequireProfile("factorize", null));
        if (options.ErrorOf == "loss" && context.RequireTraining("factorize") is { } training)
            (_samples, _labels) = TrainingSamples.Some(training.Validation ?? training.Data, graph.Inputs[0], LabelledSamples);
        else _samples = context.RequireCalibration().Some(Samples);
        _expected = Outputs(graph);
        if (_labels is not null) _expectedLoss = Loss(_expected);
    }

    /// <summary>One way to split a layer: what the network then saves, and the error of its outputs.</summary>
    private sealed record Rung(LowRankForm Form, Factors Factors, double Saving, double Error);

    /// <summary>The layers to split, how, and a line about it.</summary>
    public (Dictionary<Node, (LowRankForm Form, Factors Factors)> Splits, string Note) Choose(IReadOnlyList<FactorLayer> layers)
    {
        double cost = Cost(_graph), target = _options.Budget!.Value * cost, error = 0, left = cost;
        Dictionary<Node, Rung[]> ladders = layers.ToDictionary(l => l.Node, Ladder);
        Dictionary<Node, Rung> taken = [];
        while (left > target)
        {
            var best = ladders.SelectMany(l => l.Value.Select(r => (l.Key, Rung: r, Saving: r.Saving - (taken.GetValueOrDefault(l.Key)?.Saving ?? 0), Error: r.Error - (taken.GetValueOrDefault(l.Key)?.Error ?? 0))))
                .Where(s => s.Saving > 1e-9 * cost).OrderBy(s => s.Error / s.Saving).FirstOrDefault();
            if (best.Rung is null) break;
            taken[best.Key] = best.Rung;
            (left, error) = (left - best.Saving, error + best.Error);
        }
        string reached = left > target ? $"; the budget of {_options.Budget:P0} is out of reach" : "";
        return (taken.ToDictionary(t => t.Key, t => (t.Value.Form, t.Value.Factors)), $"ranks found for {left / cost:P1} of the {_options.BudgetOf}; {Describe(error)}{reached}");
    }

    private Rung[] Ladder(FactorLayer layer)
    {
        List<Rung> rungs = [];
        foreach (double share in Shares)
        {
            _context.Cancel.ThrowIfCancellationRequested();
            if (new Factorize(_options with { Ratio = share, Budget = null }).Best(layer.Size, layer.Weights) is not (LowRankForm form, Factors factors) || factors.Error > _options.MaxError) continue;
            Graph trial = GraphCopy.Of(_graph);
            Factorize.Replace(trial, trial.Nodes[_graph.Nodes.IndexOf(layer.Node)], factors, layer.Moments);
            _context.Progress?.Invoke($"factorize: {layer.Node.Name} at {share:P0} of its multiplies");
            rungs.Add(new Rung(form, factors, Cost(_graph) - Cost(trial), Error(trial)));
        }
        return [.. rungs];
    }

    private double Cost(Graph network) => _options.BudgetOf switch
    {
        "bytes" => network.Values().Where(v => v.IsConstant).Sum(v => v.StoredBytes),
        "latency" => _latency!.Predict(network).TotalUs,
        _ => network.Nodes.Sum(OperatorCosts.MultiplyAccumulates),
    };

    private string Describe(double error) => _labels is null ? $"estimated squared error of the outputs {Math.Max(0, error):P2}"
        : string.Create(CultureInfo.InvariantCulture, $"estimated loss {_expectedLoss + error:F3} after {_expectedLoss:F3} on {_labels.Length} labelled samples");

    /// <summary>By how much the loss grows; without labels Σ |y − y'|² / Σ |y|² over the samples.</summary>
    private double Error(Graph trial)
    {
        if (_labels is not null) return Loss(Outputs(trial)) - _expectedLoss;
        double difference = 0, energy = 0;
        foreach (var (expected, actual) in _expected.Zip(Outputs(trial)))
            for (int i = 0; i < expected.Length; i++)
            {
                difference += Math.Pow(expected[i] - actual[i], 2);
                energy += expected[i] * (double)expected[i];
            }
        return energy == 0 ? 0 : difference / energy;
    }

    /// <summary>Mean of log Σ exp y − y[class].</summary>
    private double Loss(float[][] logits) => logits.Select((y, i) =>
    {
        double max = y.Max();
        return max + Math.Log(y.Sum(v => Math.Exp(v - max))) - y[_labels![i]];
    }).Average();

    private float[][] Outputs(Graph network)
    {
        Graph copy = GraphCopy.Of(network);
        copy.Outputs[0] = Training.TrainableNetwork.LogitsOf(copy, copy.Outputs[0]);
        GraphEditor.RemoveDeadNodes(copy);
        using InferenceSession session = new(copy, new SessionOptions { Threads = _context.Threads });
        List<float[]> outputs = [];
        _samples.ForEach(session, _ => outputs.Add(MemoryMarshal.Cast<byte, float>(session.OutputBytes(0)).ToArray()));
        return [.. outputs];
    }
}
