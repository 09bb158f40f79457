using System.Globalization;

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

    /// <summary>A schedule as text: <c>cosine</c>, <c>constant</c>, or <c>step:FACTOR,AT,…</c> with shares of all steps, such as <c>step:0.1,0.5,0.75</c>.</summary>
    /// <exception cref="ArgumentException">There is no such schedule.</exception>
    public static LearningRateSchedule Parse(string text, float peak, float warmup)
    {
        string[] parts = text.Split(':', 2);
        float[] n = parts.Length == 1 ? [] : [.. parts[1].Split(',').Select(p => float.TryParse(p, NumberStyles.Float, CultureInfo.InvariantCulture, out float v) && v is > 0 and < 1 ? v
            : throw new ArgumentException($"schedule \"{text}\": '{p}' is no number in (0, 1)"))];
        LearningRateSchedule schedule = (parts[0], n.Length) switch
        {
            ("cosine", 0) => Cosine(peak),
            ("constant", 0) => Constant(peak),
            ("step", > 1) => Step(peak, n[0], n[1..]),
            _ => throw new ArgumentException($"no schedule \"{text}\"; known: cosine, constant, step:FACTOR,AT,…"),
        };
        return schedule with { Warmup = warmup };
    }

    /// <summary>The rate of step <paramref name="step"/> of <paramref name="steps"/>.</summary>
    public float At(int step, int steps)
    {
        float p = (float)step / Math.Max(1, steps);
        return Peak * (p < Warmup ? (step + 1) / (Warmup * steps) : Rate((p - Warmup) / (1 - Warmup)));
    }
}
