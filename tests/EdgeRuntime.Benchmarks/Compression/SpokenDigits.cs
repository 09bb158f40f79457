using EdgeRuntime.Sensors;
using EdgeRuntime.TestSupport;
using EdgeRuntime.Training;

namespace EdgeRuntime.Benchmarks;

/// <summary>
/// The Free Spoken Digit Dataset as features: all takes of one speaker to test; all of the others, and the synthesised speech that
/// <c>edge demo</c> carries, to train.
/// </summary>
internal static class SpokenDigits
{
    /// <summary>Frames of 32 ms every 20 ms, 0.8 s in all.</summary>
    public static readonly FeatureOptions Features = new() { SampleRate = 8000, Window = 256, Hop = 160, Frames = 40, Bands = 32, Coefficients = 10, LowHz = 60, Floor = 1e-7f, RangeDb = 45, RemoveMean = true };

    /// <summary>Versions of every recorded clip to train with: as it is, and altered.</summary>
    public const int Versions = 2;

    public static readonly string[] Speakers = ["george", "jackson", "lucas", "nicolas", "yweweler"];

    /// <summary>Training and test features for the speaker held out, and how they were made.</summary>
    public static (LabelledData Train, LabelledData Test, FeatureOptions Features) Load(int heldOut, int seed)
    {
        RandomSource random = new((ulong)seed);
        List<(float[] Clip, int Digit)> train = Recordings(s => s != Speakers[heldOut]), test = Recordings(s => s == Speakers[heldOut]);
        (FeatureOptions features, LabelledData synthesised) = Synthesised();
        List<(float[], int)> versions = [.. train, .. Enumerable.Range(1, Versions - 1).SelectMany(_ => train).Select(c => (Alter(c.Clip, random), c.Digit))];
        LabelledData recorded = Extract(versions, features), both = recorded with { Samples = [.. recorded.Samples, .. synthesised.Samples], Labels = [.. recorded.Labels, .. synthesised.Labels] };
        return (both.Shuffle(seed), Extract(test, features), features);
    }

    private static (FeatureOptions Features, LabelledData Data) Synthesised()
    {
        string folder = Directory.CreateTempSubdirectory("digits").FullName;
        Cli.DemoFiles.Unpack(folder);
        FeatureOptions features = FeatureOptions.Parse(Compressor.NetworkImporter.Load(Path.Combine(folder, "digits.onnx")).Metadata[Model.MetadataKeys.Preprocessing]);
        LabelledData data = LabelledData.Load(Path.Combine(folder, "train"));
        Directory.Delete(folder, recursive: true);
        return (features, data);
    }

    /// <summary>All takes of the speakers that are <paramref name="wanted"/>.</summary>
    public static List<(float[] Clip, int Digit)> Recordings(Func<string, bool> wanted)
    {
        string folder = SharedFolder.Locate("data/fsdd/recordings") ?? throw new DirectoryNotFoundException(SharedFolder.Missing("data/fsdd"));
        return [.. Directory.GetFiles(folder, "*.wav").Order(StringComparer.Ordinal).Where(f => wanted(Path.GetFileName(f).Split('_')[1])).Select(f => (WaveFile.Read(f).Samples, Path.GetFileName(f)[0] - '0'))];
    }

    /// <summary>
    /// Another voice in another room: played up to a fifth faster or slower (which moves the formants as another vocal tract
    /// does), darker or brighter, louder or softer, moved in time, with noise 10 to 50 dB below.
    /// </summary>
    public static float[] Alter(float[] clip, RandomSource random)
    {
        float[] played = new Sound(clip, Features.SampleRate).Interpolate(random.Uniform(0.82f, 1.22f));
        float loudness = MathF.Sqrt(played.Sum(v => v * v) / played.Length), gain = MathF.Exp(random.Uniform(-1.2f, 0.7f)), noise = loudness * MathF.Pow(10, -random.Uniform(0.5f, 2.5f));
        float tilt = random.Uniform(-0.8f, 0.8f), last = 0;
        int before = random.Next(1200), after = random.Next(1200);
        float[] altered = new float[before + played.Length + after];
        played.CopyTo(altered, before);
        foreach (ref float v in altered.AsSpan())
        {
            float noisy = v + noise * random.Gaussian();
            (v, last) = (Math.Clamp(gain * (noisy + tilt * last), -1, 1), noisy);
        }
        return altered;
    }

    /// <summary>Features with the mean and the deviation of each coefficient over the frames of <paramref name="clips"/>.</summary>
    public static FeatureOptions Standardise(FeatureOptions options, IEnumerable<float[]> clips)
    {
        FeatureExtractor extractor = new(options with { Mean = [], Deviation = [] });
        float[] features = new float[options.Frames * options.Width];
        double[] sum = new double[options.Width], squares = new double[options.Width];
        int frames = 0;
        foreach (float[] clip in clips)
        {
            extractor.Clip(clip, features);
            frames += options.Frames;
            for (int i = 0; i < features.Length; i++) (sum[i % options.Width], squares[i % options.Width]) = (sum[i % options.Width] + features[i], squares[i % options.Width] + features[i] * features[i]);
        }
        return options with
        {
            Mean = [.. sum.Select(s => (float)Math.Round(s / frames, 3))],
            Deviation = [.. sum.Select((s, c) => (float)Math.Round(Math.Sqrt(squares[c] / frames - s / frames * (s / frames)), 3))],
        };
    }

    public static LabelledData Extract(IReadOnlyList<(float[] Clip, int Digit)> clips, FeatureOptions options)
    {
        int length = options.Frames * options.Width;
        float[] all = new float[clips.Count * length];
        FeatureExtractor extractor = new(options);
        for (int i = 0; i < clips.Count; i++) extractor.Clip(clips[i].Clip, all.AsSpan(i * length, length));
        return new LabelledData([options.Frames, options.Width], all, [.. clips.Select(c => c.Digit)]);
    }
}
