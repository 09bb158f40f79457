using EdgeRuntime.Model;

namespace EdgeRuntime.Training;

/// <summary>Random weights to begin with.</summary>
public static class Initialization
{
    /// <summary>
    /// Forgets what the network knows: weights become normal with variance 2 / fan-in (He et al. 2015), those of the last layer and of
    /// recurrent ones 1 / fan-in; biases 0, but 1 for the forget gates of an LSTM (Jozefowicz et al. 2015); batch normalisation the identity.
    /// Weights that pruning made 0 stay 0, constants of other operators as they are.
    /// </summary>
    public static void Randomize(this TrainableNetwork network, RandomSource random)
    {
        foreach (Node node in network.Graph.Nodes)
            switch (node.Type)
            {
                case OperatorType.Convolution or OperatorType.FullyConnected:
                    Fill(network, node, 1, random, network.Logits.Contains(node.Output) ? 1 : 2);
                    Set(network, node, 2, 0);
                    break;
                case OperatorType.Lstm or OperatorType.Gru:
                    Fill(network, node, 1, random, 1);
                    Fill(network, node, 2, random, 1);
                    Set(network, node, 3, 0);
                    if (node.Type == OperatorType.Lstm) OpenForgetGates(network, node);
                    break;
                case OperatorType.BatchNormalization:
                    for (int i = 1; i <= 4; i++) Set(network, node, i, i is 1 or 4 ? 1 : 0);
                    break;
            }
        network.Constrain();
        network.Store();
    }

    // Gates stand in the order input, output, forget, cell.
    private static void OpenForgetGates(TrainableNetwork network, Node node)
    {
        if (Constant(node, 3) is not { } bias) return;
        float[] data = network[bias].Data;
        int size = RecurrentShape.Of(node).HiddenSize;
        for (int i = 0; i < data.Length; i++)
            if (i / size % 4 == 2) data[i] = 1;
    }

    internal static float[] Gaussian(RandomSource random, int count, float deviation)
    {
        float[] values = new float[count];
        foreach (ref float v in values.AsSpan()) v = deviation * random.Gaussian();
        return values;
    }

    private static void Fill(TrainableNetwork network, Node node, int index, RandomSource random, float gain)
    {
        if (Constant(node, index) is not { } value) return;
        long fanIn = value.Shape.CountOf(node.Type is OperatorType.Convolution or OperatorType.FullyConnected ? 1 : value.Shape.Rank - 1, value.Shape.Rank);
        float[] data = network[value].Data;
        Gaussian(random, data.Length, MathF.Sqrt(gain / fanIn)).CopyTo(data, 0);
    }

    private static void Set(TrainableNetwork network, Node node, int index, float number)
    {
        if (Constant(node, index) is { } value) Array.Fill(network[value].Data, number);
    }

    private static ValueInfo? Constant(Node node, int index) => node.Inputs.ElementAtOrDefault(index) is { IsConstant: true } value ? value : null;
}
