using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Matrix products, elementwise operators and softmax.</summary>
internal static class OnnxArithmetic
{
    /// <summary>Add, Sub, Mul, Div.</summary>
    public static ValueInfo Binary(OnnxNode node, OperatorType type) =>
        OnnxFolding.ZeroProduct(node, type) is { } zeros ? node.Builder.Constant(zeros) : node.Builder.Emit(type, [node.Input(0), node.Input(1)]);

    /// <summary>Pow with the exponents that have an operator: 1, 2 and 1/2.</summary>
    public static ValueInfo Pow(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        Tensor exponent = node.Constant(1, "the exponent");
        return (exponent.Count == 1 ? exponent.ToFloats()[0] : float.NaN) switch
        {
            1 => x,
            2 => node.Builder.Emit(OperatorType.Mul, [x, x]),
            0.5f => node.Builder.Emit(OperatorType.Sqrt, [x]),
            var e => throw OnnxNode.Unsupported($"the power {e}; 1, 2 and 0.5 are"),
        };
    }

    /// <summary>Sum of any number of operands.</summary>
    public static ValueInfo Sum(OnnxNode node)
    {
        ValueInfo sum = node.Input(0);
        for (int i = 1; i < node.InputCount; i++) sum = node.Builder.Emit(OperatorType.Add, [sum, node.Input(i)]);
        return sum;
    }

    /// <summary>Relu, as Clip at 0.</summary>
    public static ValueInfo Relu(OnnxNode node) => node.Builder.Emit(OperatorType.Clip, [node.Input(0)], new AttributeSet().Set("min", 0f));

    /// <summary>Clip; the bounds are attributes until operator set 10, then inputs.</summary>
    public static ValueInfo Clip(OnnxNode node)
    {
        float min = node.Opset < 11 ? node.Float("min", float.MinValue) : Bound(node, 1, float.MinValue);
        float max = node.Opset < 11 ? node.Float("max", float.MaxValue) : Bound(node, 2, float.MaxValue);
        AttributeSet attributes = new();
        if (!(min <= float.MinValue)) attributes.Set("min", min);
        if (!(max >= float.MaxValue)) attributes.Set("max", max);
        return node.Builder.Emit(OperatorType.Clip, [node.Input(0)], attributes);
    }

    /// <summary>Dropout does nothing outside training.</summary>
    public static ValueInfo Dropout(OnnxNode node)
    {
        if (node.OptionalConstant(2, "training_mode") is { Count: > 0 } training && training.ToInts()[0] != 0)
            throw OnnxNode.Unsupported("dropout in training mode");
        return node.Input(0);
    }

    /// <summary>Cast: nothing between types that are imported alike; quantised integers to float are dequantised.</summary>
    public static ValueInfo Cast(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        ElementType to = OnnxTensors.ElementTypeOf(node.Int("to", 0));
        if (x.Type == to) return x;
        if (x.Type == ElementType.Binary && to == ElementType.Float32) return OnnxSigns.Cast(node.Builder, x);
        if (to == ElementType.Float32 && node.Builder.ExactSums(x) is { } sums) return sums;
        if (to == ElementType.Float32 && x.Type.IsQuantizable()) return node.Builder.Dequantize(x, new QuantizationParameters(1, 0));
        throw OnnxNode.Unsupported($"{x.Type} values cast to {to}");
    }

    /// <summary>Softmax over one axis; until operator set 12 over all axes from the given one on.</summary>
    public static ValueInfo Softmax(OnnxNode node) => Softmax(node, node.Input(0), node.Opset);

    /// <summary>Softmax of float values by the rules of operator set <paramref name="opset"/>.</summary>
    public static ValueInfo Softmax(OnnxNode node, ValueInfo x, int opset)
    {
        TensorShape s = x.Shape;
        int axis = OnnxNode.Axis(node.Int("axis", opset < 13 ? 1 : -1), s.Rank);
        if (opset >= 13 || s.CountOf(axis + 1, s.Rank) == 1)
            return node.Builder.Emit(OperatorType.Softmax, [x], new AttributeSet().Set("axis", axis));
        ValueInfo rows = node.Builder.Reshape(x, new TensorShape(checked((int)s.CountOf(0, axis)), checked((int)s.CountOf(axis, s.Rank))));
        return node.Builder.Reshape(node.Builder.Emit(OperatorType.Softmax, [rows], new AttributeSet().Set("axis", 1)), s);
    }

