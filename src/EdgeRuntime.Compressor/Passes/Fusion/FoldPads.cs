using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Makes a Pad with zeros part of the convolution that follows; of an average that counts its padding; and of a maximum
/// over values that are nowhere negative.
/// </summary>
internal sealed class FoldPads : ICompressionPass
{
    public string Name => "fold-pads";

    public PassReport Apply(Graph graph, PassContext context) => new(Name, GraphIndex.Rewrite(graph, Fold));

    private static bool Fold(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.Convolution or OperatorType.AveragePool or OperatorType.MaxPool)) return false;
        if (index.Producer(node.Input(0), OperatorType.Pad) is not { } pad || pad.Attributes.Float("value") != 0) return false;
        int[] border = pad.Attributes.Ints("pads").ToArray();
        if (border[0] != 0 || border[3] != 0 || border[4] != 0 || border[7] != 0) return false;
        if (!Equals(pad.Input(0).Quantization, pad.Output.Quantization)) return false;
        int[] own = node.Attributes.Ints("pads").ToArray();
        int[] sum = [own[0] + border[1], own[1] + border[2], own[2] + border[5], own[3] + border[6]];
        if (node.Type != OperatorType.Convolution && !PoolCanPad(node, pad, own, sum, index)) return false;
        node.Attributes.Set("pads", sum);
        if (node.Type == OperatorType.AveragePool) node.Attributes.Set("count_include_pad", 1);
        node.Inputs[0] = pad.Input(0);
        return true;
    }

    private static bool PoolCanPad(Node pool, Node pad, int[] own, int[] sum, GraphIndex index)
    {
        ReadOnlySpan<int> kernel = pool.Attributes.Ints("kernel");
        for (int i = 0; i < 4; i++)
            if (sum[i] >= kernel[i % 2]) return false;
        if (pool.Type == OperatorType.AveragePool) return pool.Attributes.Int("count_include_pad") != 0 || !own.AsSpan().ContainsAnyExcept(0);
        return IsNonNegative(pad.Input(0), index);
    }

    private static bool IsNonNegative(ValueInfo v, GraphIndex index) =>
        v.Quantization is { IsPerTensor: true } q ? q.ZeroPoint == v.Type.MinValue()
        : index.Producer(v) is { } p && p.Attributes.Float("min", -1) >= 0;
}
