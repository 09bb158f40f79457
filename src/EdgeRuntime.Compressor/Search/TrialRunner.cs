using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Training;

namespace EdgeRuntime.Compressor;

/// <summary>Computes trials: compresses the study's network by a recipe and measures the result.</summary>
public sealed class TrialRunner
{
    private readonly StudySettings _settings;
    private readonly int _threads;
    private readonly byte[] _network;
    private readonly Dataset _training, _validation;
    private readonly LatencyModel[] _latencies;

    /// <summary>Fetches network and data from the study.</summary>
    public TrialRunner(IStudyStore store, int threads)
    {
        _settings = store.Settings ?? throw new ModelException(ModelErrorKind.InvalidData, "study", "the study has not begun; begin it with edge search NETWORK");
        _threads = threads;
        Space = SearchSpace.Parse(_settings.Space, "study");
        _network = store.Blob(_settings.NetworkBlob);
        int length = checked((int)NewGraph().Inputs[0].Shape.ElementCount);
        byte[][] blobs = [.. _settings.DataBlobs.Select(store.Blob)];
        _training = new Dataset(MemoryMarshal.Cast<byte, float>(blobs[0]).ToArray(), MemoryMarshal.Cast<byte, int>(blobs[1]).ToArray(), length);
        _validation = new Dataset(MemoryMarshal.Cast<byte, float>(blobs[2]).ToArray(), MemoryMarshal.Cast<byte, int>(blobs[3]).ToArray(), length);
        _latencies = [.. _settings.Profiles.Select(p => new LatencyModel(RuntimeProfiles.Find(p)))];
    }

    /// <summary>What is chosen from.</summary>
    public SearchSpace Space { get; }

    /// <summary>The float network.</summary>
    public Graph NewGraph() => ModelReader.Read(_network).Graph;

    /// <summary>The samples that results are measured with.</summary>
    public Dataset Validation => _validation;

    /// <summary>Runs one trial. A recipe that fails gives a result that says why.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> was asked for.</exception>
    public (TrialResult Result, string Recipe, byte[] Model, PipelineReport? Report) Run(Trial trial, Action<string>? progress, CancellationToken cancel)
    {
        long start = Stopwatch.GetTimestamp();
        double fidelity = _settings.Fidelity(trial.Rung);
        Recipe recipe = Space.RecipeOf(trial.Choices, fidelity);
        try
        {
            Graph graph = NewGraph();
            Dataset training = Subset(fidelity);
            PassContext context = new()
            {
                Calibration = new TrainingSamples(_training).Calibration(graph.Inputs[0]),
                Training = new TrainingSamples(training),
                Threads = _threads,
                Seed = _settings.Seed,
                Progress = progress,
                Cancel = cancel,
            };
            PipelineReport report = CompressionPipeline.Run(graph, recipe, context);
            cancel.ThrowIfCancellationRequested();
            using MemoryStream file = new();
            ModelWriter.Write(graph, file);
            byte[] model = file.ToArray();
            return (Measure(model, Stopwatch.GetElapsedTime(start).TotalSeconds), recipe.Json, model, report);
        }
        catch (Exception e) when (e is ModelException or ArgumentException)
        {
            return (new TrialResult(0, 0, 0, new Dictionary<string, double>(), Stopwatch.GetElapsedTime(start).TotalSeconds, e.Message), recipe.Json, [], null);
        }
    }

    /// <summary>Measures a packed network.</summary>
    public TrialResult Measure(byte[] model, double seconds)
    {
        using PackedModel packed = ModelReader.Read(model);
        double accuracy = NetworkEvaluator.Accuracy(NetworkEvaluator.Confusion(packed.Graph, _validation));
        using InferenceSession session = new(packed.Graph);
        BenchmarkRunner.FillInputs(session);
        double us = BenchmarkRunner.Measure(session, new BenchmarkOptions { WarmUpSeconds = 0.05, Seconds = 0.1 }).MedianUs;
        return new TrialResult(model.Length, accuracy, Math.Round(us, 3), _latencies.ToDictionary(l => l.Profile.Name, l => Math.Round(l.Predict(packed.Graph).TotalUs, 3)), Math.Round(seconds, 2));
    }

    /// <summary>The first samples: enough to learn from, and no more than the share asks for.</summary>
    private Dataset Subset(double fidelity)
    {
        int count = Math.Clamp((int)(_training.Count * Math.Sqrt(fidelity)), Math.Min(_training.Count, 64), _training.Count);
        return count == _training.Count ? _training : new Dataset(_training.Samples[..(count * _training.SampleLength)], _training.Labels[..count], _training.SampleLength);
    }
}
