using System.Diagnostics.CodeAnalysis;
using EdgeRuntime.Compressor.Onnx;
using EdgeRuntime.Model;

namespace EdgeRuntime.Compressor;

/// <summary>The table of ONNX operators: from domain and type to the function that translates a node.</summary>
internal static class OnnxOperators
{
    private static readonly Dictionary<string, Func<OnnxNode, ValueInfo>> Table = new(StringComparer.Ordinal)
    {
        ["Abs"] = OnnxActivations.Of(OperatorType.Abs),
        ["Add"] = n => OnnxArithmetic.Binary(n, OperatorType.Add),
        ["AveragePool"] = OnnxSpatial.AveragePool,
        ["BatchNormalization"] = OnnxSpatial.BatchNormalization,
        ["Cast"] = OnnxArithmetic.Cast,
        ["Celu"] = OnnxActivations.Elu,
        ["Ceil"] = OnnxFolding.Only,
        ["Clip"] = OnnxArithmetic.Clip,
        ["Concat"] = OnnxShapes.Concat,
        ["Constant"] = OnnxShapes.Constant,
        ["ConstantOfShape"] = OnnxFolding.Only,
        ["Conv"] = OnnxSpatial.Convolution,
        ["ConvInteger"] = OnnxQuantized.ConvolutionInteger,
        ["DepthToSpace"] = OnnxShapes.DepthToSpace,
        ["DequantizeLinear"] = OnnxQuantized.Dequantize,
        ["Div"] = n => OnnxArithmetic.Binary(n, OperatorType.Div),
        ["Dropout"] = OnnxArithmetic.Dropout,
        ["Elu"] = OnnxActivations.Elu,
        ["Equal"] = OnnxFolding.Only,
        ["Exp"] = OnnxActivations.Of(OperatorType.Exp),
        ["Expand"] = OnnxPicking.Expand,
        ["Floor"] = OnnxFolding.Only,
        ["Flatten"] = OnnxShapes.Flatten,
        ["Gather"] = OnnxPicking.Gather,
        ["Gemm"] = OnnxArithmetic.Gemm,
        ["GlobalAveragePool"] = OnnxSpatial.GlobalAveragePool,
        ["GlobalMaxPool"] = OnnxSpatial.GlobalMaxPool,
        ["Greater"] = OnnxSigns.Compare,
        ["GreaterOrEqual"] = OnnxSigns.Compare,
        ["GRU"] = OnnxRecurrent.Gru,
        ["HardSigmoid"] = OnnxActivations.HardSigmoid,
        ["HardSwish"] = OnnxActivations.Of(OperatorType.HardSwish),
        ["Identity"] = n => n.Input(0),
        ["InstanceNormalization"] = OnnxReductions.InstanceNormalization,
        ["LayerNormalization"] = OnnxReductions.LayerNormalization,
        ["LeakyRelu"] = OnnxActivations.LeakyRelu,
        ["Less"] = OnnxSigns.Compare,
        ["LessOrEqual"] = OnnxSigns.Compare,
        ["Log"] = OnnxActivations.Of(OperatorType.Log),
        ["LogSoftmax"] = OnnxReductions.LogSoftmax,
        ["LpNormalization"] = OnnxReductions.Normalize,
        ["LSTM"] = OnnxRecurrent.Lstm,
        ["MatMul"] = OnnxArithmetic.MatMul,
        ["MatMulInteger"] = OnnxQuantized.MatMulInteger,
        ["Max"] = n => OnnxActivations.Extreme(n, OperatorType.Maximum),
        ["MaxPool"] = OnnxSpatial.MaxPool,
        ["Min"] = n => OnnxActivations.Extreme(n, OperatorType.Minimum),
        ["Mish"] = OnnxActivations.Mish,
        ["Mul"] = n => OnnxArithmetic.Binary(n, OperatorType.Mul),
        ["Neg"] = OnnxActivations.Neg,
        ["Not"] = OnnxFolding.Only,
        ["Pad"] = OnnxShapes.Pad,
        ["Pow"] = OnnxArithmetic.Pow,
        ["PRelu"] = OnnxActivations.PRelu,
        ["QLinearConv"] = OnnxQuantized.Convolution,
        ["QLinearMatMul"] = OnnxQuantized.MatMul,
        ["QuantizeLinear"] = OnnxQuantized.Quantize,
        ["Reciprocal"] = OnnxActivations.Reciprocal,
        ["ReduceL1"] = OnnxReductions.L1,
        ["ReduceL2"] = OnnxReductions.L2,
        ["ReduceMax"] = OnnxReductions.Extreme,
        ["ReduceMean"] = OnnxReductions.Mean,
        ["ReduceMin"] = OnnxReductions.Extreme,
        ["ReduceSum"] = OnnxReductions.Sum,
        ["ReduceSumSquare"] = OnnxReductions.SumOfSquares,
        ["Relu"] = OnnxArithmetic.Relu,
        ["Reshape"] = OnnxShapes.Reshape,
        ["Resize"] = OnnxResize.Resize,
        ["Selu"] = OnnxActivations.Elu,
        ["Shape"] = OnnxFolding.Shape,
        ["Sigmoid"] = OnnxActivations.Of(OperatorType.Sigmoid),
        ["Sign"] = OnnxSigns.Sign,
        ["Size"] = OnnxFolding.Size,
        ["Slice"] = OnnxPicking.Slice,
        ["Softmax"] = OnnxArithmetic.Softmax,
        ["Softplus"] = OnnxActivations.Softplus,
        ["Softsign"] = OnnxActivations.Softsign,
        ["SpaceToDepth"] = OnnxShapes.SpaceToDepth,
        ["Split"] = OnnxPicking.Split,
        ["Sqrt"] = OnnxActivations.Of(OperatorType.Sqrt),
        ["Squeeze"] = OnnxShapes.Squeeze,
        ["Sub"] = n => OnnxArithmetic.Binary(n, OperatorType.Sub),
        ["Sum"] = OnnxArithmetic.Sum,
        ["Tanh"] = OnnxActivations.Of(OperatorType.Tanh),
        ["Tile"] = OnnxPicking.Tile,
        ["Transpose"] = OnnxShapes.Transpose,
        ["Unsqueeze"] = OnnxShapes.Unsqueeze,
        ["Upsample"] = OnnxResize.Resize,
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
