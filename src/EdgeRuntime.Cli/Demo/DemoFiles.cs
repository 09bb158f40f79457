using System.IO.Compression;
using EdgeRuntime.Model;
using EdgeRuntime.Sensors;
using EdgeRuntime.Tensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Cli;

/// <summary>
/// What the program carries for <c>edge demo</c>: a network for the ten spoken digits, features of synthesised speech to train on
/// with, and clips of synthesised speech in other voices to test with (tests/EdgeRuntime.Benchmarks, <c>digits</c>, makes them).
/// </summary>
internal static class DemoFiles
{
    private const string Prefix = "demo/";

    // Each clip as it is, and with noise of these levels below the speech, dB.
    private static readonly float[] NoiseDb = [30, 20, 15, 10];

    /// <summary>The scale of the stored int8 features.</summary>
    public const float Scale = 1 / 24f;

    /// <summary>Writes the network, the training features and the clips to <paramref name="folder"/>, and the test features made of the clips.</summary>
    /// <returns>Samples to train and to test with.</returns>
    public static (int Training, int Test) Unpack(string folder)
    {
        foreach (string name in typeof(DemoFiles).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using Stream resource = typeof(DemoFiles).Assembly.GetManifestResourceStream(name)!;
            string target = Path.Combine(folder, name[Prefix.Length..]);
            if (name.EndsWith(".zip", StringComparison.Ordinal)) ZipFile.ExtractToDirectory(resource, Path.ChangeExtension(target, null), overwriteFiles: true);
            else AtomicFile.Write(target, resource.CopyTo);
        }
        Tensor training = NumpyFile.Load(Path.Combine(folder, "train.npy"));
        NumpyFile.Save(Path.Combine(folder, "train.npy"), Tensor.From<float>(training.Shape, Array.ConvertAll(training.ToFloats(), v => v * Scale)));
        return (training.Shape[0], Listen(folder));
    }

    private static int Listen(string folder)
    {
        FeatureExtractor extractor = new(FeatureOptions.Parse(Compressor.NetworkImporter.Load(Path.Combine(folder, "digits.onnx")).Metadata[MetadataKeys.Preprocessing]));
        FeatureOptions options = extractor.Options;
        RandomSource random = new(1);
        int length = options.Frames * options.Width, versions = 1 + NoiseDb.Length;
        string[] clips = [.. Directory.GetFiles(Path.Combine(folder, "clips"), "*.wav").Order(StringComparer.Ordinal)];
        float[] features = new float[clips.Length * versions * length];
        int[] labels = new int[clips.Length * versions];
        for (int i = 0; i < labels.Length; i++)
        {
            string clip = clips[i / versions];
            float[] samples = WaveFile.Read(clip).Resample(options.SampleRate).Samples;
            if (i % versions > 0) AddNoise(samples, NoiseDb[i % versions - 1], random);
            extractor.Clip(samples, features.AsSpan(i * length, length));
            labels[i] = Path.GetFileName(clip)[0] - '0';
        }
        NumpyFile.Save(Path.Combine(folder, "test.npy"), Tensor.From<float>(new TensorShape(labels.Length, options.Frames, options.Width), features));
        NumpyFile.Save(Path.Combine(folder, "test-labels.npy"), Tensor.Vector<int>(labels));
        return labels.Length;
    }

    private static void AddNoise(float[] samples, float below, RandomSource random)
    {
        float loudness = MathF.Sqrt(samples.Sum(v => v * v) / samples.Length) * MathF.Pow(10, -below / 20);
        foreach (ref float v in samples.AsSpan()) v += loudness * random.Gaussian();
    }
}
