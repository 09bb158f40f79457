using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Second moments E[x·xᵀ] of a layer's input channels over the calibration data. Weights are split in coordinates in which
/// they are the identity, so that the error that is made least is the output's, not the weights'.
/// </summary>
internal sealed class InputMoments
{
    /// <summary>Positions of one sample that are looked at.</summary>
    private const int Positions = 64;

    /// <summary>Added to the eigenvalues, relative to their mean: directions not seen in the data still count a little.</summary>
    private const double Floor = 1e-3;

    /// <summary>Layers with more channels are split by their weights alone.</summary>
    private const int MostChannels = 2048;

    private readonly Matrix _root, _inverse;

    private InputMoments(Matrix moments)
    {
        (double[] values, Matrix vectors) = SymmetricEigen.Of(moments);
        double floor = Math.Max(Floor * values.Average(), 1e-30);
        _root = Scaled(vectors, values, v => Math.Sqrt(Math.Max(v, 0) + floor));
        _inverse = Scaled(vectors, values, v => 1 / Math.Sqrt(Math.Max(v, 0) + floor));
    }

    /// <summary>The moments of the values in <paramref name="inputs"/>.</summary>
    public static Dictionary<ValueInfo, InputMoments> Observe(Graph graph, PassContext context, IEnumerable<ValueInfo> inputs)
    {
        Dictionary<ValueInfo, Matrix> sums = inputs.Distinct().Where(v => v.Shape[-1] <= MostChannels).ToDictionary(v => v, v => new Matrix(v.Shape[-1], v.Shape[-1]));
        using InferenceSession session = new(graph, context.Options(keepIntermediates: true));
        context.RequireCalibration().ForEach(session, _ =>
        {
            foreach (var (value, sum) in sums) Add(sum, MemoryMarshal.Cast<byte, float>(session.ValueBytes(value)));
        });
        return sums.ToDictionary(s => s.Key, s => new InputMoments(s.Value));
    }

    /// <summary>Weights [· × C] in the data's coordinates.</summary>
    public Matrix Weigh(Matrix weights) => weights.Reshape(weights.Values.Length / _root.Rows, _root.Rows).Times(_root).Reshape(weights.Rows, weights.Columns);

    /// <summary>Back from the data's coordinates.</summary>
    public Matrix Restore(Matrix weights) => weights.Reshape(weights.Values.Length / _root.Rows, _root.Rows).Times(_inverse).Reshape(weights.Rows, weights.Columns);

    private static void Add(Matrix sum, ReadOnlySpan<float> x)
    {
        int channels = sum.Rows, count = x.Length / channels, step = Math.Max(1, count / Positions);
        Matrix rows = new((count + step - 1) / step, channels);
        for (int i = 0; i < rows.Values.Length; i++) rows.Values[i] = x[i / channels * step * channels + i % channels];
        Matrix products = rows.TransposedTimes(rows);
        for (int i = 0; i < products.Values.Length; i++) sum.Values[i] += products.Values[i];
    }

    /// <summary>V · f(values) · Vᵀ.</summary>
    internal static Matrix Scaled(Matrix vectors, double[] values, Func<double, double> function)
    {
        Matrix left = vectors.Transpose(), scaled = vectors.Transpose();
        for (int i = 0; i < values.Length; i++)
            foreach (ref double x in scaled.Row(i)) x *= function(values[i]);
        return left.TransposedTimes(scaled);
    }
}
