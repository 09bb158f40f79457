namespace EdgeRuntime.Training;

/// <summary>What training makes small: the loss of a batch. It may have parameters of its own, which are trained along and not kept.</summary>
public abstract class Objective
{
    /// <summary>Parameters besides the network's.</summary>
    public virtual IReadOnlyList<Variable> Parameters => [];

    /// <summary>Runs <paramref name="network"/> on the batch and returns the loss, a scalar.</summary>
    public abstract Variable Loss(Tape tape, TrainableNetwork network, TrainingBatch batch);
}

/// <summary>A loss of the outputs alone.</summary>
public sealed class OutputObjective(LossFunction loss) : Objective
{
    /// <inheritdoc/>
    public override Variable Loss(Tape tape, TrainableNetwork network, TrainingBatch batch) => loss(tape, batch, network.Forward(tape, [batch.Input], network.Logits));
}
