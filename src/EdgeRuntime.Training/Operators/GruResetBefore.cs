using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// Gated recurrent unit in the form whose reset gate acts before the product (Cho et al. 2014; ONNX: linear_before_reset = 0),
/// gates in ONNX's order z, r, h:
/// <code>
/// z, r = σ(W x + R h + b),  n = tanh(W x + R (r·h) + b),  h' = (1 − z)·n + z·h
/// </code>
/// </summary>
public static class GruResetBeforeOperator
{
    /// <summary>
    /// x [T,N,I], weights [3H,I], recurrent weights [3H,H], bias [3H] (both of ONNX's halves added), first state [N,H] or null for
    /// zeros → y [T,N,H], and the last state [N,H].
    /// </summary>
    public static (Variable Y, Variable H) GruResetBefore(this Tape tape, Variable x, Variable weights, Variable recurrent, Variable bias, Variable? h0 = null, bool reverse = false) =>
        GruResetBefore(tape, x, weights, recurrent, bias, h0, reverse, null);

    /// <summary>With <paramref name="exact"/>, results are those of integers; what gradients need besides is computed from them in float.</summary>
    internal static (Variable Y, Variable H) GruResetBefore(Tape tape, Variable x, Variable weights, Variable recurrent, Variable bias, Variable? h0, bool reverse, IntegerStates? exact)
    {
        int steps = x.Shape[0], batch = x.Shape[1], size = recurrent.Shape[1], state = batch * size;
        Variable gates = tape.Dense(x, weights, bias);
        Variable y = tape.New(new TensorShape(steps, batch, size), gates.RequiresGradient || recurrent.RequiresGradient || h0 is { RequiresGradient: true } || exact is not null);
        // `active` holds z, r, n of every step; `previous` the state before it, `reset` r·h; `met` and `metReset` the same as products meet them.
        float[] active = tape.Rent(steps * 3 * state), previous = tape.Rent(steps * state), reset = tape.Rent(steps * state), hidden = tape.Rent(state);
        float[] met = exact is null ? previous : tape.Rent(steps * state), metReset = exact is null ? reset : tape.Rent(steps * state);
        float[] states = exact is null ? y.Data : tape.Rent(y.Count), rounded = tape.Rent(state), last = tape.Rent(state);
        LstmOperator.Start(h0, hidden);
        hidden.AsSpan().CopyTo(rounded);
        exact?.Round(rounded);
        exact?.Hidden.CopyTo(y.Data, 0);
        Array.Clear(last);
        gates.Data.AsSpan().CopyTo(active);
        for (int step = 0; step < steps; step++)
        {
            int t = reverse ? steps - 1 - step : step, at = t * 3 * state;
            hidden.AsSpan().CopyTo(previous.AsSpan(t * state));
            rounded.AsSpan().CopyTo(met.AsSpan(t * state));
            tape.Multiply(met, t * state, false, recurrent.Data, 0, true, active, at, batch, 2 * size, size, true, stepC: 3 * size);
            for (int n = 0; n < batch; n++) Gates(active.AsSpan(at + n * 3 * size, 2 * size), hidden.AsSpan(n * size, size), reset.AsSpan(t * state + n * size, size));
            reset.AsSpan(t * state, state).CopyTo(metReset.AsSpan(t * state));
            exact?.Round(metReset.AsSpan(t * state, state));
            tape.Multiply(metReset, t * state, false, recurrent.Data, 2 * size * size, true, active, at + 2 * size, batch, size, size, true, stepC: 3 * size);
            for (int n = 0; n < batch; n++) State(active.AsSpan(at + n * 3 * size, 3 * size), hidden.AsSpan(n * size, size));
            hidden.AsSpan().CopyTo(states.AsSpan(t * state));
            y.Data.AsSpan(t * state, state).CopyTo(rounded);
        }
        tape.Record(y, dy => Backward(tape, dy, gates, recurrent, new Run(active, previous, reset, met, metReset, states, last), h0, y.Shape, reverse, exact));
        return (y, exact?.LastState(tape, y, last) ?? LstmOperator.LastHidden(tape, y, reverse));
    }

    private sealed record Run(float[] Active, float[] Previous, float[] Reset, float[] Met, float[] MetReset, float[] States, float[] LastGradient);

    private static void Gates(Span<float> active, ReadOnlySpan<float> h, Span<float> reset)
    {
        for (int j = 0; j < active.Length; j++) active[j] = ElementwiseOperators.Sigmoid(active[j]);
        for (int j = 0; j < h.Length; j++) reset[j] = active[h.Length + j] * h[j];
    }

