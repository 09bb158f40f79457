using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>The axis of a value whose positions are channels, and the slot that stands at each position.</summary>
internal sealed record Channels(int Axis, int[] Slots);

/// <summary>What a constant does to the channels along one of its axes.</summary>
internal enum ChannelRole
{
    /// <summary>Weights that sum a channel up from others.</summary>
    Makes,

    /// <summary>Weights that take a channel in.</summary>
    Reads,

    /// <summary>Weights of a channel for itself: depthwise.</summary>
    Filters,

    /// <summary>Bias of a layer, or scale and shift of a batch normalisation.</summary>
    Adjusts,

    /// <summary>Anything else.</summary>
    Follows,
}

/// <summary>An axis of a constant that runs along channels.</summary>
internal sealed record ChannelUse(Node Node, int Input, int Axis, int[] Slots, ChannelRole Role)
{
    public ValueInfo Constant => Node.Input(Input);
}

/// <summary>
/// Which channels of a network can only be removed together. Every value has at most one axis of channels; every position on
/// it belongs to a slot. A layer makes new slots; additions join those of their operands; depthwise layers, batch
/// normalisation, concatenation, flattening hand them on. What a rule does not understand is frozen, so that removing what
/// remains is always valid. (Fang et al., "DepGraph: towards any structural pruning", 2023, for the idea.)
/// </summary>
internal sealed class ChannelDependencies
{
    private readonly Dictionary<ValueInfo, Channels> _channels = [];
    private readonly List<ChannelUse> _uses = [];

    /// <summary>Analyses <paramref name="graph"/>; the same graph, or a copy, gives the same slots.</summary>
    /// <param name="graph">A float network.</param>
    /// <param name="skip">Names of nodes whose channels all stay.</param>
    public ChannelDependencies(Graph graph, IEnumerable<string>? skip = null)
    {
        Graph = graph;
        HashSet<string> kept = [.. skip ?? []];
        foreach (Node node in graph.Nodes)
        {
            foreach (var (value, channels) in node.Outputs.Zip(Outputs(node)))
                if (channels is not null) _channels[value] = channels;
            if (kept.Contains(node.Name)) node.Outputs.ForEach(Freeze);
        }
        graph.Outputs.ForEach(Freeze);
        foreach (var uses in _uses.GroupBy(u => u.Constant)) Agree(uses.Key, [.. uses]);
        Groups = Slots.Groups();
    }

    public Graph Graph { get; }

    public ChannelSlots Slots { get; } = new();

    /// <summary>Axes of constants along channels, in the order of the nodes.</summary>
    public IReadOnlyList<ChannelUse> Uses => _uses;

    /// <summary>What can be removed.</summary>
    public IReadOnlyList<ChannelGroup> Groups { get; }

    /// <summary>The channels of a value; null where it has none that are known.</summary>
    public Channels? Of(ValueInfo? value) => value is null ? null : _channels.GetValueOrDefault(value);

    private Channels?[] Outputs(Node node) => node.Type switch
    {
        OperatorType.Lstm or OperatorType.Gru => Recurrent(node),
        OperatorType.Convolution => [Convolution(node)],
        OperatorType.FullyConnected => [FullyConnected(node)],
        var type when type.IsPairwise() => [Pair(node)],
        OperatorType.BatchNormalization => [Normalize(node)],
        OperatorType.Reshape => [Reshape(node)],
        OperatorType.Concat => [Concat(node)],
        OperatorType.Pad => [Pad(node)],
        var type when type.IsFunction() || type is OperatorType.AveragePool or OperatorType.MaxPool => [Of(node.Input(0))],
        OperatorType.Transpose => [Of(node.Input(0)) is { } x ? x with { Axis = node.Attributes.Ints("perm").IndexOf(x.Axis) } : null],
        OperatorType.ReduceMean => [Mean(node)],
        OperatorType.Softmax => [Unless(node, x => Axis(node, node.Attributes.Int("axis")) == x.Axis)],
        OperatorType.Slice => [Slice(node)],
        OperatorType.Gather => [Unless(node, x => Axis(node, node.Attributes.Int("axis")) == x.Axis)],
        OperatorType.ReflectPad => [Unless(node, x => Padding(node, x.Axis) != (0, 0))],
        _ => [.. FreezeInputs(node)],
    };

    private Channels Convolution(Node node)
    {
        int inputs = node.Input(0).Shape[3], outputs = node.Input(1).Shape[0], group = node.Attributes.Int("group", 1);
        Channels? x = OnAxis(node, 0, 3);
        if (group > 1 && group == inputs && x is not null)
        {
            int[] own = [.. Enumerable.Range(0, outputs).Select(o => x.Slots[o / (outputs / inputs)])];
            return Layer(node, own, null, ChannelRole.Filters, 0);
        }
        if (group > 1 && x is null) Freeze(node.Input(0));
        // All groups lose the channels at the same places.
        for (int i = inputs / group; i < inputs && x is not null; i++) Slots.Join(x.Slots[i], x.Slots[i % (inputs / group)]);
        int[] made = Slots.Add(node.Name, outputs / group);
        if (group == inputs && group > 1) Slots.Freeze(made);
        return Layer(node, Repeat(made, group), x?.Slots[..(inputs / group)], ChannelRole.Makes, 3);
    }

