using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Makes transposes into reshapes, and reshapes into nothing, where the bytes don't move.</summary>
internal static class ReshapeRules
{
    /// <summary>A transpose that keeps the order of all axes longer than 1 moves no data.</summary>
    public static bool FromTranspose(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Transpose) return false;
        TensorShape shape = node.Input(0).Shape;
        int[] moved = [.. TransposeRules.Perm(node).Where(axis => shape[axis] != 1)];
        if (!moved.SequenceEqual(moved.Order())) return false;
        if (node.Output.Quantization is { IsPerTensor: false }) return false;
        node.Type = OperatorType.Reshape;
        node.Attributes.Remove("perm");
        return true;
    }

    /// <summary>Reshape(Reshape(x)) = Reshape(x); to the shape it has, x itself.</summary>
    public static bool Compose(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Reshape) return false;
        if (node.Output.Shape == node.Input(0).Shape) return index.Bypass(node);
        if (index.Producer(node.Input(0), OperatorType.Reshape) is not { } first) return false;
        node.Inputs[0] = first.Input(0);
        return true;
    }

    /// <summary>op(Reshape(x)) = Reshape(op(x)) for element-by-element operators, which so come next to what makes x.</summary>
    public static bool Sink(Node node, GraphIndex index)
    {
        if (!node.Type.IsFunction() && node.Type is not (OperatorType.Quantize or OperatorType.Requantize)) return false;
        if (node.Output.Quantization is { IsPerTensor: false }) return false;
        if (index.Producer(node.Input(0), OperatorType.Reshape) is not { } reshape) return false;
        node.Inputs[0] = reshape.Input(0);
        Restore(node, index);
        return true;
    }

    /// <summary>The same for operators with two operands, both reshaped alike, or one a single number.</summary>
    public static bool SinkPair(Node node, GraphIndex index)
    {
        if (!node.Type.IsPairwise()) return false;
        Node? a = index.Producer(node.Input(0), OperatorType.Reshape), b = index.Producer(node.Input(1), OperatorType.Reshape);
        if (a is not null && IsNumber(node.Input(1)) && node.Output.Shape == node.Input(0).Shape) node.Inputs[0] = a.Input(0);
        else if (b is not null && IsNumber(node.Input(0)) && node.Output.Shape == node.Input(1).Shape) node.Inputs[1] = b.Input(0);
        else if (a is not null && b is not null && a.Input(0).Shape == b.Input(0).Shape && a.Output.Shape == b.Output.Shape)
            (node.Inputs[0], node.Inputs[1]) = (a.Input(0), b.Input(0));
        else return false;
        Restore(node, index);
        return true;
    }

    /// <summary>A fully connected layer over a flattened, transposed map reads the map as it lies: its weights' columns move instead.</summary>
    public static bool PermuteWeights(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.FullyConnected) return false;
        Node? dequantize = index.Producer(node.Input(0), OperatorType.Dequantize);
        if (index.Producer(dequantize?.Input(0) ?? node.Input(0), OperatorType.Reshape) is not { } reshape) return false;
        if (index.Producer(reshape.Input(0), OperatorType.Transpose) is not { } transpose) return false;
        if (dequantize is not null && index.OnlyConsumer(dequantize.Output) != node) return false;
        if (index.OnlyConsumer(reshape.Output) != (dequantize ?? node) || index.OnlyConsumer(transpose.Output) != reshape) return false;
        int[] perm = TransposeRules.Perm(transpose);
        TensorShape map = transpose.Output.Shape, flat = reshape.Output.Shape;
        if (perm[0] != 0 || flat.Rank != 2 || flat[0] != map[0]) return false;
        ValueInfo? weights = node.Input(1).IsConstant ? node.Input(1) : index.DequantizedConstant(node.Input(1));
        if (weights is null || weights.Quantization is { GroupSize: not 0 } or { Axis: > 0 }) return false;

        Tensor columns = weights.Constant!.Reshape(map.With(0, weights.Shape[0]));
        ValueInfo permuted = index.Constant(weights, GraphEditor.Transpose(columns, TransposeRules.Inverse(perm)).Reshape(weights.Shape), weights.Quantization);
        if (weights == node.Input(1)) node.Inputs[1] = permuted;
        else
        {
            ValueInfo floats = index.Derive(node.Input(1), ".permuted");
            index.InsertBefore(node, new Node(OperatorType.Dequantize, weights.Name, [permuted], [floats]));
            node.Inputs[1] = floats;
        }
        reshape.Inputs[0] = transpose.Input(0);
        return true;
    }

    private static bool IsNumber(ValueInfo v) => v.IsConstant && v.Shape.ElementCount == 1;

    private static void Restore(Node node, GraphIndex index)
    {
        ValueInfo result = node.Output;
        int data = node.Inputs.FindIndex(v => !IsNumber(v!));
        ValueInfo moved = index.Derive(result, ".flat", node.Input(data).Shape);
        node.Outputs[0] = moved;
        index.InsertAfter(node, new Node(OperatorType.Reshape, node.Name + ".reshape", [moved], [result]));
    }
}