    private static void State(Span<float> active, Span<float> h)
    {
        int size = h.Length;
        for (int j = 0; j < size; j++)
        {
            float z = active[j], n = active[2 * size + j] = MathF.Tanh(active[2 * size + j]);
            h[j] = (1 - z) * n + z * h[j];
        }
    }

    private static void Backward(Tape tape, float[] dy, Variable gates, Variable recurrent, Run run, Variable? h0, TensorShape shape, bool reverse, IntegerStates? exact)
    {
        (float[] active, float[] previous, float[] dh) = (run.Active, run.Previous, run.LastGradient);
        int steps = shape[0], batch = shape[1], size = shape[2], state = batch * size;
        float[] dmet = tape.Rent(state), dreset = tape.Rent(state), dgates = tape.Rent(steps * 3 * state);
        Array.Clear(dmet);
        for (int step = steps - 1; step >= 0; step--)
        {
            int t = reverse ? steps - 1 - step : step, at = t * 3 * state;
            VectorMath.Add(dy.AsSpan(t * state, state), dmet);
            exact?.Pass(run.States.AsSpan(t * state, state), dmet);
            VectorMath.Add(dmet, dh);
            for (int n = 0; n < batch; n++)
                StateBackward(active.AsSpan(at + n * 3 * size, 3 * size), previous.AsSpan(t * state + n * size, size), dh.AsSpan(n * size, size), dgates.AsSpan(at + n * 3 * size, 3 * size));
            tape.Multiply(dgates, at + 2 * size, false, recurrent.Data, 2 * size * size, false, dreset, 0, batch, size, size, false, stepA: 3 * size);
            exact?.Pass(run.Reset.AsSpan(t * state, state), dreset);
            for (int n = 0; n < batch; n++)
                ResetBackward(active.AsSpan(at + n * 3 * size + size, size), previous.AsSpan(t * state + n * size, size), dreset.AsSpan(n * size, size),
                    dh.AsSpan(n * size, size), dgates.AsSpan(at + n * 3 * size + size, size));
            tape.Multiply(dgates, at, false, recurrent.Data, 0, false, dmet, 0, batch, size, 2 * size, false, stepA: 3 * size);
            if (!tape.IsCut(step, steps)) continue;
            Array.Clear(dh);
            Array.Clear(dmet);
        }
        exact?.Finish(tape);
        VectorMath.Add(dmet, dh);
        if (recurrent.RequiresGradient) AddRecurrent(tape, dgates, run.Met, run.MetReset, steps * batch, size, tape.GradientOf(recurrent));
        if (h0 is { RequiresGradient: true }) VectorMath.Add(dh, tape.GradientOf(h0));
        if (gates.RequiresGradient) tape.GiveGradient(gates, dgates);
    }

    /// <summary>Gradients of z and n; on return <paramref name="dh"/> holds the part that reaches the state before directly, by z.</summary>
    private static void StateBackward(ReadOnlySpan<float> active, ReadOnlySpan<float> h, Span<float> dh, Span<float> dgates)
    {
        int size = dh.Length;
        for (int j = 0; j < size; j++)
        {
            float z = active[j], n = active[2 * size + j];
            dgates[j] = dh[j] * (h[j] - n) * z * (1 - z);
            dgates[2 * size + j] = dh[j] * (1 - z) * (1 - n * n);
            dh[j] *= z;
        }
    }

    private static void ResetBackward(ReadOnlySpan<float> r, ReadOnlySpan<float> h, ReadOnlySpan<float> dreset, Span<float> dh, Span<float> dr)
    {
        for (int j = 0; j < dr.Length; j++)
        {
            dr[j] = dreset[j] * h[j] * r[j] * (1 - r[j]);
            dh[j] += dreset[j] * r[j];
        }
    }

    /// <summary>The rows of z and r met the state, those of n what the reset gate made of it.</summary>
    private static void AddRecurrent(Tape tape, float[] dgates, float[] previous, float[] reset, int rows, int size, float[] result)
    {
        foreach ((int first, int count, float[] met) in ((int, int, float[])[])[(0, 2 * size, previous), (2 * size, size, reset)])
        {
            float[] own = tape.Rent(rows * count), sum = tape.Rent(count * size);
            for (int i = 0; i < rows; i++) dgates.AsSpan(i * 3 * size + first, count).CopyTo(own.AsSpan(i * count));
            Array.Clear(sum);
            tape.ProductOfRows(own, count, met, size, rows, sum);
            VectorMath.Add(sum, result.AsSpan(first * size, count * size));
        }
    }
}
