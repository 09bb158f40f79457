using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>Mean and deviation of each channel of a value, the last axis.</summary>
internal sealed record ChannelMoments(float[] Means, float[] Deviations)
{
    private const int Observed = 128;

    /// <summary>Those of <paramref name="values"/> of a float network, over some samples.</summary>
    public static Dictionary<ValueInfo, ChannelMoments> Observe(Graph graph, IEnumerable<ValueInfo> values, Dataset data)
    {
        ValueInfo[] wanted = [.. values.Distinct()];
        Tape tape = new(1) { IsTraining = false };
        int count = Math.Min(Observed, data.Count);
        float[] samples = [.. Enumerable.Range(0, count).SelectMany(i => data[(int)((long)i * data.Count / count)].ToArray())];
        Variable[] found = new TrainableNetwork(graph).Forward(tape, [tape.Constant(graph.Inputs[0].Shape.With(0, count), samples)], wanted);
        return wanted.Zip(found).ToDictionary(p => p.First, p => Of(p.Second));
    }

    private static ChannelMoments Of(Variable v)
    {
        int channels = v.Shape[-1], rows = v.Count / channels;
        double[] sums = new double[channels], squares = new double[channels];
        for (int i = 0; i < v.Count; i++)
        {
            sums[i % channels] += v.Data[i];
            squares[i % channels] += (double)v.Data[i] * v.Data[i];
        }
        float[] means = Array.ConvertAll(sums, s => (float)(s / rows));
        return new ChannelMoments(means, [.. squares.Select((s, c) => (float)Math.Sqrt(Math.Max(s / rows - (double)means[c] * means[c], 1e-10)))]);
    }
}
