using EdgeRuntime.Model;

namespace EdgeRuntime.Training;

/// <summary>A part of a network that computes <paramref name="Output"/> from <paramref name="Input"/> and nothing else that varies.</summary>
/// <param name="Input">The value it reads.</param>
/// <param name="Output">The value it makes.</param>
public sealed record NetworkBlock(ValueInfo Input, ValueInfo Output);

/// <summary>
/// Block-wise distillation (Li et al. 2020): each block learns to make the teacher's output of the teacher's input, for itself, so that
/// errors of blocks before it neither mislead nor hide its own. Needs no labels.
/// </summary>
/// <param name="blocks">The student's blocks.</param>
/// <param name="teacher">Gives its logits, then for each block its input and its output.</param>
public sealed class BlockObjective(IReadOnlyList<NetworkBlock> blocks, Teacher teacher) : Objective
{
    /// <inheritdoc/>
    public override Variable Loss(Tape tape, TrainableNetwork network, TrainingBatch batch)
    {
        Variable[] taught = teacher(tape, batch.Input);
        Variable? loss = null;
        for (int i = 0; i < blocks.Count; i++)
        {
            Variable y = network.Forward(tape, new Dictionary<ValueInfo, Variable> { [blocks[i].Input] = taught[1 + 2 * i] }, [blocks[i].Output])[0];
            Variable error = tape.RelativeSquaredError(y, taught[2 + 2 * i]);
            loss = loss is null ? error : tape.Add(loss, error);
        }
        return tape.Scale(loss!, 1f / blocks.Count);
    }
}
