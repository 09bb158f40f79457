using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Training.Tests.ToyNetworks;

namespace EdgeRuntime.Training.Tests;

public sealed class DistillationTests
{
    private static readonly TrainingOptions Options = new() { Epochs = 12, BatchSize = 32, Schedule = LearningRateSchedule.Cosine(0.01f, 0.1f) };

    [Fact]
    public void ANarrowStudentLearnsMoreFromATeacherThanFromDoubtfulLabels()
    {
        Dataset few = Doubtful(Blobs(150, 1), 0.4), test = Blobs(500, 2);
        TrainableNetwork teacher = Taught();
        double alone = Train(Network(3, 5), null), distilled = Train(Network(3, 5), new DistillationObjective(new DistillationOptions(), Teachers.Of(teacher)));
        double squared = Train(Network(3, 5), new DistillationObjective(new DistillationOptions { UseSquaredError = true }, Teachers.Of(teacher)));
        Assert.True(distilled > alone + 0.05, $"alone {alone:P1}, distilled {distilled:P1}");
        Assert.True(squared > alone + 0.05, $"alone {alone:P1}, by squared error {squared:P1}");

        double Train(Graph student, Objective? objective)
        {
            Trainer trainer = new(new TrainableNetwork(student), few, null, Options, objective);
            trainer.Run();
            return trainer.Accuracy(test);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HintsBringFeaturesOfAnotherWidthNearTheTeachers(bool attention)
    {
        Dataset data = Blobs(200, 1);
        TrainableNetwork teacher = Taught();
        ValueInfo theirs = Value(teacher.Graph, "relu");
        double without = Distance(0), with = Distance(5);
        Assert.True(with < 0.8 * without, $"loss of the hint {without:F3} without, {with:F3} with weight");

        double Distance(float weight)
        {
            Graph student = Network(3, 5);
            FeatureHint hint = new(Value(student, "relu"), theirs.Shape, attention, new RandomSource(3));
            TrainableNetwork network = new(student);
            DistillationObjective objective = new(new DistillationOptions { HintWeight = weight }, Teachers.Of(teacher, theirs), [hint]);
            new Trainer(network, data, null, Options, objective).Run();
            Tape tape = new() { IsTraining = false };
            Variable x = tape.Constant(new TensorShape(200, 8, 8, 2), data.Samples.Span);
            return hint.Loss(tape, network.Forward(tape, [x], [hint.Student])[0], teacher.Forward(tape, [x], [theirs])[0]).Data[0];
        }
    }

    [Fact]
    public void HintsOfOtherSizesAreRefusedByName()
    {
        ModelException e = Assert.Throws<ModelException>(() => new FeatureHint(Value(Network(), "relu"), new TensorShape(1, 8, 8, 6), false, new RandomSource(1)));
        Assert.Contains("relu", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PeersThatLearnFromEachOtherAgree()
    {
        Dataset data = Doubtful(Blobs(150, 1), 0.3);
        double apart = Disagreement(0), together = Disagreement(1);
        Assert.True(together < 0.75 * apart, $"divergence {apart:F3} apart, {together:F3} together");

        double Disagreement(float weight)
        {
            Graph graph = Network(4, 5), peer = Network(4, 6);
            foreach (Node node in peer.Nodes)
            {
                for (int i = 0; i < node.Inputs.Count; i++)
                    if (node.Inputs[i] == peer.Inputs[0]) node.Inputs[i] = graph.Inputs[0];
                graph.Nodes.Add(node);
            }
            graph.Outputs.AddRange(peer.Outputs);
            TrainableNetwork network = new(graph);
            new Trainer(network, data, null, Options, new MutualObjective(weight)).Run();
            Tape tape = new() { IsTraining = false };
            Variable[] y = network.Forward(tape, [tape.Constant(new TensorShape(150, 8, 8, 2), data.Samples.Span)]);
            return tape.KullbackLeibler(y[0], y[1]).Data[0];
        }
    }

    [Fact]
    public void HeadsAreTrainedAlongAndCheckpointedButNotKept()
    {
        string file = Path.Combine(Path.GetTempPath(), $"edge-heads-{Guid.NewGuid():N}");
        try
        {
            Graph whole = Network(), parts = Network();
            int count = Weights(whole).Length;
            Train(whole, Options with { Epochs = 4 });
            Train(parts, Options with { Epochs = 4, Checkpoint = file, OnProgress = p => { if (p.Epoch == 3) throw new OperationCanceledException(); } });
            Train(parts, Options with { Epochs = 4, Checkpoint = file, Workers = 1 });
            Assert.Equal(Weights(whole), Weights(parts));
            Assert.Equal(count, Weights(whole).Length);
        }
        finally
        {
            File.Delete(file);
        }

        static void Train(Graph graph, TrainingOptions options)
        {
            AuxiliaryHead head = new(Value(graph, "relu"), 4, new RandomSource(3));
            float[] before = [.. head.Parameters[0].Data];
            Trainer trainer = new(new TrainableNetwork(graph), Blobs(100, 1), null, options, new DistillationObjective(new DistillationOptions(), null, null, [head]));
            try { trainer.Run(); }
            catch (OperationCanceledException) { }
            Assert.NotEqual(before, head.Parameters[0].Data);
        }
    }

    [Fact]
    public void ABlockLearnsWhatTheTeachersLayerDoes()
    {
        TrainableNetwork teacher = Taught(), student = new(Network(12, 9));
        student.Randomize(new RandomSource(8));
        NetworkBlock block = new(student.Graph.Inputs[0], Value(student.Graph, "conv"));
        Teacher teach = Teachers.Of(teacher, teacher.Graph.Inputs[0], Value(teacher.Graph, "conv"));
        TrainingResult result = new Trainer(student, Blobs(200, 1), null, Options with { Epochs = 25, Schedule = LearningRateSchedule.Cosine(0.05f) }, new BlockObjective([block], teach)).Run();
        Assert.True(result.Losses[^1] < 0.02 * result.Losses[0], $"losses {string.Join(", ", result.Losses)}");
    }

    private static TrainableNetwork Taught()
    {
        TrainableNetwork teacher = new(Network(12, 7));
        new Trainer(teacher, Blobs(600, 3), null, Options).Run();
        return teacher;
    }

    private static ValueInfo Value(Graph graph, string name) => graph.Values().Single(v => v.Name == name);

    /// <summary>The data with a share of the labels drawn at random.</summary>
    private static Dataset Doubtful(Dataset data, double share)
    {
        RandomSource random = new(11);
        return new Dataset(data.Samples, Array.ConvertAll(data.Labels.ToArray(), l => random.NextSingle() < share ? random.Next(4) : l), data.SampleLength);
    }
}
