using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>A convolution or fully connected layer of signs with signs; gives floats, int8 or signs.</summary>
internal sealed unsafe class ConvolutionBinaryOperator : Operator
{
    private readonly ConvolutionBinaryKernel _kernel;
    private readonly ConvolutionShape _shape;
    private readonly PackedWeights _packed;
    private ConvolutionBinaryCall _call;

    private ConvolutionBinaryOperator(Node node, KernelChoice<ConvolutionBinaryKernel> choice, in ConvolutionShape shape, Tensor weights, PrepareContext context)
        : base(node, choice.Kernel.Descriptor.Id, choice.Reason)
    {
        _kernel = choice.Kernel;
        ConvolutionShape s = _shape = shape;
        EstimatedCycles = _kernel.EstimateCycles(s);
        ScratchBytes = _kernel.ScratchBytes(s, context.Workers);
        ConvolutionBinaryParameters parameters = Parameters(node, shape, out FixedPointMultiplier largest);
        ulong[] rows = BitPacked.ToRows(weights.Data.Span, weights.Count, shape.ChannelsPerGroup);
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s), to => _kernel.Pack(s, parameters, rows, to), context, s);
        _call = ConvolutionBinaryCall.Of(shape, parameters) with { Shift = largest.Shift, Packed = _packed.Pointer };
        if (parameters.Output == BinaryOutput.Float32)
            (_call.FloatMin, _call.FloatMax) = (node.Attributes.Float("min", float.NegativeInfinity), node.Attributes.Float("max", float.PositiveInfinity));
        if (parameters.Output != BinaryOutput.Int8) return;
        (_call.Min, _call.Max) = ClampOf(node, node.Output);
        _call.OutputZeroPoint = PerTensor(node, node.Output).ZeroPoint;
    }

    public override long WeightBytes => _packed.Bytes;

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    public static ConvolutionBinaryOperator Create(Node node, in ConvolutionShape shape, PrepareContext context)
    {
        if (node.Input(1).Constant is not { Type: ElementType.Binary } weights) throw Unsupported(node, $"weights of signs must be a binary constant, not {node.Input(1)}");
        BinaryOutput output = node.Output.Type switch
        {
            ElementType.Float32 => BinaryOutput.Float32,
            ElementType.Int8 => BinaryOutput.Int8,
            ElementType.Binary => BinaryOutput.Binary,
            _ => throw Unsupported(node, $"a binary layer gives float32, int8 or signs, not {node.Output.Type}"),
        };
        return new(node, KernelCatalog.Select(shape, output, context.Cpu, context.Wish(node)), shape, weights, context);
    }

    public override int Portions(int stage) => _kernel.Portions(_shape);

    public override void Bind(IBinder binder)
    {
        _call.Input = (ulong*)binder.Address(Node.Input(0));
        _call.Output = binder.Address(Node.Output);
        _call.Scratch = binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker) => _kernel.Run(_call, first, end, worker);

    public override void Dispose() => _packed.Dispose();

    private static ConvolutionBinaryParameters Parameters(Node node, in ConvolutionShape shape, out FixedPointMultiplier largest)
    {
        largest = default;
        if (node.Output.Type == ElementType.Binary)
        {
            if (node.OptionalInput(2) is { Constant.Type: not ElementType.Int32 } given) throw Unsupported(node, $"the bias of a layer that gives signs must be int32, in its sums' steps, not {given}");
            int[] bias = node.OptionalInput(2)?.Constant!.ToInts() ?? new int[shape.OutChannels];
            return new ConvolutionBinaryParameters { Output = BinaryOutput.Binary, Bias = Array.ConvertAll(bias, b => Math.Clamp(b, -(1 << 28), 1 << 28)) };
        }
        double[] scales = Scales(node, shape.OutChannels), reals = Bias(node, scales);
        if (node.Output.Type == ElementType.Float32)
            return new ConvolutionBinaryParameters { Output = BinaryOutput.Float32, Scales = Array.ConvertAll(scales, s => (float)s), Offsets = Array.ConvertAll(reals, r => (float)r) };
        const int One = 1 << ConvolutionBinaryParameters.BiasBits;
        double[] factors = Array.ConvertAll(scales, s => s / PerTensor(node, node.Output).Scale / One);
        FixedPointMultiplier most = largest = Factor(node, factors.DefaultIfEmpty().Max());
        // Beyond the accumulator's range nothing but the bias decides: the clamp hides by how much.
        double limit = Requantize.AccumulatorLimit - 1.0 - (double)One * shape.Depth;
        if (limit <= 0) throw Unsupported(node, $"{shape.Depth} products are too many for a binary layer that gives int8");
        return new ConvolutionBinaryParameters
        {
            Output = BinaryOutput.Int8,
            Multipliers = Array.ConvertAll(factors, f => FixedPointMultiplier.From(f, most.Shift).Multiplier),
            Bias = [.. reals.Select((r, o) => (int)Math.Clamp(Math.Round(r / scales[o] * One), -limit, limit))],
        };
    }

    /// <summary>What one step of a channel's sum stands for; without quantisation signs are ±1.</summary>
    private static double[] Scales(Node node, int outputs)
    {
        double input = node.Input(0).Quantization is null ? 1 : PerTensor(node, node.Input(0)).Scale;
        if (node.Input(1).Quantization is not { } w) return [.. Enumerable.Repeat(input, outputs)];
        if (w.GroupSize != 0 || !(w.IsPerTensor || w.Axis == 0)) throw Unsupported(node, $"binary weights must have one scale, or one for each output channel, not {w}");
        return [.. Enumerable.Range(0, outputs).Select(o => input * w.Scales[w.IsPerTensor ? 0 : o])];
    }

    // A float bias is real; an int32 one is in its own scale, or in steps of the sums.
    private static double[] Bias(Node node, double[] scales)
    {
        if (node.OptionalInput(2) is not { } value) return new double[scales.Length];
        if (value.Constant is not { Type: ElementType.Float32 or ElementType.Int32 } constant) throw Unsupported(node, $"the bias must be a float32 or int32 constant, not {value}");
        double[] bias = Array.ConvertAll(constant.ToFloats(), f => (double)f);
        if (constant.Type == ElementType.Int32)
            for (int o = 0; o < bias.Length; o++) bias[o] *= value.Quantization is not { } q ? scales[o] : q.Scales[q.IsPerTensor ? 0 : o];
        return bias;
    }
}
