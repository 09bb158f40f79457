using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Gathers what a report says about each layer.</summary>
public static class ReportLayers
{
    /// <summary>The layers of <paramref name="graph"/> that have weights or take time.</summary>
    /// <param name="graph">The compressed network.</param>
    /// <param name="passes">What its passes did; empty where not known.</param>
    /// <param name="latency">What it is predicted to take; null where no board was named.</param>
    public static IReadOnlyList<ReportLayer> Of(Graph graph, IReadOnlyList<PassReport> passes, LatencyPrediction? latency)
    {
        Dictionary<string, double> noise = [], us = [];
        Dictionary<string, int> ranks = [];
        foreach (PassReport pass in passes)
        {
            foreach (LayerReport l in pass.Layers) noise[l.Name] = l.SignalToNoise;
            foreach (FactorReport f in pass.Factors) ranks[f.Name] = f.Ranks.Count > 0 ? f.Ranks.Min() : 0;
        }
        foreach (StepLatency step in latency?.Steps ?? [])
        {
            // A chain's time stands at its last layer.
            if (step.Us == 0) continue;
            string[] names = step.Name.Split(" > ");
            us[names[^1]] = us.GetValueOrDefault(names[^1]) + step.Us;
        }
        List<ReportLayer> layers = [];
        foreach (Node node in graph.Nodes)
        {
            ValueInfo? weights = node.Inputs.Where(v => v is { IsConstant: true }).MaxBy(v => v!.Shape.ElementCount);
            double? time = us.TryGetValue(node.Name, out double t) ? t : null;
            if (weights is null && time is null or 0) continue;
            layers.Add(new ReportLayer(node.Name, node.Type.ToString(), weights is null ? null : (int)(weights.Type.ByteCount(8)), node.Inputs.Sum(v => v is { IsConstant: true } ? v.StoredBytes : 0),
                weights is null ? 0 : Zeros(weights.Constant!), ranks.Where(r => node.Name == r.Key || node.Name.StartsWith(r.Key + ".", StringComparison.Ordinal)).Select(r => (int?)r.Value).FirstOrDefault(),
                noise.TryGetValue(node.Name, out double db) ? db : null, time));
        }
        return layers;
    }

    private static double Zeros(Tensor tensor)
    {
        if (tensor.Type == ElementType.Binary || tensor.Count == 0) return 0;
        return (double)tensor.ToFloats().AsSpan().Count(0f) / tensor.Count;
    }
}
