using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Rules that turn Dequantize → operator → Quantize into an operator on integers.</summary>
internal static class QuantizationRules
{
    /// <summary>Dequantize then Quantize with the same parameters is nothing; with others, Requantize.</summary>
    public static bool CancelPair(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Quantize || index.Producer(node.Input(0), OperatorType.Dequantize) is not { } dequantize) return false;
        ValueInfo source = dequantize.Input(0);
        if (!IsActivation(source) || !IsActivation(node.Output)) return false;
        node.Type = OperatorType.Requantize;
        node.Inputs[0] = source;
        return true;
    }

    /// <summary>Requantize to the parameters that the input has already is nothing.</summary>
    public static bool CancelRequantize(Node node, GraphIndex index) => node.Type == OperatorType.Requantize
        && node.Input(0).Type == node.Output.Type && Equals(node.Input(0).Quantization, node.Output.Quantization) && index.Bypass(node);

    /// <summary>MaxPool, Pad and the like pick among their inputs, so they do on integers what they do on what these stand for.</summary>
    public static bool RaiseOverDequantize(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.MaxPool or OperatorType.Pad or OperatorType.Slice or OperatorType.ReflectPad or OperatorType.Gather)) return false;
        if (index.Producer(node.Input(0), OperatorType.Dequantize) is not { } dequantize || !IsActivation(dequantize.Input(0))) return false;
        ValueInfo source = dequantize.Input(0);
        if (node.Type == OperatorType.Pad && !IsRepresentable(node.Attributes.Float("value"), source)) return false;
        ValueInfo integers = new(GraphEditor.UniqueName(index.Graph, node.Output.Name + ".quantized"), source.Type, node.Output.Shape, source.Quantization);
        index.InsertAfter(node, new Node(OperatorType.Dequantize, dequantize.Name, [integers], [node.Output]));
        node.Inputs[0] = source;
        node.Outputs[0] = integers;
        return true;
    }

    /// <summary>Convolution and FullyConnected with quantised constant weights; the bias becomes Int32 in accumulator steps.</summary>
    public static bool FoldWeighted(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.Convolution or OperatorType.FullyConnected)) return false;
        if (Quantizer(node, index) is not { } quantize || Integers(node.Input(0), index) is not { } x) return false;
        if (index.DequantizedConstant(node.Input(1)) is not { } weights || SignedWeights(weights, index) is not { } signed) return false;
        ValueInfo? bias = node.OptionalInput(2), integerBias = null;
        if (bias is not null)
        {
            integerBias = AccumulatorBias(node, bias, x.Quantization!.Scale, Int8Weights.From(signed.Constant!, signed.Quantization!)!.Scales, index);
            if (integerBias is null) return false;
            node.Inputs[2] = integerBias;
        }
        node.Inputs[0] = x;
        node.Inputs[1] = signed;
        index.Absorb(node, quantize);
        return true;
    }

    /// <summary>Operators without weights whose kernels convert between the quantisations of inputs and output.</summary>
    public static bool FoldUnweighted(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.Add or OperatorType.Sub or OperatorType.Mul or OperatorType.AveragePool or OperatorType.ReduceMean
            or OperatorType.Softmax) && !node.Type.IsFunction()) return false;
        if (Quantizer(node, index) is not { } quantize) return false;
        ValueInfo?[] integers = [.. node.Inputs.Select(v => Integers(v!, index))];
        if (integers.Contains(null) || integers.All(v => v!.IsConstant)) return false;
        for (int i = 0; i < integers.Length; i++) node.Inputs[i] = integers[i];
        index.Absorb(node, quantize);
        return true;
    }

    /// <summary>Concat on integers; inputs with another quantisation than the output's are converted before.</summary>
    public static bool FoldConcat(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Concat || Quantizer(node, index) is not { } quantize) return false;
        ValueInfo?[] integers = [.. node.Inputs.Select(v => Integers(v!, index))];
        if (integers.Contains(null)) return false;
        ValueInfo output = quantize.Output;
        for (int i = 0; i < integers.Length; i++)
        {
            ValueInfo converted = integers[i]!;
            if (converted.Type != output.Type || !Equals(converted.Quantization, output.Quantization))
            {
                converted = new(GraphEditor.UniqueName(index.Graph, converted.Name + ".requantized"), output.Type, converted.Shape, output.Quantization);
                index.InsertBefore(node, new Node(OperatorType.Requantize, converted.Name, [integers[i]], [converted]));
            }
            node.Inputs[i] = converted;
        }
        index.Absorb(node, quantize);
        return true;
    }

    private static bool IsActivation(ValueInfo v) => v is { Type: ElementType.Int8 or ElementType.UInt8, Quantization.IsPerTensor: true };

    private static ValueInfo? Integers(ValueInfo v, GraphIndex index) =>
        index.Producer(v, OperatorType.Dequantize)?.Input(0) is { } source && IsActivation(source) ? source : null;

    private static Node? Quantizer(Node node, GraphIndex index) =>
        index.OnlyConsumer(node.Output) is { Type: OperatorType.Quantize } q && IsActivation(q.Output) ? q : null;

    private static bool IsRepresentable(float value, ValueInfo v)
    {
        QuantizationParameters p = v.Quantization!;
        int q = Requantize.Quantize(value, p.Scale, p.ZeroPoint, v.Type.MinValue(), v.Type.MaxValue());
        return Requantize.Dequantize(q, p.Scale, p.ZeroPoint) == value;
    }

    // Int8 and Int4 as they are; UInt8 with bytes and zero points 128 lower. Per tensor or per output, Int4 also per group: that is what kernels take.
    private static ValueInfo? SignedWeights(ValueInfo weights, GraphIndex index)
    {
        if (weights.Quantization is not { Axis: <= 0 } q) return null;
        if (weights.Type == ElementType.Int4) return Int8Weights.From(weights.Constant!, q) is null ? null : weights;
        if (q.GroupSize != 0) return null;
        return weights.Type switch
        {
            ElementType.Int8 or ElementType.Binary => weights,
            ElementType.UInt8 => index.Constant(weights, Signed.Shift(weights.Constant!), q.ShiftZeroPoints(-128)),
            _ => null,
        };
    }

    // round(real / (sx · sw[c])); integers that have that scale already, to the precision of a float product, stay as they are.
    private static ValueInfo? AccumulatorBias(Node node, ValueInfo bias, float inputScale, float[] weightScales, GraphIndex index)
    {
        ValueInfo? source = bias.IsConstant ? bias : index.DequantizedConstant(bias);
        if (source is null) return null;
        double[] reals = HostEvaluator.ToReals(source.Constant!, source.Quantization);
        int[]? given = source is { Type: ElementType.Int32, Quantization.IsSymmetric: true } ? source.Constant!.ToInts() : null;
        int[] integers = new int[reals.Length];
        float[] scales = new float[weightScales.Length];
        for (int c = 0; c < scales.Length; c++) scales[c] = Math.Max(inputScale * weightScales[c], float.Epsilon);
        for (int i = 0; i < integers.Length; i++)
        {
            double step = (double)inputScale * weightScales[scales.Length == 1 ? 0 : i];
            bool same = given is not null && Math.Abs(source.Quantization!.Scales[source.Quantization.ChannelOf(source.Shape, i)] / step - 1) < 1e-5;
            double rounded = Math.Round(reals[i] / step, MidpointRounding.ToEven);
            if (!same && Math.Abs(rounded) >= Requantize.AccumulatorLimit)
                throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), $"bias {i} is {reals[i]:G4}, more than 2^30 steps of {step:G4}; enlarge the weights' scale");
            integers[i] = same ? given![i] : (int)rounded;
        }
        return index.Constant(source, Tensor.Vector<int>(integers), new QuantizationParameters(scales, axis: scales.Length == 1 ? -1 : 0));
    }
}
