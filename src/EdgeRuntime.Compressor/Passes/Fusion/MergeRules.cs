using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Rules about nodes that only move or convert data.</summary>
internal static class MergeRules
{
    /// <summary>Two nodes that convert or move the same value in the same way are one.</summary>
    public static bool MergeTwins(Node node, GraphIndex index)
    {
        if (!IsMover(node) || index.IsOutput(node.Output)) return false;
        Node? twin = index.Consumers(node.Input(0)).TakeWhile(n => n != node).FirstOrDefault(n => n.Type == node.Type && SameResult(n, node));
        if (twin is null) return false;
        GraphEditor.ReplaceUses(index.Graph, node.Output, twin.Output);
        index.Graph.Nodes.Remove(node);
        return true;
    }

    /// <summary>Transpose(Dequantize(x)) = Dequantize(Transpose(x)), and the same for Reshape: integers are cheaper to move.</summary>
    public static bool RaiseOverDequantize(Node node, GraphIndex index)
    {
        if (node.Type is not (OperatorType.Transpose or OperatorType.Reshape)) return false;
        if (index.Producer(node.Input(0), OperatorType.Dequantize) is not { } dequantize) return false;
        ValueInfo source = dequantize.Input(0);
        if (!TryMove(source, node, out QuantizationParameters? moved)) return false;
        ValueInfo integers = new(GraphEditor.UniqueName(index.Graph, source.Name + ".moved"), source.Type, node.Output.Shape, moved);
        index.InsertAfter(node, new Node(OperatorType.Dequantize, dequantize.Name, [integers], [node.Output]));
        node.Inputs[0] = source;
        node.Outputs[0] = integers;
        return true;
    }

    // The quantisation of `source` after `mover`: a channel axis moves along with a transpose, and survives a reshape
    // only if it is the outermost axis before and after.
    private static bool TryMove(ValueInfo source, Node mover, out QuantizationParameters? moved)
    {
        moved = source.Quantization;
        if (moved is null || moved.IsPerTensor) return true;
        if (moved.GroupSize != 0) return false;
        if (mover.Type == OperatorType.Transpose)
            moved = new QuantizationParameters(moved.Scales, moved.ZeroPoints, mover.Attributes.Ints("perm").IndexOf(moved.Axis));
        else if (moved.Axis != 0 || mover.Output.Shape.Rank == 0 || mover.Output.Shape[0] != source.Shape[0]) return false;
        return true;
    }

    private static bool IsMover(Node node) => node.Type is OperatorType.Transpose or OperatorType.Reshape or OperatorType.Quantize
        or OperatorType.Dequantize or OperatorType.Requantize or OperatorType.Pad;

    private static bool SameResult(Node a, Node b)
    {
        ValueInfo x = a.Output, y = b.Output;
        if (x.Type != y.Type || x.Shape != y.Shape || !Equals(x.Quantization, y.Quantization)) return false;
        return a.Attributes.Ints("perm").SequenceEqual(b.Attributes.Ints("perm")) && a.Attributes.Ints("pads").SequenceEqual(b.Attributes.Ints("pads"))
            && a.Attributes.Float("value") == b.Attributes.Float("value");
    }
}
