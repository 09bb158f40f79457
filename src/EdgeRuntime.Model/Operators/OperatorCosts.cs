namespace EdgeRuntime.Model;

/// <summary>What operators cost, from shapes alone.</summary>
public static class OperatorCosts
{
    /// <summary>
    /// Multiply-accumulates of <paramref name="node"/>: output elements × the products summed in each, for convolutions and
    /// fully connected layers; elements of the weights × rows and steps for recurrent ones; 0 for all others, whose work grows
    /// with their elements. Padding is counted like data, as is usual in the literature.
    /// </summary>
    public static long MultiplyAccumulates(Node node) => node.Type switch
    {
        OperatorType.Convolution or OperatorType.FullyConnected =>
            checked(node.Output.Shape.ElementCount * node.Input(1).Shape.CountOf(1, node.Input(1).Shape.Rank)),
        OperatorType.Lstm or OperatorType.Gru => RecurrentShape.Of(node).MultiplyAccumulates,
        _ => 0,
    };
}
