using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>Constant operands of layers that compute in float.</summary>
internal static class FloatConstants
{
    /// <summary>Input <paramref name="index"/> as floats: stored so, in half precision, or quantised; nothing for a bias that is absent.</summary>
    /// <exception cref="ModelException">It is not a constant that stands for real numbers.</exception>
    public static float[] Of(Node node, int index) => node.OptionalInput(index) switch
    {
        null when index > 1 => [],
        { Constant: { Type: ElementType.Float32 or ElementType.Float16 } constant } => constant.ToFloats(),
        { Constant: { } constant, Quantization: { } q } => q.Dequantize(constant),
        var value => throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"weights and bias of a float layer must be constants of real numbers, not {value}"),
    };
}
