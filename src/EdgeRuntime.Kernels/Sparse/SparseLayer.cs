namespace EdgeRuntime.Kernels;

/// <summary>What sparse layers of all types of data have in common.</summary>
/// <typeparam name="S">The multiplication.</typeparam>
/// <typeparam name="TRows">Output channels of a unit: 1 or 4.</typeparam>
internal static class SparseLayer<S, TRows> where S : struct, ISparse where TRows : struct, ICount
{
    /// <summary>4 bytes of weights for each channel, and the offset of their step in a panel.</summary>
    public static int UnitBytes => 4 + 4 * TRows.Value;

    /// <summary>Rows of units.</summary>
    public static int Groups(in ConvolutionShape shape) => (shape.OutChannels + TRows.Value - 1) / TRows.Value;

    /// <summary>Units that are left.</summary>
    public static long Units(in ConvolutionShape shape) => shape.Units!.Count(TRows.Value, S.Step);

    /// <summary>Positions of the largest tile, and the step from one row of its panel to the next: as many vectors as sums are in registers at once, or half of that if the panel would leave the nearest cache.</summary>
    public static int Pitch(int steps, int nearBytes) => (S.Vectors(1) * sizeof(int) * S.Lanes * steps <= nearBytes ? S.Vectors(1) : (S.Vectors(1) + 1) / 2) * S.Lanes;

    /// <summary>Cycles of a layer; <paramref name="waits"/> as <see cref="SparseCost.Cycles"/> has it.</summary>
    public static double Cycles(in ConvolutionShape shape, in SparsePlan plan, int steps, double waits) =>
        S.Cost(TRows.Value).Cycles(shape, plan, S.Lanes, Units(shape), UnitBytes, Groups(shape), steps, S.Vectors(TRows.Value), waits, WeightReading.Of(S.Requires));
}
