using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// QuantizeLinear and DequantizeLinear, and the operators on integers that carry scales and zero points as inputs:
/// those become Dequantize → float operator → Quantize.
/// </summary>
internal static class OnnxQuantized
{
    /// <summary>QuantizeLinear: x, scale, zero point (its type is the result's; uint8 without).</summary>
    public static ValueInfo Quantize(OnnxNode node)
    {
        ValueInfo x = node.Input(0);
        CheckBlocks(node);
        ElementType type = node.Optional(2)?.Type
            ?? (node.Int("output_dtype", 0) is var declared and not 0 ? OnnxTensors.ElementTypeOf(declared) : ElementType.UInt8);
        return node.Builder.Quantize(x, type, Parameters(node, x.Shape, 1, 2, node.Int("axis", 1)));
    }

    /// <summary>DequantizeLinear: x, scale, zero point.</summary>
    public static ValueInfo Dequantize(OnnxNode node)
    {
        if (node.Int("block_size", 0) is var block and not 0) return OnnxNibbles.DequantizeBlocks(node, block);
        if (node.Builder.IsUInt4(node.Input(0))) return OnnxNibbles.FromUnsigned(node, node.Input(0), Parameters(node, node.Input(0).Shape, 1, 2, node.Int("axis", 1)));
        return Real(node, 0, 1, 2, node.Int("axis", 1));
    }

    /// <summary>QLinearConv: x, its scale and zero point, weights and theirs, the result's, bias (int32).</summary>
    public static ValueInfo Convolution(OnnxNode node)
    {
        ValueInfo x = Real(node, 0, 1, 2), w = Real(node, 3, 4, 5, axis: 0);
        return Integers(node, OnnxSpatial.Convolve(node, x, w, Bias(node, 8, 1, 4)), 6, 7, node.Input(0).Type);
    }

    /// <summary>QLinearMatMul: a, b with scales and zero points, the result's.</summary>
    public static ValueInfo MatMul(OnnxNode node)
    {
        ValueInfo a = Real(node, 0, 1, 2), b = Real(node, 3, 4, 5, axis: -1);
        return Integers(node, OnnxArithmetic.MatMul(node, a, b, null), 6, 7, node.Input(0).Type);
    }

    /// <summary>QGemm: A, B with scales and zero points, C (int32), the result's scale and zero point (floats without).</summary>
    public static ValueInfo Gemm(OnnxNode node)
    {
        if (node.Float("alpha", 1) != 1 && node.Optional(6) is not null) throw OnnxNode.Unsupported("alpha other than 1 with a bias");
        ValueInfo a = Real(node, 0, 1, 2), b = Real(node, 3, 4, 5, axis: node.Int("transB", 0) != 0 ? 0 : -1);
        ValueInfo y = OnnxArithmetic.Gemm(node, a, b, Bias(node, 6, 1, 4));
        return node.Optional(7) is null ? y : Integers(node, y, 7, 8, node.Input(0).Type);
    }

    /// <summary>ConvInteger: x, weights, zero points → int32.</summary>
    public static ValueInfo ConvolutionInteger(OnnxNode node) =>
        Sums(node, OnnxSpatial.Convolve(node, Unscaled(node, 0, 2, -1), Unscaled(node, 1, 3, 0), null));

    /// <summary>MatMulInteger: a, b, zero points → int32.</summary>
    public static ValueInfo MatMulInteger(OnnxNode node) =>
        Sums(node, OnnxArithmetic.MatMul(node, Unscaled(node, 0, 2, -1), Unscaled(node, 1, 3, 1), null));

    /// <summary>QLinearAdd, QLinearMul: two operands with scales and zero points, the result's.</summary>
    public static ValueInfo Binary(OnnxNode node, OperatorType type) =>
        Integers(node, node.Builder.Emit(type, [Real(node, 0, 1, 2), Real(node, 3, 4, 5)]), 6, 7, node.Input(0).Type);

    /// <summary>QLinearSigmoid: x, its scale and zero point, the result's.</summary>
    public static ValueInfo Sigmoid(OnnxNode node) =>
        Integers(node, node.Builder.Emit(OperatorType.Sigmoid, [Real(node, 0, 1, 2)]), 3, 4, node.Input(0).Type);

    /// <summary>QLinearSoftmax; attribute opset says by which rules.</summary>
    public static ValueInfo Softmax(OnnxNode node) =>
        Integers(node, OnnxArithmetic.Softmax(node, Real(node, 0, 1, 2), node.Int("opset", 13)), 3, 4, node.Input(0).Type);

    /// <summary>QLinearAveragePool.</summary>
    public static ValueInfo AveragePool(OnnxNode node) =>
        Integers(node, OnnxSpatial.AveragePool(node, Real(node, 0, 1, 2), node.Int("channels_last", 0) != 0), 3, 4, node.Input(0).Type);

