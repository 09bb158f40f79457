using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Writes the chosen quantisation into a float graph as Quantize → Dequantize at every activation and int8 constants
/// behind Dequantize; the optimiser then makes integer operators of it, as it does with networks that come like that.
/// </summary>
internal static class Int8Insertion
{
    /// <summary>Changes <paramref name="graph"/>; returns the integer value that stands for each float value, by the latter's name.</summary>
    public static Dictionary<string, ValueInfo> Apply(Graph graph, Int8Ranges ranges, bool perChannel, QuantizeInt4? nibbles, WeightRounding rounding,
        IReadOnlyDictionary<Node, double> largestCells)
    {
        GraphIndex index = new(graph);
        HashSet<Node> chosen = nibbles?.Choose(graph) ?? [];
        foreach (Node node in ranges.Nodes)
        {
            if (chosen.Contains(node))
            {
                ValueInfo stored = nibbles!.Quantize(node, node.Input(1), LeastScales(Weights.Of(node)!, ranges.Parameters[node.Input(0)].Scale), rounding, index);
                node.Inputs[1] = Dequantized(node, node.Input(1), stored, index);
                continue;
            }
            if (node.Type is OperatorType.Convolution or OperatorType.FullyConnected)
                QuantizeWeights(node, ranges.Parameters[node.Input(0)].Scale, perChannel, rounding, index);
            else if (node.Type is not (OperatorType.Lstm or OperatorType.Gru)) QuantizeOperands(node, index);
        }
        Dictionary<string, ValueInfo> quantized = [];
        foreach (var (value, parameters) in ranges.Parameters) quantized[value.Name] = QuantizeValue(value, parameters, index);
        index.Invalidate();
        foreach (Node node in ranges.Nodes.Where(n => n.Type is OperatorType.Lstm or OperatorType.Gru)) RecurrentInsertion.Apply(node, largestCells.GetValueOrDefault(node), nibbles is not null && nibbles.Takes(node) ? nibbles : null, index);
        GraphEditor.SortTopologically(graph);
        return quantized;
    }

    private static ValueInfo QuantizeValue(ValueInfo value, QuantizationParameters parameters, GraphIndex index)
    {
        Graph graph = index.Graph;
        ValueInfo integers = new(GraphEditor.UniqueName(graph, value.Name + ".int8"), ElementType.Int8, value.Shape, parameters);
        ValueInfo twin = index.Derive(value, ".float");
        Node? producer = graph.Nodes.Find(n => n.Outputs.Contains(value));
        if (producer is not null) producer.Outputs[producer.Outputs.IndexOf(value)] = twin;
        else
            foreach (Node reader in graph.Nodes)
                for (int i = 0; i < reader.Inputs.Count; i++)
                    if (reader.Inputs[i] == value) reader.Inputs[i] = twin;
        graph.Nodes.Add(new Node(OperatorType.Quantize, value.Name, [producer is null ? value : twin], [integers]));
        graph.Nodes.Add(new Node(OperatorType.Dequantize, value.Name, [integers], [producer is null ? twin : value]));
        return integers;
    }

    // Large enough for the bias to stay below 2^29 steps of scale[c] · input scale.
    private static float[] LeastScales(Weights weights, float inputScale) => Array.ConvertAll(weights.Bias, b => Math.Abs(b) / inputScale / (1 << 29));

    // scale[c] = max |w| / 127, but not below the least.
    private static void QuantizeWeights(Node node, float inputScale, bool perChannel, WeightRounding rounding, GraphIndex index)
    {
        Weights weights = Weights.Of(node)!;
        if (perChannel && BinaryRules.SignScales(weights) is { } signs)
        {
            ValueInfo reals = index.Derive(node.Input(1), ".dequantized");
            index.InsertBefore(node, new Node(OperatorType.Dequantize, node.Name, [BinaryRules.SignConstant(node.Input(1), weights, signs, index)], [reals]));
            node.Inputs[1] = reals;
            return;
        }
        float[] largest = new float[weights.Outputs];
        for (int i = 0; i < weights.Values.Length; i++)
            largest[i / weights.PerOutput] = Math.Max(largest[i / weights.PerOutput], Math.Abs(weights.Values[i]));
        float most = Math.Max(largest.Max(), 1e-20f);
        float[] least = LeastScales(weights, inputScale);
        float[] scales = new float[perChannel ? weights.Outputs : 1];
        for (int c = 0; c < weights.Outputs; c++)
        {
            // A channel of zeros has no scale of its own: its bias alone decides.
            float wanted = Math.Max((perChannel && largest[c] > 0 ? largest[c] : most) / sbyte.MaxValue, least[c]);
            ref float scale = ref scales[perChannel ? c : 0];
            scale = Math.Max(scale, wanted);
        }
        sbyte[] integers = rounding.Round(node, weights.Values, weights.Outputs, scales, weights.PerOutput, -sbyte.MaxValue, sbyte.MaxValue);
        node.Inputs[1] = Dequantized(node, node.Input(1), integers, new QuantizationParameters(scales, axis: perChannel ? 0 : -1), index);
    }

    private static void QuantizeOperands(Node node, GraphIndex index)
    {
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { Constant: { } constant } operand) continue;
            float[] values = constant.ToFloats();
            QuantizationParameters parameters = RangeFinder.Parameters(Math.Min(0, values.Min()), Math.Max(0, values.Max()));
            sbyte[] integers = Array.ConvertAll(values, v => (sbyte)Requantize.Quantize(v, parameters.Scale, parameters.ZeroPoint, sbyte.MinValue, sbyte.MaxValue));
            node.Inputs[i] = Dequantized(node, operand, integers, parameters, index);
        }
    }

    private static ValueInfo Dequantized(Node reader, ValueInfo constant, sbyte[] integers, QuantizationParameters parameters, GraphIndex index)
    {
        ValueInfo stored = new(GraphEditor.UniqueName(index.Graph, constant.Name + ".int8"), Tensor.From<sbyte>(constant.Shape, integers), parameters)
        {
            Sparsity = parameters.IsSymmetric ? constant.Sparsity : null,
        };
        return Dequantized(reader, constant, stored, index);
    }

    private static ValueInfo Dequantized(Node reader, ValueInfo constant, ValueInfo stored, GraphIndex index)
    {
        ValueInfo reals = index.Derive(constant, ".dequantized");
        index.InsertBefore(reader, new Node(OperatorType.Dequantize, constant.Name, [stored], [reals]));
        return reals;
    }
}
