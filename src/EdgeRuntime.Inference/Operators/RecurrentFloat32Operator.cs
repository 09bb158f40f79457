using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// A float LSTM or GRU, whose weights may be stored in half precision or as integers: what the inputs of all steps contribute is one matrix product (two where W comes in factors), by the same
/// kernels as fully connected layers; then the recurrent kernel goes through the steps.
/// </summary>
internal sealed unsafe class RecurrentFloat32Operator : RecurrentOperator
{
    private readonly RecurrentFloat32Kernel _kernel;
    private readonly Product[] _products;
    private readonly PackedWeights _packed;
    private readonly NativeBuffer _states;
    private readonly long _productScratch;
    private RecurrentFloat32Call _call;
    private float* _firstHidden, _firstCell, _lastHidden, _lastCell;

    private RecurrentFloat32Operator(Node node, KernelChoice<RecurrentFloat32Kernel> choice, PrepareContext context)
        : base(node, choice.Kernel.Descriptor.Id, choice.Reason)
    {
        _kernel = choice.Kernel;
        RecurrentShape s = Sizes;
        RecurrentCellShape shape = CellShape(node);
        int rows = s.Steps * s.Batch;
        _products = s.InputRank == 0
            ? [new Product(node, ConvolutionShape.FullyConnected(rows, s.InputSize, s.Rows) with { Units = WeightUnits.Of<float>(FloatConstants.Of(node, RecurrentShape.W), s.Rows) }, RecurrentShape.W, RecurrentShape.Bias, context)]
            :
            [
                new Product(node, ConvolutionShape.FullyConnected(rows, s.InputSize, s.Directions * s.InputRank), RecurrentShape.W2, -1, context),
                new Product(node, ConvolutionShape.FullyConnected(rows, s.Directions * s.InputRank, s.Rows) with { Group = s.Directions },
                    RecurrentShape.W, RecurrentShape.Bias, context),
            ];
        InnerStages = _products.Sum(p => p.Stages) + shape.Stages;
        Shape = shape;
        float[] recurrent = shape.Rank > 0 ? FloatConstants.Of(node, RecurrentShape.R) : Recurrent(node, s);
        float[] second = shape.Rank > 0 ? FloatConstants.Of(node, RecurrentShape.R2) : [];
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(shape), to => _kernel.Pack(shape, recurrent, second, FloatConstants.Of(node, RecurrentShape.RecurrentBias), to), context);
        _productScratch = _products.Max(p => p.ScratchBytes);
        EstimatedCycles = _kernel.EstimateCycles(shape) + _products.Sum(p => p.Cycles);
        ScratchBytes = Align(_productScratch) + _products.Sum(p => Align(p.OutputBytes)) + _kernel.ScratchBytes(shape);
        _states = new NativeBuffer(2 * s.State.ElementCount * sizeof(float));
        _call = new RecurrentFloat32Call
        {
            Shape = shape,
            Packed = _packed.Pointer,
            Lengths = Lengths,
            Hidden = (float*)_states.Pointer,
            Cell = (float*)_states.Pointer + s.State.ElementCount,
            Clip = Bound(node, "clip"),
            CellClip = Bound(node, "cell_clip"),
        };
    }

    public override long WeightBytes => _packed.Bytes + _products.Sum(p => p.WeightBytes);

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    public override double SharedCycles => EstimatedCycles / Math.Max(1, Shape.Stages);

    public override long StateBytes => Node.Type == OperatorType.Lstm ? _states.Length : _states.Length / 2;

    protected override int InnerStages { get; }

    public static RecurrentFloat32Operator Create(Node node, PrepareContext context)
    {
        foreach (ValueInfo v in node.Outputs.Concat(node.Inputs.OfType<ValueInfo>()))
            if (v.Type != ElementType.Float32 && !(v.IsConstant && (v.Type == ElementType.Float16 || v.Quantization is not null))) throw Unsupported(node, $"{v} in a float layer");
        return new(node, KernelCatalog.SelectRecurrent(CellShape(node), context.Cpu, context.Wish(node)), context);
    }

    public override void Bind(IBinder binder)
    {
        byte* at = binder.Scratch + Align(_productScratch);
        float* from = (float*)binder.Address(Node.Input(0));
        foreach (Product p in _products)
        {
            p.Bind(from, (float*)at, binder.Scratch);
            from = (float*)at;
            at += Align(p.OutputBytes);
        }
        _call.InputGates = from;
        _call.Scratch = at;
        _call.Output = (float*)binder.Address(Node.Output);
        _firstHidden = (float*)OptionalInput(binder, RecurrentShape.FirstHidden);
        _firstCell = (float*)OptionalInput(binder, RecurrentShape.FirstCell);
        _lastHidden = (float*)OptionalOutput(binder, RecurrentShape.LastHidden);
        _lastCell = (float*)OptionalOutput(binder, RecurrentShape.LastCell);
    }

    public override void Dispose()
    {
        foreach (Product p in _products) p.Dispose();
        _packed.Dispose();
        _states.Dispose();
        base.Dispose();
    }

    protected override int InnerPortions(int stage)
    {
        foreach (Product p in _products)
        {
            if (stage < p.Stages) return p.Portions(stage);
            stage -= p.Stages;
        }
        return _kernel.Portions(Shape, stage);
    }

    protected override void RunInner(int stage, int first, int end, int worker)
    {
        foreach (Product p in _products)
        {
            if (stage < p.Stages)
            {
                p.Run(stage, first, end, worker);
                return;
            }
            stage -= p.Stages;
        }
        _kernel.Run(_call, stage, first, end);
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

    private static float Bound(Node node, string name) => node.Attributes.Float(name) is > 0 and var bound ? bound : float.PositiveInfinity;

    private static long Align(long bytes) => (bytes + NativeBuffer.Alignment - 1) / NativeBuffer.Alignment * NativeBuffer.Alignment;

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

    /// <summary>A product of rows with constant weights.</summary>
    private sealed class Product : IDisposable
    {
        private readonly ConvolutionFloat32Kernel _kernel;
        private readonly PackedWeights _packed;
        private ConvolutionFloat32Call _call;

        public Product(Node node, in ConvolutionShape shape, int weights, int bias, PrepareContext context)
        {
            ConvolutionShape s = shape;
            _kernel = KernelCatalog.Select(s, context.Cpu).Kernel;
            _packed = new PackedWeights(node, _kernel.Descriptor.Id, _kernel.PackedBytes(s), to => _kernel.Pack(s, FloatConstants.Of(node, weights), bias < 0 ? [] : FloatConstants.Of(node, bias), to), context);
            _call = new ConvolutionFloat32Call { Shape = s, Min = float.NegativeInfinity, Max = float.PositiveInfinity, Packed = _packed.Pointer };
            ScratchBytes = _kernel.ScratchBytes(s, context.Workers);
            Stages = _kernel.Stages(s);
            Cycles = _kernel.EstimateCycles(s);
        }

        public long ScratchBytes { get; }

        public int Stages { get; }

        public double Cycles { get; }

        public long OutputBytes => (long)_call.Shape.Positions * _call.Shape.OutChannels * sizeof(float);

        public long WeightBytes => _packed.Bytes;

        public void Bind(float* input, float* output, byte* scratch)
        {
            _call.Input = input;
            _call.Output = output;
            _call.Scratch = scratch;
        }

        public int Portions(int stage) => _kernel.Portions(_call.Shape, stage);

        public void Run(int stage, int first, int end, int worker) => _kernel.Run(_call, stage, first, end, worker);

        public void Dispose() => _packed.Dispose();
    }
}
