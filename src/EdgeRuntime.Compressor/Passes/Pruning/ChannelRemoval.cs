using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Removes channels from a network: from all constants along them, attributes that count them, and shapes.</summary>
internal static class ChannelRemoval
{
    /// <summary>
    /// Changes the analysed graph so that only the channels in slots that <paramref name="keeps"/> names are left. Where only
    /// shapes matter, <paramref name="hollow"/> saves copying: constants then have their new shapes and no contents.
    /// </summary>
    public static void Apply(ChannelDependencies dependencies, Func<int, bool> keeps, bool hollow = false)
    {
        foreach (Node node in dependencies.Graph.Nodes) Adjust(dependencies, node, keeps);
        foreach (var uses in dependencies.Uses.GroupBy(u => u.Constant))
            foreach (ChannelUse use in uses.DistinctBy(u => u.Axis))
                Remove(uses.Key, use.Axis, [.. Enumerable.Range(0, use.Slots.Length).Where(i => keeps(use.Slots[i]))], hollow);
        GraphEditor.InferShapes(dependencies.Graph);
    }

    private static void Remove(ValueInfo value, int axis, int[] kept, bool hollow)
    {
        TensorShape shape = value.Shape;
        if (kept.Length == shape[axis]) return;
        value.Shape = shape.With(axis, kept.Length);
        value.Constant = hollow ? Tensor.Deferred(ElementType.Float32, value.Shape, () => throw new InvalidOperationException($"{value.Name} has only a shape"))
            : Gather(value.Constant!, axis, kept, value.Shape);
        // Groups of m neighbours are others now.
        if (!hollow && value.Sparsity?.Fits(value.Constant) == false) value.Sparsity = Sparsity.Unstructured;
    }

    private static Tensor Gather(Tensor constant, int axis, int[] kept, TensorShape shape)
    {
        int outer = (int)constant.Shape.CountOf(0, axis), inner = (int)constant.Shape.CountOf(axis + 1, constant.Shape.Rank);
        ReadOnlySpan<float> from = constant.AsSpan<float>();
        float[] to = new float[shape.ElementCount];
        for (int o = 0; o < outer; o++)
            for (int k = 0; k < kept.Length; k++)
                from.Slice((o * constant.Shape[axis] + kept[k]) * inner, inner).CopyTo(to.AsSpan((o * kept.Length + k) * inner));
        return Tensor.From<float>(shape, to);
    }

    private static void Adjust(ChannelDependencies dependencies, Node node, Func<int, bool> keeps)
    {
        if (dependencies.Of(node.Input(0)) is not { } x) return;
        int rank = node.Input(0).Shape.Rank;
        switch (node.Type)
        {
            case OperatorType.Convolution when node.Attributes.Int("group", 1) is > 1 and var group && group == x.Slots.Length:
                node.Attributes.Set("group", x.Slots.Count(keeps));
                break;
            case OperatorType.Pad when dependencies.Of(node.Output) is { } padded:
                int[] pads = node.Attributes.Ints("pads").ToArray();
                int first = pads[x.Axis], end = first + x.Slots.Length;
                pads[x.Axis] = padded.Slots[..first].Count(keeps);
                pads[rank + x.Axis] = padded.Slots[end..].Count(keeps);
                node.Attributes.Set("pads", pads);
                break;
            case OperatorType.Slice:
                int[] starts = node.Attributes.Ints("starts").ToArray(), ends = node.Attributes.Ints("ends").ToArray();
                (starts[x.Axis], ends[x.Axis]) = (x.Slots[..starts[x.Axis]].Count(keeps), x.Slots[..ends[x.Axis]].Count(keeps));
                node.Attributes.Set("starts", starts).Set("ends", ends);
                break;
            case OperatorType.Reshape when dependencies.Of(node.Output) is { } y:
                node.Output.Shape = node.Output.Shape.With(y.Axis, y.Slots.Count(keeps));
                break;
        }
    }
}