    private Channels FullyConnected(Node node) => Layer(node, Slots.Add(node.Name, node.Input(1).Shape[0]),
        OnAxis(node, 0, node.Input(0).Shape.Rank - 1)?.Slots, ChannelRole.Makes, 1);

    private Channels Layer(Node node, int[] made, int[]? read, ChannelRole role, int readAxis)
    {
        Use(node, 1, 0, made, role);
        if (read is not null) Use(node, 1, readAxis, read, ChannelRole.Reads);
        Use(node, 2, 0, made, ChannelRole.Adjusts);
        return new Channels(node.Output.Shape.Rank - 1, made);
    }

    /// <summary>Both directions lose the same units, as they have the same number.</summary>
    private Channels?[] Recurrent(Node node)
    {
        RecurrentShape shape = RecurrentShape.Of(node);
        int[] units = Slots.Add(node.Name, shape.HiddenSize), rows = Repeat(units, shape.Directions * shape.Gates);
        Use(node, RecurrentShape.W, 0, rows, ChannelRole.Makes);
        Use(node, RecurrentShape.R, 0, rows, ChannelRole.Makes);
        Use(node, shape.RecurrentRank > 0 ? RecurrentShape.R2 : RecurrentShape.R, 1, units, ChannelRole.Reads);
        if (OnAxis(node, 0, 2) is { } x) Use(node, shape.InputRank > 0 ? RecurrentShape.W2 : RecurrentShape.W, 1, x.Slots, ChannelRole.Reads);
        Use(node, RecurrentShape.Bias, 0, rows, ChannelRole.Adjusts);
        Use(node, RecurrentShape.RecurrentBias, 0, rows, ChannelRole.Adjusts);
        foreach (int state in (int[])[RecurrentShape.FirstHidden, RecurrentShape.FirstCell])
        {
            if (node.OptionalInput(state) is not { } first) continue;
            if (first.IsConstant) Use(node, state, 2, units, ChannelRole.Follows);
            else if (OnAxis(node, state, 2) is { } given) Slots.Join(given.Slots, units);
            else Slots.Freeze(units);
        }
        return [new Channels(2, Repeat(units, shape.Directions)), new Channels(2, units), new Channels(2, units)];
    }

    /// <summary>Operands side by side lose the same channels; one that is the same for all channels loses none.</summary>
    private Channels? Pair(Node node)
    {
        TensorShape shape = node.Output.Shape;
        Channels? result = null;
        foreach (ValueInfo operand in node.Inputs.OfType<ValueInfo>())
            if (Of(operand) is { } own && Aligned(operand, own.Axis) is >= 0 and var axis && own.Slots.Length == shape[axis]) result ??= own with { Axis = axis };
        for (int i = 0; i < 2; i++)
        {
            ValueInfo operand = node.Input(i);
            Channels? own = Of(operand);
            int axis = result is null ? -1 : result.Axis - (shape.Rank - operand.Shape.Rank);
            bool isAlong = axis >= 0 && operand.Shape[axis] == result!.Slots.Length;
            if (isAlong && operand.IsConstant) Use(node, i, axis, result!.Slots, ChannelRole.Follows);
            else if (isAlong && own?.Axis == axis) Slots.Join(own.Slots, result!.Slots);
            else
            {
                Freeze(operand);
                if (isAlong) Slots.Freeze(result!.Slots);
            }
        }
        return result;

        int Aligned(ValueInfo operand, int axis) => shape.Rank - operand.Shape.Rank + axis;
    }

    private Channels? Normalize(Node node)
    {
        if (OnAxis(node, 0, Axis(node, node.Attributes.Int("axis"))) is not { } x) return null;
        for (int i = 1; i < 5; i++) Use(node, i, 0, x.Slots, i < 3 ? ChannelRole.Adjusts : ChannelRole.Follows);
        return x;
    }

    /// <summary>Flattening repeats the channels for each place of the map.</summary>
    private Channels? Reshape(Node node)
    {
        TensorShape from = node.Input(0).Shape, to = node.Output.Shape;
        if (Of(node.Input(0)) is not { } x) return null;
        long before = from.CountOf(0, x.Axis), after = from.CountOf(x.Axis + 1, from.Rank);
        for (int axis = 0; axis < to.Rank; axis++)
        {
            long outer = to.CountOf(0, axis), inner = to.CountOf(axis + 1, to.Rank);
            if (outer == 0 || inner == 0 || before % outer != 0 || after % inner != 0 || to[axis] != before / outer * x.Slots.Length * (after / inner)) continue;
            return new Channels(axis, [.. Enumerable.Range(0, to[axis]).Select(i => x.Slots[i / (int)(after / inner) % x.Slots.Length])]);
        }
        Freeze(node.Input(0));
        return null;
    }

