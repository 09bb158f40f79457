using System.Runtime.CompilerServices;

namespace EdgeRuntime.Kernels;

/// <summary>What sparse layers of all types of data have in common.</summary>
/// <typeparam name="S">The multiplication.</typeparam>
/// <typeparam name="V">Its vector of sums.</typeparam>
/// <typeparam name="O">Its operands.</typeparam>
/// <typeparam name="TRows">Output channels of a unit: 1 or 4.</typeparam>
internal static unsafe class SparseLayer<S, V, O, TRows> where S : struct, ISparseProduct<V, O> where V : unmanaged where O : unmanaged where TRows : struct, ICount
{
    /// <summary>4 bytes of weights for each channel, and the offset of their step in a panel.</summary>
    public static int UnitBytes => 4 + 4 * TRows.Value;

    /// <summary>Positions in a vector.</summary>
    public static int Lanes => sizeof(V) / sizeof(int);

    /// <summary>Rows of units.</summary>
    public static int Groups(in ConvolutionShape shape) => (shape.OutChannels + TRows.Value - 1) / TRows.Value;

    /// <summary>Units that are left.</summary>
    public static long Units(in ConvolutionShape shape) => shape.Units!.Count(TRows.Value, S.Step);

    /// <summary>Positions of the largest tile, and the step from one row of its panel to the next: 8 vectors, or half of that if the panel would leave the nearest cache.</summary>
    public static int Pitch(int steps, int nearBytes) => (8 * sizeof(V) * steps <= nearBytes ? 8 : 4) * Lanes;

    /// <summary>Cycles of a layer; <paramref name="waits"/> as <see cref="SparseCost.Cycles"/> has it.</summary>
    public static double Cycles(in ConvolutionShape shape, in SparsePlan plan, int steps, double waits) =>
        S.Cost(TRows.Value).Cycles(shape, plan, Lanes, Units(shape), UnitBytes, Groups(shape), steps, S.Vectors(TRows.Value), waits, WeightReading.Of(S.Requires));

    /// <summary>Sums of some channels as [channel][position], for <paramref name="count"/> positions of a panel.</summary>
    public static void Multiply(in SparseRows rows, byte* panel, int count, int* sums)
    {
        int step = S.Vectors(TRows.Value);
        for (int vectors = (count + Lanes - 1) / Lanes; vectors > 0; vectors -= step, panel += step * sizeof(V), sums += step * Lanes)
            switch (Math.Min(vectors, step))
            {
                case 1: Multiply<N1>(rows, panel, sums); break;
                case 2: Multiply<N2>(rows, panel, sums); break;
                case 3: Multiply<N3>(rows, panel, sums); break;
                case 4: Multiply<N4>(rows, panel, sums); break;
                case 5: Multiply<N5>(rows, panel, sums); break;
                case 6: Multiply<N6>(rows, panel, sums); break;
                case 7: Multiply<N7>(rows, panel, sums); break;
                default: Multiply<N8>(rows, panel, sums); break;
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TVectors>(in SparseRows rows, byte* panel, int* sums) where TVectors : struct, ICount
    {
        if (TVectors.Value > S.Vectors(TRows.Value)) return;
        if (TRows.Value == 1) SparseTile<S, V, O>.One<TVectors>(rows, panel, sums);
        else SparseTile<S, V, O>.Four<TVectors>(rows, panel, sums);
    }
}
