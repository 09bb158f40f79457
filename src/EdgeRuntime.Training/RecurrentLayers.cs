using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>LSTM and GRU nodes of graphs on the tape: directions, factored weights, halves of biases, first and last states.</summary>
internal static class RecurrentLayers
{
    /// <summary>Whether the layer can be trained.</summary>
    /// <exception cref="ModelException">It can't.</exception>
    public static void Check(Node node)
    {
        if (node.Attributes.Ints("lengths").Length > 0) throw Unsupported(node, "sequences of different lengths can't be trained; give all of them the same length");
        if (node.Attributes.Float("clip") > 0) throw Unsupported(node, "a layer with clipped gates (clip) can't be trained");
        for (int i = RecurrentShape.W; i < RecurrentShape.MaxInputs; i++)
            if (i is not (RecurrentShape.FirstHidden or RecurrentShape.FirstCell) && node.OptionalInput(i) is { IsConstant: false }) throw Unsupported(node, "weights that are computed can't be trained");
    }

    /// <summary>All outputs of <paramref name="node"/>; those of a quantised layer are what <paramref name="exact"/> computes.</summary>
    public static Variable[] Run(Tape tape, Node node, Variable?[] x, IntegerRecurrent? exact = null)
    {
        IntegerStates[]? states = exact?.Run(tape, x[0]!, x.ElementAtOrDefault(RecurrentShape.FirstHidden), x.ElementAtOrDefault(RecurrentShape.FirstCell));
        RecurrentShape s = RecurrentShape.Of(node);
        int direction = node.Attributes.Int("direction");
        List<Variable>[] outputs = [[], [], []];
        for (int d = 0; d < s.Directions; d++)
        {
            Variable[] one = Direction(tape, node, s, x, d, direction == 1 || d == 1, states?[d]);
            for (int i = 0; i < one.Length; i++) outputs[i].Add(one[i]);
        }
        Variable State(List<Variable> of) => Joined(tape, 0, [.. of.Select(v => tape.Reshape(v, new TensorShape(1, v.Shape[0], v.Shape[1])))]);
        Variable[] all = node.Type == OperatorType.Lstm ? [Joined(tape, 2, outputs[0]), State(outputs[1]), State(outputs[2])] : [Joined(tape, 2, outputs[0]), State(outputs[1])];
        return all[..node.Outputs.Count];
    }

    private static Variable[] Direction(Tape tape, Node node, RecurrentShape s, Variable?[] x, int d, bool reverse, IntegerStates? exact)
    {
        int rows = s.Gates * s.HiddenSize;
        Variable w = Weights(tape, x, RecurrentShape.W, RecurrentShape.W2, d, rows, s.InputRank), r = Weights(tape, x, RecurrentShape.R, RecurrentShape.R2, d, rows, s.RecurrentRank);
        Variable? h0 = FirstState(tape, x, RecurrentShape.FirstHidden, d);
        Variable bias = Bias(tape, x, RecurrentShape.Bias, d, rows), recurrentBias = Bias(tape, x, RecurrentShape.RecurrentBias, d, rows);
        if (node.Type == OperatorType.Gru && node.Attributes.Int("linear_before_reset") != 0)
        {
            var (y, h) = GruOperator.Gru(tape, x[0]!, w, r, bias, recurrentBias, h0, reverse, exact);
            return [y, h];
        }
        if (x.ElementAtOrDefault(RecurrentShape.RecurrentBias) is not null) bias = tape.Add(bias, recurrentBias);
        if (node.Type == OperatorType.Gru)
        {
            var (y, h) = GruResetBeforeOperator.GruResetBefore(tape, x[0]!, w, r, bias, h0, reverse, exact);
            return [y, h];
        }
        float clip = node.Attributes.Float("cell_clip") is > 0 and var bound ? bound : float.PositiveInfinity;
        if (exact is not null) clip = Math.Min(clip, exact.CellLimit);
        var (output, hidden, cell) = LstmOperator.Lstm(tape, x[0]!, w, r, bias, h0, FirstState(tape, x, RecurrentShape.FirstCell, d), reverse, clip, exact);
        return [output, hidden, cell];
    }

    /// <summary>The rows of a direction, multiplied out where they come in factors.</summary>
    private static Variable Weights(Tape tape, Variable?[] x, int first, int second, int d, int rows, int rank)
    {
        Variable w = Part(tape, x[first]!, d, rows);
        return rank == 0 ? w : tape.Dense(w, tape.Transpose(Part(tape, x[second]!, d, rank), 1, 0));
    }

    private static Variable Bias(Tape tape, Variable?[] x, int index, int d, int rows) =>
        x.ElementAtOrDefault(index) is { } bias ? Part(tape, bias, d, rows) : tape.Constant(new TensorShape(rows), new float[rows]);

    /// <summary>[N,H]; a constant is the same for all samples.</summary>
    private static Variable? FirstState(Tape tape, Variable?[] x, int index, int d)
    {
        if (x.ElementAtOrDefault(index) is not { } all) return null;
        TensorShape shape = new(x[0]!.Shape[1], all.Shape[2]);
        Variable state = tape.Reshape(Part(tape, all, d, 1), new TensorShape(all.Shape[1], all.Shape[2]));
        return state.Shape == shape ? state : tape.Add(state, tape.Constant(shape, new float[shape.ElementCount]));
    }

    /// <summary>Rows of one direction.</summary>
    private static Variable Part(Tape tape, Variable v, int d, int rows) => v.Shape[0] == rows ? v : tape.Slice(v, 0, d * rows, (d + 1) * rows);

    private static Variable Joined(Tape tape, int axis, List<Variable> parts) => parts.Count == 1 ? parts[0] : tape.Concat(axis, [.. parts]);

    private static ModelException Unsupported(Node node, string message) => new(ModelErrorKind.Unsupported, node.ToString(), message);
}
