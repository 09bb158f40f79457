namespace EdgeRuntime.Kernels;

/// <summary>What one step of a recurrent layer computes.</summary>
public enum RecurrentCell
{
    /// <summary>c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c'); gates i, o, f, g.</summary>
    Lstm,

    /// <summary>h' = (1 − z)·tanh(W x + R(r·h)) + z·h; gates z, r, n. The candidate's product needs r of all units first.</summary>
    GruResetBefore,

    /// <summary>h' = (1 − z)·tanh(W x + r·(R h)) + z·h; gates z, r, n.</summary>
    GruResetAfter,
}

/// <summary>
/// The sizes of a recurrent layer: x [T,N,I] → y [T,N,D·H]. All values were validated. The steps run one after another;
/// what the input contributes to the gates is computed for all steps before the first.
/// </summary>
/// <param name="Cell">What a step computes.</param>
/// <param name="Steps">T.</param>
/// <param name="Batch">N.</param>
/// <param name="Inputs">I.</param>
/// <param name="Hidden">H.</param>
/// <param name="Direction">0 forward, 1 backward, 2 both.</param>
/// <param name="Rank">Rank of R where it comes as two factors, R·h = R1·(R2·h), else 0.</param>
public readonly record struct RecurrentCellShape(RecurrentCell Cell, int Steps, int Batch, int Inputs, int Hidden, int Direction, int Rank = 0)
{
    /// <summary>What is left of R without its zeros, for kernels that skip them; null where few are 0.</summary>
    public WeightUnits? Units { get; init; }

    /// <summary>Whether R·h is computed by others, as <see cref="RecurrentFloat32Call.Sums"/>: only the gates' functions are left.</summary>
    public bool IsProductGiven { get; init; }

    /// <summary>D.</summary>
    public int Directions => Direction == 2 ? 2 : 1;

    /// <summary>4 of an LSTM, 3 of a GRU.</summary>
    public int Gates => Cell == RecurrentCell.Lstm ? 4 : 3;

    /// <summary>Products of one step, one after another: two where the candidate waits for the reset gate, each as two factors.</summary>
    public int StagesOfStep => (Together < Gates ? 2 : 1) * (Rank > 0 ? 2 : 1);

    /// <summary>Gates of the first stage of a step; a candidate that waits for the reset gate comes in a second one.</summary>
    public int Together => Cell == RecurrentCell.GruResetBefore ? 2 : Gates;

    /// <summary>Stages of the recurrent part.</summary>
    public int Stages => StagesOfStep * Steps;

    /// <summary>Elements that the gates' products sum: of the hidden state, or of what the second factor makes of it.</summary>
    public int Depth => Rank > 0 ? Rank : Hidden;

    /// <summary>Elements of a row of y.</summary>
    public int OutputRow => Directions * Hidden;

    /// <summary>Where the step that sequence <paramref name="n"/> of a direction computes as its <paramref name="step"/>-th lies in time.</summary>
    public unsafe int Time(int direction, int step, int n, int* lengths)
    {
        int length = lengths == null ? Steps : lengths[n];
        return (direction == 1 || Direction == 1) && step < length ? length - 1 - step : step;
    }

    /// <summary>Element of y where the hidden state after that step lies.</summary>
    public unsafe nint OutputOffset(int direction, int step, int n, int* lengths) =>
        ((nint)Time(direction, step, n, lengths) * Batch + n) * OutputRow + direction * Hidden;
}
