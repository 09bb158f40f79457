using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Moves transposes towards the outputs and cancels them.</summary>
internal static class TransposeRules
{
    /// <summary>Transpose(Transpose(x)) is one transpose; the identity is none.</summary>
    public static bool Compose(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.Transpose) return false;
        int[] perm = Perm(node);
        if (perm.AsSpan().SequenceEqual(Enumerable.Range(0, perm.Length).ToArray())) return index.Bypass(node);
        if (index.Producer(node.Input(0), OperatorType.Transpose) is not { } first) return false;
        int[] inner = Perm(first);
        node.Attributes.Set("perm", Array.ConvertAll(perm, p => inner[p]));
        node.Inputs[0] = first.Input(0);
        return true;
    }

    /// <summary>op(Transpose(x)) = Transpose(op(x)) for operators that work element by element or along a named axis.</summary>
    public static bool Sink(Node node, GraphIndex index)
    {
        if (!IsIndifferent(node) || node.Output.Quantization is { IsPerTensor: false }) return false;
        int data = DataInputs(node);
        int[]? perm = node.Inputs.Take(data).Select(v => index.Producer(v, OperatorType.Transpose)).FirstOrDefault(t => t is not null) is { } t ? Perm(t) : null;
        if (perm is null || perm.Length != node.Output.Shape.Rank) return false;
        int[] inverse = Inverse(perm);
        for (int i = 0; i < data; i++)
            if (!CanUndo(node.Input(i), perm, inverse, index)) return false;

        for (int i = 0; i < data; i++) node.Inputs[i] = Undo(node, node.Input(i), perm, inverse, index);
        Remap(node, perm, inverse);
        ValueInfo result = node.Output;
        ValueInfo moved = index.Derive(result, ".nhwc", result.Shape.Permute(inverse));
        node.Outputs[0] = moved;
        index.InsertAfter(node, new Node(OperatorType.Transpose, node.Name + ".transpose", [moved], [result], new AttributeSet().Set("perm", perm)));
        return true;
    }

    /// <summary>ReduceMean(Transpose(x)) = ReduceMean over the axes as they were, then a transpose of what is left.</summary>
    public static bool SinkMean(Node node, GraphIndex index)
    {
        if (node.Type != OperatorType.ReduceMean || index.Producer(node.Input(0), OperatorType.Transpose) is not { } transpose) return false;
        int[] perm = Perm(transpose), axes = Array.ConvertAll(node.Attributes.Ints("axes").ToArray(), a => a < 0 ? a + perm.Length : a);
        bool keep = node.Attributes.Int("keepdims") != 0;
        int[] left = [.. Enumerable.Range(0, perm.Length).Where(i => keep || !axes.Contains(i)).Select(i => perm[i])];
        int[] sorted = [.. left.Order()];
        int[] rest = Array.ConvertAll(left, a => Array.IndexOf(sorted, a));
        ValueInfo result = node.Output;
        ValueInfo moved = index.Derive(result, ".nhwc", result.Shape.Permute(Inverse(rest)));
        node.Attributes.Set("axes", [.. axes.Select(a => perm[a]).Order()]);
        node.Inputs[0] = transpose.Input(0);
        node.Outputs[0] = moved;
        index.InsertAfter(node, new Node(OperatorType.Transpose, node.Name + ".transpose", [moved], [result], new AttributeSet().Set("perm", rest)));
        return true;
    }

    /// <summary>The permutation that undoes <paramref name="perm"/>.</summary>
    public static int[] Inverse(ReadOnlySpan<int> perm)
    {
        int[] inverse = new int[perm.Length];
        for (int i = 0; i < inverse.Length; i++) inverse[perm[i]] = i;
        return inverse;
    }

    /// <summary>A transpose's permutation.</summary>
    public static int[] Perm(Node transpose) => transpose.Attributes.Ints("perm").ToArray();

    private static bool IsIndifferent(Node node) => node.Type.IsPairwise() || node.Type.IsFunction() || node.Type is OperatorType.Quantize or OperatorType.Requantize
        or OperatorType.Softmax or OperatorType.Concat or OperatorType.Pad or OperatorType.ReflectPad or OperatorType.Slice or OperatorType.Gather or OperatorType.BatchNormalization;

    private static int DataInputs(Node node) => node.Type == OperatorType.BatchNormalization ? 1 : node.Inputs.Count;

    // An operand can be had in the other layout if it is transposed, constant, a single number, or already there.
    private static bool CanUndo(ValueInfo v, int[] perm, int[] inverse, GraphIndex index) =>
        v.Shape.ElementCount == 1 || v.IsConstant || index.DequantizedConstant(v) is not null || Undone(v, perm, inverse, index) is not null;

    private static ValueInfo? Undone(ValueInfo v, int[] perm, int[] inverse, GraphIndex index)
    {
        if (index.Producer(v, OperatorType.Transpose) is { } t && Perm(t).AsSpan().SequenceEqual(perm)) return t.Input(0);
        return index.Consumers(v).FirstOrDefault(n => n.Type == OperatorType.Transpose && Perm(n).AsSpan().SequenceEqual(inverse))?.Output;
    }

    private static ValueInfo Undo(Node reader, ValueInfo v, int[] perm, int[] inverse, GraphIndex index)
    {
        if (Undone(v, perm, inverse, index) is { } undone) return EnsureBefore(undone, reader, index);
        if (v.Shape.ElementCount == 1 && reader.Type != OperatorType.Concat) return v;
        if (v.Shape.Rank < perm.Length)
        {
            TensorShape full = new([.. Enumerable.Repeat(1, perm.Length - v.Shape.Rank), .. v.Shape.Dimensions]);
            v = Insert(reader, OperatorType.Reshape, v, full, new AttributeSet(), index);
        }
        return Insert(reader, OperatorType.Transpose, v, v.Shape.Permute(inverse), new AttributeSet().Set("perm", inverse), index);
    }

    // A transpose found among the other readers of a value may stand after `reader`; its input does not, so it can be moved up.
    private static ValueInfo EnsureBefore(ValueInfo value, Node reader, GraphIndex index)
    {
        if (index.Producer(value) is { } producer && index.Graph.Nodes.IndexOf(producer) > index.Graph.Nodes.IndexOf(reader))
        {
            index.Graph.Nodes.Remove(producer);
            index.InsertBefore(reader, producer);
        }
        return value;
    }

    private static ValueInfo Insert(Node reader, OperatorType type, ValueInfo v, TensorShape shape, AttributeSet attributes, GraphIndex index)
    {
        ValueInfo moved = index.Derive(v, ".moved", shape);
        index.InsertBefore(reader, new Node(type, v.Name, [v], [moved], attributes));
        return moved;
    }

    private static void Remap(Node node, int[] perm, int[] inverse)
    {
        if (node.Attributes.Contains("axis"))
        {
            int axis = node.Attributes.Int("axis");
            node.Attributes.Set("axis", perm[axis < 0 ? axis + perm.Length : axis]);
        }
        foreach (string key in (string[])["pads", "starts", "ends", "steps"])
        {
            if (!node.Attributes.Contains(key)) continue;
            int[] list = node.Attributes.Ints(key).ToArray(), moved = new int[list.Length];
            for (int i = 0; i < list.Length; i++) moved[i] = list[i / perm.Length * perm.Length + inverse[i % perm.Length]];
            node.Attributes.Set(key, moved);
        }
    }
}
