using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Runs the float network on representative inputs and observes every activation.</summary>
internal static class Calibrator
{
    /// <summary>Statistics of every float value that is not constant, by value.</summary>
    /// <param name="graph">A float network in canonical form.</param>
    /// <param name="context">Data and threads.</param>
    /// <param name="distribution">Whether bins are needed too, which takes a second run.</param>
    public static Dictionary<ValueInfo, ValueStatistics> Observe(Graph graph, PassContext context, bool distribution)
    {
        CalibrationData data = context.RequireCalibration();
        using InferenceSession session = new(graph, context.Options(keepIntermediates: true));
        Dictionary<ValueInfo, ValueStatistics> all = graph.Values()
            .Where(v => v is { IsConstant: false, Type: ElementType.Float32 }).ToDictionary(v => v, _ => new ValueStatistics());
        data.ForEach(session, _ =>
        {
            foreach (var (v, s) in all) s.Widen(MemoryMarshal.Cast<byte, float>(session.ValueBytes(v)));
        });
        if (distribution) data.ForEach(session, _ =>
        {
            foreach (var (v, s) in all) s.Count(MemoryMarshal.Cast<byte, float>(session.ValueBytes(v)));
        });
        return all;
    }
}
