using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Splits the stacked gates of an LSTM or GRU. What multiplies the input becomes a fully connected layer before it, shared by all
/// gates and directions; what multiplies the hidden state becomes two factors inside the layer, R·R2. (Prabhavalkar et al., "On the
/// compression of recurrent neural networks with an application to LVCSR acoustic modeling for embedded speech recognition", 2016.)
/// </summary>
internal static class RecurrentFactors
{
    /// <summary>Whether the layer's weights are whole, and float constants.</summary>
    public static bool Fits(Node node) => node.Type is OperatorType.Lstm or OperatorType.Gru && node.OptionalInput(RecurrentShape.W2) is null && node.OptionalInput(RecurrentShape.R2) is null
        && new[] { node.Input(RecurrentShape.W), node.Input(RecurrentShape.R) }.All(v => v.Constant is { Type: ElementType.Float32 });

    /// <summary>The weights that meet the input, all directions together, and those that meet the hidden state, by direction.</summary>
    public static (Matrix Input, Matrix[] Hidden) Matrices(Node node)
    {
        RecurrentShape s = RecurrentShape.Of(node);
        double[] r = Array.ConvertAll(node.Input(RecurrentShape.R).Constant!.ToFloats(), v => (double)v);
        int count = s.Gates * s.HiddenSize * s.HiddenSize;
        return (new Matrix(s.Rows, s.InputSize, Array.ConvertAll(node.Input(RecurrentShape.W).Constant!.ToFloats(), v => (double)v)),
            [.. Enumerable.Range(0, s.Directions).Select(d => new Matrix(s.Gates * s.HiddenSize, s.HiddenSize, r[(d * count)..((d + 1) * count)]))]);
    }

    /// <summary>Puts the second factor of W before the layer.</summary>
    public static void ReplaceInput(Graph graph, Node node, IReadOnlyList<Factors> factors, InputMoments? moments)
    {
        ValueInfo x = node.Input(0);
        Matrix second = moments?.Restore(factors[0].Chain[0].Weights) ?? factors[0].Chain[0].Weights, first = factors[0].Chain[1].Weights;
        Node layer = new(OperatorType.FullyConnected, GraphEditor.UniqueName(graph, node.Name + ".input"), [x, Constant(graph, node.Name + ".input.weights", second)], []);
        layer.Outputs.Add(new ValueInfo(GraphEditor.UniqueName(graph, layer.Name), ElementType.Float32, x.Shape.With(-1, second.Rows)));
        graph.Nodes.Insert(graph.Nodes.IndexOf(node), layer);
        node.Inputs[0] = layer.Output;
        node.Inputs[RecurrentShape.W] = Constant(graph, node.Name + ".w", first);
    }

    /// <summary>Gives the layer two factors of R, of one rank in all directions.</summary>
    public static void ReplaceHidden(Graph graph, Node node, IReadOnlyList<Factors> directions, InputMoments? moments)
    {
        while (node.Inputs.Count < RecurrentShape.MaxInputs) node.Inputs.Add(null);
        node.Inputs[RecurrentShape.R] = Constant(graph, node.Name + ".r", Stacked([.. directions.Select(f => f.Chain[1].Weights)]));
        node.Inputs[RecurrentShape.R2] = Constant(graph, node.Name + ".r2", Stacked([.. directions.Select(f => moments?.Restore(f.Chain[0].Weights) ?? f.Chain[0].Weights)]));
    }

    private static Matrix Stacked(Matrix[] parts) => new(parts.Sum(p => p.Rows), parts[0].Columns, [.. parts.SelectMany(p => p.Values)]);

    private static ValueInfo Constant(Graph graph, string name, Matrix values) => new(GraphEditor.UniqueName(graph, name), Tensor.From<float>(new TensorShape(values.Rows, values.Columns), values.ToFloats()));
}