    /// <summary>MatMul with a constant matrix on the right.</summary>
    public static ValueInfo MatMul(OnnxNode node) => MatMul(node, node.Input(0), node.Input(1), null);

    /// <summary>x [...,K] times the constant matrix [K,N], plus a constant bias.</summary>
    public static ValueInfo MatMul(OnnxNode node, ValueInfo x, ValueInfo matrix, ValueInfo? bias)
    {
        OnnxGraphBuilder b = node.Builder;
        if (!b.IsConstant(matrix)) throw OnnxNode.Unsupported($"a product of two computed matrices ({x.Name}, {matrix.Name}); the right one must be constant");
        if (matrix.Shape.Rank > 2 && matrix.Shape.CountOf(0, matrix.Shape.Rank - 2) == 1 && x.Shape.Rank >= matrix.Shape.Rank)
            matrix = b.Reshape(matrix, new TensorShape(matrix.Shape[-2], matrix.Shape[-1]));
        if (matrix.Shape.Rank != 2) throw OnnxNode.Unsupported($"a right-hand matrix of shape {matrix.Shape}; rank 2 is");
        return b.Emit(OperatorType.FullyConnected, [x, b.Transpose(matrix, 1, 0), bias]);
    }

    /// <summary>Gemm: alpha · A' · B' + beta · C, with a constant B.</summary>
    public static ValueInfo Gemm(OnnxNode node) => Gemm(node, node.Input(0), node.Input(1), node.Optional(2));

    /// <summary>The product of float values that <paramref name="node"/>'s attributes describe.</summary>
    public static ValueInfo Gemm(OnnxNode node, ValueInfo a, ValueInfo matrix, ValueInfo? c)
    {
        OnnxGraphBuilder b = node.Builder;
        if (a.Shape.Rank != 2 || matrix.Shape.Rank != 2) throw OnnxNode.Damaged($"matrices {a.Shape} and {matrix.Shape} must have rank 2");
        if (node.Int("transA", 0) != 0) a = b.Transpose(a, 1, 0);
        if (node.Int("transB", 0) != 0) matrix = b.Transpose(matrix, 1, 0);
        float alpha = node.Float("alpha", 1), beta = node.Float("beta", 1);
        if (beta == 0) c = null;
        int n = matrix.Shape[1];
        ValueInfo? bias = c is not null && alpha == 1 && beta == 1 ? AsBias(b, c, n) : null;
        ValueInfo y = MatMul(node, a, matrix, bias);
        if (alpha != 1) y = b.Emit(OperatorType.Mul, [y, b.Constant(alpha)]);
        if (c is null || bias is not null) return y;
        if (beta != 1) c = b.Emit(OperatorType.Mul, [c, b.Constant(beta)]);
        return b.Emit(OperatorType.Add, [y, c]);
    }

    /// <summary>C as a vector of n, where it is a constant that is the same for every row; else null.</summary>
    private static ValueInfo? AsBias(OnnxGraphBuilder b, ValueInfo c, int n)
    {
        if (!b.IsConstant(c) || c.Shape.Rank > 2 || (c.Shape.Rank == 2 && c.Shape[0] != 1)) return null;
        if (c.Shape.ElementCount == n) return b.Reshape(c, new TensorShape(n));
        if (c.Constant is not { Type: ElementType.Float32, Count: 1 } scalar) return null;
        float[] same = new float[n];
        Array.Fill(same, scalar.ToFloats()[0]);
        return b.Constant(Tensor.Vector<float>(same));
    }

    private static float Bound(OnnxNode node, int index, float fallback) =>
        node.OptionalConstant(index, "a bound") is not { } bound ? fallback
        : bound.Count == 1 ? bound.ToFloats()[0] : throw OnnxNode.Damaged($"bound {index} has {bound.Count} elements, not 1");
}
