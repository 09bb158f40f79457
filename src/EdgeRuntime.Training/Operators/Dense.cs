namespace EdgeRuntime.Training;

/// <summary>Fully connected layers.</summary>
public static class DenseOperator
{
    /// <summary>x [..., K] · weightsᵀ [N,K] + bias [N] → [..., N].</summary>
    public static Variable Dense(this Tape tape, Variable x, Variable weights, Variable? bias = null)
    {
        int n = weights.Shape[0], k = weights.Shape[1], m = x.Count / Math.Max(1, k);
        if (x.Shape[-1] != k || (bias is not null && bias.Count != n)) throw new ArgumentException($"dense layer of {x}, weights {weights}, bias {bias}");
        Variable y = tape.New(x.Shape.With(-1, n), x.RequiresGradient || weights.RequiresGradient || bias is { RequiresGradient: true });
        tape.For(m, (from, end, _) =>
        {
            if (bias is not null) FillRows(bias.Data, y.Data, from, end);
            tape.Multiply(x.Data, from * k, false, weights.Data, 0, true, y.Data, from * n, end - from, n, k, bias is not null);
        });
        return tape.Record(y, dy =>
        {
            if (bias is { RequiresGradient: true }) AddRows(tape, dy, m, n, tape.GradientOf(bias));
            if (weights.RequiresGradient) tape.ProductOfRows(dy, n, x.Data, k, m, tape.GradientOf(weights));
            if (!x.RequiresGradient) return;
            float[] dx = tape.GradientOf(x, out bool isNew);
            tape.For(m, (from, end, _) => tape.Multiply(dy, from * n, false, weights.Data, 0, false, dx, from * k, end - from, k, n, !isNew));
        });
    }

    internal static void FillRows(float[] row, float[] y, int from, int end)
    {
        for (int i = from; i < end; i++) row.AsSpan().CopyTo(y.AsSpan(i * row.Length));
    }

    /// <summary>sums [n] += Σ over rows of <paramref name="rows"/> [m,n].</summary>
    internal static void AddRows(Tape tape, float[] rows, int m, int n, float[] sums)
    {
        float[] partial = tape.Rent(Tape.Chunks * n);
        Array.Clear(partial);
        tape.For(m, (from, end, chunk) =>
        {
            Span<float> own = partial.AsSpan(chunk * n, n);
            for (int i = from; i < end; i++) VectorMath.Add(rows.AsSpan(i * n, n), own);
        });
        for (int c = 0; c < Tape.Chunks; c++) VectorMath.Add(partial.AsSpan(c * n, n), sums);
    }

    /// <summary>result [n,k] += aᵀ · b for a [m,n], b [m,k]: the gradient of a weight matrix.</summary>
    internal static void ProductOfRows(this Tape tape, float[] a, int n, float[] b, int k, int m, float[] result)
    {
        // The depth is split, as it is the long side; each part has a matrix of its own.
        float[] partial = tape.Rent(Tape.Chunks * n * k);
        int chunks = Math.Min(Tape.Chunks, m);
        tape.For(m, (from, end, chunk) =>
            tape.Multiply(a, from * n, true, b, from * k, false, partial, chunk * n * k, n, k, end - from, false, stepA: n));
        for (int c = 0; c < chunks; c++) VectorMath.Add(partial.AsSpan(c * n * k, n * k), result);
    }
}
