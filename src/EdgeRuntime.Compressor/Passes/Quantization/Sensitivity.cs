using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>How far the outputs of a float network move on calibration data when one layer's weights and bias are others.</summary>
internal sealed class Sensitivity
{
    private const double Least = 1e-9;

    private readonly Graph _graph;
    private readonly PassContext _context;
    private readonly CalibrationData _data;
    private readonly ValueInfo[] _values;
    private readonly bool _divergence;
    private readonly float[][][] _wanted;

    /// <param name="graph">The float network.</param>
    /// <param name="context">Data and threads.</param>
    /// <param name="samples">How many samples are looked at.</param>
    /// <param name="divergence">Whether outputs of a softmax are compared as probabilities, not what goes into it.</param>
    public Sensitivity(Graph graph, PassContext context, int samples, bool divergence)
    {
        (_graph, _context, _data) = (graph, context, context.RequireCalibration().Some(samples));
        Dictionary<ValueInfo, Node> producers = graph.Producers();
        bool IsProbability(ValueInfo v) => producers.TryGetValue(v, out Node? p) && p.Type == OperatorType.Softmax;
        _divergence = divergence && graph.Outputs.Exists(IsProbability);
        _values = [.. _divergence ? graph.Outputs.Where(IsProbability) : graph.Outputs.Select(o => IsProbability(o) ? producers[o].Input(0) : o)];
        _wanted = Run();
    }

    /// <summary>
    /// For probabilities p the mean over the samples of the divergence Σ p·ln(p / q), else ‖p − q‖² / ‖p‖² over all samples; summed over the
    /// outputs.
    /// </summary>
    public double Of(Node node, float[] weights, float[] bias)
    {
        ValueInfo?[] before = [.. node.Inputs];
        node.Inputs[1] = new ValueInfo(node.Input(1).Name, Tensor.From<float>(node.Input(1).Shape, weights));
        if (node.Inputs.Count < 3) node.Inputs.Add(null);
        node.Inputs[2] = new ValueInfo(before.ElementAtOrDefault(2)?.Name ?? node.Name + ".trial", Tensor.Vector<float>(bias));
        float[][][] found = Run();
        node.Inputs.Clear();
        node.Inputs.AddRange(before);
        return Enumerable.Range(0, _values.Length).Sum(o => _divergence
            ? _wanted.Zip(found, (p, q) => Divergence(p[o], q[o])).Average()
            : _wanted.Zip(found, (p, q) => Distance(p[o], q[o])).Sum() / Math.Max(_wanted.Sum(p => p[o].Sum(v => (double)v * v)), 1e-30));
    }

    private float[][][] Run()
    {
        using InferenceSession session = new(_graph, _context.Options(keepIntermediates: true));
        List<float[][]> all = [];
        _data.ForEach(session, _ => all.Add([.. _values.Select(v => MemoryMarshal.Cast<byte, float>(session.ValueBytes(v)).ToArray())]));
        return [.. all];
    }

    private static double Divergence(float[] p, float[] q) => p.Zip(q, (a, b) => a <= 0 ? 0 : a * Math.Log(a / Math.Max(b, Least))).Sum();

    private static double Distance(float[] p, float[] q) => p.Zip(q, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
}
