namespace EdgeRuntime.Sensors;

/// <summary>
/// Triangular filters of height 1 whose corners are evenly spaced on the mel scale 2595·log10(1 + f/700) (as HTK has it;
/// in librosa: htk=True, norm=None).
/// </summary>
internal sealed class MelBank
{
    private readonly int[] _first;
    private readonly float[][] _weights;

    public MelBank(FeatureOptions options)
    {
        double low = Mel(options.LowHz), high = Mel(options.HighHz > 0 ? options.HighHz : options.SampleRate / 2.0);
        double[] corners = [.. Enumerable.Range(0, options.Bands + 2).Select(i => Hertz(low + (high - low) * i / (options.Bands + 1)))];
        int bins = options.FourierPoints / 2 + 1;
        double binHz = (double)options.SampleRate / options.FourierPoints;
        _first = new int[options.Bands];
        _weights = new float[options.Bands][];
        for (int b = 0; b < options.Bands; b++)
        {
            double left = corners[b], peak = corners[b + 1], right = corners[b + 2];
            _first[b] = Math.Min(bins, (int)Math.Ceiling(left / binHz));
            int end = Math.Clamp((int)Math.Floor(right / binHz) + 1, _first[b], bins);
            _weights[b] = [.. Enumerable.Range(_first[b], end - _first[b]).Select(i => (float)Math.Max(0, Math.Min((i * binHz - left) / (peak - left), (right - i * binHz) / (right - peak))))];
        }
    }

    /// <summary>Writes the logarithm of each band's energy, floored.</summary>
    public void LogEnergies(ReadOnlySpan<float> power, float floor, Span<float> energies)
    {
        for (int b = 0; b < _weights.Length; b++)
        {
            float sum = 0;
            float[] weights = _weights[b];
            for (int i = 0; i < weights.Length; i++) sum += weights[i] * power[_first[b] + i];
            energies[b] = MathF.Log(MathF.Max(sum, floor));
        }
    }

    private static double Mel(double hertz) => 2595 * Math.Log10(1 + hertz / 700);

    private static double Hertz(double mel) => 700 * (Math.Pow(10, mel / 2595) - 1);
}
