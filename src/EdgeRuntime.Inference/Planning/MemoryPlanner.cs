using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// Gives every value a place in one arena. Values that are the same memory (reshapes, in-place steps) form one buffer;
/// buffers whose lifetimes don't meet may overlap. Largest first, each at the lowest free offset (the greedy-by-size
/// strategy of Pisarchyk and Lee, «Efficient Memory Management for Deep Neural Net Inference», 2020).
/// </summary>
internal sealed class MemoryPlanner
{
    private readonly Dictionary<ValueInfo, Buffer> _buffers = [];

    public MemoryPlanner(Graph graph, IReadOnlyList<Operator> steps, bool keepAll)
    {
        int end = steps.Count;
        ILookup<ValueInfo, Node> consumers = graph.Consumers();
        Dictionary<Node, int> position = [];
        for (int i = 0; i < end; i++)
            foreach (Node node in steps[i].Nodes) position[node] = i;
        int LastUse(ValueInfo v) => keepAll || graph.Outputs.Contains(v) ? end : consumers[v].Select(n => position[n]).DefaultIfEmpty(-1).Max();

        foreach (ValueInfo v in graph.Inputs) _buffers[v] = new Buffer(v.RuntimeBytes, -1, end) { IsPinned = true };
        for (int i = 0; i < end; i++)
        {
            foreach (ValueInfo y in steps[i].Node.Outputs)
            {
                Buffer buffer = (y == steps[i].Node.Output ? Shared(steps[i], i, keepAll) : null) ?? new Buffer(y.RuntimeBytes, i, i);
                buffer.End = Math.Max(buffer.End, Math.Max(LastUse(y), i));
                if (graph.Outputs.Contains(y)) buffer.IsPinned = true;
                _buffers[y] = buffer;
            }
        }
        ArenaBytes = Place();
    }

    /// <summary>Bytes of the arena.</summary>
    public long ArenaBytes { get; }

    /// <summary>Offset of a value's memory in the arena.</summary>
    public long OffsetOf(ValueInfo value) => _buffers[value].Offset;

    /// <summary>Whether the value is in the arena; constants are not.</summary>
    public bool Contains(ValueInfo value) => _buffers.ContainsKey(value);

    /// <summary>The input's buffer that this step's output takes over, if it may.</summary>
    private Buffer? Shared(Operator step, int index, bool keepAll)
    {
        ValueInfo y = step.Node.Output;
        if (step.IsAlias) return _buffers.GetValueOrDefault(step.Node.Input(0));
        if (keepAll) return null;
        foreach (int i in step.InPlaceInputs)
            if (_buffers.TryGetValue(step.Node.Input(i), out Buffer? buffer) && !buffer.IsPinned && buffer.End == index
                && step.Node.Input(i).RuntimeBytes == y.RuntimeBytes && step.Node.Input(i).Type == y.Type)
                return buffer;
        return null;
    }

    private long Place()
    {
        long arena = 0;
        List<Buffer> placed = [];
        foreach (Buffer b in _buffers.Values.Distinct().OrderByDescending(b => b.Bytes).ThenBy(b => b.Start))
        {
            long offset = 0;
            foreach (Buffer other in placed.Where(o => o.Start <= b.End && b.Start <= o.End).OrderBy(o => o.Offset))
            {
                if (offset + b.Bytes <= other.Offset) break;
                offset = Math.Max(offset, other.Offset + other.Bytes);
            }
            b.Offset = offset;
            arena = Math.Max(arena, offset + b.Bytes);
            placed.Add(b);
        }
        return arena;
    }

    private sealed class Buffer(long bytes, int start, int end)
    {
        public long Bytes { get; } = NativeBuffer.Align(Math.Max(bytes, 1));

        public int Start { get; } = start;

        public int End { get; set; } = end;

        /// <summary>An input or output of the network: nobody may write into it in place.</summary>
        public bool IsPinned { get; set; }

        public long Offset { get; set; }
    }
}
