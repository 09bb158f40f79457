namespace EdgeRuntime.Compressor;

/// <summary>
/// Eigenvalues and eigenvectors of a symmetric matrix: Householder reduction to tridiagonal form, then QL iterations with
/// implicit shifts (Golub and Van Loan, "Matrix Computations", chapter 8). O(n³), stable for any symmetric matrix.
/// </summary>
internal static class SymmetricEigen
{
    private const int MaxSweeps = 60;

    /// <summary>Eigenvalues, the largest first, and the eigenvectors as columns in the same order.</summary>
    public static (double[] Values, Matrix Vectors) Of(Matrix symmetric)
    {
        int n = symmetric.Rows;
        Matrix z = new(n, n, (double[])symmetric.Values.Clone());
        double[] diagonal = new double[n], off = new double[n];
        Tridiagonalize(z, diagonal, off);
        // Rows are contiguous: rotate rows of the transpose instead of columns.
        Matrix rows = z.Transpose();
        Diagonalize(rows, diagonal, off);
        int[] order = [.. Enumerable.Range(0, n).OrderByDescending(i => diagonal[i])];
        Matrix vectors = new(n, n);
        for (int j = 0; j < n; j++)
            for (int i = 0; i < n; i++) vectors[i, j] = rows[order[j], i];
        return ([.. order.Select(i => diagonal[i])], vectors);
    }

    // a becomes the orthogonal Q with Qᵀ·A·Q tridiagonal. Step k reflects row k's part left of the subdiagonal to zero.
    private static void Tridiagonalize(Matrix a, double[] diagonal, double[] off)
    {
        int n = a.Rows;
        Matrix q = new(n, n);
        for (int i = 0; i < n; i++) q[i, i] = 1;
        double[] v = new double[n], p = new double[n];
        for (int k = 0; k < n - 2; k++)
        {
            double norm = 0;
            for (int i = k + 1; i < n; i++) norm += a[k, i] * a[k, i];
            norm = Math.Sqrt(norm);
            if (norm == 0) continue;
            double alpha = a[k, k + 1] > 0 ? -norm : norm, head = a[k, k + 1] - alpha;
            // v = (row − alpha·e) / head, so that v[k + 1] = 1; beta = 2 / vᵀv.
            for (int i = k + 1; i < n; i++) v[i] = i == k + 1 ? 1 : a[k, i] / head;
            double beta = -head / alpha;
            Reflect(a, v, p, k + 1, beta);
            a[k, k + 1] = a[k + 1, k] = alpha;
            for (int i = k + 2; i < n; i++) a[k, i] = a[i, k] = 0;
            // q ← q·(I − beta·v·vᵀ)
            for (int i = 0; i < n; i++)
            {
                Span<double> row = q.Row(i);
                double dot = 0;
                for (int j = k + 1; j < n; j++) dot += row[j] * v[j];
                dot *= beta;
                for (int j = k + 1; j < n; j++) row[j] -= dot * v[j];
            }
        }
        for (int i = 0; i < n; i++)
        {
            diagonal[i] = a[i, i];
            off[i] = i + 1 < n ? a[i, i + 1] : 0;
        }
        q.Values.CopyTo(a.Values, 0);
    }

    // A ← H·A·H on rows and columns from first on: A − v·wᵀ − w·vᵀ with p = beta·A·v, w = p − (beta/2)(pᵀv)·v.
    private static void Reflect(Matrix a, double[] v, double[] p, int first, double beta)
    {
        int n = a.Rows;
        double dot = 0;
        for (int i = first; i < n; i++)
        {
            Span<double> row = a.Row(i);
            double sum = 0;
            for (int j = first; j < n; j++) sum += row[j] * v[j];
            p[i] = beta * sum;
            dot += p[i] * v[i];
        }
        for (int i = first; i < n; i++) p[i] -= beta / 2 * dot * v[i];
        for (int i = first; i < n; i++)
        {
            Span<double> row = a.Row(i);
            for (int j = first; j < n; j++) row[j] -= v[i] * p[j] + p[i] * v[j];
        }
    }

    // off[i] couples i and i + 1. Each sweep chases a bulge upwards from m to l by Givens rotations.
    private static void Diagonalize(Matrix rows, double[] d, double[] e)
    {
        int n = d.Length;
        // The reduction has rounded by as much: smaller couplings say nothing, and need not go away where many eigenvalues are 0.
        double rounding = 1e-16 * d.Zip(e, (a, b) => Math.Abs(a) + Math.Abs(b)).DefaultIfEmpty().Max();
        for (int l = 0; l < n; l++)
            for (int sweep = 0; ; sweep++)
            {
                int m = l;
                while (m < n - 1 && Math.Abs(e[m]) > double.Epsilon + rounding) m++;
                if (m == l) break;
                if (sweep == MaxSweeps) throw new InvalidOperationException("the eigenvalues don't converge: the matrix holds NaN or infinity");
                double g = (d[l + 1] - d[l]) / (2 * e[l]), r = Math.Sqrt(g * g + 1);
                g = d[m] - d[l] + e[l] / (g + Math.CopySign(r, g));
                double s = 1, c = 1, p = 0;
                int i = m - 1;
                for (; i >= l; i--)
                {
                    double f = s * e[i], b = c * e[i];
                    e[i + 1] = r = Math.Sqrt(f * f + g * g);
                    if (r == 0) { d[i + 1] -= p; e[m] = 0; break; }
                    (s, c) = (f / r, g / r);
                    g = d[i + 1] - p;
                    r = (d[i] - g) * s + 2 * c * b;
                    p = s * r;
                    d[i + 1] = g + p;
                    g = c * r - b;
                    Rotate(rows.Row(i), rows.Row(i + 1), s, c);
                }
                if (r == 0 && i >= l) continue;
                d[l] -= p;
                e[l] = g;
                e[m] = 0;
            }
    }

    private static void Rotate(Span<double> x, Span<double> y, double s, double c)
    {
        for (int k = 0; k < x.Length; k++) (x[k], y[k]) = (c * x[k] - s * y[k], s * x[k] + c * y[k]);
    }
}
