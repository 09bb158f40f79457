using EdgeRuntime.Model;

namespace EdgeRuntime.Training;

/// <summary>What a teacher says of a batch of inputs: its logits, then the values that it was asked for, all with the batch on the first axis.</summary>
public delegate Variable[] Teacher(Tape tape, Variable input);

/// <summary>Teachers that run on the tape.</summary>
public static class Teachers
{
    /// <summary><paramref name="network"/> as at inference; no gradient flows to it.</summary>
    public static Teacher Of(TrainableNetwork network, params IReadOnlyList<ValueInfo> values) => (tape, input) =>
    {
        bool isTraining = tape.IsTraining;
        tape.IsTraining = false;
        try
        {
            return network.Forward(tape, [input], [network.Logits[0], .. values]);
        }
        finally
        {
            tape.IsTraining = isTraining;
        }
    };
}
