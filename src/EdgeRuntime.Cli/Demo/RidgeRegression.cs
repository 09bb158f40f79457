namespace EdgeRuntime.Cli;

/// <summary>
/// Least squares with a penalty on large weights (Hoerl and Kennard 1970): W = (XᵀX + λI)⁻¹ XᵀY, by Cholesky's
/// decomposition in double precision.
/// </summary>
internal static class RidgeRegression
{
    /// <summary>Fits weights.</summary>
    /// <param name="rows">Feature vectors, all of one length; the last feature is 1 for the bias.</param>
    /// <param name="labels">The class of each; targets are 1 for the class and 0 for all others.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="penalty">λ, relative to the mean of XᵀX's diagonal.</param>
    /// <returns>[class][feature].</returns>
    public static double[][] Fit(IReadOnlyList<float[]> rows, ReadOnlySpan<int> labels, int classes, double penalty)
    {
        int n = rows[0].Length;
        double[][] gram = Matrix(n, n), right = Matrix(classes, n);
        for (int r = 0; r < rows.Count; r++)
        {
            float[] x = rows[r];
            for (int i = 0; i < n; i++)
            {
                double v = x[i];
                if (v == 0) continue;
                for (int j = 0; j <= i; j++) gram[i][j] += v * x[j];
                right[labels[r]][i] += v;
            }
        }
        double ridge = penalty * Enumerable.Range(0, n).Average(i => gram[i][i]);
        for (int i = 0; i < n; i++) gram[i][i] += ridge;
        Decompose(gram);
        foreach (double[] column in right) Solve(gram, column);
        return right;
    }

    /// <summary>Replaces the lower triangle of a positive definite matrix by L with A = L·Lᵀ.</summary>
    private static void Decompose(double[][] a)
    {
        for (int i = 0; i < a.Length; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = a[i][j];
                for (int k = 0; k < j; k++) sum -= a[i][k] * a[j][k];
                a[i][j] = i == j ? Math.Sqrt(sum) : sum / a[j][j];
            }
        }
    }

    /// <summary>Solves L·Lᵀ·x = b in place.</summary>
    private static void Solve(double[][] l, double[] b)
    {
        for (int i = 0; i < b.Length; i++)
        {
            for (int k = 0; k < i; k++) b[i] -= l[i][k] * b[k];
            b[i] /= l[i][i];
        }
        for (int i = b.Length - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < b.Length; k++) b[i] -= l[k][i] * b[k];
            b[i] /= l[i][i];
        }
    }

    private static double[][] Matrix(int rows, int columns) => [.. Enumerable.Range(0, rows).Select(_ => new double[columns])];
}
