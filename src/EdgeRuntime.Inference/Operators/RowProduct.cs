using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>The product of rows of floats with constant weights; its stages run one after another, their portions on any worker.</summary>
internal abstract unsafe class RowProduct : IDisposable
{
    /// <summary>The kernel's id.</summary>
    public abstract string KernelId { get; }

    /// <summary>Estimated cycles on one worker.</summary>
    public abstract double Cycles { get; }

    public abstract int Stages { get; }

    public abstract long ScratchBytes { get; }

    /// <summary>Bytes of packed weights.</summary>
    public abstract long WeightBytes { get; }

    public abstract long OutputBytes { get; }

    /// <summary>Learns where everything lies.</summary>
    public abstract void Bind(float* input, float* output, byte* scratch);

    public abstract int Portions(int stage);

    public abstract void Run(int stage, int first, int end, int worker);

    public abstract void Dispose();
}

/// <summary>In float, by the kernels of fully connected layers.</summary>
internal sealed unsafe class FloatProduct : RowProduct
{
    private readonly ConvolutionFloat32Kernel _kernel;
    private readonly PackedWeights _packed;
    private ConvolutionFloat32Call _call;

    /// <summary>With the constants that are inputs <paramref name="weights"/> and <paramref name="bias"/> (or −1) of <paramref name="node"/>.</summary>
    public FloatProduct(Node node, in ConvolutionShape shape, int weights, int bias, PrepareContext context)
    {
        ConvolutionShape s = shape;
        _kernel = KernelCatalog.Select(s, context.Cpu).Kernel;
        _packed = new PackedWeights(node, KernelId, _kernel.PackedBytes(s), to => _kernel.Pack(s, FloatConstants.Of(node, weights), bias < 0 ? [] : FloatConstants.Of(node, bias), to), context);
        _call = new ConvolutionFloat32Call { Shape = s, Min = float.NegativeInfinity, Max = float.PositiveInfinity, Packed = _packed.Pointer };
        ScratchBytes = _kernel.ScratchBytes(s, context.Workers);
        Stages = _kernel.Stages(s);
        Cycles = _kernel.EstimateCycles(s);
    }

    public override string KernelId => _kernel.Descriptor.Id;

    public override double Cycles { get; }

    public override int Stages { get; }

    public override long ScratchBytes { get; }

    public override long WeightBytes => _packed.Bytes;

    public override long OutputBytes => (long)_call.Shape.Positions * _call.Shape.OutChannels * sizeof(float);

    public override void Bind(float* input, float* output, byte* scratch)
    {
        _call.Input = input;
        _call.Output = output;
        _call.Scratch = scratch;
    }

    public override int Portions(int stage) => _kernel.Portions(_call.Shape, stage);

    public override void Run(int stage, int first, int end, int worker) => _kernel.Run(_call, stage, first, end, worker);

    public override void Dispose() => _packed.Dispose();
}
