using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// A product or convolution with weights of 4 or 8 bits whose float input becomes int8 while the network runs, by <see cref="DynamicRange"/>: each
/// row of a product by itself, the input of a convolution as a whole. The products are integers, the output is float.
/// </summary>
internal sealed unsafe class DynamicProduct : RowProduct
{
    private readonly IDynamicKernel _kernel;
    private readonly ElementwiseKernel _elementwise;
    private readonly PackedWeights _packed;
    private readonly NativeBuffer _constants;
    private readonly int _rows;
    private readonly long _rowLength, _kernelScratch;
    private ConvolutionDynamicCall _call;
    private float* _input;

    /// <summary>
    /// With <paramref name="bias"/> [O] or none, clamped by the attributes min and max of <paramref name="node"/>; <paramref name="part"/> tells the products of one node
    /// from each other.
    /// </summary>
    /// <exception cref="ModelException">The weights have zero points.</exception>
    public DynamicProduct(Node node, in ConvolutionShape shape, Int8Weights weights, ReadOnlySpan<float> bias, PrepareContext context, string part = "")
    {
        ConvolutionShape s = shape;
        ConvolutionInt8Parameters parameters = Parameters(node, s, weights);
        (_kernel, Reason) = KernelCatalog.SelectDynamic(s, parameters, context.Cpu, context.Wish(node));
        _elementwise = context.Elementwise;
        _rows = node.Type == OperatorType.Convolution ? 1 : s.Positions;
        _rowLength = (long)s.Batch * s.Height * s.Width * s.Channels / Math.Max(1, _rows);
        _kernelScratch = NativeBuffer.Align(_kernel.ScratchBytes(s, context.Workers));
        Cycles = _kernel.EstimateCycles(s, parameters);
        Stages = 1 + _kernel.Stages(s);
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s, parameters), to => _kernel.Pack(s, parameters, weights.Values, to), context, $"{part}{s}");
        int outputs = s.OutChannels;
        _constants = new NativeBuffer(2L * outputs * sizeof(float));
        Span<float> scales = _constants.Span<float>(0, outputs);
        for (int o = 0; o < outputs; o++) scales[o] = weights.Scale(o);
        bias.CopyTo(_constants.Span<float>(outputs * sizeof(float), outputs));
        _call = new ConvolutionDynamicCall
        {
            Integers = new ConvolutionInt8Call { Shape = s, Packed = _packed.Pointer },
            RowStep = node.Type == OperatorType.Convolution ? 0 : 1,
            Scales = (float*)_constants.Pointer,
            Bias = (float*)_constants.Pointer + outputs,
            Min = node.Attributes.Float("min", float.NegativeInfinity),
            Max = node.Attributes.Float("max", float.PositiveInfinity),
        };
    }

    public override string KernelId => _kernel.Descriptor.Id;

    /// <summary>Why the kernel was taken.</summary>
    public string Reason { get; }

    public override double Cycles { get; }

    public override int Stages { get; }

    public override long ScratchBytes => _kernelScratch + _rows * (_rowLength + 2L * sizeof(int));

    public override long WeightBytes => _packed.Bytes + _constants.Length;

    public override long OutputBytes => (long)_call.Integers.Shape.Positions * _call.Integers.Shape.OutChannels * sizeof(float);

    /// <summary>Rows to quantise; then the kernel's portions.</summary>
    public override int Portions(int stage) => stage == 0 ? _rows : _kernel.Portions(_call.Integers.Shape, stage - 1);

    public override void Bind(float* input, float* output, byte* scratch)
    {
        _input = input;
        _call.Output = output;
        _call.Integers.Scratch = scratch;
        _call.RowScales = (float*)(scratch + _kernelScratch);
        _call.RowZeros = (int*)(_call.RowScales + _rows);
        _call.Integers.Input = (sbyte*)(_call.RowZeros + _rows);
    }

    public override void Run(int stage, int first, int end, int worker)
    {
        if (stage > 0)
        {
            ConvolutionDynamicCall call = _call;
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

    private static ConvolutionInt8Parameters Parameters(Node node, in ConvolutionShape shape, Int8Weights weights)
    {
        if (weights.ZeroPoints.Length > 0)
            throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), "a layer whose input is quantised while it runs needs symmetric weights; quantise them with the pass quantize-int4");
        ConvolutionInt8Parameters parameters = new()
        {
            InputZeroPoint = 0,
            WeightZeroPoints = [],
            WeightBits = weights.Bits,
            WeightGroup = weights.GroupSize,
            WeightMultipliers = weights.Multipliers,
            Bias = new int[shape.OutChannels],
            Multipliers = new int[shape.OutChannels],
            Shift = 0,
            OutputZeroPoint = 0,
            Min = sbyte.MinValue,
            Max = sbyte.MaxValue,
            Weights = weights.Values,
        };
        return ConvolutionInt4Kernel.CanPack(shape, parameters) ? parameters : parameters with { WeightBits = 8, WeightGroup = 0, WeightMultipliers = [] };
    }
}
