using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Rules that bring Binarize → Dequantize → layer to layers that read, and give, packed signs.</summary>
internal static class BinaryRules
{
    /// <summary>Layers with fewer weights for an output stay as they are: one weight is always "a sign times a scale".</summary>
    public const int LeastWeights = 16;

    /// <summary>Transpose(Binarize(x)) = Binarize(Transpose(x)) where one threshold serves all, and the same for Reshape: signs have no layout of their own.</summary>
    public static bool RaiseOverBinarize(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.Transpose or OperatorType.Reshape) || index.Producer(node.Input(0), OperatorType.Binarize) is not { } binarize) return false;
        if (node.Output.Shape.Rank == 0 || binarize.OptionalInput(1) is { Shape.ElementCount: not 1 }) return false;
        ValueInfo moved = index.Derive(binarize.Input(0), ".moved", node.Output.Shape);
        index.InsertBefore(node, new Node(node.Type, node.Name, [binarize.Input(0)], [moved], node.Attributes.Clone()));
        node.Type = OperatorType.Binarize;
        node.Attributes.Remove("perm");
        node.Inputs[0] = moved;
        if (binarize.OptionalInput(1) is { } threshold) node.Inputs.Add(threshold);
        return true;
    }

    /// <summary>x + c ≥ t is x ≥ t − c. x · k ≥ t is x ≥ t / k for k &gt; 0; for k &lt; 0 the sign flips, and with it the weights that read it.</summary>
    public static bool FoldThreshold(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Binarize || node.Input(0).Type != ElementType.Float32) return false;
        if (index.PrivateProducer(node.Input(0), node) is not { Type: OperatorType.Add or OperatorType.Mul } producer) return false;
        if (producer.Attributes.Contains("min") || producer.Attributes.Contains("max") || producer.Output.Shape != producer.Input(0).Shape) return false;
        int channels = node.Output.Shape[-1];
        if (Weights.PerChannel(producer.Input(1), node.Output.Shape, node.Output.Shape.Rank - 1, channels) is not { } constants) return false;
        float[] thresholds = Thresholds(node, channels);
        if (producer.Type == OperatorType.Add)
            for (int c = 0; c < channels; c++) thresholds[c] -= constants[c];
        else if (!Divide(node, thresholds, constants, index)) return false;
        SetThresholds(node, Tensor.Vector<float>(thresholds), producer.Input(1), index);
        node.Inputs[0] = producer.Input(0);
        return true;
    }

    /// <summary>Binarize(Dequantize(x)) compares the integers: q ≥ the least q that stands for the threshold or more.</summary>
    public static bool CompareIntegers(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Binarize || index.Producer(node.Input(0), OperatorType.Dequantize)?.Input(0) is not { Type: ElementType.Int8, Quantization: { IsPerTensor: true } q } source) return false;
        float[] thresholds = node.OptionalInput(1)?.Constant?.ToFloats() ?? [0f];
        int[] steps = Array.ConvertAll(thresholds, t =>
        {
            int least = sbyte.MinValue;
            while (least <= sbyte.MaxValue && !(Requantize.Dequantize(least, q.Scale, q.ZeroPoint) >= t)) least++;
            return least;
        });
        SetThresholds(node, Tensor.Vector<int>(steps), node.OptionalInput(1) ?? source, index);
        node.Inputs[0] = source;
        return true;
    }

    /// <summary>A float layer that reads dequantised signs, and whose weights are ±one number per output, becomes a binary layer.</summary>
    public static bool FoldLayer(Node node, GraphIndex index)
    {
        if (Weights.Of(node) is not { } weights || node.Output.Type != ElementType.Float32 || SignScales(weights) is not { } scales) return false;
        if (index.Producer(node.Input(0), OperatorType.Dequantize)?.Input(0) is not { Type: ElementType.Binary, IsConstant: false } signs) return false;
        node.Inputs[1] = SignConstant(node.Input(1), weights, scales, index);
        node.Inputs[0] = signs;
        return true;
    }

    /// <summary>A binary layer followed by Quantize gives int8.</summary>
    public static bool FoldInt8Output(Node node, GraphIndex index)
    {
        if (!IsBinaryLayer(node) || index.OnlyConsumer(node.Output) is not { Type: OperatorType.Quantize, Output: { Type: ElementType.Int8, Quantization.IsPerTensor: true } } quantize) return false;
        index.Absorb(node, quantize);
        return true;
    }

    /// <summary>
    /// A binary layer followed by Binarize gives signs: scale, bias, clamp and threshold become one integer that the sum is compared
    /// with, the least sum whose float result, computed as the runtime does, reaches the threshold.
    /// </summary>
    public static bool FoldBinaryOutput(Node node, GraphIndex index)
    {
        if (!IsBinaryLayer(node) || index.OnlyConsumer(node.Output) is not { Type: OperatorType.Binarize } binarize || index.IsOutput(binarize.Output)) return false;
        int outputs = node.Output.Shape[-1], depth = checked((int)node.Input(1).Shape.CountOf(1, node.Input(1).Shape.Rank));
        float[] thresholds = Thresholds(binarize, outputs), offsets = node.OptionalInput(2)?.Constant?.ToFloats() ?? new float[outputs];
        double input = node.Input(0).Quantization?.Scale ?? 1;
        float min = node.Attributes.Float("min", float.NegativeInfinity), max = node.Attributes.Float("max", float.PositiveInfinity);
        int[] bias = new int[outputs];
        for (int o = 0; o < outputs; o++)
        {
            float scale = (float)(input * node.Input(1).Quantization!.Scales[node.Input(1).Quantization!.IsPerTensor ? 0 : o]);
            int low = -depth, high = depth + 1;
            while (low < high)
            {
                int middle = (low + high) >> 1;
                float real = middle * scale;
                real += offsets[o];
                if (MathF.Min(MathF.Max(real, min), max) >= thresholds[o]) high = middle;
                else low = middle + 1;
            }
            bias[o] = -low;
        }
        node.Attributes.Remove("min");
        node.Attributes.Remove("max");
        if (node.Inputs.Count < 3) node.Inputs.Add(null);
        node.Inputs[2] = index.Constant(node.Inputs[2] ?? new ValueInfo(node.Name + ".bias", ElementType.Int32, new TensorShape(outputs)), Tensor.Vector<int>(bias));
        index.Absorb(node, binarize);
        return true;
    }

    /// <summary>The magnitude of each output's weights, where these are all alike and there are enough of them; else null.</summary>
    public static float[]? SignScales(Weights weights)
    {
        if (weights.PerOutput < LeastWeights) return null;
        float[] scales = new float[weights.Outputs];
        for (int o = 0; o < scales.Length; o++)
        {
            ReadOnlySpan<float> own = weights.Values.AsSpan(o * weights.PerOutput, weights.PerOutput);
            scales[o] = Math.Abs(own[0]);
            if (!(scales[o] > 0) || !float.IsFinite(scales[o])) return null;
            foreach (float w in own)
                if (Math.Abs(Math.Abs(w) / scales[o] - 1) > 1e-6f) return null;
        }
        return scales;
    }

    /// <summary>Weights as signs with a scale for each output.</summary>
    public static ValueInfo SignConstant(ValueInfo model, Weights weights, float[] scales, GraphIndex index) =>
        index.Constant(model, new Tensor(ElementType.Binary, model.Shape, BitPacked.Signs(weights.Values)), new QuantizationParameters(scales, axis: 0));

    private static bool IsBinaryLayer(Node node) => node.Type is OperatorType.Convolution or OperatorType.FullyConnected
        && node.Input(0).Type == ElementType.Binary && node.Input(1).Type == ElementType.Binary && node.Output.Type == ElementType.Float32;

    private static float[] Thresholds(Node binarize, int channels)
    {
        float[] given = binarize.OptionalInput(1)?.Constant?.ToFloats() ?? [0f];
        return given.Length == 1 ? [.. Enumerable.Repeat(given[0], channels)] : given;
    }

    private static void SetThresholds(Node binarize, Tensor thresholds, ValueInfo model, GraphIndex index)
    {
        if (binarize.Inputs.Count < 2) binarize.Inputs.Add(null);
        binarize.Inputs[1] = index.Constant(model, thresholds);
    }

    // Flips need every reader to be a layer whose weights can be negated.
    private static bool Divide(Node binarize, float[] thresholds, float[] factors, GraphIndex index)
    {
        bool[] flips = Array.ConvertAll(factors, k => k < 0);
        if (flips.Contains(true) && !TryFlip(binarize.Output, flips, index)) return false;
        for (int c = 0; c < factors.Length; c++)
        {
            // x ≤ t / k is the opposite of x ≥ the next number above.
            if (factors[c] == 0) thresholds[c] = thresholds[c] <= 0 ? float.NegativeInfinity : float.PositiveInfinity;
            else thresholds[c] = flips[c] ? MathF.BitIncrement(thresholds[c] / factors[c]) : thresholds[c] / factors[c];
        }
        return true;
    }

    private static bool TryFlip(ValueInfo signs, bool[] flips, GraphIndex index)
    {
        if (index.IsOutput(signs)) return false;
        Node[] readers = [.. index.Consumers(signs)];
        if (readers.Any(r => r.Type != OperatorType.Dequantize || index.IsOutput(r.Output))) return false;
        Node[] layers = [.. readers.SelectMany(r => index.Consumers(r.Output)).Distinct()];
        if (layers.Any(l => Weights.Of(l) is null || l.Input(0).Shape != signs.Shape)) return false;
        foreach (Node layer in layers)
        {
            Weights weights = Weights.Of(layer)!;
            for (int i = 0; i < weights.Values.Length; i++)
                if (flips[weights.InputChannel(i)]) weights.Values[i] = -weights.Values[i];
            weights.Store(index);
            index.Invalidate();
        }
        return true;
    }
}
