namespace EdgeRuntime.Training;

/// <summary>The learning rate of each step.</summary>
/// <param name="Rate">The rate at progress p in [0, 1], with 1 for the full one.</param>
/// <param name="Peak">The full rate.</param>
/// <param name="Warmup">Share of all steps over which the rate rises from 0 in a line.</param>
public sealed record LearningRateSchedule(Func<float, float> Rate, float Peak, float Warmup = 0)
{
    /// <summary>Half a cosine from the peak to 0 (Loshchilov and Hutter 2017).</summary>
    public static LearningRateSchedule Cosine(float peak, float warmup = 0) => new(p => 0.5f * (1 + MathF.Cos(MathF.PI * p)), peak, warmup);

    /// <summary>Times <paramref name="factor"/> at each of the shares <paramref name="at"/> of all steps.</summary>
    public static LearningRateSchedule Step(float peak, float factor, params float[] at) => new(p => MathF.Pow(factor, at.Count(a => p >= a)), peak);

    /// <summary>Always the same.</summary>
    public static LearningRateSchedule Constant(float rate) => new(_ => 1, rate);

    /// <summary>The rate of step <paramref name="step"/> of <paramref name="steps"/>.</summary>
    public float At(int step, int steps)
    {
        float p = (float)step / Math.Max(1, steps);
        return Peak * (p < Warmup ? (step + 1) / (Warmup * steps) : Rate((p - Warmup) / (1 - Warmup)));
    }
}
