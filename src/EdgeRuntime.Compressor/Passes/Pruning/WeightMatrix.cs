using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Float weights of a layer as the matrix that patterns of zeros are defined on: output channels (of recurrent layers, gates of
/// units) × reduction.
/// </summary>
internal sealed class WeightMatrix
{
    private readonly int _input;
    private readonly float[]? _scales;

    private WeightMatrix(Node node, int input, float[]? scales)
    {
        (Node, _input, _scales) = (node, input, scales);
        Values = Value.Constant!.ToFloats();
        (Rows, Columns) = Sparsity.MatrixOf(Value.Shape);
    }

    /// <summary>The layer.</summary>
    public Node Node { get; }

    /// <summary>The weights' place in the graph.</summary>
    public ValueInfo Value => Node.Input(_input);

    /// <summary>What the layer and, where it has several, its weights are called.</summary>
    public string Name => Node.Type is OperatorType.Lstm or OperatorType.Gru ? $"{Node.Name}.{(_input is RecurrentShape.W ? "W" : _input is RecurrentShape.R ? "R" : _input is RecurrentShape.W2 ? "W2" : "R2")}" : Node.Name;

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Row after row; <see cref="Store"/> gives changes to the graph.</summary>
    public float[] Values { get; }

    /// <summary>Share of the layer's weights that these are; 1 unless it has several matrices.</summary>
    public double ShareOfNode => (double)Values.Length / Inputs(Node.Type).Sum(i => Node.OptionalInput(i)?.Shape.ElementCount ?? 0);

    /// <summary>The weights of all dense, convolutional and recurrent layers of <paramref name="graph"/>.</summary>
    public static IEnumerable<WeightMatrix> All(Graph graph)
    {
        Dictionary<ValueInfo, float[]> scales = BatchScales.Of(graph);
        foreach (Node node in graph.Nodes)
            foreach (int input in Inputs(node.Type))
                if (node.OptionalInput(input)?.Constant is { Type: ElementType.Float32 })
                    yield return new WeightMatrix(node, input, scales.GetValueOrDefault(node.Output));
    }

    /// <summary>|weight| as the next layer sees it: times the scale of the batch normalisation that follows.</summary>
    public double Size(int index) => Math.Abs(Values[index]) * (_scales is null ? 1 : Math.Abs(_scales[index / Columns]));

    /// <summary>Gives the graph the changed weights, whose zeros follow <paramref name="pattern"/>.</summary>
    public void Store(Sparsity pattern)
    {
        Value.Constant = Tensor.From<float>(Value.Shape, Values);
        Value.Sparsity = pattern;
    }

    /// <summary>The inputs of such a node that are weights.</summary>
    internal static int[] Inputs(OperatorType type) => type switch
    {
        OperatorType.Convolution or OperatorType.FullyConnected => [1],
        OperatorType.Lstm or OperatorType.Gru => [RecurrentShape.W, RecurrentShape.R, RecurrentShape.W2, RecurrentShape.R2],
        _ => [],
    };
}

/// <summary>What batch normalisation multiplies channels by.</summary>
internal static class BatchScales
{
    /// <summary>γ / √(variance + ε), by the value that is normalised.</summary>
    public static Dictionary<ValueInfo, float[]> Of(Graph graph)
    {
        Dictionary<ValueInfo, float[]> scales = [];
        foreach (Node node in graph.Nodes.Where(n => n.Type == OperatorType.BatchNormalization && n.Inputs.Skip(1).All(v => v!.IsConstant)))
        {
            float[] gamma = node.Input(1).Constant!.ToFloats(), variance = node.Input(4).Constant!.ToFloats();
            scales[node.Input(0)] = [.. gamma.Zip(variance, (g, v) => g / MathF.Sqrt(v + node.Attributes.Float("epsilon")))];
        }
        return scales;
    }
}
