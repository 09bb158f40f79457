using EdgeRuntime.Kernels;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates), gates in ONNX's order i, o, f, c:
/// <code>
/// i, o, f = σ(W x + R h + b),  g = tanh(W x + R h + b),  c' = f·c + i·g,  h' = o·tanh(c')
/// </code>
/// The product with x is one dense layer over all steps; the operator here runs the steps. Back-propagation through time is
/// truncated by <see cref="Tape.Window"/>.
/// </summary>
public static class LstmOperator
{
    /// <summary>
    /// x [T,N,I], weights [4H,I], recurrent weights [4H,H], bias [4H] (both of ONNX's halves added), first state h and c [N,H] or
    /// null for zeros → y [T,N,H], and the last h and c [N,H].
    /// </summary>
    public static (Variable Y, Variable H, Variable C) Lstm(this Tape tape, Variable x, Variable weights, Variable recurrent, Variable bias,
        Variable? h0 = null, Variable? c0 = null, bool reverse = false, float cellClip = float.PositiveInfinity) =>
        Lstm(tape, x, weights, recurrent, bias, h0, c0, reverse, cellClip, null);

    /// <summary>With <paramref name="exact"/>, results are those of integers; what gradients need besides is computed from them in float.</summary>
    internal static (Variable Y, Variable H, Variable C) Lstm(Tape tape, Variable x, Variable weights, Variable recurrent, Variable bias,
        Variable? h0, Variable? c0, bool reverse, float cellClip, IntegerStates? exact)
    {
        int steps = x.Shape[0], batch = x.Shape[1], size = recurrent.Shape[1], state = batch * size;
        Variable gates = tape.Dense(x, weights, bias);
        bool wanted = gates.RequiresGradient || recurrent.RequiresGradient || h0 is { RequiresGradient: true } || c0 is { RequiresGradient: true } || exact is not null;
        Variable y = tape.New(new TensorShape(steps, batch, size), wanted), c = tape.New(new TensorShape(batch, size), wanted);
        // After the loop `active` holds the gates' values, `cells` every c, behind the first state, and `squashed` their tanh.
        float[] active = tape.Rent(steps * 4 * state), cells = tape.Rent((steps + 1) * state), squashed = tape.Rent(steps * state), hidden = tape.Rent(state);
        // Hidden states before they are rounded, if they are.
        float[] states = exact is null ? y.Data : tape.Rent(y.Count);
        exact?.Hidden.CopyTo(y.Data, 0);
        Start(c0, cells.AsSpan(0, state));
        Start(h0, hidden);
        float[] firstHidden = tape.Rent(state);
        hidden.AsSpan().CopyTo(firstHidden);
        gates.Data.AsSpan().CopyTo(active);
        for (int step = 0; step < steps; step++)
        {
            int t = reverse ? steps - 1 - step : step;
            tape.Multiply(hidden, 0, false, recurrent.Data, 0, true, active, t * 4 * state, batch, 4 * size, size, true);
            for (int n = 0; n < batch; n++)
                Cell(tape.Elementwise, active.AsSpan((t * batch + n) * 4 * size, 4 * size), cells.AsSpan(step * state + n * size, size),
                    cells.AsSpan((step + 1) * state + n * size, size), squashed.AsSpan(step * state + n * size, size), states.AsSpan((t * batch + n) * size, size), cellClip);
            y.Data.AsSpan(t * state, state).CopyTo(hidden);
        }
        (exact is null ? cells.AsSpan(steps * state, state) : exact.Last).CopyTo(c.Data);
        float[] lastCell = tape.Rent(state);
        Array.Clear(lastCell);
        tape.Record(y, dy => Backward(tape, dy, gates, recurrent, y, (active, cells, squashed, states), (h0, firstHidden), (c0, lastCell), reverse, cellClip, exact));
        tape.Record(c, dc =>
        {
            tape.GradientOf(y);
            dc.CopyTo(lastCell, 0);
        });
        return (y, LastHidden(tape, y, reverse), c);
    }

    /// <summary>The hidden state after the last step.</summary>
    internal static Variable LastHidden(Tape tape, Variable y, bool reverse)
    {
        int steps = y.Shape[0], t = reverse ? 0 : steps - 1;
        return tape.Reshape(tape.Slice(y, 0, t, t + 1), new TensorShape(y.Shape[1], y.Shape[2]));
    }

