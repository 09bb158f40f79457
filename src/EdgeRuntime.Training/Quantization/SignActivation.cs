namespace EdgeRuntime.Training;

/// <summary>
/// Signs of activations about a threshold for each channel, y = 1 where x ≥ t, else −1. The gradient is that of the piecewise quadratic
/// that approximates the sign (Liu et al., "Bi-Real Net", 2018): with u = (x − t) / r
/// <code>dx = dy · (2 − 2|u|) / r where |u| &lt; 1, else 0;   dt = −Σ dx</code>
/// r is twice the mean of |x − t| over the batch, so that most elements get a gradient whatever the scale of x.
/// </summary>
public static class SignActivationOperator
{
    /// <summary>Signs of x [..., C] about t = <paramref name="first"/> + <paramref name="unit"/> · <paramref name="moves"/> [C].</summary>
    public static Variable Sign(this Tape tape, Variable x, float[] first, float unit, Variable moves)
    {
        int channels = x.Shape[-1], rows = x.Count / channels;
        float[] thresholds = Thresholds(first, unit, moves);
        double[] sums = new double[Tape.Chunks];
        Variable y = tape.New(x.Shape, x.RequiresGradient || moves.RequiresGradient);
        tape.For(rows, (from, end, chunk) =>
        {
            for (int r = from; r < end; r++)
            {
                float sum = 0;
                for (int c = 0, i = r * channels; c < channels; c++, i++)
                {
                    float d = x.Data[i] - thresholds[c];
                    sum += Math.Abs(d);
                    y.Data[i] = x.Data[i] >= thresholds[c] ? 1 : -1;
                }
                sums[chunk] += sum;
            }
        });
        float inverse = (float)(x.Count / Math.Max(2 * sums.Sum(), 1e-20));
        return tape.Record(y, dy =>
        {
            float[]? dx = x.RequiresGradient ? tape.GradientOf(x) : null;
            float[] dt = tape.Rent(Tape.Chunks * channels);
            Array.Clear(dt);
            tape.For(rows, (from, end, chunk) =>
            {
                for (int r = from; r < end; r++)
                    for (int c = 0, i = r * channels; c < channels; c++, i++)
                    {
                        float u = Math.Abs(x.Data[i] - thresholds[c]) * inverse;
                        if (u >= 1) continue;
                        float g = dy[i] * (2 - 2 * u) * inverse;
                        if (dx is not null) dx[i] += g;
                        dt[chunk * channels + c] -= g * unit;
                    }
            });
            if (!moves.RequiresGradient) return;
            for (int c = 0; c < Tape.Chunks; c++) VectorMath.Add(dt.AsSpan(c * channels, channels), tape.GradientOf(moves));
        });
    }

    internal static float[] Thresholds(float[] first, float unit, Variable moves) => [.. first.Zip(moves.Data, (t, m) => t + unit * m)];
}
