using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>A quantised convolution or fully connected layer: int8 in, weights of 8 or 4 bits, int8 out.</summary>
internal sealed unsafe class ConvolutionInt8Operator : LayerOperator
{
    private readonly ConvolutionInt8Kernel _kernel;
    private readonly ConvolutionInt8Parameters _parameters;
    private readonly PackedWeights _packed;
    private ConvolutionInt8Call _call;

    private ConvolutionInt8Operator(Node node, KernelChoice<ConvolutionInt8Kernel> choice, in ConvolutionShape shape, ConvolutionInt8Parameters parameters,
        PrepareContext context) : base(node, choice.Kernel.Descriptor.Id, choice.Reason, shape)
    {
        _kernel = choice.Kernel;
        EstimatedCycles = _kernel.EstimateCycles(shape, parameters);
        ScratchBytes = _kernel.ScratchBytes(shape, context.Workers);
        Stages = _kernel.Stages(shape);
        ConvolutionShape s = shape;
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s, parameters), to => _kernel.Pack(s, parameters, parameters.Weights.Span, to), context, s);
        _call = new ConvolutionInt8Call
        {
            Shape = shape,
            Plan = _kernel.Plan(shape),
            InputZeroPoint = parameters.InputZeroPoint,
            Shift = parameters.Shift,
            OutputZeroPoint = parameters.OutputZeroPoint,
            Min = parameters.Min,
            Max = parameters.Max,
            Packed = _packed.Pointer,
        };
        _parameters = _kernel.WithoutWeights(parameters);
    }

    public override long WeightBytes => _packed.Bytes;

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    public override int Stages { get; }

    public static ConvolutionInt8Operator Create(Node node, in ConvolutionShape shape, PrepareContext context)
    {
        if (node.Output.Type != ElementType.Int8) throw Unsupported(node, $"an int8 layer must give int8, not {node.Output.Type}");
        Int8Weights weights = Weights(node);
        ConvolutionInt8Parameters parameters = Parameters(node, shape, weights);
        ConvolutionShape counted = shape with { Units = WeightUnits.Of<sbyte>(weights.Values, shape.OutChannels) };
        return new(node, KernelCatalog.Select(counted, parameters, context.Cpu, context.Wish(node)), counted, parameters, context);
    }

    public override int Portions(int stage) => _kernel.Portions(Shape, stage);

    public override void Bind(IBinder binder)
    {
        _call.Input = (sbyte*)binder.Address(Node.Input(0));
        _call.Output = (sbyte*)binder.Address(Node.Output);
        _call.Scratch = binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker) => _kernel.Run(_call, stage, first, end, worker);

    public override double EstimateBand(in ConvolutionShape band) => _kernel.EstimateCycles(band, _parameters);

    public override long BandScratchBytes(in ConvolutionShape band) => _kernel.ScratchBytes(band, 1);

    public override object? PlanBand(in ConvolutionShape band) => _kernel.Plan(band);

    public override LayerOperator Repack(in ConvolutionShape band, PrepareContext context) =>
        new ConvolutionInt8Operator(Node, new(_kernel, Reason), band, _parameters with { Weights = Weights(Node).Values }, context.WithoutPanels());

    public override void RunBand(in ConvolutionShape band, object? plan, byte* input, byte* output, byte* scratch)
    {
        ConvolutionInt8Call call = _call;
        call.Shape = band;
        call.Plan = plan;
        call.Input = (sbyte*)input;
        call.Output = (sbyte*)output;
        call.Scratch = scratch;
        int stages = _kernel.Stages(band);
        for (int stage = 0; stage < stages; stage++) _kernel.Run(call, stage, 0, _kernel.Portions(band, stage), 0);
    }

    public override void Dispose() => _packed.Dispose();

    /// <summary>The constant weights of <paramref name="node"/>, its input <paramref name="index"/>.</summary>
    public static Int8Weights Weights(Node node, int index = 1)
    {
        if (node.Input(index).Constant is not { Type: ElementType.Int8 or ElementType.Int4 or ElementType.Binary } constant)
            throw Unsupported(node, $"quantised weights must be an Int8, Int4 or Binary constant, not {node.Input(index)}");
        QuantizationParameters q = node.Input(index).Quantization ?? throw Invalid(node, $"weights {node.Input(index).Name} have no scale");
        return Int8Weights.From(constant, q)
            ?? throw Unsupported(node, $"{constant.Type} weights must be quantised per tensor{(constant.Type == ElementType.Int4 ? ", per group" : "")} or per output channel, not with {q}");
    }

    private static ConvolutionInt8Parameters Parameters(Node node, in ConvolutionShape shape, Int8Weights w)
    {
        QuantizationParameters x = PerTensor(node, node.Input(0)), y = PerTensor(node, node.Output);
        int outputs = shape.OutChannels;
        double[] factors = new double[outputs];
        for (int o = 0; o < outputs; o++) factors[o] = (double)x.Scale * w.Scale(o) / y.Scale;
        foreach (double factor in factors) Factor(node, factor);
        (int[] multipliers, int shift) = FixedPointMultiplier.Shared(factors);
        int[] bias = Bias(node, outputs, x, w);
        for (int o = 0; o < outputs; o++) FitAccumulator(node, w, o, x.ZeroPoint, shift, bias, multipliers);
        var (min, max) = ClampOf(node, node.Output);
        return new ConvolutionInt8Parameters
        {
            InputZeroPoint = x.ZeroPoint,
            WeightZeroPoints = w.ZeroPoints,
            WeightBits = w.Bits,
            WeightGroup = w.GroupSize,
            WeightMultipliers = w.Multipliers,
            Bias = bias,
            Multipliers = multipliers,
            Shift = shift,
            OutputZeroPoint = y.ZeroPoint,
            Min = min,
            Max = max,
            Weights = w.Values,
        };
    }

    /// <summary>The bias in units of input scale · weight scale; one stored with other scales is converted.</summary>
    private static int[] Bias(Node node, int outputs, QuantizationParameters x, Int8Weights w)
    {
        if (node.OptionalInput(2) is not { } value) return new int[outputs];
        if (value.Constant is not { Type: ElementType.Int32 } constant) throw Unsupported(node, $"the bias must be an int32 constant, not {value}");
        int[] bias = constant.ToInts();
        if (value.Quantization is not { } q) return bias;
        if (!q.IsPerTensor && q.Scales.Length != outputs) throw Invalid(node, $"the bias must be quantised per tensor or per output channel, not with {q}");
        for (int o = 0; o < outputs; o++)
        {
            double unit = (double)x.Scale * w.Scale(o), stored = q.Scales[q.IsPerTensor ? 0 : o];
            // What is too large stays so: FitAccumulator decides.
            if (Math.Abs(stored / unit - 1) > 1e-4) bias[o] = (int)Math.Clamp(Math.Round(bias[o] * (stored / unit)), -int.MaxValue, int.MaxValue);
        }
        return bias;
    }

    /// <summary>
    /// Makes sure that no input can take channel <paramref name="o"/> out of the accumulator. Trained networks have dead
    /// channels, all weights 0, whose tiny scale makes the bias enormous: their constant output is kept with a smaller bias.
    /// </summary>
    private static void FitAccumulator(Node node, Int8Weights weights, int o, int inputZero, int shift, int[] bias, int[] multipliers)
    {
        int depth = weights.Values.Length / bias.Length, zero = weights.ZeroPoints.Length == 0 ? 0 : weights.ZeroPoints[o], reach = Math.Max(inputZero + 128, 127 - inputZero);
        // Few products are within it whatever the weights are, which then need not be read.
        if ((long)depth * 255 * reach + Math.Abs((long)bias[o]) < Requantize.AccumulatorLimit) return;
        long sum = 0;
        foreach (sbyte v in weights.Values.AsSpan(o * depth, depth)) sum += Math.Abs(v - zero);
        if (sum * reach + Math.Abs((long)bias[o]) < Requantize.AccumulatorLimit) return;
        if (sum != 0)
            throw Invalid(node, $"output channel {o} can exceed the 30-bit accumulator; its weights sum to {sum} in magnitude and its bias is {bias[o]}");
        // A factor of 2^-12 and a bias of r · 2^12 give r again, whatever the shared shift; beyond ±2^12 the clamp decides.
        int constant = Math.Clamp(Requantize.Scale(bias[o], multipliers[o], shift), -(1 << 12), 1 << 12);
        (bias[o], multipliers[o]) = (constant << 12, FixedPointMultiplier.From(1.0 / (1 << 12), shift).Multiplier);
    }
}
