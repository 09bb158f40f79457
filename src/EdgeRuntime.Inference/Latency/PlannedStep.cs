using EdgeRuntime.Model;

namespace EdgeRuntime.Inference;

/// <summary>A step as a machine would run it that need not be this one.</summary>
/// <param name="Step">What it is.</param>
/// <param name="Parts">The layers that it computes: one, or those of a chain. Empty where nothing is computed.</param>
public sealed record PlannedStep(StepInfo Step, IReadOnlyList<PlannedPart> Parts);

/// <summary>One layer of a step.</summary>
/// <param name="Node">The layer.</param>
/// <param name="KernelId">Its kernel.</param>
/// <param name="Cycles">Cycles that it is estimated to take on one worker.</param>
/// <param name="WeightBytes">Bytes of weights that it reads.</param>
public sealed record PlannedPart(Node Node, string KernelId, double Cycles, long WeightBytes)
{
    /// <summary>What times are compared by: the kernel, with the operator where several share one, and its elements where they do so in more than one type.</summary>
    public string Kind => Node.Type switch
    {
        OperatorType.Convolution => KernelId,
        OperatorType.FullyConnected or OperatorType.Lstm or OperatorType.Gru => $"{KernelId} {Node.Type}",
        _ => $"{KernelId} {Node.Type} {Node.Input(0).Type}-{Node.Output.Type}",
    };
}
