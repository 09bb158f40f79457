using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// A quantised LSTM or GRU as the runtime computes it: by the runtime's own kernels, int8 states and 16-bit cells included. They give
/// the same bits whichever of them runs, so that each chunk of sequences runs on its own.
/// </summary>
internal sealed unsafe class IntegerRecurrent
{
    private readonly RecurrentInt8Weights _weights;
    private readonly RecurrentInt8Parameters _parameters;
    private readonly QuantizationSteps _input;
    private readonly QuantizedOutput _output;
    private readonly RecurrentCellShape _shape;
    private readonly float _stateScale;

    /// <summary>Takes the integer weights and biases of <paramref name="node"/>; throws as <see cref="RecurrentInt8Parameters.From"/> does.</summary>
    public IntegerRecurrent(Node node, Int8Weights input, Int8Weights recurrent, (int[], QuantizationParameters)? bias, (int[], QuantizationParameters)? recurrentBias,
        QuantizationSteps x, QuantizationSteps y)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        AttributeSet a = node.Attributes;
        bool lstm = node.Type == OperatorType.Lstm;
        int exponent = a.Int("cell_exponent", -12);
        _shape = new RecurrentCellShape(lstm ? RecurrentCell.Lstm : a.Int("linear_before_reset") != 0 ? RecurrentCell.GruResetAfter : RecurrentCell.GruResetBefore,
            s.Steps, s.Batch, s.InputSize, s.HiddenSize, a.Int("direction"));
        _weights = new RecurrentInt8Weights(input.Values, recurrent.Values);
        _parameters = RecurrentInt8Parameters.From(s.Rows, x.Parameters(), y.Parameters(), input, recurrent, bias, recurrentBias, exponent, a.Float("clip"), a.Float("cell_clip"));
        (_input, _output) = (x, new QuantizedOutput(y, float.NegativeInfinity, float.PositiveInfinity));
        _stateScale = MathF.ScaleB(1, lstm ? exponent : -15);
    }

    /// <summary>Runs x [T,N,I] from the states [D,N,H], or from zeros; gives what each direction computes.</summary>
    public IntegerStates[] Run(Tape tape, Variable x, Variable? hidden, Variable? cell)
    {
        int batch = x.Shape[1], state = batch * _shape.Hidden;
        IntegerStates[] results = [.. Enumerable.Range(0, _shape.Directions).Select(_ => new IntegerStates(new float[_shape.Steps * state], new float[state], short.MaxValue * _stateScale, _output))];
        RecurrentInt8Kernel kernel = KernelCatalog.SelectRecurrent(_shape with { Batch = batch }, _weights, tape.Cpu).Kernel;
        using NativeBuffer packed = new(kernel.PackedBytes(_shape, _weights));
        kernel.Pack(_shape, _parameters, _weights, packed.Span<byte>(0, (int)packed.Length));
        byte* panels = (byte*)packed.Pointer;
        tape.For(batch, (from, end, _) => RunSome(kernel, panels, x, hidden, cell, from, end, results));
        return results;
    }

    /// <summary>Sequences <paramref name="from"/> to <paramref name="end"/>.</summary>
    private void RunSome(RecurrentInt8Kernel kernel, byte* packed, Variable x, Variable? hidden, Variable? cell, int from, int end, IntegerStates[] results)
    {
        RecurrentCellShape s = _shape with { Batch = end - from };
        int row = kernel.StateRow(s);
        sbyte[] input = new sbyte[s.Steps * s.Batch * s.Inputs], output = new sbyte[s.Steps * s.Batch * s.OutputRow], first = new sbyte[s.Directions * s.Batch * s.Hidden];
        short[] states = new short[s.Directions * s.Batch * row];
        for (int t = 0; t < s.Steps; t++) ToIntegers(x.Data.AsSpan((t * x.Shape[1] + from) * s.Inputs, s.Batch * s.Inputs), input.AsSpan(t * s.Batch * s.Inputs));
        LoadStates(s, row, x.Shape[1], from, hidden, cell, first, states);
        using NativeBuffer scratch = new(kernel.ScratchBytes(s, 1));
        fixed (sbyte* i = input, o = output, h = first)
        fixed (short* c = states)
        {
            RecurrentInt8Call call = _parameters.Call(s);
            call.Packed = packed;
            call.Input = i;
            call.Hidden = h;
            call.State = c;
            call.Output = o;
            call.Scratch = (byte*)scratch.Pointer;
            for (int stage = 0; stage <= s.Stages; stage++) kernel.Run(call, stage, 0, kernel.Portions(s, stage), 0);
        }
        StoreStates(s, row, x.Shape[1], from, output, states, results);
    }

    private void ToIntegers(ReadOnlySpan<float> reals, Span<sbyte> integers)
    {
        (float step, int zero) = (_input.Step(0), _input.ZeroPoint);
        for (int i = 0; i < reals.Length; i++) integers[i] = (sbyte)(MathF.Round(reals[i] / step) + zero);
    }

    /// <summary>As the runtime's operator does: an LSTM's hidden state is int8 of its own, a GRU's is made of its 16-bit state.</summary>
    private void LoadStates(in RecurrentCellShape s, int row, int batch, int from, Variable? hidden, Variable? cell, sbyte[] first, short[] states)
    {
        bool lstm = s.Cell == RecurrentCell.Lstm;
        Variable? state = lstm ? cell : hidden;
        for (int d = 0; d < s.Directions; d++)
            for (int n = 0; n < s.Batch; n++)
                for (int u = 0; u < s.Hidden; u++)
                {
                    int given = (d * batch + from + n) * s.Hidden + u, to = (d * s.Batch + n) * s.Hidden + u;
                    short wide = state is null ? (short)0 : (short)MathF.Round(state.Data[given] / _stateScale);
                    states[(d * s.Batch + n) * row + u] = wide;
                    first[to] = !lstm ? (sbyte)Requantize.Apply(wide, _parameters.HiddenMultiplier, 0, _output.ZeroPoint, sbyte.MinValue, sbyte.MaxValue)
                        : (sbyte)((hidden is null ? 0 : MathF.Round(hidden.Data[given] / _output.Scale)) + _output.ZeroPoint);
                }
    }

    private void StoreStates(in RecurrentCellShape s, int row, int batch, int from, sbyte[] output, short[] states, IntegerStates[] results)
    {
        for (int d = 0; d < s.Directions; d++)
            for (int n = 0; n < s.Batch; n++)
            {
                for (int u = 0; u < s.Hidden; u++) results[d].Last[(from + n) * s.Hidden + u] = _stateScale * states[(d * s.Batch + n) * row + u];
                for (int t = 0; t < s.Steps; t++)
                {
                    ReadOnlySpan<sbyte> y = output.AsSpan((t * s.Batch + n) * s.OutputRow + d * s.Hidden, s.Hidden);
                    Span<float> reals = results[d].Hidden.AsSpan((t * batch + from + n) * s.Hidden, s.Hidden);
                    for (int u = 0; u < y.Length; u++) reals[u] = _output.Scale * (y[u] - _output.ZeroPoint);
                }
            }
    }
}

