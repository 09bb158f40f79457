using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// Gated recurrent unit (Cho et al. 2014) in the form whose reset gate acts after the product (ONNX: linear_before_reset = 1;
/// cuDNN, Keras' default); <see cref="GruResetBeforeOperator"/> is the other. Gates in ONNX's order z, r, h:
/// <code>
/// z, r = σ(W x + b + R h + rb),  n = tanh(W x + b + r·(R h + rb)),  h' = (1 − z)·n + z·h
/// </code>
/// </summary>
public static class GruOperator
{
    /// <summary>
    /// x [T,N,I], weights [3H,I], recurrent weights [3H,H], bias and recurrent bias [3H], first state [N,H] or null for zeros →
    /// y [T,N,H], and the last state [N,H].
    /// </summary>
    public static (Variable Y, Variable H) Gru(this Tape tape, Variable x, Variable weights, Variable recurrent, Variable bias, Variable recurrentBias, Variable? h0 = null, bool reverse = false) =>
        Gru(tape, x, weights, recurrent, bias, recurrentBias, h0, reverse, null);

    /// <summary>With <paramref name="exact"/>, results are those of integers; what gradients need besides is computed from them in float.</summary>
    internal static (Variable Y, Variable H) Gru(Tape tape, Variable x, Variable weights, Variable recurrent, Variable bias, Variable recurrentBias, Variable? h0, bool reverse, IntegerStates? exact)
    {
        int steps = x.Shape[0], batch = x.Shape[1], size = recurrent.Shape[1], state = batch * size;
        Variable gates = tape.Dense(x, weights, bias);
        Variable y = tape.New(new TensorShape(steps, batch, size), gates.RequiresGradient || recurrent.RequiresGradient || recurrentBias.RequiresGradient || h0 is { RequiresGradient: true } || exact is not null);
        // `active` holds z, r, n of every step; `products` R h + rb; `previous` the state before it; `met` the same as the product meets it.
        float[] active = tape.Rent(steps * 3 * state), products = tape.Rent(steps * 3 * state), previous = tape.Rent(steps * state), hidden = tape.Rent(state);
        float[] met = exact is null ? previous : tape.Rent(steps * state), states = exact is null ? y.Data : tape.Rent(y.Count), rounded = tape.Rent(state), last = tape.Rent(state);
        LstmOperator.Start(h0, hidden);
        hidden.AsSpan().CopyTo(rounded);
        exact?.Round(rounded);
        exact?.Hidden.CopyTo(y.Data, 0);
        Array.Clear(last);
        for (int step = 0; step < steps; step++)
        {
            int t = reverse ? steps - 1 - step : step;
            hidden.AsSpan().CopyTo(previous.AsSpan(t * state));
            rounded.AsSpan().CopyTo(met.AsSpan(t * state));
            DenseOperator.FillRows(recurrentBias.Data, products, t * batch, (t + 1) * batch);
            tape.Multiply(met, t * state, false, recurrent.Data, 0, true, products, t * 3 * state, batch, 3 * size, size, true);
            for (int n = 0; n < batch; n++)
            {
                int at = (t * batch + n) * 3 * size;
                Cell(gates.Data.AsSpan(at, 3 * size), products.AsSpan(at, 3 * size), active.AsSpan(at, 3 * size), hidden.AsSpan(n * size, size));
            }
            hidden.AsSpan().CopyTo(states.AsSpan(t * state));
            y.Data.AsSpan(t * state, state).CopyTo(rounded);
        }
        tape.Record(y, dy => Backward(tape, dy, gates, recurrent, recurrentBias, new Run(active, products, previous, met, states, last), h0, y.Shape, reverse, exact));
        return (y, exact?.LastState(tape, y, last) ?? LstmOperator.LastHidden(tape, y, reverse));
    }

    private sealed record Run(float[] Active, float[] Products, float[] Previous, float[] Met, float[] States, float[] LastGradient);

    private static void Cell(ReadOnlySpan<float> gates, ReadOnlySpan<float> products, Span<float> active, Span<float> h)
    {
        int size = h.Length;
        for (int j = 0; j < size; j++)
        {
            float z = ElementwiseOperators.Sigmoid(gates[j] + products[j]), r = ElementwiseOperators.Sigmoid(gates[size + j] + products[size + j]);
            float n = MathF.Tanh(gates[2 * size + j] + r * products[2 * size + j]);
            h[j] = (1 - z) * n + z * h[j];
            (active[j], active[size + j], active[2 * size + j]) = (z, r, n);
        }
    }

    private static void Backward(Tape tape, float[] dy, Variable gates, Variable recurrent, Variable recurrentBias,
        Run run, Variable? h0, TensorShape shape, bool reverse, IntegerStates? exact)
    {
        (float[] active, float[] products, float[] previous, float[] dh) = (run.Active, run.Products, run.Previous, run.LastGradient);
        int steps = shape[0], batch = shape[1], size = shape[2], state = batch * size;
        float[] dmet = tape.Rent(state), dgates = tape.Rent(steps * 3 * state), dproducts = tape.Rent(steps * 3 * state);
        Array.Clear(dmet);
        for (int step = steps - 1; step >= 0; step--)
        {
            int t = reverse ? steps - 1 - step : step;
            VectorMath.Add(dy.AsSpan(t * state, state), dmet);
            exact?.Pass(run.States.AsSpan(t * state, state), dmet);
            VectorMath.Add(dmet, dh);
            for (int n = 0; n < batch; n++)
            {
                int at = (t * batch + n) * 3 * size;
                CellBackward(active.AsSpan(at, 3 * size), products.AsSpan(at, 3 * size), previous.AsSpan((t * batch + n) * size, size), dh.AsSpan(n * size, size),
                    dgates.AsSpan(at, 3 * size), dproducts.AsSpan(at, 3 * size));
            }
            tape.Multiply(dproducts, t * 3 * state, false, recurrent.Data, 0, false, dmet, 0, batch, size, 3 * size, false);
            if (!tape.IsCut(step, steps)) continue;
            Array.Clear(dh);
            Array.Clear(dmet);
        }
        exact?.Finish(tape);
        VectorMath.Add(dmet, dh);
        if (recurrent.RequiresGradient) tape.ProductOfRows(dproducts, 3 * size, run.Met, size, steps * batch, tape.GradientOf(recurrent));
        if (recurrentBias.RequiresGradient) DenseOperator.AddRows(tape, dproducts, steps * batch, 3 * size, tape.GradientOf(recurrentBias));
        if (h0 is { RequiresGradient: true }) VectorMath.Add(dh, tape.GradientOf(h0));
        if (gates.RequiresGradient) tape.GiveGradient(gates, dgates);
    }

    /// <summary>On return <paramref name="dh"/> holds the part that reaches the state before directly, by z.</summary>
    private static void CellBackward(ReadOnlySpan<float> active, ReadOnlySpan<float> products, ReadOnlySpan<float> h, Span<float> dh, Span<float> dgates, Span<float> dproducts)
    {
        int size = dh.Length;
        for (int j = 0; j < size; j++)
        {
            float z = active[j], r = active[size + j], n = active[2 * size + j];
            float dn = dh[j] * (1 - z) * (1 - n * n), dz = dh[j] * (h[j] - n) * z * (1 - z), dr = dn * products[2 * size + j] * r * (1 - r);
            (dgates[j], dgates[size + j], dgates[2 * size + j]) = (dz, dr, dn);
            (dproducts[j], dproducts[size + j], dproducts[2 * size + j]) = (dz, dr, dn * r);
            dh[j] *= z;
        }
    }
}
