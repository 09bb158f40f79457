using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>Losses on what lies inside networks; each is a scalar, and no gradient flows to the target.</summary>
public static class FeatureLosses
{
    /// <summary>The mean squared difference over the target's mean square: 0 for equality, 1 for zeros in place of the target.</summary>
    public static Variable RelativeSquaredError(this Tape tape, Variable x, Variable target)
    {
        double square = VectorMath.SumOfSquares(target.Data) / target.Count;
        return tape.Scale(tape.MeanSquaredError(x, target), (float)(1 / Math.Max(square, 1e-12)));
    }

    /// <summary>
    /// Attention transfer (Zagoruyko and Komodakis 2017): the mean over samples of |a/‖a‖ − b/‖b‖|² with a = Σ over channels of x², a map of
    /// one number a place, and b likewise of <paramref name="target"/>. Channels come last; their number may differ.
    /// </summary>
    public static Variable AttentionTransfer(this Tape tape, Variable x, Variable target)
    {
        int samples = x.Shape[0], places = (int)x.Shape.CountOf(1, x.Shape.Rank - 1), channels = x.Shape[-1];
        if (target.Shape.Rank != x.Shape.Rank || target.Shape.With(-1, channels) != x.Shape) throw new ArgumentException($"attention of {x} against {target}");
        (float[] a, float[] lengths) = Maps(x, samples, places);
        (float[] b, _) = Maps(target, samples, places);
        Variable loss = tape.New(TensorShape.Scalar, x.RequiresGradient);
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += (a[i] - b[i]) * (double)(a[i] - b[i]);
        loss.Data[0] = (float)(sum / samples);
        return tape.Record(loss, dl =>
        {
            float[] dx = tape.GradientOf(x);
            for (int n = 0; n < samples; n++)
            {
                // With u = map / length: d|u − b|² / d map = 2 · (uᵀb · u − b) / length, as |u| = 1.
                ReadOnlySpan<float> u = a.AsSpan(n * places, places), other = b.AsSpan(n * places, places);
                float dot = VectorMath.Dot(u, other), factor = 4 * dl[0] / (samples * lengths[n]);
                for (int p = 0; p < places; p++)
                {
                    int at = (n * places + p) * channels;
                    VectorMath.AddScaled(factor * (dot * u[p] - other[p]), x.Data.AsSpan(at, channels), dx.AsSpan(at, channels));
                }
            }
        });
    }

    private static (float[] Maps, float[] Lengths) Maps(Variable x, int samples, int places)
    {
        int channels = x.Shape[-1];
        float[] maps = new float[samples * places], lengths = new float[samples];
        for (int i = 0; i < maps.Length; i++) maps[i] = (float)VectorMath.SumOfSquares(x.Data.AsSpan(i * channels, channels));
        for (int n = 0; n < samples; n++)
        {
            Span<float> map = maps.AsSpan(n * places, places);
            lengths[n] = MathF.Max((float)Math.Sqrt(VectorMath.SumOfSquares(map)), 1e-12f);
            foreach (ref float v in map) v /= lengths[n];
        }
        return (maps, lengths);
    }
}
