using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// A float LSTM or GRU, whose weights may be stored in half precision or as integers: what the inputs of all steps contribute is one matrix product (two where W comes in factors), by the same
/// kernels as fully connected layers; then the recurrent kernel goes through the steps. Where inputs and states become int8 while the network runs, so are the products of
/// the states, between which the recurrent kernel computes the gates' functions.
/// </summary>
internal sealed unsafe class RecurrentFloat32Operator : RecurrentOperator
{
    private const int Gathering = -1, Functions = -2;

    private readonly RecurrentFloat32Kernel _kernel;
    private readonly RowProducts _inputs;

    // Of the gates that are computed together, then of those that wait for them; none where the kernel multiplies.
    private readonly RowProducts[] _parts;
    private readonly float*[] _sums;
    private readonly PackedWeights _packed;
    private readonly NativeBuffer _states;
    private readonly long _productScratch;

    // The kernel's; before each of them, where it does not multiply, the states are gathered, then the products' stages.
    private readonly (int Part, int Stage)[] _stepStages;
    private RecurrentFloat32Call _call;
    private float* _firstHidden, _firstCell, _lastHidden, _lastCell, _gathered;

    private RecurrentFloat32Operator(Node node, KernelChoice<RecurrentFloat32Kernel> choice, RowProducts inputs, RowProducts[] parts, in RecurrentCellShape shape, PrepareContext context)
        : base(node, choice.Kernel.Descriptor.Id, parts.Length == 0 ? choice.Reason : $"products by {parts[0].KernelId}, inputs int8 while running")
    {
        _kernel = choice.Kernel;
        _inputs = inputs;
        _parts = parts;
        Shape = shape;
        RecurrentCellShape s = shape;
        _sums = new float*[s.StagesOfStep];
        bool given = s.IsProductGiven;
        float[] recurrent = given ? [] : s.Rank > 0 ? FloatConstants.Of(node, RecurrentShape.R) : Recurrent(node, Sizes);
        float[] second = s.Rank > 0 ? FloatConstants.Of(node, RecurrentShape.R2) : [];
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s), to => _kernel.Pack(s, recurrent, second, given ? [] : FloatConstants.Of(node, RecurrentShape.RecurrentBias), to), context);
        IEnumerable<int> StagesOf(int part) => given ? [Gathering, .. Enumerable.Range(0, parts[part].Stages), Functions] : [Functions];
        _stepStages = [.. Enumerable.Range(0, s.StagesOfStep).SelectMany(part => StagesOf(part).Select(stage => (part, stage)))];
        InnerStages = inputs.Stages + s.Steps * _stepStages.Length;
        EstimatedCycles = inputs.Cycles + s.Steps * parts.Sum(p => p.Cycles) + _kernel.EstimateCycles(s);
        _productScratch = NativeBuffer.Align(parts.Append(inputs).Max(p => p.ScratchBytes));
        ScratchBytes = _productScratch + inputs.OutputBytes + parts.Sum(p => p.OutputBytes) + (given ? GatheredBytes : 0) + _kernel.ScratchBytes(s);
        _states = new NativeBuffer(2 * Sizes.State.ElementCount * sizeof(float));
        _call = new RecurrentFloat32Call
        {
            Shape = s,
            Packed = _packed.Pointer,
            Lengths = Lengths,
            Hidden = (float*)_states.Pointer,
            Cell = (float*)_states.Pointer + Sizes.State.ElementCount,
            Clip = Bound(node, "clip"),
            CellClip = Bound(node, "cell_clip"),
        };
    }

    public override long WeightBytes => _packed.Bytes + _parts.Append(_inputs).Sum(p => p.WeightBytes);

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    public override double SharedCycles => EstimatedCycles / Math.Max(1, Shape.Stages);

    public override long StateBytes => Node.Type == OperatorType.Lstm ? _states.Length : _states.Length / 2;

    protected override int InnerStages { get; }

    private long GatheredBytes => NativeBuffer.Align((long)Shape.Batch * Shape.OutputRow * sizeof(float));

    public static RecurrentFloat32Operator Create(Node node, PrepareContext context)
    {
        foreach (ValueInfo v in node.Outputs.Concat(node.Inputs.OfType<ValueInfo>()))
            if (v.Type != ElementType.Float32 && !(v.IsConstant && (v.Type == ElementType.Float16 || v.Quantization is not null))) throw Unsupported(node, $"{v} in a float layer");
        bool isDynamic = node.Attributes.Int("dynamic", 0) != 0;
        RecurrentCellShape shape = isDynamic ? ShapeOf(node) with { IsProductGiven = true } : CellShape(node);
        return new(node, KernelCatalog.SelectRecurrent(shape, context.Cpu, context.Wish(node)), isDynamic ? DynamicInputs(node, context) : FloatInputs(node, context),
            isDynamic ? DynamicStates(node, shape, context) : [], shape, context);
    }

    public override void Bind(IBinder binder)
    {
        byte* at = binder.Scratch + _productScratch;
        _call.InputGates = _inputs.Bind((float*)binder.Address(Node.Input(0)), binder.Scratch, at);
        at += _inputs.OutputBytes;
        if (_parts.Length > 0)
        {
            _gathered = (float*)at;
            at += GatheredBytes;
        }
        for (int i = 0; i < _parts.Length; at += _parts[i++].OutputBytes) _sums[i] = _parts[i].Bind(_gathered, binder.Scratch, at);
        _call.Scratch = at;
        _call.Output = (float*)binder.Address(Node.Output);
        _firstHidden = (float*)OptionalInput(binder, RecurrentShape.FirstHidden);
        _firstCell = (float*)OptionalInput(binder, RecurrentShape.FirstCell);
        _lastHidden = (float*)OptionalOutput(binder, RecurrentShape.LastHidden);
        _lastCell = (float*)OptionalOutput(binder, RecurrentShape.LastCell);
    }

    public override void Dispose()
    {
        _inputs.Dispose();
        foreach (RowProducts p in _parts) p.Dispose();
        _packed.Dispose();
        _states.Dispose();
        base.Dispose();
    }

    protected override int InnerPortions(int stage)
    {
        if (stage < _inputs.Stages) return _inputs.Portions(stage);
        (_, int part, stage) = At(stage);
        return stage == Gathering ? 1 : stage == Functions ? _kernel.Portions(Shape, part) : _parts[part].Portions(stage);
    }

    protected override void RunInner(int stage, int first, int end, int worker)
    {
        if (stage < _inputs.Stages)
        {
            _inputs.Run(stage, first, end, worker);
            return;
        }
        (int step, int part, stage) = At(stage);
        if (stage == Gathering) Gather(step, isReset: part == 1);
        else if (stage != Functions) _parts[part].Run(stage, first, end, worker);
        else
        {
            RecurrentFloat32Call call = _call;
            call.Sums = _sums[part];
            _kernel.Run(call, step * _sums.Length + part, first, end);
        }
    }

    protected override void LoadStates()
    {
        _states.Span<byte>(0, (int)_states.Length).Clear();
        if (_firstHidden != null) Copy(_firstHidden, _call.Hidden, Sizes.State.ElementCount);
        if (_firstCell != null) Copy(_firstCell, _call.Cell, Sizes.State.ElementCount);
    }

    protected override void StoreStates()
    {
        TakeLastHidden(_call.Output, _call.Hidden);
        if (_lastHidden != null) Copy(_call.Hidden, _lastHidden, Sizes.State.ElementCount);
        if (_lastCell != null) Copy(_call.Cell, _lastCell, Sizes.State.ElementCount);
    }

    /// <summary>The step that a stage behind those of the inputs belongs to, the part of it, and what it does there.</summary>
    private (int Step, int Part, int Stage) At(int stage)
    {
        (int step, stage) = Math.DivRem(stage - _inputs.Stages, _stepStages.Length);
        return (step, _stepStages[stage].Part, _stepStages[stage].Stage);
    }

    /// <summary>The states before a step, or r·h, as rows [N, D·H].</summary>
    private void Gather(int step, bool isReset)
    {
        RecurrentCellShape s = Shape;
        for (int n = 0; n < s.Batch; n++)
            for (int d = 0; d < s.Directions; d++)
            {
                nint state = ((nint)d * s.Batch + n) * s.Hidden;
                float* from = isReset ? (float*)_call.Scratch + state : step == 0 ? _call.Hidden + state : _call.Output + s.OutputOffset(d, step - 1, n, Lengths);
                Copy(from, _gathered + ((nint)n * s.Directions + d) * s.Hidden, s.Hidden);
            }
    }

    private static RowProducts FloatInputs(Node node, PrepareContext context)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        int rows = s.Steps * s.Batch;
        return s.InputRank == 0
            ? new(new FloatProduct(node, ConvolutionShape.FullyConnected(rows, s.InputSize, s.Rows) with { Units = WeightUnits.Of<float>(FloatConstants.Of(node, RecurrentShape.W), s.Rows) },
                RecurrentShape.W, RecurrentShape.Bias, context))
            : new(new FloatProduct(node, ConvolutionShape.FullyConnected(rows, s.InputSize, s.Directions * s.InputRank), RecurrentShape.W2, -1, context),
                new FloatProduct(node, ConvolutionShape.FullyConnected(rows, s.Directions * s.InputRank, s.Rows) with { Group = s.Directions }, RecurrentShape.W, RecurrentShape.Bias, context));
    }

    private static RowProducts DynamicInputs(Node node, PrepareContext context)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        int rows = s.Steps * s.Batch;
        Int8Weights w = ConvolutionInt8Operator.Weights(node, RecurrentShape.W);
        float[] bias = FloatConstants.Of(node, RecurrentShape.Bias);
        return s.InputRank == 0 ? new(new DynamicProduct(node, ConvolutionShape.FullyConnected(rows, s.InputSize, s.Rows), w, bias, context, "W"))
            : new(new DynamicProduct(node, ConvolutionShape.FullyConnected(rows, s.InputSize, s.Directions * s.InputRank), ConvolutionInt8Operator.Weights(node, RecurrentShape.W2), [], context, "W2"),
                new DynamicProduct(node, ConvolutionShape.FullyConnected(rows, s.Directions * s.InputRank, s.Rows) with { Group = s.Directions }, w, bias, context, "W"));
    }

    /// <summary>The products of the states of both directions with the gates that are computed together, and with those that wait for them.</summary>
    private static RowProducts[] DynamicStates(Node node, RecurrentCellShape shape, PrepareContext context)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        Int8Weights r = ConvolutionInt8Operator.Weights(node, RecurrentShape.R);
        float[] bias = FloatConstants.Of(node, RecurrentShape.RecurrentBias);
        RowProducts Part(int first, int end)
        {
            int[] rows = [.. Enumerable.Range(0, s.Rows).Where(row => row / s.HiddenSize % s.Gates is var gate && gate >= first && gate < end)];
            float[] some = bias.Length == 0 ? [] : [.. rows.Select(row => bias[row])];
            DynamicProduct Gates(int inputs) => new(node, ConvolutionShape.FullyConnected(s.Batch, s.Directions * inputs, rows.Length) with { Group = s.Directions }, r.Take(rows, s.Rows), some, context, $"R{first}");
            return s.RecurrentRank == 0 ? new(Gates(s.HiddenSize)) : new(
                new DynamicProduct(node, ConvolutionShape.FullyConnected(s.Batch, s.Directions * s.HiddenSize, s.Directions * s.RecurrentRank) with { Group = s.Directions },
                    ConvolutionInt8Operator.Weights(node, RecurrentShape.R2), [], context, "R2"),
                Gates(s.RecurrentRank));
        }
        return shape.Together == s.Gates ? [Part(0, s.Gates)] : [Part(0, shape.Together), Part(shape.Together, s.Gates)];
    }

    private static float Bound(Node node, string name) => node.Attributes.Float(name) is > 0 and var bound ? bound : float.PositiveInfinity;

    /// <summary>The shape, its recurrent factors kept where they take fewer products than what they stand for.</summary>
    private static RecurrentCellShape CellShape(Node node)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        bool pays = (long)s.RecurrentRank * (s.Gates + 1) < (long)s.Gates * s.HiddenSize;
        return ShapeOf(node) with { Rank = pays ? s.RecurrentRank : 0, Units = s.RecurrentRank > 0 ? null : WeightUnits.Of<float>(FloatConstants.Of(node, RecurrentShape.R), s.Rows) };
    }

    /// <summary>R, multiplied out where it comes in factors.</summary>
    private static float[] Recurrent(Node node, RecurrentShape s)
    {
        float[] r = FloatConstants.Of(node, RecurrentShape.R);
        if (s.RecurrentRank == 0) return r;
        float[] second = FloatConstants.Of(node, RecurrentShape.R2);
        float[] whole = new float[s.Rows * s.HiddenSize];
        for (int row = 0; row < s.Rows; row++)
            for (int k = 0; k < s.RecurrentRank; k++)
            {
                int from = (row / (s.Gates * s.HiddenSize) * s.RecurrentRank + k) * s.HiddenSize;
                for (int c = 0; c < s.HiddenSize; c++) whole[row * s.HiddenSize + c] += r[row * s.RecurrentRank + k] * second[from + c];
            }
        return whole;
    }
}
