using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>A float convolution or fully connected layer with constant weights (float32; float16 and integers are widened while packing).</summary>
internal sealed unsafe class ConvolutionFloat32Operator : LayerOperator
{
    private readonly ConvolutionFloat32Kernel _kernel;
    private readonly PackedWeights _packed;
    private ConvolutionFloat32Call _call;

    private ConvolutionFloat32Operator(Node node, KernelChoice<ConvolutionFloat32Kernel> choice, in ConvolutionShape shape, PrepareContext context)
        : base(node, choice.Kernel.Descriptor.Id, choice.Reason, shape)
    {
        _kernel = choice.Kernel;
        EstimatedCycles = _kernel.EstimateCycles(shape);
        ScratchBytes = _kernel.ScratchBytes(shape, context.Workers);
        Stages = _kernel.Stages(shape);
        ConvolutionShape s = shape;
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s), to => _kernel.Pack(s, FloatConstants.Of(node, 1), FloatConstants.Of(node, 2), to), context, s);
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

    public static ConvolutionFloat32Operator Create(Node node, in ConvolutionShape shape, PrepareContext context)
    {
        ConvolutionShape counted = shape with { Units = WeightUnits.Of<float>(FloatConstants.Of(node, 1), shape.OutChannels) };
        return new(node, KernelCatalog.Select(counted, context.Cpu, context.Wish(node)), counted, context);
    }

    public override int Portions(int stage) => _kernel.Portions(Shape, stage);

    public override void Bind(IBinder binder)
    {
        _call.Input = (float*)binder.Address(Node.Input(0));
        _call.Output = (float*)binder.Address(Node.Output);
        _call.Scratch = binder.Scratch;
    }

    public override void Run(int stage, int first, int end, int worker) => _kernel.Run(_call, stage, first, end, worker);

    public override double EstimateBand(in ConvolutionShape band) => _kernel.EstimateCycles(band);

    public override long BandScratchBytes(in ConvolutionShape band) => _kernel.ScratchBytes(band, 1);

    public override LayerOperator Repack(in ConvolutionShape band, PrepareContext context) =>
        new ConvolutionFloat32Operator(Node, new(_kernel, Reason), band, context.WithoutPanels());

    public override void RunBand(in ConvolutionShape band, object? plan, byte* input, byte* output, byte* scratch)
    {
        ConvolutionFloat32Call call = _call;
        call.Shape = band;
        call.Input = (float*)input;
        call.Output = (float*)output;
        call.Scratch = scratch;
        int stages = _kernel.Stages(band);
        for (int stage = 0; stage < stages; stage++) _kernel.Run(call, stage, 0, _kernel.Portions(band, stage), 0);
    }

    public override void Dispose() => _packed.Dispose();
}
