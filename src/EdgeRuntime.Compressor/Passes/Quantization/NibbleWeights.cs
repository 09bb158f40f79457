using EdgeRuntime.Tensors;

namespace EdgeRuntime.Compressor;

/// <summary>
/// Chooses the scales of int4 weights, of least squared error with every weight rounded to nearest. Scales are symmetric: one per output channel, or one per group that is m = 1 to 16
/// times a scale of its channel, so that group scales cost integer kernels one small multiplication (<see cref="Int8Weights"/>).
/// </summary>
internal static class NibbleWeights
{
    /// <summary>The smallest and the largest nibble.</summary>
    public const int Least = -8, Most = 7;

    // The largest weight is at 7.5 steps without clipping; below these shares of that, clipping costs more than rounding saves.
    private static readonly float[] Shares = [.. Enumerable.Range(0, 26).Select(i => 1.05f - 0.02f * i)];

    /// <summary>Scales for <paramref name="weights"/>: one for each of <paramref name="outputs"/>, or [outputs, groups].</summary>
    /// <param name="weights">Reals, output channels outermost.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="group">Weights of a group, or 0 for one scale per channel.</param>
    /// <param name="least">For each channel the smallest allowed scale of its int8 weights.</param>
    /// <param name="importance">How much the squared error of each weight of a channel counts; empty for all the same.</param>
    public static float[] Choose(ReadOnlySpan<float> weights, int outputs, int group, ReadOnlySpan<float> least, ReadOnlySpan<float> importance)
    {
        int depth = weights.Length / outputs, size = group == 0 ? Math.Max(1, depth) : group, groups = Math.Max(1, (depth + size - 1) / size);
        float[] scales = new float[outputs * groups];
        for (int o = 0; o < outputs; o++)
        {
            ReadOnlySpan<float> row = weights.Slice(o * depth, depth);
            Span<float> chosen = scales.AsSpan(o * groups, groups);
            if (group == 0) chosen[0] = Math.Max(Best(row, importance), least[o]);
            else ChooseGroups(row, importance, size, least[o], chosen);
        }
        return scales;
    }

    // The channel's unit is tried at several sizes; each group then takes the multiple of it that is best.
    private static void ChooseGroups(ReadOnlySpan<float> row, ReadOnlySpan<float> importance, int size, float least, Span<float> scales)
    {
        float largest = 0;
        for (int g = 0; g < scales.Length; g++) largest = Math.Max(largest, Best(Group(row, size, g), Group(importance, size, g)));
        double smallest = double.PositiveInfinity;
        float[] trial = new float[scales.Length];
        foreach (float share in (float[])[0.8f, 0.85f, 0.9f, 0.95f, 1, 1.05f])
        {
            float unit = Math.Max(largest * share / Int8Weights.MaxMultiplier, least);
            double total = 0;
            for (int g = 0; g < trial.Length; g++)
            {
                ReadOnlySpan<float> group = Group(row, size, g), counts = Group(importance, size, g);
                double best = double.PositiveInfinity;
                for (int m = 1; m <= Int8Weights.MaxMultiplier; m++)
                {
                    double error = Error(group, counts, unit * m);
                    if (error >= best) continue;
                    (best, trial[g]) = (error, unit * m);
                }
                total += best;
            }
            if (total >= smallest) continue;
            smallest = total;
            trial.CopyTo(scales);
        }
    }

    private static ReadOnlySpan<float> Group(ReadOnlySpan<float> row, int size, int g) => row.IsEmpty ? [] : row[(g * size)..Math.Min(row.Length, (g + 1) * size)];

    /// <summary>The scale of least squared error; a tiny one for weights that are all 0.</summary>
    private static float Best(ReadOnlySpan<float> weights, ReadOnlySpan<float> importance)
    {
        float largest = 0, best = 0;
        foreach (float w in weights) largest = Math.Max(largest, Math.Abs(w));
        if (largest < 1e-20f) return 1e-20f;
        double smallest = double.PositiveInfinity;
        foreach (float share in Shares)
        {
            float scale = largest / 7.5f * share;
            double error = Error(weights, importance, scale);
            if (error < smallest) (smallest, best) = (error, scale);
        }
        return best;
    }

    private static double Error(ReadOnlySpan<float> weights, ReadOnlySpan<float> importance, float scale)
    {
        double sum = 0;
        for (int k = 0; k < weights.Length; k++)
        {
            float error = weights[k] - scale * Math.Clamp(MathF.Round(weights[k] / scale), Least, Most);
            sum += error * error * (importance.IsEmpty ? 1 : importance[k]);
        }
        return sum;
    }
}
