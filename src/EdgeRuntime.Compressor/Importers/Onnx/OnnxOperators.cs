using System.Diagnostics.CodeAnalysis;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>The table of ONNX operators: from domain and type to the function that translates a node.</summary>
internal static class OnnxOperators
{
    private static readonly Dictionary<string, Func<OnnxNode, ValueInfo>> Table = new(StringComparer.Ordinal)
    {
        ["Add"] = n => OnnxArithmetic.Binary(n, OperatorType.Add),
        ["AveragePool"] = OnnxSpatial.AveragePool,
        ["BatchNormalization"] = OnnxSpatial.BatchNormalization,
        ["Cast"] = OnnxArithmetic.Cast,
        ["Clip"] = OnnxArithmetic.Clip,
        ["Concat"] = OnnxShapes.Concat,
        ["Constant"] = OnnxShapes.Constant,
        ["ConstantOfShape"] = OnnxFolding.Only,
        ["Conv"] = OnnxSpatial.Convolution,
        ["ConvInteger"] = OnnxQuantized.ConvolutionInteger,
        ["DequantizeLinear"] = OnnxQuantized.Dequantize,
        ["Div"] = n => OnnxArithmetic.Binary(n, OperatorType.Div),
        ["Dropout"] = OnnxArithmetic.Dropout,
        ["Equal"] = OnnxFolding.Only,
        ["Expand"] = OnnxPicking.Expand,
        ["Flatten"] = OnnxShapes.Flatten,
        ["Gather"] = OnnxPicking.Gather,
        ["Gemm"] = OnnxArithmetic.Gemm,
        ["GlobalAveragePool"] = OnnxSpatial.GlobalAveragePool,
        ["GlobalMaxPool"] = OnnxSpatial.GlobalMaxPool,
        ["GRU"] = OnnxRecurrent.Gru,
        ["Greater"] = OnnxSigns.Compare,
        ["GreaterOrEqual"] = OnnxSigns.Compare,
        ["Identity"] = n => n.Input(0),
        ["Less"] = OnnxSigns.Compare,
        ["LessOrEqual"] = OnnxSigns.Compare,
        ["LSTM"] = OnnxRecurrent.Lstm,
        ["MatMul"] = OnnxArithmetic.MatMul,
        ["MatMulInteger"] = OnnxQuantized.MatMulInteger,
        ["MaxPool"] = OnnxSpatial.MaxPool,
        ["Mul"] = n => OnnxArithmetic.Binary(n, OperatorType.Mul),
        ["Not"] = OnnxFolding.Only,
        ["Pad"] = OnnxShapes.Pad,
        ["Pow"] = OnnxArithmetic.Pow,
        ["QLinearConv"] = OnnxQuantized.Convolution,
        ["QLinearMatMul"] = OnnxQuantized.MatMul,
        ["QuantizeLinear"] = OnnxQuantized.Quantize,
        ["ReduceMean"] = OnnxArithmetic.ReduceMean,
        ["Relu"] = OnnxArithmetic.Relu,
        ["Reshape"] = OnnxShapes.Reshape,
        ["Shape"] = OnnxFolding.Shape,
        ["Sigmoid"] = n => n.Builder.Emit(OperatorType.Sigmoid, [n.Input(0)]),
        ["Sign"] = OnnxSigns.Sign,
        ["Size"] = OnnxFolding.Size,
        ["Slice"] = OnnxPicking.Slice,
        ["Softmax"] = OnnxArithmetic.Softmax,
        ["Split"] = OnnxPicking.Split,
        ["Sqrt"] = n => n.Builder.Emit(OperatorType.Sqrt, [n.Input(0)]),
        ["Squeeze"] = OnnxShapes.Squeeze,
        ["Sub"] = n => OnnxArithmetic.Binary(n, OperatorType.Sub),
        ["Sum"] = OnnxArithmetic.Sum,
        ["Tanh"] = n => n.Builder.Emit(OperatorType.Tanh, [n.Input(0)]),
        ["Transpose"] = OnnxShapes.Transpose,
        ["Unsqueeze"] = OnnxShapes.Unsqueeze,
        ["Where"] = OnnxSigns.Where,
        ["com.microsoft.DequantizeLinear"] = OnnxQuantized.Dequantize,
        ["com.microsoft.DynamicQuantizeLSTM"] = OnnxRecurrent.DynamicLstm,
        ["com.microsoft.MatMulNBits"] = OnnxNibbles.MatrixProduct,
        ["com.microsoft.QGemm"] = OnnxQuantized.Gemm,
        ["com.microsoft.QLinearAdd"] = n => OnnxQuantized.Binary(n, OperatorType.Add),
        ["com.microsoft.QLinearAveragePool"] = OnnxQuantized.AveragePool,
        ["com.microsoft.QLinearConcat"] = OnnxQuantized.Concat,
        ["com.microsoft.QLinearGlobalAveragePool"] = OnnxQuantized.GlobalAveragePool,
        ["com.microsoft.QLinearMul"] = n => OnnxQuantized.Binary(n, OperatorType.Mul),
        ["com.microsoft.QLinearSigmoid"] = OnnxQuantized.Sigmoid,
        ["com.microsoft.QLinearSoftmax"] = OnnxQuantized.Softmax,
        ["com.microsoft.QuantizeLinear"] = OnnxQuantized.Quantize,
    };

    /// <summary>The types that are translated, with the domain in front where it is not the standard's.</summary>
    public static IEnumerable<string> Keys => Table.Keys;

    /// <summary>The translation of <paramref name="node"/>; nodes that compute on constants are folded first.</summary>
    public static bool TryGet(NodeProto node, [NotNullWhen(true)] out Func<OnnxNode, ValueInfo>? translate)
    {
        if (!Table.TryGetValue(OnnxNode.Key(node), out Func<OnnxNode, ValueInfo>? general))
        {
            translate = null;
            return false;
        }
        translate = n => OnnxFolding.TryFold(n) is { } folded ? n.Builder.Constant(folded) : general(n);
        return true;
    }
}
