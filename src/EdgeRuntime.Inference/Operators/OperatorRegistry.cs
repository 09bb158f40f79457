using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Makes the runtime operator of each node; the only list of what the runtime can execute.</summary>
internal static class OperatorRegistry
{
    /// <summary>Creates the operator, which checks the node, chooses its kernel and packs its weights.</summary>
    /// <exception cref="ModelException">The runtime has no implementation for it.</exception>
    public static Operator Create(Node node, PrepareContext context)
    {
        bool isInt8 = node.Input(0).Type == ElementType.Int8;
        return node.Type switch
        {
            OperatorType.Convolution or OperatorType.FullyConnected when node.Input(0).Type == ElementType.Binary =>
                ConvolutionBinaryOperator.Create(node, ConvolutionShapes.Of(node), context),
            OperatorType.Convolution or OperatorType.FullyConnected when isInt8 => ConvolutionInt8Operator.Create(node, ConvolutionShapes.Of(node), context),
            OperatorType.Convolution or OperatorType.FullyConnected when IsFloat(node) && node.Attributes.Int("dynamic", 0) != 0 =>
                ConvolutionDynamicOperator.Create(node, ConvolutionShapes.Of(node), context),
            OperatorType.FullyConnected when IsFloat(node) && NibbleLinearOperator.Fits(node) => NibbleLinearOperator.Create(node, context),
            OperatorType.Convolution or OperatorType.FullyConnected when IsFloat(node) => ConvolutionFloat32Operator.Create(node, ConvolutionShapes.Of(node), context),
            var type when type.IsPairwise() => new BinaryOperator(node, context.Elementwise),
            OperatorType.AveragePool or OperatorType.MaxPool or OperatorType.ReduceMean => new PoolOperator(node, context),
            OperatorType.Softmax => new SoftmaxOperator(node, context),
            OperatorType.Reshape => new ReshapeOperator(node),
            OperatorType.Transpose => new TransposeOperator(node, context.Elementwise),
            OperatorType.Lstm or OperatorType.Gru => isInt8 ? RecurrentInt8Operator.Create(node, context) : RecurrentFloat32Operator.Create(node, context),
            OperatorType.Pad => new PadOperator(node),
            OperatorType.Slice or OperatorType.ReflectPad or OperatorType.Gather => new PickOperator(node),
            OperatorType.Concat => new ConcatOperator(node, context.Elementwise),
            var type when type.IsFunction() && IsFloat(node) => new UnaryFloatOperator(node, context.Elementwise),
            var type when (type.IsFunction() || type == OperatorType.Requantize) && IsByte(node.Input(0)) && IsByte(node.Output) =>
                new LookupOperator(node, context.Elementwise, ElementFunctions.Of(node)),
            OperatorType.Binarize => new BinarizeOperator(node, context.Elementwise),
            OperatorType.Dequantize when node.Input(0).Type == ElementType.Binary && node.Output.Type == ElementType.Float32 =>
                new DequantizeSignsOperator(node, context.Elementwise),
            OperatorType.Quantize when IsFloat(node) && IsByte(node.Output) => new QuantizeOperator(node, context.Elementwise),
            OperatorType.Quantize when IsFloat(node) && node.Output.Type == ElementType.Int16 => new QuantizeInt16Operator(node, context.Elementwise),
            OperatorType.Dequantize when node.Input(0).Type == ElementType.Int16 && node.Output.Type == ElementType.Float32 => new DequantizeInt16Operator(node, context.Elementwise),
            OperatorType.Dequantize when IsByte(node.Input(0)) && node.Output.Type == ElementType.Float32 => new DequantizeOperator(node, context.Elementwise),
            _ => throw new ModelException(ModelErrorKind.Unsupported, node.ToString(),
                $"the runtime has no {node.Type} from {node.Input(0)} to {node.Output}; run the optimiser on the network first"),
        };
    }

    private static bool IsFloat(Node node) => node.Input(0).Type == ElementType.Float32;

    private static bool IsByte(ValueInfo value) => value.Type is ElementType.Int8 or ElementType.UInt8;
}
