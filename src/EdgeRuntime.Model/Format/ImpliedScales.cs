using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>
/// Int32 biases whose scale is what it has to be, input scale · weight scale: an integer layer takes a bias without a scale to be
/// in these steps, so that the scales, one for each channel, needn't be stored.
/// </summary>
internal static class ImpliedScales
{
    // Nearer than a float product can be told from the exact one by a layer, which converts biases of other scales.
    private const double Tolerance = 1e-6;

    /// <summary>The values of <paramref name="graph"/> that need no quantisation of their own.</summary>
    public static HashSet<ValueInfo> Of(Graph graph)
    {
        HashSet<ValueInfo> implied = [], needed = [.. graph.Inputs, .. graph.Outputs];
        foreach (Node node in graph.Nodes)
            for (int i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] is { } value) (i == 2 && IsImplied(node, value) ? implied : needed).Add(value);
        implied.ExceptWith(needed);
        return implied;
    }

    private static bool IsImplied(Node node, ValueInfo bias)
    {
        if (node.Type is not (OperatorType.Convolution or OperatorType.FullyConnected)) return false;
        if (bias is not { Constant.Type: ElementType.Int32, Quantization: { IsSymmetric: true, GroupSize: 0 } own }) return false;
        if (node.Input(0) is not { Type: ElementType.Int8, Quantization: { IsPerTensor: true } x }) return false;
        if (node.Input(1) is not { Constant: { } constant, Quantization: { } q } || Int8Weights.From(constant, q) is not { } weights) return false;
        for (int o = 0; o < constant.Shape[0]; o++)
            if (Math.Abs(own.Scales[own.IsPerTensor ? 0 : o] / ((double)x.Scale * weights.Scale(o)) - 1) > Tolerance) return false;
        return true;
    }
}
