using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Signs as ONNX networks write them: Sign, or a comparison that chooses between two numbers. All become Binarize, whose result
/// stands for −1 and +1. ONNX gives Sign(0) = 0; here it is +1 (<see cref="BitPacked"/>), as one bit has no third value.
/// </summary>
internal static class OnnxSigns
{
    /// <summary>Sign of floats.</summary>
    public static ValueInfo Sign(OnnxNode node) => Real(node.Builder, node.Builder.Binarize(node.Input(0), 0));

    /// <summary>A comparison of floats with constants: a truth value as a sign.</summary>
    public static ValueInfo Compare(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = node.Input(0), limit = node.Input(1);
        bool less = node.Type.StartsWith("Less", StringComparison.Ordinal), orEqual = node.Type.EndsWith("OrEqual", StringComparison.Ordinal);
        if (x.IsConstant) (x, limit, less) = (limit, x, !less);
        if (!limit.IsConstant || limit.Type != ElementType.Float32) throw OnnxNode.Unsupported($"{node.Type} of two computed values ({x.Name}, {limit.Name}); one must be a float constant");
        float t = limit.Shape.ElementCount == 1 ? limit.Constant!.ToFloats()[0] : 0;
        if (limit.Shape.ElementCount != 1) x = b.Emit(OperatorType.Sub, [x, limit]);
        // x < t is −x > −t; x > t is x ≥ the next number above t.
        if (less) (x, t) = (b.Emit(OperatorType.Mul, [x, b.Constant(-1f)]), -t);
        return b.Binarize(x, orEqual ? t : MathF.BitIncrement(t));
    }

    /// <summary>Where: one of two constants by a comparison's result s: s · (a − b) / 2 + (a + b) / 2.</summary>
    public static ValueInfo Where(OnnxNode node)
    {
        ValueInfo condition = node.Input(0);
        if (condition.Type != ElementType.Binary || node.Input(1) is not { Constant: { Type: ElementType.Float32, Count: 1 } a } || node.Input(2) is not { Constant: { Type: ElementType.Float32, Count: 1 } b })
            throw OnnxNode.Unsupported("Where other than a choice between two numbers by a comparison with constants");
        return Choose(node.Builder, condition, a.ToFloats()[0], b.ToFloats()[0]);
    }

    /// <summary>A truth value cast to float: 1 or 0.</summary>
    public static ValueInfo Cast(OnnxGraphBuilder builder, ValueInfo condition) => Choose(builder, condition, 1, 0);

    private static ValueInfo Choose(OnnxGraphBuilder builder, ValueInfo condition, float whenTrue, float whenFalse)
    {
        ValueInfo y = Real(builder, condition);
        float half = (whenTrue - whenFalse) / 2, middle = (whenTrue + whenFalse) / 2;
        if (half != 1) y = builder.Emit(OperatorType.Mul, [y, builder.Constant(half)]);
        return middle == 0 ? y : builder.Emit(OperatorType.Add, [y, builder.Constant(middle)]);
    }

    private static ValueInfo Real(OnnxGraphBuilder builder, ValueInfo signs) => builder.Dequantize(signs, new QuantizationParameters(1, 0));
}