/// <summary>What the runtime computes for one direction of a quantised recurrent layer, in reals, and how gradients pass its rounding of hidden states.</summary>
internal sealed class IntegerStates(float[] hidden, float[] last, float cellLimit, QuantizedOutput output)
{
    private const int Block = 256;

    private (double Step, double Low) _sink;

    /// <summary>Rounded hidden states [T,N,H].</summary>
    public float[] Hidden => hidden;

    /// <summary>The LSTM's last cell, or the GRU's last state in 16 bits [N,H].</summary>
    public float[] Last => last;

    /// <summary>The largest cell there is.</summary>
    public float CellLimit => cellLimit;

    /// <summary>Rounds states as the products meet them.</summary>
    public void Round(Span<float> states) => FakeQuantizeOperator.Round(states, states, output.Scale, output.Min - output.ZeroPoint, output.Max - output.ZeroPoint, output.Scale);

    /// <summary>Makes a gradient of rounded states, in place, that of the <paramref name="states"/> before rounding.</summary>
    public void Pass(ReadOnlySpan<float> states, Span<float> gradient)
    {
        Span<float> steps = stackalloc float[Block], passed = stackalloc float[Block];
        for (int i = 0; i < states.Length; i += Block)
        {
            int count = Math.Min(Block, states.Length - i);
            for (int k = 0; k < count; k++) steps[k] = states[i + k] / output.Scale;
            passed.Clear();
            output.Gradient(steps[..count], gradient.Slice(i, count), passed[..count], ref _sink);
            passed[..count].CopyTo(gradient[i..]);
        }
    }

    /// <summary>Hands on what the range of the states has got.</summary>
    public void Finish(Tape tape) => output.AddGradient(tape, _sink, hidden.Length);

    /// <summary>The last 16-bit state; its gradient is added to <paramref name="gradient"/> before the steps go back.</summary>
    public Variable LastState(Tape tape, Variable y, float[] gradient)
    {
        Variable h = tape.New(new TensorShape(y.Shape[1], y.Shape[2]), y.RequiresGradient);
        last.CopyTo(h.Data, 0);
        return tape.Record(h, dh =>
        {
            tape.GradientOf(y);
            dh.CopyTo(gradient, 0);
        });
    }
}
