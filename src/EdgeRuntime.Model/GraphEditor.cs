using EdgeRuntime.Tensors;

namespace EdgeRuntime.Model;

/// <summary>The edits that passes are made of.</summary>
public static class GraphEditor
{
    /// <summary>Makes every reader of <paramref name="old"/>, graph outputs included, read <paramref name="replacement"/>.</summary>
    public static void ReplaceUses(Graph graph, ValueInfo old, ValueInfo replacement)
    {
        foreach (Node node in graph.Nodes)
            for (int i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] == old) node.Inputs[i] = replacement;
        for (int i = 0; i < graph.Outputs.Count; i++)
            if (graph.Outputs[i] == old) graph.Outputs[i] = replacement;
    }

    /// <summary>Removes nodes whose results nobody reads.</summary>
    public static int RemoveDeadNodes(Graph graph)
    {
        HashSet<ValueInfo> live = [.. graph.Outputs];
        int removed = 0;
        for (int i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            Node node = graph.Nodes[i];
            if (node.Outputs.Any(live.Contains)) live.UnionWith(node.Inputs.OfType<ValueInfo>());
            else { graph.Nodes.RemoveAt(i); removed++; }
        }
        return removed;
    }

    /// <summary>Sorts nodes so that producers stand before consumers, keeping the given order where it is free.</summary>
    /// <exception cref="ModelException">The nodes form a cycle.</exception>
    public static void SortTopologically(Graph graph)
    {
        Dictionary<ValueInfo, Node> producers = graph.Producers();
        List<Node> sorted = [];
        Dictionary<Node, bool> done = [];
        foreach (Node root in graph.Nodes)
        {
            Stack<Node> stack = new([root]);
            while (stack.TryPeek(out Node? node))
            {
                if (done.TryGetValue(node, out bool finished) && finished) { stack.Pop(); continue; }
                done[node] = false;
                Node? pending = node.Inputs.OfType<ValueInfo>().Select(v => producers.GetValueOrDefault(v)).FirstOrDefault(p => p is not null && !done.GetValueOrDefault(p));
                if (pending is null) { sorted.Add(node); done[node] = true; stack.Pop(); }
                else if (done.ContainsKey(pending)) throw new ModelException(ModelErrorKind.InvalidGraph, pending.ToString(), "the nodes form a cycle");
                else stack.Push(pending);
            }
        }
        graph.Nodes.Clear();
        graph.Nodes.AddRange(sorted);
    }

    /// <summary>A value name not yet in use, derived from <paramref name="wish"/>.</summary>
    public static string UniqueName(Graph graph, string wish)
    {
        HashSet<string> names = [.. graph.Values().Select(v => v.Name)];
        string name = wish;
        for (int i = 1; names.Contains(name); i++) name = $"{wish}.{i}";
        return name;
    }

    /// <summary>Re-infers every output shape in order; reshapes keep theirs.</summary>
    public static void InferShapes(Graph graph)
    {
        foreach (Node node in graph.Nodes) InferShapes(node);
    }

    /// <summary>Re-infers the output shapes of one node.</summary>
    public static void InferShapes(Node node)
    {
        TensorShape[] shapes = ShapeInference.InferAll(node);
        for (int i = 0; i < shapes.Length; i++) node.Outputs[i].Shape = shapes[i];
    }

    /// <summary>A constant with the axes of <paramref name="constant"/> permuted; elements of at least 8 bits.</summary>
    public static Tensor Transpose(Tensor constant, ReadOnlySpan<int> perm)
    {
        int size = constant.Type.Bits() / 8, rank = constant.Shape.Rank;
        if (size == 0) throw new ArgumentException($"{constant.Type} can't be transposed", nameof(constant));
        TensorShape shape = constant.Shape.Permute(perm);
        int[] strides = new int[rank];
        for (int i = 0; i < rank; i++) strides[i] = checked((int)constant.Shape.CountOf(perm[i] + 1, rank)) * size;
        byte[] result = new byte[constant.Data.Length];
        ReadOnlySpan<byte> source = constant.Data.Span;
        int[] index = new int[rank];
        for (int o = 0; o < result.Length; o += size)
        {
            int from = 0;
            for (int i = 0; i < rank; i++) from += index[i] * strides[i];
            source.Slice(from, size).CopyTo(result.AsSpan(o));
            for (int i = rank - 1; i >= 0 && ++index[i] == shape[i]; i--) index[i] = 0;
        }
        return new Tensor(constant.Type, shape, result);
    }
}
