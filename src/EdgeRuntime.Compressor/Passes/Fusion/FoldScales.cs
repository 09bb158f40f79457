using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Moves multiplications and additions of per-channel constants into the weights and bias of the Convolution or
/// FullyConnected before or after.
/// </summary>
internal sealed class FoldScales : ICompressionPass
{
    public string Name => "fold-scales";

    public PassReport Apply(Graph graph, PassContext context) =>
        new(Name, GraphIndex.Rewrite(graph, Normalize, IntoProducer, IntoConsumer));

    // Constants go to the right; x − c is x + (−c); x / c is x · (1/c).
    private static bool Normalize(Node node, GraphIndex index)
    {
        if (node.Type is OperatorType.Add or OperatorType.Mul && node.Input(0).IsConstant && !node.Input(1).IsConstant)
        {
            (node.Inputs[0], node.Inputs[1]) = (node.Inputs[1], node.Inputs[0]);
            return true;
        }
        if (node.Type is not (OperatorType.Sub or OperatorType.Div) || node.Input(1) is not { Constant.Type: ElementType.Float32 } c) return false;
        bool sub = node.Type == OperatorType.Sub;
        float[] values = Array.ConvertAll(c.Constant!.ToFloats(), v => sub ? -v : 1 / v);
        if (!sub && values.Any(v => !float.IsFinite(v))) return false;
        node.Type = sub ? OperatorType.Add : OperatorType.Mul;
        node.Inputs[1] = index.Constant(c, Tensor.From<float>(c.Shape, values));
        return true;
    }

    private static bool IntoProducer(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.Add or OperatorType.Mul) || index.PrivateProducer(node.Input(0), node) is not { } producer) return false;
        if (Weights.Of(producer) is not { } weights || HasClamp(producer) || node.Output.Shape != producer.Output.Shape) return false;
        if (Weights.PerChannel(node.Input(1), node.Output.Shape, node.Output.Shape.Rank - 1, weights.Outputs) is not { } constants) return false;
        for (int o = 0; o < constants.Length; o++)
        {
            if (node.Type == OperatorType.Add) { weights.Bias[o] += constants[o]; continue; }
            weights.Bias[o] *= constants[o];
            foreach (ref float w in weights.Values.AsSpan(o * weights.PerOutput, weights.PerOutput)) w *= constants[o];
        }
        weights.Store(index);
        CopyClamp(node, producer);
        index.Absorb(producer, node);
        return true;
    }

    private static bool IntoConsumer(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.Add or OperatorType.Mul) || HasClamp(node) || node.Output.Shape != node.Input(0).Shape) return false;
        Node? transpose = index.OnlyConsumer(node.Output) is { Type: OperatorType.Transpose } t ? t : null;
        ValueInfo read = transpose?.Output ?? node.Output;
        if (index.OnlyConsumer(read) is not { } consumer || consumer.Input(0) != read || Weights.Of(consumer) is not { } weights) return false;
        int axis = transpose is null ? read.Shape.Rank - 1 : TransposeRules.Perm(transpose)[^1];
        if (Weights.PerChannel(node.Input(1), node.Output.Shape, axis, weights.Inputs) is not { } constants) return false;
        // Padding stands for 0 after the addition, which nothing can stand for before it.
        if (node.Type == OperatorType.Add && consumer.Attributes.Ints("pads").ContainsAnyExcept(0)) return false;
        for (int i = 0; i < weights.Values.Length; i++)
        {
            float constant = constants[weights.InputChannel(i)];
            if (node.Type == OperatorType.Add) weights.Bias[i / weights.PerOutput] += weights.Values[i] * constant;
            else weights.Values[i] *= constant;
        }
        weights.Store(index);
        (transpose ?? consumer).Inputs[0] = node.Input(0);
        index.Graph.Nodes.Remove(node);
        return true;
    }

    private static bool HasClamp(Node node) => node.Attributes.Contains("min") || node.Attributes.Contains("max");

    private static void CopyClamp(Node from, Node to)
    {
        foreach (string bound in (ReadOnlySpan<string>)["min", "max"])
            if (from.Attributes.Contains(bound)) to.Attributes.Set(bound, from.Attributes.Float(bound));
    }
}
