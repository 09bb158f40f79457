namespace EdgeRuntime.Kernels;

/// <summary>What a sparse kernel's parts take, in cycles.</summary>
/// <param name="Unit">A unit, however many positions it meets at once.</param>
/// <param name="Vector">A unit for each vector of positions.</param>
/// <param name="Row">Beginning and ending a row of units.</param>
/// <param name="Output">Putting a result in its place.</param>
/// <param name="Input">Bringing a word of input to a panel; three times that where windows are gathered.</param>
internal readonly record struct SparseCost(double Unit, double Vector, double Row, double Output, double Input)
{
    // Panels of up to these bytes stay in the nearest cache beside sums and weights; weights of up to those in the second.
    private const double Near = 28 << 10, Second = 448 << 10;

    // Copying a row of a window, however short.
    private const double WindowRow = 20;

    /// <summary>
    /// Cycles of a whole layer: <paramref name="units"/> of weights in <paramref name="groups"/> of output channels, <paramref name="steps"/> words of a panel for each position,
    /// <paramref name="vectors"/> of positions at once. <paramref name="waits"/>: what a unit takes longer, at most, where a panel is in the second-level cache.
    /// </summary>
    public double Cycles(in ConvolutionShape shape, in SparsePlan plan, int lanes, long units, long unitBytes, int groups, int steps, int vectors, double waits, WeightReading machine)
    {
        double cycles = 0;
        // Read for every tile, weights push one another out of the second-level cache.
        double again = plan.Tiles == 1 ? 0 : Math.Max(0, units * unitBytes - Second) / 5;
        for (int tile = 0; tile < plan.Tiles; tile++)
        {
            int filled = (plan.Positions(tile).Count + lanes - 1) / lanes, passes = (filled + vectors - 1) / vectors;
            double far = 1 + waits * Math.Max(0, 1 - Near / (4.0 * filled * lanes * steps));
            double products = units * (Unit * passes + Vector * filled) * far + again;
            cycles += 100 + machine.Cycles(products, units * unitBytes) + Row * groups * passes
                + filled * lanes * (Output * shape.OutChannels + (shape.IsPointwise ? Input * steps : 3 * Input * steps + WindowRow * shape.KernelHeight));
        }
        return cycles;
    }
}