    /// <summary>QLinearGlobalAveragePool.</summary>
    public static ValueInfo GlobalAveragePool(OnnxNode node) =>
        Integers(node, OnnxSpatial.GlobalAveragePool(node, Real(node, 0, 1, 2), node.Int("channels_last", 0) != 0), 3, 4, node.Input(0).Type);

    /// <summary>QLinearConcat: the result's scale and zero point, then each operand with its own.</summary>
    public static ValueInfo Concat(OnnxNode node)
    {
        if (node.InputCount < 5 || node.InputCount % 3 != 2) throw OnnxNode.Damaged($"{node.InputCount} inputs; 2 and 3 for each operand are needed");
        ValueInfo[] parts = [.. Enumerable.Range(0, node.InputCount / 3).Select(i => Real(node, 2 + 3 * i, 3 + 3 * i, 4 + 3 * i))];
        AttributeSet attributes = new AttributeSet().Set("axis", OnnxNode.Axis(node.Int("axis", 0), parts[0].Shape.Rank));
        return Integers(node, node.Builder.Emit(OperatorType.Concat, parts, attributes), 0, 1, node.Input(2).Type);
    }

    /// <summary>The real numbers that integer input <paramref name="x"/> stands for.</summary>
    private static ValueInfo Real(OnnxNode node, int x, int scale, int zeroPoint, int axis = 1)
    {
        ValueInfo value = node.Input(x);
        if (node.Optional(zeroPoint) is { } zero && zero.Type != value.Type)
            throw OnnxNode.Damaged($"a zero point of type {zero.Type} for values of type {value.Type}");
        return node.Builder.Dequantize(value, Parameters(node, value.Shape, scale, zeroPoint, axis));
    }

    private static ValueInfo Integers(OnnxNode node, ValueInfo y, int scale, int zeroPoint, ElementType type) =>
        node.Builder.Quantize(y, node.Optional(zeroPoint)?.Type ?? type, Parameters(node, y.Shape, scale, zeroPoint, 1));

    /// <summary>Integers less their zero point, as floats.</summary>
    private static ValueInfo Unscaled(OnnxNode node, int x, int zeroPoint, int axis)
    {
        ValueInfo value = node.Input(x);
        int[] zeros = node.OptionalConstant(zeroPoint, "the zero point")?.ToInts() ?? [0];
        float[] ones = new float[zeros.Length];
        Array.Fill(ones, 1f);
        if (zeros.Length > 1 && (axis < 0 || zeros.Length != value.Shape[axis])) throw OnnxNode.Unsupported($"{zeros.Length} zero points for {value.Shape}");
        return node.Builder.Dequantize(value, new QuantizationParameters(ones, zeros, zeros.Length == 1 ? -1 : axis));
    }

    private static ValueInfo Sums(OnnxNode node, ValueInfo y) =>
        node.Builder.Quantize(y, ElementType.Int32, new QuantizationParameters(1, 0));

    /// <summary>An int32 bias, whose scale is that of the input times that of the weights.</summary>
    private static ValueInfo? Bias(OnnxNode node, int bias, int inputScale, int weightScale)
    {
        if (node.Optional(bias) is not { } value) return null;
        if (value.Type != ElementType.Int32) throw OnnxNode.Damaged($"a bias of type {value.Type}, not Int32");
        float input = node.Constant(inputScale, "the input's scale").ToFloats() is [var s] ? s : throw OnnxNode.Unsupported("an input quantised per channel");
        float[] scales = Array.ConvertAll(node.Constant(weightScale, "the weights' scale").ToFloats(), w => w * input);
        return node.Builder.Dequantize(value, new QuantizationParameters(scales, default, scales.Length == 1 ? -1 : value.Shape.Rank - 1));
    }

    /// <summary>Scale and zero point, for the whole tensor or along an axis.</summary>
    private static QuantizationParameters Parameters(OnnxNode node, TensorShape shape, int scale, int zeroPoint, int axis)
    {
        float[] scales = node.Constant(scale, "the scale").ToFloats();
        int[] zeros = node.OptionalConstant(zeroPoint, "the zero point")?.ToInts() ?? [];
        if (zeros.Length == 1 && scales.Length > 1) zeros = [.. Enumerable.Repeat(zeros[0], scales.Length)];
        if (scales.Length == 1) return new QuantizationParameters(scales, zeros);
        axis = OnnxNode.Axis(axis, shape.Rank);
        if (scales.Length != shape[axis]) throw OnnxNode.Damaged($"{scales.Length} scales for axis {axis} of {shape}");
        return new QuantizationParameters(scales, zeros, axis);
    }

    private static void CheckBlocks(OnnxNode node)
    {
        if (node.Int("block_size", 0) != 0) throw OnnxNode.Unsupported("quantisation by blocks");
    }
}
