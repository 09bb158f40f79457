using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Functions of single elements, those without an operator of their own as the formulas that define them.</summary>
internal static class OnnxActivations
{
    /// <summary>A function that has an operator.</summary>
    public static Func<OnnxNode, ValueInfo> Of(OperatorType type) => n => n.Builder.Emit(type, [n.Input(0)]);

    /// <summary>x where positive, alpha · x elsewhere.</summary>
    public static ValueInfo LeakyRelu(OnnxNode node) => node.Builder.Emit(OperatorType.LeakyRelu, [node.Input(0)], new AttributeSet().Set("alpha", node.Float("alpha", 0.01f)));

    /// <summary>LeakyRelu with a slope for each channel: max(x, 0) + slope · min(x, 0).</summary>
    public static ValueInfo PRelu(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo x = node.Input(0), slope = node.Input(1);
        if (slope.Constant is { Type: ElementType.Float32 } constant && constant.ToFloats() is [var first, ..] all && !all.AsSpan().ContainsAnyExcept(first))
            return b.Emit(OperatorType.LeakyRelu, [x], new AttributeSet().Set("alpha", first));
        return Formulas.PRelu(b, x, slope);
    }

    /// <summary>clamp(alpha · x + beta, 0, 1).</summary>
    public static ValueInfo HardSigmoid(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        ValueInfo scaled = b.Emit(OperatorType.Mul, [node.Input(0), b.Constant(node.Float("alpha", 0.2f))]);
        return b.Emit(OperatorType.Add, [scaled, b.Constant(node.Float("beta", 0.5f))], new AttributeSet().Set("min", 0f).Set("max", 1f));
    }

    /// <summary>Elu, Selu and Celu: gamma · (max(x, 0) + alpha · (exp(min(x, 0) / scale) − 1)).</summary>
    public static ValueInfo Elu(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        float alpha = node.Float("alpha", node.Type == "Selu" ? 1.67326319f : 1), gamma = node.Type == "Selu" ? node.Float("gamma", 1.05070102f) : 1;
        ValueInfo y = Formulas.Elu(b, node.Input(0), alpha, node.Type == "Celu" ? alpha : 1);
        return gamma == 1 ? y : b.Emit(OperatorType.Mul, [y, b.Constant(gamma)]);
    }

    /// <summary>ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|).</summary>
    public static ValueInfo Softplus(OnnxNode node) => Softplus(node.Builder, node.Input(0));

    /// <summary>x · tanh(softplus(x)).</summary>
    public static ValueInfo Mish(OnnxNode node) =>
        node.Builder.Emit(OperatorType.Mul, [node.Input(0), node.Builder.Emit(OperatorType.Tanh, [Softplus(node.Builder, node.Input(0))])]);

    /// <summary>x / (1 + |x|).</summary>
    public static ValueInfo Softsign(OnnxNode node)
    {
        OnnxGraphBuilder b = node.Builder;
        return b.Emit(OperatorType.Div, [node.Input(0), b.Emit(OperatorType.Add, [b.Emit(OperatorType.Abs, [node.Input(0)]), b.Constant(1f)])]);
    }

    /// <summary>−x.</summary>
    public static ValueInfo Neg(OnnxNode node) => Formulas.Negate(node.Builder, node.Input(0));

    /// <summary>1 / x.</summary>
    public static ValueInfo Reciprocal(OnnxNode node) => node.Builder.Emit(OperatorType.Div, [node.Builder.Constant(1f), node.Input(0)]);

    /// <summary>The largest or smallest of any number of operands; single numbers are bounds of a clamp.</summary>
    public static ValueInfo Extreme(OnnxNode node, OperatorType type)
    {
        ValueInfo result = node.Input(0);
        for (int i = 1; i < node.InputCount; i++)
        {
            (ValueInfo a, ValueInfo b) = result.IsConstant ? (node.Input(i), result) : (result, node.Input(i));
            result = b.Constant is { Type: ElementType.Float32, Count: 1 } bound && b.Shape.Rank <= a.Shape.Rank && !float.IsNaN(bound.ToFloats()[0])
                ? node.Builder.Emit(OperatorType.Clip, [a], new AttributeSet().Set(type == OperatorType.Maximum ? "min" : "max", bound.ToFloats()[0]))
                : node.Builder.Emit(type, [a, b]);
        }
        return result;
    }

    private static ValueInfo Softplus(OnnxGraphBuilder b, ValueInfo x)
    {
        ValueInfo minus = Formulas.Negate(b, b.Emit(OperatorType.Abs, [x]));
        ValueInfo curve = b.Emit(OperatorType.Log, [b.Emit(OperatorType.Add, [b.Emit(OperatorType.Exp, [minus]), b.Constant(1f)])]);
        return b.Emit(OperatorType.Add, [Formulas.Positive(b, x), curve]);
    }
}
