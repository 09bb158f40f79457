using System.Security.Cryptography;
using System.Text;
using EdgeRuntime.Compressor;
using EdgeRuntime.Model;
using EdgeRuntime.Sensors;
using EdgeRuntime.Training;

namespace EdgeRuntime.Benchmarks;

/// <summary>A network to compress and the data to do it with: made once a seed, kept in artifacts/compression.</summary>
/// <param name="Name">For the command line and for folders.</param>
/// <param name="Load">Training and test data of a seed, and how features were made, where they were.</param>
/// <param name="Build">The untrained network of a seed.</param>
/// <param name="Training">How it is trained.</param>
/// <param name="Settings">What the above amounts to, in words: other words, another folder.</param>
internal sealed record CompressionTask(string Name, Func<int, (LabelledData Train, LabelledData Test, FeatureOptions? Features)> Load, Func<int, Graph> Build, TrainingOptions Training, string Settings)
{
    /// <summary>Other networks for the same data, by file name: students.</summary>
    public IReadOnlyDictionary<string, Func<int, Graph>> Students { get; init; } = new Dictionary<string, Func<int, Graph>>();

    /// <summary>Whether it is judged by the reconstruction error of anomalies (ROC AUC) and not by its classes.</summary>
    public bool IsAutoencoder { get; init; }

    /// <summary>Samples and epochs of a quick look.</summary>
    private const int QuickSamples = 600, QuickEpochs = 2;

    public static IReadOnlyList<CompressionTask> All { get; } =
    [
        new("digits", s => SpokenDigits.Load(s % SpokenDigits.Speakers.Length, s + 1), s => NetworkBuilder.DepthwiseSeparable(40, 10, 10, 64, 4, s + 1),
            new TrainingOptions
            {
                Epochs = 14, Schedule = LearningRateSchedule.Cosine(4e-3f, 0.1f), WeightDecay = 0.01f, LabelSmoothing = 0.05f,
                Augment = Augmentations.All(Augmentations.Shift(40, 10, 1, 2, 0), Augmentations.SpecAugment(40, 10, 6, 2), Augmentations.Noise(0.2f)),
            }, $"DS-CNN 64 x 4, 14 epochs of {SpokenDigits.Versions} versions, {SpokenDigits.Features.ToJson()}")
        {
            Students = new Dictionary<string, Func<int, Graph>> { ["student"] = s => NetworkBuilder.DepthwiseSeparable(40, 10, 10, 24, 3, s + 1) },
        },
        new("digits-lstm", s => SpokenDigits.Load(s % SpokenDigits.Speakers.Length, s + 1), s => NetworkBuilder.Lstm(40, 10, 10, 96, s + 1),
            new TrainingOptions { Epochs = 12, Schedule = LearningRateSchedule.Cosine(4e-3f, 0.1f), WeightDecay = 0.01f, LabelSmoothing = 0.05f, GradientLimit = 1, Augment = Augmentations.Noise(0.2f) },
            $"LSTM 96, 12 epochs of {SpokenDigits.Versions} versions, {SpokenDigits.Features.ToJson()}"),
        new("cifar10", _ => SmallImages.Load() is var (train, test) ? (train, test, null) : default, s => NetworkBuilder.ResNet8(s + 1),
            new TrainingOptions
            {
                Epochs = 20, Schedule = LearningRateSchedule.Cosine(4e-3f, 0.1f), WeightDecay = 0.01f,
                Augment = Augmentations.All(Augmentations.Mirror(32, 32, 3), Augmentations.Shift(32, 32, 3, 3, 3)),
            }, "ResNet-8, 20 epochs")
        {
            Students = new Dictionary<string, Func<int, Graph>> { ["student"] = s => NetworkBuilder.ResNet8(s + 1, 0.5f) },
        },
        new("fan", _ => FanVibration.Load() is var (train, test) ? (train, test, null) : default, s => NetworkBuilder.Autoencoder(s + 1, 72, 64, 32, 8, 32, 64, 72),
            new TrainingOptions { Epochs = 60, Schedule = LearningRateSchedule.Cosine(3e-3f, 0.1f), Augment = Augmentations.Noise(0.1f) }, "autoencoder 72-64-32-8, 60 epochs") { IsAutoencoder = true },
    ];

    /// <summary>Whether data for training are labelled classes, as fine-tuning takes them.</summary>
    public bool HasClasses => !IsAutoencoder;

    /// <summary>The network's file name.</summary>
    public const string Network = "network.onnx";

    /// <summary>The folder of a seed, with train.npy, train-labels.npy, test.npy, test-labels.npy, the trained network and untrained students; made where it is missing.</summary>
    public string Prepare(int seed, bool isQuick)
    {
        string hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{Settings} {seed} {isQuick}")))[..8].ToLowerInvariant(), folder = Path.Combine("artifacts", "compression", $"{Name}-{seed}-{hash}");
        if (File.Exists(Path.Combine(folder, Network))) return folder;
        Directory.CreateDirectory(folder);
        (LabelledData train, LabelledData test, FeatureOptions? features) = Load(seed);
        if (isQuick) (train, test) = (train.Take(QuickSamples), test.Take(QuickSamples));
        train.Save(Path.Combine(folder, "train"));
        test.Save(Path.Combine(folder, "test"));
        Graph graph = Build(seed);
        if (features is not null) graph.Metadata[MetadataKeys.Preprocessing] = features.ToJson();
        Train(graph, train, test, seed, isQuick);
        foreach (var (student, build) in Students) OnnxExporter.Write(build(seed), Path.Combine(folder, student + ".onnx"));
        OnnxExporter.Write(graph, Path.Combine(folder, Network));
        return folder;
    }

    /// <summary>Trains without a look at the test data, and says how well it went.</summary>
    private void Train(Graph graph, LabelledData train, LabelledData test, int seed, bool isQuick)
    {
        TrainingOptions options = Training with
        {
            Seed = seed + 1,
            Epochs = isQuick ? QuickEpochs : Training.Epochs,
            OnProgress = p => { if (p.Step == p.Steps) Console.Error.WriteLine($"{Name}, seed {seed}: epoch {p.Epoch}/{p.Epochs}, loss {p.Loss:F4}, {p.Remaining:m\\:ss} left"); },
        };
        LossFunction? loss = IsAutoencoder ? (tape, batch, outputs) => tape.MeanSquaredError(outputs[0], batch.Input) : null;
        Trainer trainer = new(new TrainableNetwork(graph), train.Dataset, null, options, loss);
        trainer.Run();
        if (HasClasses) Console.Error.WriteLine($"{Name}, seed {seed}: float accuracy {trainer.Accuracy(test.Dataset):P2} on {test.Labels.Length} samples");
    }
}
