using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Makes a Clip (a ReLU) part of the operator that makes its input, as that operator's min and max. On quantised values
/// this is exact where both sides of the Clip have the same quantisation.
/// </summary>
internal sealed class FuseClips : ICompressionPass
{
    public string Name => "fuse-clips";

    public PassReport Apply(Graph graph, PassContext context) => new(Name, GraphIndex.Rewrite(graph, RemoveIdle, Fuse));

    private static bool Fuse(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Clip || !SameQuantization(node)) return false;
        if (index.PrivateProducer(node.Input(0), node) is not { } producer || !HasClamp(producer.Type)) return false;
        (float low, float high) = Bounds(node);
        (float oldLow, float oldHigh) = Bounds(producer);
        // clamp(clamp(x, a, b), c, d) = clamp(x, clamp(a, c, d), clamp(b, c, d))
        SetBounds(producer, Clamp(oldLow, low, high), Clamp(oldHigh, low, high));
        index.Absorb(producer, node);
        return true;
    }

    // A Clip without bounds, or with bounds that the integers can't exceed, changes nothing.
    private static bool RemoveIdle(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Clip || !SameQuantization(node)) return false;
        (float low, float high) = Bounds(node);
        if (node.Output.Quantization is { } q)
        {
            int least = node.Output.Type.MinValue(), most = node.Output.Type.MaxValue();
            if (Requantize.Quantize(low, q.Scale, q.ZeroPoint, least, most) == least) low = float.NegativeInfinity;
            if (Requantize.Quantize(high, q.Scale, q.ZeroPoint, least, most) == most) high = float.PositiveInfinity;
        }
        return float.IsNegativeInfinity(low) && float.IsPositiveInfinity(high) && index.Bypass(node);
    }

    private static bool SameQuantization(Node node) => node.Input(0).Type == node.Output.Type
        && Equals(node.Input(0).Quantization, node.Output.Quantization) && node.Output.Quantization is not { IsPerTensor: false };

    private static bool HasClamp(OperatorType type) => type is OperatorType.Convolution or OperatorType.FullyConnected or OperatorType.Add
        or OperatorType.Sub or OperatorType.Mul or OperatorType.Div or OperatorType.Clip;

    private static (float Low, float High) Bounds(Node node) =>
        (node.Attributes.Float("min", float.NegativeInfinity), node.Attributes.Float("max", float.PositiveInfinity));

    // The order of Clip's own definition, which holds for crossed bounds too: the upper bound wins.
    private static float Clamp(float value, float low, float high) => MathF.Min(MathF.Max(value, low), high);

    private static void SetBounds(Node node, float low, float high)
    {
        if (!float.IsNegativeInfinity(low)) node.Attributes.Set("min", low);
        if (!float.IsPositiveInfinity(high)) node.Attributes.Set("max", high);
    }
}
