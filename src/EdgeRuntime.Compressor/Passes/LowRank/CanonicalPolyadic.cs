namespace EdgeRuntime.Compressor;

/// <summary>
/// W[o,y,x,c] ≈ Σ over r of O[o,r] · Y[y,r] · X[x,r] · C[c,r] by alternating least squares (Lebedev et al., "Speeding-up
/// convolutional neural networks using fine-tuned CP-decomposition", 2015). Each step solves for one factor with a small
/// ridge, which keeps components from growing against each other; columns are normalised after it.
/// </summary>
internal static class CanonicalPolyadic
{
    private const int MaxIterations = 60;
    private const double Ridge = 1e-6, LeastProgress = 1e-4;

    /// <summary>The factors O, Y, X and C, all columns of a component equally long, and the relative error.</summary>
    /// <param name="weights">[O × kH·kW·C].</param>
    /// <param name="kernelHeight">kH.</param>
    /// <param name="kernelWidth">kW.</param>
    /// <param name="rank">Components.</param>
    public static (Matrix[] Factors, double Error) Decompose(Matrix weights, int kernelHeight, int kernelWidth, int rank)
    {
        int outputs = weights.Rows, taps = kernelHeight * kernelWidth, channels = weights.Columns / taps;
        Matrix byChannel = weights.Reshape(outputs * taps, channels);
        // Beginning: the channels' leading subspace as far as it goes, the rest at random.
        Random random = new(17);
        Matrix[] f = [Start(weights.Transpose(), rank, random), Noise(kernelHeight, rank, random), Noise(kernelWidth, rank, random), Start(byChannel, rank, random)];
        double all = weights.Energy(), error = 1;
        if (all == 0) return (f, 0);
        for (int iteration = 0; iteration < MaxIterations; iteration++)
        {
            Matrix window = KhatriRao(f[1], f[2]);
            Solve(f, 0, weights.Times(KhatriRao(window, f[3])));
            // What the window's factors see: [taps × rank], the sum over o and c.
            Matrix seen = new(taps, rank), overChannels = byChannel.Times(f[3]);
            for (int o = 0; o < outputs; o++)
                for (int s = 0; s < taps; s++)
                    for (int r = 0; r < rank; r++) seen[s, r] += f[0][o, r] * overChannels[o * taps + s, r];
            Solve(f, 1, OverWindow(seen, f[2], kernelHeight, kernelWidth, isHeight: true));
            Solve(f, 2, OverWindow(seen, f[1], kernelHeight, kernelWidth, isHeight: false));
            Matrix products = byChannel.TransposedTimes(KhatriRao(f[0], KhatriRao(f[1], f[2])));
            Solve(f, 3, products, normalize: false);
            // ‖W − Ŵ‖² = ‖W‖² − 2⟨W, Ŵ⟩ + ‖Ŵ‖²
            double inner = 0;
            for (int i = 0; i < products.Values.Length; i++) inner += products.Values[i] * f[3].Values[i];
            double now = Math.Sqrt(Math.Max(0, all - 2 * inner + Grams(f, -1).Values.Sum()) / all);
            bool isDone = error - now < LeastProgress * error && iteration > 5;
            error = now;
            if (isDone) break;
        }
        Balance(f);
        return (f, error);
    }

    private static Matrix Start(Matrix tall, int rank, Random random)
    {
        Matrix vectors = SymmetricEigen.Of(tall.TransposedTimes(tall)).Vectors, start = Noise(vectors.Rows, rank, random);
        for (int i = 0; i < start.Rows; i++)
            for (int r = 0; r < Math.Min(rank, vectors.Columns); r++) start[i, r] = vectors[i, r] + 0.1 * start[i, r];
        return start;
    }

    private static Matrix Noise(int rows, int rank, Random random)
    {
        Matrix noise = new(rows, rank);
        foreach (ref double x in noise.Values.AsSpan()) x = random.NextDouble() * 2 - 1;
        return noise;
    }

