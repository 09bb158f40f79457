using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

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

    /// <summary>Images whose class is the quadrant that is bright.</summary>
    private static Dataset Blobs(int count, int seed)
    {
        RandomSource random = new((ulong)seed);
        float[] data = new float[count * 128];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = random.Next(4);
            for (int p = 0; p < 64; p++)
            {
                bool bright = p / 32 == labels[i] / 2 && p % 8 / 4 == labels[i] % 2;
                data[i * 128 + 2 * p] = (bright ? 1.5f : 0) + random.Gaussian();
                data[i * 128 + 2 * p + 1] = random.Gaussian();
            }
        }
        return new Dataset(data, labels, 128);
    }

    private static Graph Network(int channels = 6)
    {
        RandomSource random = new(9);
        Graph graph = new("blobs");
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(1, 8, 8, 2));
        graph.Inputs.Add(x);
        AttributeSet window = new AttributeSet().Set("strides", 2, 2).Set("dilations", 1, 1).Set("pads", 1, 1, 0, 0).Set("group", 1);
        x = Add(OperatorType.Convolution, "conv", [x, Weights("conv.w", channels, 3, 3, 2), Weights("conv.b", channels)], window);
        x = Add(OperatorType.BatchNormalization, "norm", [x, One("norm.s"), Weights("norm.b", channels), Weights("norm.m", channels), One("norm.v")], new AttributeSet().Set("epsilon", 1e-5f).Set("axis", -1));
        x = Add(OperatorType.Clip, "relu", [x], new AttributeSet().Set("min", 0f));
        x = Add(OperatorType.Transpose, "turn", [x], new AttributeSet().Set("perm", 0, 3, 1, 2));
        ValueInfo flat = new("flat", ElementType.Float32, new TensorShape(1, channels * 16));
        graph.Nodes.Add(new Node(OperatorType.Reshape, "flatten", [x], [flat]));
        graph.Outputs.Add(Add(OperatorType.FullyConnected, "logits", [flat, Weights("logits.w", 4, channels * 16), Weights("logits.b", 4)]));
        GraphValidator.Validate(graph);
        return graph;

        ValueInfo Weights(string name, params int[] shape) => new(name, Tensor.From<float>(new TensorShape(shape), [.. Enumerable.Range(0, shape.Aggregate((a, b) => a * b)).Select(_ => 0.2f * random.Gaussian())]));
        ValueInfo One(string name) => new(name, Tensor.From<float>(new TensorShape(channels), [.. Enumerable.Repeat(1f, channels)]));
        ValueInfo Add(OperatorType type, string name, ValueInfo[] inputs, AttributeSet? attributes = null)
        {
            ValueInfo output = new(name, ElementType.Float32, default);
            Node node = new(type, name, inputs, [output], attributes);
            output.Shape = ShapeInference.Infer(node);
            graph.Nodes.Add(node);
            return output;
        }
    }
}
