namespace EdgeRuntime.Sensors;

/// <summary>Sound of one channel.</summary>
/// <param name="Samples">In [−1, 1].</param>
/// <param name="Rate">Samples in a second.</param>
public sealed record Sound(float[] Samples, int Rate)
{
    // Zeros of the sinc on each side.
    private const int Lobes = 16;

    /// <summary>
    /// The same sound at another rate, by a Hann-windowed sinc that cuts above half the lower rate (band-limited interpolation,
    /// Smith 1984).
    /// </summary>
    public Sound Resample(int rate) => rate == Rate ? this : new Sound(Interpolate((double)Rate / rate), rate);

    /// <summary>The samples played <paramref name="step"/> times as fast: duration, pitch and formants change alike.</summary>
    public float[] Interpolate(double step)
    {
        double cut = Math.Min(1, 1 / step), reach = Lobes / cut;
        float[] result = new float[(int)(Samples.Length / step)];
        for (int i = 0; i < result.Length; i++)
        {
            double at = i * step, sum = 0;
            for (int j = Math.Max(0, (int)Math.Ceiling(at - reach)); j <= Math.Min(Samples.Length - 1, (int)(at + reach)); j++)
            {
                double x = (j - at) * cut, sinc = x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);
                sum += Samples[j] * cut * sinc * (0.5 + 0.5 * Math.Cos(Math.PI * (j - at) / reach));
            }
            result[i] = (float)sum;
        }
        return result;
    }
}
