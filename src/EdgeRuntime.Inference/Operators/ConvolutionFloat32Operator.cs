using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>A float convolution or fully connected layer with constant weights (float32; float16 and integers are widened while packing).</summary>
internal sealed unsafe class ConvolutionFloat32Operator : Operator
{
    private readonly ConvolutionFloat32Kernel _kernel;
    private readonly ConvolutionShape _shape;
    private readonly PackedWeights _packed;
    private ConvolutionFloat32Call _call;

    private ConvolutionFloat32Operator(Node node, KernelChoice<ConvolutionFloat32Kernel> choice, in ConvolutionShape shape, PrepareContext context)
        : base(node, choice.Kernel.Descriptor.Id, choice.Reason)
    {
        _kernel = choice.Kernel;
        _shape = shape;
        EstimatedCycles = _kernel.EstimateCycles(shape);
        ScratchBytes = _kernel.ScratchBytes(shape, context.Workers);
        Stages = _kernel.Stages(shape);
        ConvolutionShape s = shape;
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s), to => _kernel.Pack(s, FloatConstants.Of(node, 1), FloatConstants.Of(node, 2), to), context);
        _call = new ConvolutionFloat32Call
        {
            Shape = shape,
            Min = node.Attributes.Float("min", float.NegativeInfinity),
            Max = node.Attributes.Float("max", float.PositiveInfinity),
            Packed = _packed.Pointer,
        };
    }

    public override long WeightBytes => _packed.Bytes;

    public override long ScratchBytes { get; }

    public override double EstimatedCycles { get; }

    public override int Stages { get; }

    public static ConvolutionFloat32Operator Create(Node node, in ConvolutionShape shape, PrepareContext context) =>
        new(node, KernelCatalog.Select(shape, context.Cpu, context.Wish(node)), shape, context);

    public override int Portions(int stage) => _kernel.Portions(_shape, stage);

    public override void Bind(IBinder binder)
    {
        _call.Input = (float*)binder.Address(Node.Input(0));
        _call.Output = (float*)binder.Address(Node.Output);
        _call.Scratch = binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker) => _kernel.Run(_call, stage, first, end, worker);

    public override void Dispose() => _packed.Dispose();
}
