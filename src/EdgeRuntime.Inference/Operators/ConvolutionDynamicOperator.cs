using EdgeRuntime.Kernels;
using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>A convolution or fully connected layer whose float input becomes int8 while the network runs: a <see cref="DynamicProduct"/>.</summary>
internal sealed unsafe class ConvolutionDynamicOperator : Operator
{
    private readonly DynamicProduct _product;

    private ConvolutionDynamicOperator(Node node, DynamicProduct product) : base(node, product.KernelId, product.Reason) => _product = product;

    public override long WeightBytes => _product.WeightBytes;

    public override long ScratchBytes => _product.ScratchBytes;

    public override double EstimatedCycles => _product.Cycles;

    public override int Stages => _product.Stages;

    public static Operator Create(Node node, in ConvolutionShape shape, PrepareContext context) =>
        new ConvolutionDynamicOperator(node, new DynamicProduct(node, shape, ConvolutionInt8Operator.Weights(node), FloatConstants.Of(node, 2), context));

    public override int Portions(int stage) => _product.Portions(stage);

    public override void Bind(IBinder binder) => _product.Bind((float*)binder.Address(Node.Input(0)), (float*)binder.Address(Node.Output), binder.Scratch);

    public override void Run(int stage, int first, int end, int worker) => _product.Run(stage, first, end, worker);

    public override void Dispose() => _product.Dispose();
}
