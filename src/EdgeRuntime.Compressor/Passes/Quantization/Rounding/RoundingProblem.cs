namespace EdgeRuntime.Compressor;

/// <summary>
/// Rows of weights to be rounded so that (q − w)ᵀ·M·(q − w) is small in each row, in real numbers; M is the same for all of them.
/// </summary>
/// <param name="moments">M, symmetric and positive definite.</param>
/// <param name="targets">Weights in steps of their scales, row after row; those that are exactly 0 have been pruned and stay 0.</param>
/// <param name="scales">The scale of each weight.</param>
/// <param name="least">The smallest integer.</param>
/// <param name="most">The largest integer.</param>
internal sealed class RoundingProblem(Matrix moments, float[] targets, float[] scales, int least, int most)
{
    public Matrix Moments => moments;

    public int Columns => moments.Rows;

    public int Rows => targets.Length / Columns;

    public int Least => least;

    public int Most => most;

    public ReadOnlySpan<float> Targets(int row) => targets.AsSpan(row * Columns, Columns);

    public ReadOnlySpan<float> Scales(int row) => scales.AsSpan(row * Columns, Columns);

    /// <summary>The squared error of a row.</summary>
    public double Loss(int row, ReadOnlySpan<sbyte> integers)
    {
        double[] error = new double[Columns];
        for (int k = 0; k < error.Length; k++) error[k] = Scales(row)[k] * ((double)integers[k] - Targets(row)[k]);
        double sum = 0;
        for (int k = 0; k < error.Length; k++) sum += Matrix.Dot(moments.Row(k), error) * error[k];
        return sum;
    }

    public sbyte Nearest(double steps) => (sbyte)Math.Clamp(Math.Round(steps), least, most);
}
