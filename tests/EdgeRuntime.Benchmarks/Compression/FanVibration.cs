using EdgeRuntime.Model;
using EdgeRuntime.Sensors;
using EdgeRuntime.TestSupport;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// Seconds of a fan's vibration as log spectra of the three axes, standardised; labels: 1 for a coin on a blade. Only normal
/// seconds are trained on.
/// </summary>
internal static class FanVibration
{
    // Mel bands are almost evenly spaced at such low frequencies.
    private static readonly FeatureOptions Features = new() { SampleRate = 200, Window = 64, Hop = 17, Frames = 9, Bands = 24, Coefficients = 0, LowHz = 0, Floor = 1e-9f };

    public static (LabelledData Train, LabelledData Test) Load()
    {
        string folder = SharedFolder.Locate("data/fan-vibration") ?? throw new DirectoryNotFoundException(SharedFolder.Missing("data/fan-vibration"));
        Tensors.Tensor all = NumpyFile.Load(Path.Combine(folder, "samples.npy"));
        string[][] rows = [.. File.ReadLines(Path.Combine(folder, "samples.csv")).Skip(1).Select(l => l.Split(','))];
        float[][] spectra = [.. Enumerable.Range(0, rows.Length).Select(i => Spectra(all.AsSpan<short>().Slice(i * 600, 600)))];
        int[] train = [.. Enumerable.Range(0, rows.Length).Where(i => rows[i][4] == "train")], test = [.. Enumerable.Range(0, rows.Length).Where(i => rows[i][4] == "test")];
        for (int f = 0; f < spectra[0].Length; f++)
        {
            double mean = train.Average(i => spectra[i][f]), deviation = Math.Sqrt(train.Average(i => Math.Pow(spectra[i][f] - mean, 2))) + 1e-6;
            foreach (float[] s in spectra) s[f] = (float)((s[f] - mean) / deviation);
        }
        LabelledData Of(int[] indices) => new([spectra[0].Length], [.. indices.SelectMany(i => spectra[i])], [.. indices.Select(i => int.Parse(rows[i][2], System.Globalization.CultureInfo.InvariantCulture))]);
        // Calibration takes the first ones: they have to be of all speeds.
        return (Of(train).Shuffle(1), Of(test));
    }

    private static float[] Spectra(ReadOnlySpan<short> sample)
    {
        FeatureExtractor extractor = new(Features);
        float[] axis = new float[200], frames = new float[Features.Frames * Features.Bands], means = new float[3 * Features.Bands];
        for (int a = 0; a < 3; a++)
        {
            for (int t = 0; t < 200; t++) axis[t] = sample[t * 3 + a] / 2048f;
            float mean = axis.Average();
            foreach (ref float v in axis.AsSpan()) v -= mean;
            extractor.Clip(axis, frames);
            for (int i = 0; i < frames.Length; i++) means[a * Features.Bands + i % Features.Bands] += frames[i] / Features.Frames;
        }
        return means;
    }
}
