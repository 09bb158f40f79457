using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>The operators of graphs on the tape.</summary>
internal static class GraphOperators
{
    /// <summary>Whether the operator can be trained.</summary>
    /// <exception cref="ModelException">It can't.</exception>
    public static void Check(Node node, bool isQuantized = false)
    {
        if (node.Type is OperatorType.Lstm or OperatorType.Gru) RecurrentLayers.Check(node);
        if ((!isQuantized && node.Type is OperatorType.Quantize or OperatorType.Dequantize or OperatorType.Requantize) || node.Type is OperatorType.Binarize or OperatorType.ReflectPad || IsGatherOfSamples(node))
            throw new ModelException(ModelErrorKind.Unsupported, node.ToString(), "this operator can't be trained; train the float network, before it is quantised");
    }

    private static bool IsGatherOfSamples(Node node) => node.Type == OperatorType.Gather && (node.Attributes.Int("axis") + node.Output.Shape.Rank) % node.Output.Shape.Rank == 0;

    /// <summary>Computes <paramref name="node"/>; <paramref name="shape"/> is its output's with the batch.</summary>
    public static Variable Run(Tape tape, Node node, Variable?[] x, TensorShape shape)
    {
        AttributeSet a = node.Attributes;
        Variable first = x[0]!;
        switch (node.Type)
        {
            case OperatorType.Convolution: return Clamp(tape, node, tape.Convolution(first, x[1]!, x.ElementAtOrDefault(2), Window(a), a.Int("group")));
            case OperatorType.FullyConnected: return Clamp(tape, node, tape.Dense(first, x[1]!, x.ElementAtOrDefault(2)));
            case OperatorType.Add: return Clamp(tape, node, tape.Add(first, x[1]!));
            case OperatorType.Sub: return Clamp(tape, node, tape.Sub(first, x[1]!));
            case OperatorType.Mul: return Clamp(tape, node, tape.Mul(first, x[1]!));
            case OperatorType.Div: return Clamp(tape, node, tape.Div(first, x[1]!));
            case OperatorType.Clip: return Clamp(tape, node, first);
            case OperatorType.AveragePool: return tape.AveragePool(first, a.Ints("kernel")[0], a.Ints("kernel")[1], Window(a), a.Int("count_include_pad") != 0);
            case OperatorType.MaxPool: return tape.MaxPool(first, a.Ints("kernel")[0], a.Ints("kernel")[1], Window(a));
            case OperatorType.ReduceMean: return tape.Mean(first, a.Ints("axes"), a.Int("keepdims") != 0);
            case OperatorType.Softmax: return Softmax(tape, node, first);
            case OperatorType.Reshape: return tape.Reshape(first, shape);
            case OperatorType.Transpose: return tape.Transpose(first, a.Ints("perm").ToArray());
            case OperatorType.Pad: return tape.Pad(first, a.Ints("pads")[..first.Shape.Rank], a.Ints("pads")[first.Shape.Rank..], a.Float("value"));
            case OperatorType.Concat: return tape.Concat(a.Int("axis") is < 0 and var axis ? axis + first.Shape.Rank : a.Int("axis"), x!);
            case OperatorType.Sigmoid: return tape.Sigmoid(first);
            case OperatorType.Tanh: return tape.Tanh(first);
            case OperatorType.Slice: return tape.Slice(first, a.Ints("starts"), Ends(node, first), a.Ints("steps"));
            case OperatorType.Sqrt: return tape.Sqrt(first);
            case OperatorType.Abs: return tape.Abs(first);
            case OperatorType.Exp: return tape.Exp(first);
            case OperatorType.Log: return tape.Log(first);
            case OperatorType.LeakyRelu: return tape.LeakyRelu(first, a.Float("alpha"));
            case OperatorType.HardSwish: return tape.HardSwish(first);
            case OperatorType.Maximum: return Clamp(tape, node, tape.Maximum(first, x[1]!));
            case OperatorType.Minimum: return Clamp(tape, node, tape.Minimum(first, x[1]!));
            case OperatorType.Gather: return tape.Gather(first, (a.Int("axis") + first.Shape.Rank) % first.Shape.Rank, a.Ints("indices"));
            case OperatorType.BatchNormalization: return Normalize(tape, node, x!);
            default: throw new InvalidOperationException($"{node.Type} was not refused");
        }
    }

    /// <summary>The ends of a slice; axes that are taken whole reach to their end in a batch, too.</summary>
    private static int[] Ends(Node node, Variable x)
    {
        int[] ends = node.Attributes.Ints("ends").ToArray();
        for (int i = 0; i < ends.Length; i++)
            if (node.Attributes.Ints("starts")[i] == 0 && ends[i] == node.Input(0).Shape[i]) ends[i] = x.Shape[i];
        return ends;
    }

    public static Window2D Window(AttributeSet a)
    {
        ReadOnlySpan<int> strides = a.Ints("strides"), pads = a.Ints("pads"), dilations = a.Contains("dilations") ? a.Ints("dilations") : [1, 1];
        return new Window2D(strides[0], strides[1], pads[0], pads[1], pads[2], pads[3], dilations[0], dilations[1]);
    }

    /// <summary>The fused clamp of an operator, if it has one.</summary>
    private static Variable Clamp(Tape tape, Node node, Variable x) => node.Attributes.Contains("min") || node.Attributes.Contains("max")
        ? tape.Clip(x, node.Attributes.Float("min", float.NegativeInfinity), node.Attributes.Float("max", float.PositiveInfinity)) : x;

    private static Variable Softmax(Tape tape, Node node, Variable x)
    {
        int rank = x.Shape.Rank, axis = (node.Attributes.Int("axis") + rank) % rank;
        float beta = node.Attributes.Float("beta", 1);
        if (beta != 1) x = tape.Scale(x, beta);
        return OnLastAxis(tape, x, axis, tape.Softmax);
    }

    private static Variable Normalize(Tape tape, Node node, Variable[] x)
    {
        int rank = x[0].Shape.Rank, axis = (node.Attributes.Int("axis") + rank) % rank;
        return OnLastAxis(tape, x[0], axis, v => tape.BatchNormalization(v, x[1], x[2], x[3], x[4], node.Attributes.Float("epsilon")));
    }

    private static Variable OnLastAxis(Tape tape, Variable x, int axis, Func<Variable, Variable> apply)
    {
        int last = x.Shape.Rank - 1;
        if (axis == last) return apply(x);
        int[] swap = [.. Enumerable.Range(0, last + 1)];
        (swap[axis], swap[last]) = (last, axis);
        return tape.Transpose(apply(tape.Transpose(x, swap)), swap);
    }
}
