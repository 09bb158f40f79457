namespace EdgeRuntime.Sensors;

/// <summary>
/// Computes features of sound frame by frame: Hann window, power spectrum, mel bands, natural logarithm, and for cepstral
/// coefficients (Davis and Mermelstein 1980) the orthonormal DCT-II. Plans once, allocates nothing afterwards; one thread at a time.
/// </summary>
public sealed class FeatureExtractor
{
    private readonly RealFourier _fourier;
    private readonly MelBank _bank;
    private readonly float[] _window, _samples, _power, _energies, _clip, _cosines;

    /// <summary>Plans.</summary>
    /// <exception cref="InvalidDataException">An option is out of range.</exception>
    public FeatureExtractor(FeatureOptions options)
    {
        options.Check();
        Options = options;
        int points = options.FourierPoints, bands = options.Bands;
        _fourier = new RealFourier(points);
        _bank = new MelBank(options);
        _window = [.. Enumerable.Range(0, options.Window).Select(i => (float)(0.5 - 0.5 * Math.Cos(2 * Math.PI * i / options.Window)))];
        (_samples, _power, _energies, _clip) = (new float[points], new float[points / 2 + 1], new float[bands], new float[options.Frames * bands]);
        // cos(πc(b + ½)/B)·√(2/B), for c = 0 over √2.
        _cosines = [.. from c in Enumerable.Range(0, options.Coefficients) from b in Enumerable.Range(0, bands)
            select (float)(Math.Cos(Math.PI * c * (b + 0.5) / bands) * Math.Sqrt((c == 0 ? 1.0 : 2.0) / bands))];
    }

    /// <summary>What is computed.</summary>
    public FeatureOptions Options { get; }

    /// <summary>Logarithms of one frame's band energies.</summary>
    /// <param name="samples"><see cref="FeatureOptions.Window"/> samples in [−1, 1).</param>
    /// <param name="energies"><see cref="FeatureOptions.Bands"/> of them.</param>
    public void Energies(ReadOnlySpan<float> samples, Span<float> energies)
    {
        for (int i = 0; i < _window.Length; i++) _samples[i] = samples[i] * _window[i];
        _fourier.Power(_samples, _power);
        _bank.LogEnergies(_power, Options.Floor, energies);
    }

    /// <summary>Features of frames whose energies are known: a board computes those of a new frame only.</summary>
    /// <param name="energies">[frames, bands].</param>
    /// <param name="features">[frames, width].</param>
    public void Features(ReadOnlySpan<float> energies, Span<float> features)
    {
        int bands = Options.Bands, width = Options.Width;
        float loudest = 0, silence = float.NegativeInfinity;
        if (Options.RangeDb > 0)
        {
            loudest = energies[0];
            foreach (float e in energies) loudest = MathF.Max(loudest, e);
            silence = -Options.RangeDb * (MathF.Log(10) / 10);
        }
        for (int t = 0; t < energies.Length / bands; t++)
        {
            for (int b = 0; b < bands; b++) _energies[b] = MathF.Max(energies[t * bands + b] - loudest, silence);
            for (int c = 0; c < width; c++)
            {
                float value = Options.Coefficients == 0 ? _energies[c] : 0;
                for (int b = 0; Options.Coefficients > 0 && b < bands; b++) value += _cosines[c * bands + b] * _energies[b];
                features[t * width + c] = value;
            }
        }
        if (Options.RemoveMean || Options.Mean.Length + Options.Deviation.Length > 0)
            for (int c = 0; c < width; c++) Standardise(features, c);
    }

    private void Standardise(Span<float> features, int c)
    {
        float mean = Options.Mean.Length > 0 ? Options.Mean[c] : 0, factor = Options.Deviation.Length > 0 ? 1 / Options.Deviation[c] : 1, sum = 0;
        if (Options.RemoveMean)
        {
            for (int i = c; i < features.Length; i += Options.Width) sum += features[i];
            mean += sum / (features.Length / Options.Width);
        }
        for (int i = c; i < features.Length; i += Options.Width) features[i] = (features[i] - mean) * factor;
    }

    /// <summary>
    /// Features [frames, width] of a clip of any length: a shorter one stands in the middle of silence, of a longer one the
    /// part with the most energy is taken.
    /// </summary>
    public void Clip(ReadOnlySpan<float> clip, Span<float> features)
    {
        int wanted = Options.ClipSamples, start = clip.Length > wanted ? Loudest(clip, wanted) : (clip.Length - wanted) / 2;
        Span<float> frame = _samples.AsSpan(0, _window.Length);
        for (int t = 0; t < Options.Frames; t++)
        {
            int from = start + t * Options.Hop, first = Math.Clamp(-from, 0, frame.Length), end = Math.Clamp(clip.Length - from, first, frame.Length);
            frame.Clear();
            if (end > first) clip[(from + first)..(from + end)].CopyTo(frame[first..]);
            Energies(frame, _clip.AsSpan(t * Options.Bands, Options.Bands));
        }
        Features(_clip, features);
    }

    private static int Loudest(ReadOnlySpan<float> clip, int length)
    {
        double energy = 0, best = 0;
        int at = 0;
        for (int i = 0; i < clip.Length; i++)
        {
            energy += clip[i] * clip[i];
            if (i >= length) energy -= clip[i - length] * clip[i - length];
            if (i < length - 1 || (energy <= best && i >= length)) continue;
            (best, at) = (energy, i - length + 1);
        }
        return at;
    }
}
