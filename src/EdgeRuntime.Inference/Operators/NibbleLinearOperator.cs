using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>A fully connected layer of few float rows whose weights stay 4 or 8 bits in memory.</summary>
internal sealed unsafe class NibbleLinearOperator : Operator
{
    // From here on, float weights in memory are no slower.
    private const int MaxRows = 3;

    private readonly NibbleLinearKernel _kernel;
    private readonly PackedWeights _packed;
    private NibbleLinearCall _call;

    private NibbleLinearOperator(Node node, KernelChoice<NibbleLinearKernel> choice, NibbleLinearShape shape, PrepareContext context)
        : base(node, choice.Kernel.Descriptor.Id, choice.Reason)
    {
        _kernel = choice.Kernel;
        EstimatedCycles = _kernel.EstimateCycles(shape);
        ScratchBytes = NibbleLinearKernel.ScratchBytes(shape, context.Workers);
        Tensor weights = node.Input(1).Constant!;
        float[] scales = Scales(node.Input(1).Quantization!, shape);
        _packed = new PackedWeights(node, KernelId, NibbleLinearKernel.PackedBytes(shape),
            to => NibbleLinearKernel.Pack(shape, Array.ConvertAll(weights.ToInts(), w => (sbyte)w), scales, FloatConstants.Of(node, 2), to), context);
        _call = new NibbleLinearCall
        {
            Shape = shape,
            Packed = _packed.Pointer,
            Min = node.Attributes.Float("min", float.NegativeInfinity),
            Max = node.Attributes.Float("max", float.PositiveInfinity),
        };
    }

    public override long WeightBytes => _packed.Bytes;

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    /// <summary>Whether <paramref name="node"/> is such a layer: symmetric weights, per output channel or in groups that fit.</summary>
    public static bool Fits(Node node)
    {
        if (node.Type != OperatorType.FullyConnected || node.Input(1) is not { Constant: not null, Quantization: { IsSymmetric: true } q } weights) return false;
        if (node.Input(0).Shape.CountOf(0, node.Input(0).Shape.Rank - 1) > MaxRows) return false;
        return weights.Type switch
        {
            ElementType.Int4 => q.IsPerTensor || (q.Axis == 0 && q.GroupSize % 32 == 0),
            ElementType.Int8 => q.GroupSize == 0 && (q.IsPerTensor || q.Axis == 0),
            _ => false,
        };
    }

    public static NibbleLinearOperator Create(Node node, PrepareContext context)
    {
        TensorShape x = node.Input(0).Shape, w = node.Input(1).Shape;
        NibbleLinearShape shape = new(checked((int)x.CountOf(0, x.Rank - 1)), w[1], w[0], node.Input(1).Type.Bits(), node.Input(1).Quantization!.GroupSize);
        return new(node, KernelCatalog.Select(shape, context.Cpu, context.Wish(node)), shape, context);
    }

    public override int Portions(int stage) => NibbleLinearKernel.Portions(_call.Shape);

    public override void Bind(IBinder binder)
    {
        _call.Input = (float*)binder.Address(Node.Input(0));
        _call.Output = (float*)binder.Address(Node.Output);
        _call.Scratch = binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker) => _kernel.Run(_call, first, end, worker);

    public override void Dispose() => _packed.Dispose();

    private static float[] Scales(QuantizationParameters q, in NibbleLinearShape shape)
    {
        float[] scales = new float[shape.Outputs * shape.Groups];
        for (int i = 0; i < scales.Length; i++) scales[i] = q.Scales[q.IsPerTensor ? 0 : i];
        return scales;
    }
}
