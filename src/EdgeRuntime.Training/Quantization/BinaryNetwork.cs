using EdgeRuntime.Model;
using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// A float network in which some layers have binary weights, and binary activations if wanted (Courbariaux et al., "Binarized neural
/// networks", 2016; Rastegari et al., "XNOR-Net", 2016). Weights are signs times the mean magnitude of their channel; their gradient
/// is clipped straight-through. Layers are to be followed by batch normalisation, which learns what scale the signs' sums have.
/// </summary>
public sealed class BinaryNetwork : TrainableNetwork
{
    private readonly Dictionary<Node, Layer> _layers = [];

    /// <summary>Makes <paramref name="layers"/> of <paramref name="graph"/> binary; each comes with the means of its input's channels and their mean deviation.</summary>
    public BinaryNetwork(Graph graph, IReadOnlyDictionary<Node, (float[] Means, float Spread)> layers) : base(graph)
    {
        foreach (var (node, (means, spread)) in layers)
        {
            Variable weights = this[node.Input(1)];
            float[] scales = Scales(weights);
            QuantizationSteps steps = QuantizationSteps.Symmetric(weights.Name, weights.Shape, scales, 1, scales.Length);
            steps.Learn = false;
            _layers[node] = new Layer(steps, means, spread, new Variable(node.Name + ".thresholds", new TensorShape(means.Length), new float[means.Length]));
        }
    }

    private sealed record Layer(QuantizationSteps Steps, float[] Means, float Spread, Variable Moves);

    /// <summary>Whether inputs of binary layers are signs.</summary>
    public bool BinaryActivations { get; set; } = true;

    /// <inheritdoc/>
    public override IReadOnlyList<Variable> State => [.. base.State, .. _layers.Values.Select(l => l.Moves)];

    /// <summary>Least x that counts as +1 in each channel of the layer's input.</summary>
    public float[] Thresholds(Node layer) => SignActivationOperator.Thresholds(_layers[layer].Means, _layers[layer].Spread, _layers[layer].Moves);

    /// <summary>Signs of the layer's weights times one scale for each output channel.</summary>
    public float[] Weights(Node layer) => new Tape(1) { IsTraining = false }.FakeQuantize(this[layer.Input(1)], _layers[layer].Steps).Data;

    /// <inheritdoc/>
    public override void Constrain()
    {
        base.Constrain();
        // Weights that stay where their gradient is not clipped can change sign again.
        foreach (var (node, layer) in _layers)
        {
            float[] weights = this[node.Input(1)].Data;
            for (int i = 0; i < weights.Length; i++)
            {
                float limit = layer.Steps.SignLimit * 0.999f * layer.Steps.Step(i / layer.Steps.Depth);
                weights[i] = Math.Clamp(weights[i], -limit, limit);
            }
        }
    }

    /// <inheritdoc/>
    protected override Variable Run(Tape tape, Node node, Variable?[] x, TensorShape shape)
    {
        if (!_layers.TryGetValue(node, out Layer? layer)) return base.Run(tape, node, x, shape);
        Variable input = BinaryActivations ? tape.Sign(x[0]!, layer.Means, layer.Spread, layer.Moves) : x[0]!;
        return base.Run(tape, node, [input, tape.FakeQuantize(x[1]!, layer.Steps), .. x.Skip(2)], shape);
    }

    private static float[] Scales(Variable weights)
    {
        int depth = weights.Count / weights.Shape[0];
        float[] scales = new float[weights.Shape[0]];
        for (int o = 0; o < scales.Length; o++)
        {
            float sum = 0;
            foreach (float w in weights.Data.AsSpan(o * depth, depth)) sum += Math.Abs(w);
            scales[o] = Math.Max(sum / depth, 1e-10f);
        }
        return scales;
    }
}
