namespace EdgeRuntime.Compressor;

/// <summary>
/// Rounding one weight after the other, each making up for the errors of those before (Frantar et al., "GPTQ: Accurate Post-Training
/// Quantization for Generative Pre-trained Transformers", 2023). With M = L·Lᵀ the error of a row is ‖Lᵀ·e‖², whose component k holds
/// the errors e[j] of j ≥ k only: from the last column to the first, weight k takes the integer nearest to
/// w[k] − Σ (j &gt; k) L[j, k] / L[k, k] · e[j]. That is GPTQ's update without the inverse of M. Columns stand in the order of
/// growing moments, so that those that matter most are rounded first, while all others can still make up for them.
/// </summary>
internal static class ErrorFeedback
{
    public static void Round(RoundingProblem problem, sbyte[] integers, int threads)
    {
        int columns = problem.Columns;
        int[] order = [.. Enumerable.Range(0, columns).OrderBy(k => problem.Moments[k, k])];
        Matrix permuted = new(columns, columns);
        for (int i = 0; i < columns; i++)
            for (int j = 0; j <= i; j++) permuted[i, j] = problem.Moments[order[i], order[j]];
        Matrix feedback = permuted.Cholesky().Transpose();
        for (int k = 0; k < columns; k++)
        {
            double diagonal = feedback[k, k];
            foreach (ref double f in feedback.Row(k)) f /= diagonal;
        }
        Parallel.For(0, problem.Rows, new ParallelOptions { MaxDegreeOfParallelism = threads },
            row => RoundRow(problem, row, order, feedback, integers.AsSpan(row * columns, columns)));
    }

    private static void RoundRow(RoundingProblem problem, int row, int[] order, Matrix feedback, Span<sbyte> integers)
    {
        ReadOnlySpan<float> targets = problem.Targets(row), scales = problem.Scales(row);
        double[] error = new double[order.Length];
        for (int k = order.Length - 1; k >= 0; k--)
        {
            int column = order[k];
            if (targets[column] == 0) continue;
            double made = Matrix.Dot(feedback.Row(k)[(k + 1)..], error.AsSpan(k + 1));
            integers[column] = problem.Nearest(targets[column] - made / scales[column]);
            error[k] = scales[column] * (integers[column] - (double)targets[column]);
        }
    }
}
