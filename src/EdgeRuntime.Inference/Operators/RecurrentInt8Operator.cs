using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>A quantised LSTM or GRU: int8 input, weights and hidden state, int16 cell.</summary>
internal sealed unsafe class RecurrentInt8Operator : RecurrentOperator
{
    private readonly RecurrentInt8Kernel _kernel;
    private readonly PackedWeights _packed;
    private readonly NativeBuffer _hidden, _state;
    private readonly int _row;
    private RecurrentInt8Call _call;
    private sbyte* _firstHidden, _lastHidden;
    private short* _firstState, _lastState;

    private RecurrentInt8Operator(Node node, KernelChoice<RecurrentInt8Kernel> choice, RecurrentInt8Weights weights, RecurrentInt8Parameters p, PrepareContext context)
        : base(node, choice.Kernel.Descriptor.Id, choice.Reason)
    {
        _kernel = choice.Kernel;
        RecurrentCellShape s = Shape;
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s, weights), to => _kernel.Pack(s, p, weights, to), context);
        _row = _kernel.StateRow(s);
        _hidden = new NativeBuffer(Sizes.State.ElementCount);
        _state = new NativeBuffer((long)s.Directions * s.Batch * _row * sizeof(short));
        EstimatedCycles = _kernel.EstimateCycles(s, weights);
        ScratchBytes = _kernel.ScratchBytes(s, context.Workers);
        _call = p.Call(s);
        _call.Packed = _packed.Pointer;
        _call.Lengths = Lengths;
        _call.Hidden = (sbyte*)_hidden.Pointer;
        _call.State = (short*)_state.Pointer;
    }

    public override long WeightBytes => _packed.Bytes;

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    public override double SharedCycles => EstimatedCycles / Math.Max(1, Shape.Stages);

    public override long StateBytes => _hidden.Length + _state.Length;

    protected override int InnerStages => 1 + Shape.Stages;

    private bool IsLstm => Node.Type == OperatorType.Lstm;

    public static RecurrentInt8Operator Create(Node node, PrepareContext context)
    {
        RecurrentShape sizes = RecurrentShape.Of(node);
        if (sizes.InputRank > 0) throw Unsupported(node, "factored input weights of a quantised layer; make the second factor a fully connected layer before it, as the pass factorize does");
        if (node.Output.Type != ElementType.Int8) throw Unsupported(node, $"an int8 layer must give int8, not {node.Output.Type}");
        Int8Weights input = Weights(node, RecurrentShape.W), recurrent = Weights(node, RecurrentShape.R);
        if (sizes.RecurrentRank > 0) recurrent = Int8Weights.Product(recurrent, Weights(node, RecurrentShape.R2), sizes.RecurrentRank, sizes.HiddenSize, sizes.Gates * sizes.HiddenSize);
        RecurrentInt8Weights weights = new(input.Values, recurrent.Values);
        CheckStates(node);
        return new(node, KernelCatalog.SelectRecurrent(ShapeOf(node), weights, context.Cpu, context.Wish(node)), weights, Parameters(node, sizes, input, recurrent), context);
    }

    public override void Bind(IBinder binder)
    {
        _call.Input = (sbyte*)binder.Address(Node.Input(0));
        _call.Output = (sbyte*)binder.Address(Node.Output);
        _call.Scratch = binder.Scratch;
        byte* firstHidden = OptionalInput(binder, RecurrentShape.FirstHidden), lastHidden = OptionalOutput(binder, RecurrentShape.LastHidden);
        _firstHidden = IsLstm ? (sbyte*)firstHidden : null;
        _lastHidden = IsLstm ? (sbyte*)lastHidden : null;
        _firstState = (short*)(IsLstm ? OptionalInput(binder, RecurrentShape.FirstCell) : firstHidden);
        _lastState = (short*)(IsLstm ? OptionalOutput(binder, RecurrentShape.LastCell) : lastHidden);
    }

    public override void Dispose()
    {
        _packed.Dispose();
        _hidden.Dispose();
        _state.Dispose();
        base.Dispose();
    }

    protected override int InnerPortions(int stage) => _kernel.Portions(Shape, stage);

    protected override void RunInner(int stage, int first, int end, int worker) => _kernel.Run(_call, stage, first, end, worker);

    protected override void LoadStates()
    {
        new Span<sbyte>(_call.Hidden, (int)_hidden.Length).Fill((sbyte)_call.HiddenZeroPoint);
        _state.Span<byte>(0, (int)_state.Length).Clear();
        if (_firstHidden != null) Copy(_firstHidden, _call.Hidden, _hidden.Length);
        if (_firstState == null) return;
        for (int row = 0; row < Shape.Directions * Shape.Batch; row++)
            for (int u = 0; u < Shape.Hidden; u++)
            {
                short state = _call.State[row * _row + u] = _firstState[row * Shape.Hidden + u];
                if (!IsLstm) _call.Hidden[row * Shape.Hidden + u] = (sbyte)Requantize.Apply(state, _call.HiddenMultiplier, 0, _call.HiddenZeroPoint, sbyte.MinValue, sbyte.MaxValue);
            }
    }

    protected override void StoreStates()
    {
        TakeLastHidden(_call.Output, _call.Hidden);
        if (_lastHidden != null) Copy(_call.Hidden, _lastHidden, _hidden.Length);
        for (int row = 0; _lastState != null && row < Shape.Directions * Shape.Batch; row++)
            Copy(_call.State + row * _row, _lastState + row * Shape.Hidden, Shape.Hidden);
    }

    private static Int8Weights Weights(Node node, int index)
    {
        ValueInfo value = node.Input(index);
        if (value.Constant is not { Type: ElementType.Int8 or ElementType.Int4 } constant) throw Unsupported(node, $"quantised weights must be an int8 or int4 constant, not {value}");
        if (value.Quantization is not { IsSymmetric: true } q || Int8Weights.From(constant, q) is not { } weights)
            throw Unsupported(node, $"weights of a quantised layer must be symmetric, per tensor, per row or (int4) per group, not {value}");
        return weights;
    }

    /// <summary>First and last states must have the form in which the layer keeps them.</summary>
    private static void CheckStates(Node node)
    {
        bool lstm = node.Type == OperatorType.Lstm;
        QuantizationParameters state = new(MathF.ScaleB(1, lstm ? node.Attributes.Int("cell_exponent", -12) : -15), 0);
        foreach (int index in (ReadOnlySpan<int>)[0, 1])
        {
            bool isHidden = index == 0 && lstm;
            foreach (ValueInfo? v in (ReadOnlySpan<ValueInfo?>)[node.OptionalInput(RecurrentShape.FirstHidden + index), node.Outputs.ElementAtOrDefault(RecurrentShape.LastHidden + index)])
                if (v is not null && (v.Type != (isHidden ? ElementType.Int8 : ElementType.Int16) || !Equals(v.Quantization, isHidden ? node.Output.Quantization : state)))
                    throw Unsupported(node, $"state {v} must be {(isHidden ? $"int8 {node.Output.Quantization}" : $"int16 {state}")}");
        }
    }

    private static RecurrentInt8Parameters Parameters(Node node, RecurrentShape s, Int8Weights input, Int8Weights recurrent)
    {
        QuantizationParameters x = PerTensor(node, node.Input(0)), y = PerTensor(node, node.Output);
        RecurrentInt8Parameters p;
        try
        {
            p = RecurrentInt8Parameters.From(s.Rows, x, y, input, recurrent, Biases(node, RecurrentShape.Bias), Biases(node, RecurrentShape.RecurrentBias),
                node.Attributes.Int("cell_exponent", -12), node.Attributes.Float("clip"), node.Attributes.Float("cell_clip"));
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw Invalid(node, $"its scales can't be executed: {e.Message}");
        }
        Check(node, RecurrentShape.W, input, x, p.Bias, p.InputShifts);
        Check(node, RecurrentShape.R, recurrent, y, p.RecurrentBias, p.RecurrentShifts);
        return p;
    }

    /// <summary>No sum of products and bias may reach the accumulator's limit.</summary>
    private static void Check(Node node, int weights, Int8Weights w, QuantizationParameters x, int[] bias, int[] shifts)
    {
        ReadOnlySpan<sbyte> values = w.Values;
        int length = values.Length / Math.Max(1, bias.Length), reach = Math.Max(x.ZeroPoint + 128, 127 - x.ZeroPoint);
        for (int o = 0; o < bias.Length; o++)
        {
            long most = Math.Abs((long)bias[o]);
            foreach (sbyte v in values.Slice(o * length, length)) most += Math.Abs((int)v) * reach;
            if (most << shifts[o] >= Requantize.AccumulatorLimit)
                throw Invalid(node, $"row {o} of {node.Input(weights).Name} can exceed the accumulator: sums up to {most}, times 2^{shifts[o]}; quantise it with a smaller scale");
        }
    }

    private static (int[] Values, QuantizationParameters Scales)? Biases(Node node, int index)
    {
        if (node.OptionalInput(index) is not { } value) return null;
        if (value.Constant is not { Type: ElementType.Int32 } constant || value.Quantization is not { } q) throw Unsupported(node, $"the bias must be a quantised int32 constant, not {value}");
        if (!q.IsPerTensor && q.Scales.Length != constant.Shape.ElementCount) throw Unsupported(node, $"the bias must be quantised per tensor or per row, not with {q}");
        return (constant.ToInts(), q);
    }
}
