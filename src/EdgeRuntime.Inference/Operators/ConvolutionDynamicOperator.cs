using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// A layer with weights of 4 or 8 bits whose float input becomes int8 while the network runs, by <see cref="DynamicRange"/>: each row
/// of a fully connected layer by itself, the input of a convolution as a whole. The products are integers, the output is float.
/// </summary>
internal sealed unsafe class ConvolutionDynamicOperator : Operator
{
    private readonly ConvolutionInt4Kernel _kernel;
    private readonly ElementwiseKernel _elementwise;
    private readonly PackedWeights _packed;
    private readonly NativeBuffer _constants;
    private readonly int _rows;
    private readonly long _rowLength, _kernelScratch;
    private ConvolutionInt4FloatCall _call;
    private float* _input;

    private ConvolutionDynamicOperator(Node node, KernelChoice<ConvolutionInt4Kernel> choice, in ConvolutionShape shape, ConvolutionInt8Parameters parameters,
        Int8Weights weights, PrepareContext context) : base(node, choice.Kernel.Descriptor.Id, choice.Reason)
    {
        _kernel = choice.Kernel;
        _elementwise = context.Elementwise;
        _rows = node.Type == OperatorType.FullyConnected ? shape.Positions : 1;
        _rowLength = node.Input(0).Shape.ElementCount / Math.Max(1, _rows);
        _kernelScratch = (_kernel.ScratchBytes(shape, context.Workers) + 63) & ~63L;
        EstimatedCycles = _kernel.EstimateCycles(shape, parameters);
        Stages = 1 + _kernel.Stages(shape);
        ConvolutionShape s = shape;
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s, parameters), to => _kernel.Pack(s, parameters, weights.Values, to), context, s);
        int outputs = shape.OutChannels;
        _constants = new NativeBuffer(2L * outputs * sizeof(float));
        Span<float> scales = _constants.Span<float>(0, outputs);
        for (int o = 0; o < outputs; o++) scales[o] = weights.Scale(o);
        float[] bias = FloatConstants.Of(node, 2);
        bias.CopyTo(_constants.Span<float>(outputs * sizeof(float), outputs));
        _call = new ConvolutionInt4FloatCall
        {
            Integers = new ConvolutionInt8Call { Shape = shape, Packed = _packed.Pointer },
            RowStep = node.Type == OperatorType.FullyConnected ? 1 : 0,
            Scales = (float*)_constants.Pointer,
            Bias = (float*)_constants.Pointer + outputs,
            Min = node.Attributes.Float("min", float.NegativeInfinity),
            Max = node.Attributes.Float("max", float.PositiveInfinity),
        };
    }

    public override long WeightBytes => _packed.Bytes + _constants.Length;

    public override long ScratchBytes => _kernelScratch + _rows * (_rowLength + 2L * sizeof(int));

    public override double EstimatedCycles { get; }

    public override int Stages { get; }

    public static Operator Create(Node node, in ConvolutionShape shape, PrepareContext context)
    {
        Int8Weights weights = ConvolutionInt8Operator.Weights(node);
        ConvolutionInt8Parameters parameters = new()
        {
            InputZeroPoint = 0,
            WeightZeroPoints = weights.ZeroPoints,
            WeightBits = weights.Bits,
            WeightGroup = weights.GroupSize,
            WeightMultipliers = weights.Multipliers,
            Bias = new int[shape.OutChannels],
            Multipliers = new int[shape.OutChannels],
            Shift = 0,
            OutputZeroPoint = 0,
            Min = sbyte.MinValue,
            Max = sbyte.MaxValue,
        };
        if (weights.ZeroPoints.Length > 0) throw Unsupported(node, "a layer whose input is quantised while it runs needs symmetric weights; quantise them with the pass quantize-int4");
        if (!ConvolutionInt4Kernel.CanPack(shape, parameters))
            parameters = parameters.WithoutGroups();
        return new ConvolutionDynamicOperator(node, KernelCatalog.SelectDynamic(shape, parameters, context.Cpu, context.Wish(node)), shape, parameters, weights, context);
    }

    /// <summary>Rows to quantise; then the kernel's portions.</summary>
    public override int Portions(int stage) => stage == 0 ? _rows : _kernel.Portions(_call.Integers.Shape, stage - 1);

    public override void Bind(IBinder binder)
    {
        _input = (float*)binder.Address(Node.Input(0));
        _call.Output = (float*)binder.Address(Node.Output);
        _call.Integers.Scratch = binder.Scratch;
        _call.RowScales = (float*)(binder.Scratch + _kernelScratch);
        _call.RowZeros = (int*)(_call.RowScales + _rows);
        _call.Integers.Input = (sbyte*)(_call.RowZeros + _rows);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        if (stage > 0)
        {
            ConvolutionInt4FloatCall call = _call;
            call.Integers.InputZeroPoint = _rows == 1 ? _call.RowZeros[0] : 0;
            _kernel.RunFloat(call, stage - 1, first, end, worker);
            return;
        }
        for (int row = first; row < end; row++)
        {
            float* x = _input + row * _rowLength;
            (float scale, int zero) = DynamicRange.Find(x, _rowLength);
            _call.RowScales[row] = scale;
            _call.RowZeros[row] = zero;
            _elementwise.Quantize(x, (byte*)_call.Integers.Input + row * _rowLength, _rowLength, scale, zero, sbyte.MinValue, sbyte.MaxValue);
        }
    }

    public override void Dispose()
    {
        _packed.Dispose();
        _constants.Dispose();
    }
}
