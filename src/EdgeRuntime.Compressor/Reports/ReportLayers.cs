using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Gathers what a report says about each layer.</summary>
public static class ReportLayers
{
    private const int Rounds = 15;

    /// <summary>The layers of <paramref name="graph"/> that have weights or take time.</summary>
    /// <param name="graph">The compressed network.</param>
    /// <param name="passes">What its passes did; empty where not known.</param>
    /// <param name="latency">What it is predicted to take; null to measure it on this machine.</param>
    /// <param name="source">The network before the passes, to find noise against where no pass has measured any; null for none.</param>
    /// <param name="samples">Inputs for that.</param>
    /// <exception cref="ModelException">The network can't be run here, where it is measured.</exception>
    public static IReadOnlyList<ReportLayer> Of(Graph graph, IReadOnlyList<PassReport> passes, LatencyPrediction? latency, Graph? source = null, CalibrationData? samples = null)
    {
        Dictionary<string, double> noise = [], us = [];
        Dictionary<string, int> ranks = [];
        foreach (LayerReport l in source is null || samples is null || passes.Any(p => p.Layers.Count > 0) ? passes.SelectMany(p => p.Layers) : Noise(source, graph, samples)) noise[l.Name] = l.SignalToNoise;
        foreach (PassReport pass in passes)
            foreach (FactorReport f in pass.Factors) ranks[f.Name] = f.Ranks.Count > 0 ? f.Ranks.Min() : 0;
        foreach (var (step, time) in latency?.Steps.Select(s => (s.Name, s.Us)) ?? Measured(graph))
        {
            // A chain's time stands at its last layer.
            if (time == 0) continue;
            string last = step.Split(" > ")[^1];
            us[last] = us.GetValueOrDefault(last) + time;
        }
        List<ReportLayer> layers = [];
        foreach (Node node in graph.Nodes)
        {
            ValueInfo? weights = node.Inputs.Where(v => v is { IsConstant: true }).MaxBy(v => v!.Shape.ElementCount);
            double? time = us.TryGetValue(node.Name, out double t) ? t : null;
            if (weights is null && time is null or 0) continue;
            layers.Add(new ReportLayer(node.Name, node.Type.ToString(), weights is null ? null : (int)(weights.Type.ByteCount(8)), node.Inputs.Sum(v => v is { IsConstant: true } ? v.StoredBytes : 0),
                weights is null ? 0 : Zeros(weights.Constant!), ranks.Where(r => node.Name == r.Key || node.Name.StartsWith(r.Key + ".", StringComparison.Ordinal)).Select(r => (int?)r.Value).FirstOrDefault() ?? RankOfState(node),
                noise.TryGetValue(node.Name, out double db) ? db : null, time));
        }
        return layers;
    }

    /// <summary>Of float outputs that kept their names.</summary>
    private static LayerReport[] Noise(Graph source, Graph graph, CalibrationData samples)
    {
        Dictionary<string, ValueInfo> results = graph.Nodes.Select(n => n.Output).Where(v => v.Type == ElementType.Float32).ToDictionary(v => v.Name);
        return NoiseMeter.Measure(GraphOptimizer.Optimize(GraphCopy.Of(source)), graph, results, new PassContext { Calibration = samples });
    }

    private static int? RankOfState(Node node) => node.Type is OperatorType.Lstm or OperatorType.Gru && RecurrentShape.Of(node).RecurrentRank is > 0 and var rank ? rank : null;

    /// <summary>The least of several means: other programs only ever slow steps down.</summary>
    private static IEnumerable<(string Name, double Us)> Measured(Graph graph)
    {
        using InferenceSession session = new(graph, new SessionOptions { Profile = true });
        BenchmarkRunner.FillInputs(session);
        IReadOnlyList<OperatorTime>[] rounds = [.. Enumerable.Range(0, Rounds).Select(_ => BenchmarkRunner.MeasureSteps(session, new BenchmarkOptions { Seconds = 0.02 }))];
        return [.. rounds[0].Select((s, i) => (s.Name, rounds.Min(r => r[i].MeanUs)))];
    }

    private static double Zeros(Tensor tensor)
    {
        if (tensor.Type == ElementType.Binary || tensor.Count == 0) return 0;
        return (double)tensor.ToFloats().AsSpan().Count(0f) / tensor.Count;
    }
}