    /// <summary>Row i·B.Rows + j is row i of A times row j of B, element by element.</summary>
    private static Matrix KhatriRao(Matrix a, Matrix b)
    {
        Matrix result = new(a.Rows * b.Rows, a.Columns);
        for (int i = 0; i < a.Rows; i++)
            for (int j = 0; j < b.Rows; j++)
                for (int r = 0; r < a.Columns; r++) result[i * b.Rows + j, r] = a[i, r] * b[j, r];
        return result;
    }

    private static Matrix OverWindow(Matrix seen, Matrix other, int height, int width, bool isHeight)
    {
        Matrix result = new(isHeight ? height : width, seen.Columns);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                for (int r = 0; r < seen.Columns; r++) result[isHeight ? y : x, r] += seen[y * width + x, r] * other[isHeight ? x : y, r];
        return result;
    }

    /// <summary>Element-wise product of FᵀF over all factors but one.</summary>
    private static Matrix Grams(Matrix[] factors, int except)
    {
        int rank = factors[0].Columns;
        Matrix product = new(rank, rank);
        product.Values.AsSpan().Fill(1);
        for (int m = 0; m < factors.Length; m++)
        {
            if (m == except) continue;
            Matrix gram = factors[m].TransposedTimes(factors[m]);
            for (int i = 0; i < gram.Values.Length; i++) product.Values[i] *= gram.Values[i];
        }
        return product;
    }

    /// <summary>Factor <paramref name="mode"/> ← right side · (G + ridge)⁻¹, by Cholesky.</summary>
    private static void Solve(Matrix[] factors, int mode, Matrix right, bool normalize = true)
    {
        Matrix g = Grams(factors, mode);
        int rank = g.Rows;
        double trace = 0;
        for (int i = 0; i < rank; i++) trace += g[i, i];
        for (int i = 0; i < rank; i++) g[i, i] += Ridge * trace / rank + 1e-300;
        Cholesky(g);
        Matrix solution = factors[mode] = new Matrix(right.Rows, rank, (double[])right.Values.Clone());
        for (int i = 0; i < solution.Rows; i++) Substitute(g, solution.Row(i));
        for (int r = 0; normalize && r < rank; r++)
        {
            double norm = Norm(solution, r);
            for (int i = 0; norm > 0 && i < solution.Rows; i++) solution[i, r] /= norm;
        }
    }

    private static void Cholesky(Matrix a)
    {
        for (int j = 0; j < a.Rows; j++)
            for (int i = j; i < a.Rows; i++)
            {
                double sum = a[i, j];
                for (int k = 0; k < j; k++) sum -= a[i, k] * a[j, k];
                a[i, j] = i == j ? Math.Sqrt(Math.Max(sum, 1e-300)) : sum / a[j, j];
            }
    }

    private static void Substitute(Matrix l, Span<double> x)
    {
        for (int i = 0; i < x.Length; i++)
        {
            for (int k = 0; k < i; k++) x[i] -= l[i, k] * x[k];
            x[i] /= l[i, i];
        }
        for (int i = x.Length - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < x.Length; k++) x[i] -= l[k, i] * x[k];
            x[i] /= l[i, i];
        }
    }

    private static void Balance(Matrix[] factors)
    {
        for (int r = 0; r < factors[0].Columns; r++)
        {
            double[] norms = [.. factors.Select(f => Norm(f, r))];
            double mean = Math.Pow(norms.Aggregate((a, b) => a * b), 1.0 / norms.Length);
            for (int m = 0; mean > 0 && m < factors.Length; m++)
                for (int i = 0; i < factors[m].Rows; i++) factors[m][i, r] *= mean / norms[m];
        }
    }

    private static double Norm(Matrix f, int column)
    {
        double sum = 0;
        for (int i = 0; i < f.Rows; i++) sum += f[i, column] * f[i, column];
        return Math.Sqrt(sum);
    }
}
