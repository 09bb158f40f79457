using EdgeRuntime.Tensors;

namespace EdgeRuntime.Inference;

/// <summary>
/// Two operands broadcast to one shape, as runs of <see cref="Length"/> elements in which each operand either advances by
/// one element (step 1) or repeats a single one (step 0).
/// </summary>
internal sealed class Broadcast
{
    public Broadcast(TensorShape a, TensorShape b, TensorShape y)
    {
        int rank = y.Rank, split = rank;
        int[] stridesA = Strides(a, y), stridesB = Strides(b, y);
        Length = 1;
        // Inner axes join the run while each operand keeps to one kind of step.
        (StepA, StepB) = (-1, -1);
        for (; split > 0; split--)
        {
            int axis = split - 1;
            if (y[axis] == 1) continue;
            int stepA = stridesA[axis] == 0 ? 0 : 1, stepB = stridesB[axis] == 0 ? 0 : 1;
            if (StepA < 0) (StepA, StepB) = (stepA, stepB);
            else if (stepA != StepA || stepB != StepB) break;
            Length *= y[axis];
        }
        if (StepA < 0) (StepA, StepB) = (1, 1);
        int runs = checked((int)y.CountOf(0, split));
        OffsetsA = Offsets(y, stridesA, split, runs);
        OffsetsB = Offsets(y, stridesB, split, runs);
    }

    /// <summary>Elements of a run.</summary>
    public int Length { get; }

    public int StepA { get; }

    public int StepB { get; }

    /// <summary>First element of each run in operand a.</summary>
    public int[] OffsetsA { get; }

    /// <summary>First element of each run in operand b.</summary>
    public int[] OffsetsB { get; }

    private static int[] Strides(TensorShape x, TensorShape y)
    {
        int[] strides = new int[y.Rank];
        for (int i = 1; i <= x.Rank; i++)
            if (x[-i] != 1) strides[y.Rank - i] = checked((int)x.CountOf(x.Rank - i + 1, x.Rank));
        return strides;
    }

    private static int[] Offsets(TensorShape y, int[] strides, int split, int runs)
    {
        int[] offsets = new int[runs], index = new int[split];
        for (int r = 0; r < runs; r++)
        {
            for (int i = 0; i < split; i++) offsets[r] += index[i] * strides[i];
            for (int i = split - 1; i >= 0 && ++index[i] == y[i]; i--) index[i] = 0;
        }
        return offsets;
    }
}
