using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>Float weights and bias of a Convolution or FullyConnected node, as rules change them.</summary>
internal sealed class Weights
{
    private readonly Node _node;

    private Weights(Node node)
    {
        _node = node;
        Values = node.Input(1).Constant!.ToFloats();
        Bias = node.OptionalInput(2)?.Constant?.ToFloats() ?? new float[Outputs];
    }

    /// <summary>In the order of the node's second input, outputs outermost.</summary>
    public float[] Values { get; }

    /// <summary>One for each output; zeros where the node has none.</summary>
    public float[] Bias { get; }

    /// <summary>Output channels.</summary>
    public int Outputs => _node.Input(1).Shape[0];

    /// <summary>Input channels.</summary>
    public int Inputs => _node.Input(0).Shape[-1];

    /// <summary>Weights of one output.</summary>
    public int PerOutput => Values.Length / Outputs;

    /// <summary>The weights of <paramref name="node"/>, or null unless it is such a node and they are float constants.</summary>
    public static Weights? Of(Node? node)
    {
        if (node?.Type is not (OperatorType.Convolution or OperatorType.FullyConnected)) return null;
        return IsFloat(node.Input(1)) && (node.OptionalInput(2) is not { } bias || IsFloat(bias)) ? new Weights(node) : null;
    }

    /// <summary>The input channel that weight <paramref name="index"/> of <see cref="Values"/> multiplies.</summary>
    public int InputChannel(int index)
    {
        int depth = _node.Input(1).Shape[-1], group = _node.Attributes.Int("group", 1);
        return index / PerOutput / (Outputs / group) * depth + index % depth;
    }

    /// <summary>Gives the node the changed weights and bias.</summary>
    public void Store(GraphIndex index)
    {
        ValueInfo weights = _node.Input(1);
        _node.Inputs[1] = index.Constant(weights, Tensor.From<float>(weights.Shape, Values));
        if (_node.Inputs.Count < 3) _node.Inputs.Add(null);
        if (_node.Inputs[2] is null && !Bias.AsSpan().ContainsAnyExcept(0f)) return;
        ValueInfo model = _node.Inputs[2] ?? new ValueInfo(_node.Name + ".bias", ElementType.Float32, new TensorShape(Outputs));
        // The new weights are part of the graph by now, so the two names can't collide.
        index.Invalidate();
        _node.Inputs[2] = index.Constant(model, Tensor.Vector<float>(Bias));
    }

    /// <summary>
    /// The numbers of a constant operand that has one for each of <paramref name="channels"/> positions on
    /// <paramref name="axis"/> of <paramref name="shape"/>, or one for all; null if it is not like that.
    /// </summary>
    public static float[]? PerChannel(ValueInfo operand, TensorShape shape, int axis, int channels)
    {
        if (!IsFloat(operand) || operand.Shape.Rank > shape.Rank) return null;
        float[] values = operand.Constant!.ToFloats();
        if (values.Length == 1) return [.. Enumerable.Repeat(values[0], channels)];
        int own = axis - (shape.Rank - operand.Shape.Rank);
        return own >= 0 && values.Length == channels && operand.Shape[own] == channels ? values : null;
    }

    private static bool IsFloat(ValueInfo v) => v.Constant is { Type: ElementType.Float32 };
}
