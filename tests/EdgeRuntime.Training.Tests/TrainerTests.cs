using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Training.Tests.ToyNetworks;

namespace EdgeRuntime.Training.Tests;

public sealed class TrainerTests
{
    [Fact]
    public void LearnsWhatSeparatesTheClasses()
    {
        (Graph graph, Dataset data, Dataset test) = (Network(), Blobs(400, 1), Blobs(200, 2));
        TrainingResult result = new Trainer(new TrainableNetwork(graph), data, test, Options()).Run();
        Assert.True(result.Accuracies.Max() > 0.95, $"accuracies {string.Join(", ", result.Accuracies)}");
        Assert.True(result.Losses[^1] < result.Losses[0] / 2);
    }

    [Fact]
    public void GoesOnFromACheckpointAsIfNothingHadHappened()
    {
        string file = Path.Combine(Path.GetTempPath(), $"edge-checkpoint-{Guid.NewGuid():N}");
        try
        {
            Graph whole = Network(), parts = Network();
            new Trainer(new TrainableNetwork(whole), Blobs(200, 1), Blobs(100, 2), Options() with { AverageDecay = 0.9f }).Run();
            using CancellationTokenSource stop = new();
            TrainingOptions options = Options() with { AverageDecay = 0.9f, Checkpoint = file };
            Trainer first = new(new TrainableNetwork(parts), Blobs(200, 1), Blobs(100, 2), options with { OnProgress = p => { if (p.Epoch == 3 && p.Step == 2) stop.Cancel(); } });
            Assert.Throws<OperationCanceledException>(() => first.Run(stop.Token));
            new Trainer(new TrainableNetwork(parts), Blobs(200, 1), Blobs(100, 2), options with { Workers = 1 }).Run();
            Assert.Equal(Weights(whole), Weights(parts));
            Assert.Throws<ModelException>(() => new Trainer(new TrainableNetwork(Network(5)), Blobs(200, 1), null, options).Run());
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void StopsEarlyAndKeepsTheBest()
    {
        Dataset noise = new(Blobs(60, 3).Samples, Enumerable.Range(0, 60).Select(i => i * 7 % 4).ToArray(), 8 * 8 * 2);
        TrainingResult result = new Trainer(new TrainableNetwork(Network()), Blobs(100, 1), noise, Options() with { Epochs = 50, Patience = 3 }).Run();
        Assert.True(result.Accuracies.Count < 50);
        Assert.Equal(result.Accuracies.Max(), result.Accuracies[result.BestEpoch - 1]);
    }

    [Fact]
    public void ALossThatExplodesIsAnError()
    {
        TrainingOptions wild = Options() with { UseSgd = true, Schedule = LearningRateSchedule.Constant(1e30f) };
        ModelException e = Assert.Throws<ModelException>(() => new Trainer(new TrainableNetwork(Network()), Blobs(200, 1), null, wild).Run());
        Assert.Contains("learning rate", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void QuantisedNetworksAreRefusedByName()
    {
        Graph graph = Network();
        ValueInfo y = graph.Outputs[0];
        ValueInfo q = new("q", ElementType.Int8, y.Shape, new QuantizationParameters(0.1f, 0));
        graph.Nodes.Add(new Node(OperatorType.Quantize, "quantise the end", [y], [q]));
        ModelException e = Assert.Throws<ModelException>(() => new TrainableNetwork(graph));
        Assert.Contains("quantise the end", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AugmentationsKeepTheSample()
    {
        RandomSource random = new(4);
        float[] image = [.. Enumerable.Range(0, 24).Select(i => (float)i)];
        float[] sorted = [.. image];
        Augmentations.Mirror(2, 4, 3)(image, random);
        Assert.Equal(sorted, image.Order());
        Augmentations.Shift(4, 6, 1, 0, 0)(image, random);
        Assert.Equal(sorted, image.Order());
        for (int i = 0; i < 20; i++) Augmentations.All(Augmentations.SpecAugment(6, 4, 6, 4), Augmentations.TimeStretch(6, 4, 0.5f), Augmentations.Cutout(2, 4, 3, 3), Augmentations.Gain(0.5f, 1))(image, random);
        Assert.All(image, v => Assert.InRange(v, 0, 23));
    }

    private static TrainingOptions Options() => new() { Epochs = 6, BatchSize = 32, Schedule = LearningRateSchedule.Cosine(0.01f, 0.1f), Augment = Augmentations.Noise(0.1f) };

    private static float[] Weights(Graph graph) => [.. graph.Values().Where(v => v.IsConstant).SelectMany(v => v.Constant!.ToFloats())];
}