    private static unsafe void Cell(ElementwiseKernel math, Span<float> gates, ReadOnlySpan<float> before, Span<float> after, Span<float> squashed, Span<float> y, float clip)
    {
        int size = y.Length;
        fixed (float* g = gates, c = after, s = squashed)
        {
            math.Apply(FloatFunction.Sigmoid, g, g, 3 * size);
            math.Apply(FloatFunction.Tanh, g + 3 * size, g + 3 * size, size);
            for (int j = 0; j < size; j++) after[j] = Math.Clamp(gates[2 * size + j] * before[j] + gates[j] * gates[3 * size + j], -clip, clip);
            math.Apply(FloatFunction.Tanh, c, s, size);
        }
        for (int j = 0; j < size; j++) y[j] = gates[size + j] * squashed[j];
    }

    private static void Backward(Tape tape, float[] dy, Variable gates, Variable recurrent, Variable y, (float[] Active, float[] Cells, float[] Squashed, float[] States) run,
        (Variable? Variable, float[] Data) first, (Variable? First, float[] Gradient) cell, bool reverse, float clip, IntegerStates? exact)
    {
        (float[] active, float[] cells, float[] squashed, float[] states) = run;
        int steps = y.Shape[0], batch = y.Shape[1], size = y.Shape[2], state = batch * size;
        float[] dh = tape.Rent(state), dc = cell.Gradient, dgates = tape.Rent(steps * 4 * state), previous = tape.Rent(steps * state);
        Array.Clear(dh);
        for (int step = steps - 1; step >= 0; step--)
        {
            int t = reverse ? steps - 1 - step : step, before = reverse ? t + 1 : t - 1;
            (step == 0 ? first.Data.AsSpan() : y.Data.AsSpan(before * state, state)).CopyTo(previous.AsSpan(t * state));
            VectorMath.Add(dy.AsSpan(t * state, state), dh);
            exact?.Pass(states.AsSpan(t * state, state), dh);
            for (int n = 0; n < batch; n++)
                CellBackward(active.AsSpan((t * batch + n) * 4 * size, 4 * size), cells.AsSpan(step * state + n * size, size), cells.AsSpan((step + 1) * state + n * size, size),
                    squashed.AsSpan(step * state + n * size, size), dh.AsSpan(n * size, size), dc.AsSpan(n * size, size), dgates.AsSpan((t * batch + n) * 4 * size, 4 * size), clip);
            tape.Multiply(dgates, t * 4 * state, false, recurrent.Data, 0, false, dh, 0, batch, size, 4 * size, false);
            if (!tape.IsCut(step, steps)) continue;
            Array.Clear(dh);
            Array.Clear(dc);
        }
        exact?.Finish(tape);
        if (recurrent.RequiresGradient) tape.ProductOfRows(dgates, 4 * size, previous, size, steps * batch, tape.GradientOf(recurrent));
        if (first.Variable is { RequiresGradient: true }) VectorMath.Add(dh, tape.GradientOf(first.Variable));
        if (cell.First is { RequiresGradient: true }) VectorMath.Add(dc, tape.GradientOf(cell.First));
        if (gates.RequiresGradient) tape.GiveGradient(gates, dgates);
    }

    private static void CellBackward(ReadOnlySpan<float> gates, ReadOnlySpan<float> before, ReadOnlySpan<float> after, ReadOnlySpan<float> squashed, ReadOnlySpan<float> dh, Span<float> dc, Span<float> dgates, float clip)
    {
        int size = dh.Length;
        for (int j = 0; j < size; j++)
        {
            float i = gates[j], o = gates[size + j], f = gates[2 * size + j], g = gates[3 * size + j], tanh = squashed[j];
            float d = MathF.Abs(after[j]) < clip ? dc[j] + dh[j] * o * (1 - tanh * tanh) : 0;
            dgates[j] = d * g * i * (1 - i);
            dgates[size + j] = dh[j] * tanh * o * (1 - o);
            dgates[2 * size + j] = d * before[j] * f * (1 - f);
            dgates[3 * size + j] = d * i * (1 - g * g);
            dc[j] = d * f;
        }
    }

    internal static void Start(Variable? given, Span<float> state)
    {
        if (given is null) state.Clear();
        else given.Data.CopyTo(state);
    }
}
