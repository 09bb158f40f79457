using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Computes at once what depends on constants only.</summary>
internal static class ConstantRules
{
    /// <summary>A node whose inputs are all constant becomes a constant. Dequantize is left for the quantisation to use.</summary>
    public static bool Fold(Node node, GraphIndex index) => node.Type != OperatorType.Dequantize && FoldAny(node, index);

    /// <summary>Weights that remain quantised though their operator computes in float become float.</summary>
    public static bool FoldDequantize(Node node, GraphIndex index) => node.Type == OperatorType.Dequantize && FoldAny(node, index);

    /// <summary>Half-precision and integer weights read directly by a float operator become float.</summary>
    public static bool WidenConstants(Node node, GraphIndex index)
    {
        if (node.Output.Type != ElementType.Float32 || node.Type is OperatorType.Dequantize || node.Input(0).Type == ElementType.Binary) return false;
        bool changed = false;
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { Constant: { } constant } value) continue;
            if (value.Type != ElementType.Float16 && (value.Type == ElementType.Float32 || value.Quantization is null)) continue;
            // Weights of few bits are executed as they are.
            if (value.Type is ElementType.Int4 or ElementType.Int8 && (node.Type is OperatorType.Lstm or OperatorType.Gru || (i == 1 && node.Type is OperatorType.Convolution or OperatorType.FullyConnected))) continue;
            double[] reals = HostEvaluator.ToReals(constant, value.Quantization);
            node.Inputs[i] = index.Constant(value, Tensor.From<float>(value.Shape, Array.ConvertAll(reals, r => (float)r)));
            changed = true;
        }
        return changed;
    }

    /// <summary>Int4 weights of an operator that computes in float, and all of a recurrent one that makes its inputs int8, stay what they are: it reads them directly.</summary>
    public static bool KeepIntegers(Node node, GraphIndex index)
    {
        bool isRecurrent = node.Type is OperatorType.Lstm or OperatorType.Gru, isDynamic = isRecurrent && node.Attributes.Int("dynamic", 0) != 0;
        if (!(isRecurrent || node.Type is OperatorType.Convolution or OperatorType.FullyConnected) || node.Output.Type != ElementType.Float32) return false;
        bool changed = false;
        foreach (int i in isRecurrent ? (ReadOnlySpan<int>)[RecurrentShape.W, RecurrentShape.R] : [1])
        {
            if (index.DequantizedConstant(node.Input(i)) is not { } weights || !(isDynamic || weights.Type == ElementType.Int4)) continue;
            if (Int8Weights.From(weights.Constant!, weights.Quantization!) is null) continue;
            node.Inputs[i] = weights;
            changed = true;
        }
        return changed;
    }

    private static bool FoldAny(Node node, GraphIndex index)
    {
        if (index.IsOutput(node.Output) || node.Type is OperatorType.Lstm or OperatorType.Gru || node.Inputs.Any(v => v is { IsConstant: false })) return false;
        Tensor result = HostEvaluator.Evaluate(node, v => v.Constant!);
        ValueInfo folded = new(node.Output.Name, result, node.Output.Quantization);
        index.Graph.Nodes.Remove(node);
        GraphEditor.ReplaceUses(index.Graph, node.Output, folded);
        return true;
    }
}
