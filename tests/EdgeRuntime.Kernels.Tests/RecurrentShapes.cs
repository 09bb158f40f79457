namespace EdgeRuntime.Kernels.Tests;

/// <summary>Shapes at which recurrent kernels are tested: every cell and direction, tails of units, inputs and steps, none at all.</summary>
internal static class RecurrentShapes
{
    public static IEnumerable<RecurrentCellShape> All()
    {
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
        {
            foreach (int hidden in new[] { 1, 4, 7, 8, 9, 15, 16, 17, 20, 33 })
                yield return new(cell, 3, 1, hidden + 3, hidden, hidden % 3);
            yield return new(cell, 1, 1, 257, 128, 0);
            yield return new(cell, 5, 3, 2, 16, 2);
            yield return new(cell, 2, 2, 1, 12, 1);
            yield return new(cell, 14, 2, 6, 20, 0);
            yield return new(cell, 29, 1, 9, 18, 0);
            yield return new(cell, 0, 2, 3, 4, 2);
            yield return new(cell, 2, 0, 3, 4, 0);
            yield return new(cell, 2, 1, 0, 8, 2);
        }
    }

    /// <summary>Lengths of the sequences: for every second seed none, else 0 to T.</summary>
    public static int[] Lengths(RecurrentCellShape shape, int seed, Random random) =>
        seed % 2 == 0 ? [] : [.. Enumerable.Range(0, shape.Batch).Select(_ => random.Next(shape.Steps + 1))];
}