    private Channels? Concat(Node node)
    {
        int axis = Axis(node, node.Attributes.Int("axis"));
        if (node.Inputs.Select(Of).FirstOrDefault(c => c is not null) is not { } first) return null;
        List<int> joined = [];
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            Channels? own = OnAxis(node, i, first.Axis);
            int[] slots = own?.Slots ?? (first.Axis == axis || !node.Input(i).IsConstant ? Slots.Add(node.Name, node.Input(i).Shape[first.Axis]) : first.Slots);
            if (node.Input(i).IsConstant) Use(node, i, first.Axis, slots, ChannelRole.Follows);
            else if (own is null) Slots.Freeze(slots);
            if (first.Axis == axis) joined.AddRange(slots);
            else Slots.Join(slots, first.Slots);
        }
        return first.Axis == axis ? new Channels(axis, [.. joined]) : first;
    }

    /// <summary>Channels that padding adds can go as well.</summary>
    private Channels? Pad(Node node)
    {
        if (Of(node.Input(0)) is not { } x) return null;
        var (before, after) = Padding(node, x.Axis);
        return x with { Slots = [.. Slots.Add(node.Name, before), .. x.Slots, .. Slots.Add(node.Name, after)] };
    }

    private Channels? Mean(Node node)
    {
        int[] axes = [.. node.Attributes.Ints("axes").ToArray().Select(a => Axis(node, a))];
        Channels? x = Unless(node, c => axes.Contains(c.Axis));
        return x is null || node.Attributes.Int("keepdims") != 0 ? x : x with { Axis = x.Axis - axes.Count(a => a < x.Axis) };
    }

    private Channels? Slice(Node node)
    {
        if (Unless(node, c => node.Attributes.Ints("steps")[c.Axis] != 1) is not { } x) return null;
        return x with { Slots = x.Slots[node.Attributes.Ints("starts")[x.Axis]..node.Attributes.Ints("ends")[x.Axis]] };
    }

    /// <summary>The channels of the first input, which are frozen and unknown from here on where <paramref name="mixes"/> says so.</summary>
    private Channels? Unless(Node node, Predicate<Channels> mixes)
    {
        if (Of(node.Input(0)) is not { } x || !mixes(x)) return Of(node.Input(0));
        Slots.Freeze(x.Slots);
        return null;
    }

    /// <summary>The channels of an input if they lie on <paramref name="axis"/>; others are frozen.</summary>
    private Channels? OnAxis(Node node, int input, int axis)
    {
        if (Of(node.Input(input)) is not { } x || x.Axis == axis) return Of(node.Input(input));
        Slots.Freeze(x.Slots);
        return null;
    }

    private IEnumerable<Channels?> FreezeInputs(Node node)
    {
        node.Inputs.ForEach(Freeze);
        return node.Outputs.Select(_ => (Channels?)null);
    }

    private void Freeze(ValueInfo? value)
    {
        if (Of(value) is { } channels) Slots.Freeze(channels.Slots);
    }

    private void Use(Node node, int input, int axis, int[] slots, ChannelRole role)
    {
        if (node.OptionalInput(input) is not { } value) return;
        if (value.Constant is { Type: ElementType.Float32 }) _uses.Add(new ChannelUse(node, input, axis, slots, role));
        else
        {
            Slots.Freeze(slots);
            Freeze(value);
        }
    }

    /// <summary>A constant that several nodes read must lose the same from all points of view.</summary>
    private void Agree(ValueInfo constant, ChannelUse[] uses)
    {
        int readers = Graph.Nodes.Sum(n => n.Inputs.Count(v => v == constant));
        foreach (var along in uses.GroupBy(u => u.Axis))
            foreach (ChannelUse use in along)
            {
                Slots.Join(use.Slots, along.First().Slots);
                if (along.Count() != readers || Graph.Outputs.Contains(constant)) Slots.Freeze(use.Slots);
            }
    }

    private static (int Before, int After) Padding(Node node, int axis)
    {
        ReadOnlySpan<int> pads = node.Attributes.Ints("pads");
        return (pads[axis], pads[axis + pads.Length / 2]);
    }

    private static int Axis(Node node, int axis) => axis < 0 ? axis + node.Input(0).Shape.Rank : axis;

    private static int[] Repeat(int[] slots, int times) => [.. Enumerable.Repeat(slots, times).SelectMany(s => s)];
}
