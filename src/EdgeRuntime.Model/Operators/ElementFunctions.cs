using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>Operators that work element by element: which they are, and what functions of one number compute.</summary>
public static class ElementFunctions
{
    /// <summary>Whether it is a function of one number, the same for every element. On bytes it is a table of 256 entries.</summary>
    public static bool IsFunction(this OperatorType type) => type is OperatorType.Clip or OperatorType.Sigmoid or OperatorType.Tanh or OperatorType.Sqrt
        or OperatorType.Abs or OperatorType.Exp or OperatorType.Log or OperatorType.LeakyRelu or OperatorType.HardSwish;

    /// <summary>Whether it joins two operands element by element, with broadcasting.</summary>
    public static bool IsPairwise(this OperatorType type) => type is OperatorType.Add or OperatorType.Sub or OperatorType.Mul or OperatorType.Div
        or OperatorType.Maximum or OperatorType.Minimum;

    /// <summary>The function of <paramref name="node"/> as tables of bytes are made with it, the same numbers on every processor; the identity for operators that are none.</summary>
    public static Func<float, float> Of(Node node)
    {
        float min = node.Attributes.Float("min", float.NegativeInfinity), max = node.Attributes.Float("max", float.PositiveInfinity), alpha = node.Attributes.Float("alpha", 0);
        return node.Type switch
        {
            OperatorType.Sigmoid => QuantizedFunctions.Sigmoid,
            OperatorType.Tanh => QuantizedFunctions.Tanh,
            OperatorType.Sqrt => MathF.Sqrt,
            OperatorType.Abs => MathF.Abs,
            OperatorType.Exp => QuantizedFunctions.Exp,
            OperatorType.Log => QuantizedFunctions.Log,
            OperatorType.LeakyRelu => x => x >= 0 ? x : alpha * x,
            OperatorType.HardSwish => QuantizedFunctions.HardSwish,
            OperatorType.Clip => x => Math.Min(Math.Max(x, min), max),
            _ => x => x,
        };
    }
}
