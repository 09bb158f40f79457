using EdgeRuntime.Tensors;

namespace EdgeRuntime.Training;

/// <summary>
/// Deep mutual learning (Zhang et al. 2018): the outputs of one graph are students that learn from labels and from each other. Student
/// i's loss is its cross-entropy plus the mean of KL(p_j ‖ p_i) over the others j, whose p_j are taken as they are; as no gradient flows
/// to a teacher, the sum of these losses has each student's own gradient.
/// </summary>
public sealed class MutualObjective(float weight = 1, float labelSmoothing = 0) : Objective
{
    /// <inheritdoc/>
    public override Variable Loss(Tape tape, TrainableNetwork network, TrainingBatch batch)
    {
        Variable[] students = network.Forward(tape, [batch.Input], network.Logits);
        Variable loss = tape.Constant(TensorShape.Scalar, [0]);
        for (int i = 0; i < students.Length; i++)
        {
            loss = tape.Add(loss, tape.CrossEntropy(students[i], batch.Labels, labelSmoothing));
            for (int j = 0; j < students.Length; j++)
                if (j != i) loss = tape.Add(loss, tape.Scale(tape.KullbackLeibler(students[i], students[j]), weight / (students.Length - 1)));
        }
        return loss;
    }
}
