using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Training.Tests;

public sealed class RecurrentTrainingTests
{
    /// <summary>The gradient is that of two calls with the state handed over as a constant.</summary>
    [Theory, InlineData(0), InlineData(1), InlineData(2)]
    public void WindowsCutTheGradientOfTheState(int cell)
    {
        RandomSource random = new(5);
        int rows = cell == 0 ? 24 : 18;
        Variable x = Random(random, 5, 3, 4), w = Random(random, rows, 4), r = Random(random, rows, 6), b = Random(random, rows);
        float[][] Gradients(bool apart)
        {
            Tape tape = new(1) { Window = apart ? 0 : 3 };
            Variable last;
            if (apart)
            {
                var (_, h, c) = Run(tape, tape.Slice(x, 0, 0, 2), null, null);
                last = Run(tape, tape.Slice(x, 0, 2, 5), tape.Constant(h.Shape, h.Data), tape.Constant(c.Shape, c.Data)).H;
            }
            else last = Run(tape, x, null, null).H;
            tape.Backward(tape.MeanSquaredError(last, tape.Constant(last.Shape, new float[last.Count])));
            float[][] gradients = [[.. x.Gradient!], [.. w.Gradient!], [.. r.Gradient!]];
            tape.Reset();
            return gradients;
        }
        (Variable Y, Variable H, Variable C) Run(Tape tape, Variable part, Variable? h, Variable? c)
        {
            if (cell == 0) return tape.Lstm(part, w, r, b, h, c);
            var (y, last) = cell == 1 ? tape.GruResetBefore(part, w, r, b, h) : tape.Gru(part, w, r, b, b, h);
            return (y, last, last);
        }
        float[][] cut = Gradients(false), expected = Gradients(true);
        for (int i = 0; i < cut.Length; i++)
            for (int k = 0; k < cut[i].Length; k++) Assert.Equal(expected[i][k], cut[i][k], 1e-5f);
        Assert.All(cut[0][..24], g => Assert.Equal(0, g));
        Assert.Contains(cut[0][24..], g => g != 0);
    }

    /// <summary>Straight through the rounding: the gradients of integer layers are those of the float ones, which are checked by differences, but for what rounding changes.</summary>
    [Theory, InlineData(OperatorType.Lstm, 0), InlineData(OperatorType.Gru, 0), InlineData(OperatorType.Gru, 1)]
    public void GradientsOfIntegerLayersAreThoseOfFloatOnes(OperatorType type, int resetAfter)
    {
        RandomSource random = new(6);
        int rows = type == OperatorType.Lstm ? 96 : 72, first = RecurrentShape.FirstHidden;
        Variable[] v = [Random(random, 6, 8, 20), Random(random, rows, 20), Random(random, rows, 24), Random(random, rows), Random(random, rows), Random(random, 1, 8, 24), Random(random, 1, 8, 24)];
        foreach (int i in (int[])[1, 2])
            for (int k = 0; k < v[i].Count; k++) v[i].Data[k] *= 0.3f;
        for (int k = 0; k < v[first].Count; k++) v[first].Data[k] = MathF.Tanh(v[first].Data[k]);
        if (type == OperatorType.Gru) v = v[..^1];
        Node node = new(type, "layer", [.. v.Select(x => new ValueInfo(x.Name, ElementType.Float32, x.Shape))], [.. v[first..].Prepend(v[0]).Select(x => new ValueInfo("y", ElementType.Float32, x.Shape))],
            new AttributeSet().Set("direction", 1).Set("linear_before_reset", resetAfter).Set("cell_exponent", -12));
        float[][] floats = Gradients(node, v, false), integers = Gradients(node, v, true);
        for (int i = 0; i < v.Length; i++)
        {
            double error = floats[i].Zip(integers[i], (a, b) => (double)(a - b) * (a - b)).Sum() / floats[i].Sum(a => (double)a * a);
            Assert.True(error < 0.02 * 0.02, $"input {i}: relative error {Math.Sqrt(error)}");
        }
    }

    /// <summary>Of a loss of all outputs of the layer, with weights and input on the integers' grid.</summary>
    private static float[][] Gradients(Node node, Variable[] v, bool integers)
    {
        Tape tape = new(1);
        QuantizationSteps x = Steps(0), y = QuantizationSteps.Activation("y", new QuantizationParameters(1 / 128f, 0));
        Variable[] reals = [tape.FakeQuantize(v[0], x), tape.FakeQuantize(v[1], Steps(1)), tape.FakeQuantize(v[2], Steps(2)), .. v[3..]];
        Variable[] outputs = RecurrentLayers.Run(tape, node, reals, integers ? new IntegerRecurrent(node, Weights(1), Weights(2), Bias(3, 1, x), Bias(4, 2, y), x, y) : null);
        RandomSource random = new(8);
        Variable loss = tape.Constant(new TensorShape(1), [0f]);
        foreach (Variable o in outputs) loss = tape.Add(loss, tape.MeanSquaredError(o, Random(random, [.. o.Shape.Dimensions])));
        tape.Backward(loss);
        float[][] gradients = [.. v.Select(p => p.Gradient!.ToArray())];
        tape.Reset();
        return gradients;

        QuantizationSteps Steps(int i) => QuantizationSteps.Symmetric(v[i].Name, v[i].Shape, [v[i].Data.Max(Math.Abs) / 127], 8);

        Int8Weights Weights(int i) => Int8Weights.From(Tensor.From<sbyte>(v[i].Shape, Array.ConvertAll(reals[i].Data, w => (sbyte)MathF.Round(w / Steps(i).Step(0)))), Steps(i).Parameters())!;

        (int[], QuantizationParameters) Bias(int i, int weights, QuantizationSteps input) =>
            (IntegerLayers.Bias(v[i].Data, input.Step(0), [Steps(weights).Step(0)]), new QuantizationParameters(input.Step(0) * Steps(weights).Step(0), 0));
    }

    /// <summary>Which of two bumps comes first: only the state can know.</summary>
    [Theory, InlineData(OperatorType.Lstm, 0), InlineData(OperatorType.Gru, 0), InlineData(OperatorType.Gru, 16)]
    public void LearnsTheOrderOfEvents(OperatorType type, int window)
    {
        RandomSource random = new(2);
        float[] samples = new float[300 * 24];
        int[] labels = new int[300];
        for (int i = 0; i < labels.Length; i++)
        {
            int first = random.Next(5), second = 5 + random.Next(4);
            labels[i] = random.Next(2);
            samples[i * 24 + 2 * first + labels[i]] = 1;
            samples[i * 24 + 2 * second + 1 - labels[i]] = 1;
        }
        Dataset data = new(samples, labels, 24);
        TrainingResult result = new Trainer(new TrainableNetwork(Network(type)), data, data,
            new TrainingOptions { Epochs = 8, BatchSize = 20, Window = window, Schedule = LearningRateSchedule.Cosine(0.02f, 0.1f) }).Run();
        Assert.True(result.Accuracies.Max() > 0.95, string.Join(", ", result.Accuracies));
    }

    /// <summary>x [1,12,2] → [12,1,2] → layer → [12,1,6] → last step → two scores; as importers deliver batch-first networks of batch 1.</summary>
    private static Graph Network(OperatorType type)
    {
        RandomSource random = new(9);
        int rows = type == OperatorType.Lstm ? 24 : 18;
        Graph graph = new("order");
        ValueInfo x = new("x", ElementType.Float32, new TensorShape(1, 12, 2)), turned = new("turned", ElementType.Float32, new TensorShape(12, 1, 2));
        ValueInfo y = new("y", ElementType.Float32, new TensorShape(12, 1, 6)), last = new("last", ElementType.Float32, new TensorShape(1, 1, 6));
        ValueInfo flat = new("flat", ElementType.Float32, new TensorShape(1, 6)), scores = new("scores", ElementType.Float32, new TensorShape(1, 2));
        graph.Inputs.Add(x);
        graph.Nodes.Add(new Node(OperatorType.Reshape, "turn", [x], [turned]));
        AttributeSet attributes = new AttributeSet().Set("direction", 0);
        if (type == OperatorType.Gru) attributes.Set("linear_before_reset", 0);
        graph.Nodes.Add(new Node(type, "layer", [turned, Weights("w", rows, 2), Weights("r", rows, 6), Weights("b", rows)], [y], attributes));
        graph.Nodes.Add(new Node(OperatorType.Slice, "end", [y], [last], new AttributeSet().Set("starts", 11, 0, 0).Set("ends", 12, 1, 6).Set("steps", 1, 1, 1)));
        graph.Nodes.Add(new Node(OperatorType.Reshape, "flatten", [last], [flat]));
        graph.Nodes.Add(new Node(OperatorType.FullyConnected, "head", [flat, Weights("head.w", 2, 6), Weights("head.b", 2)], [scores]));
        graph.Outputs.Add(scores);
        GraphValidator.Validate(graph);
        return graph;

        ValueInfo Weights(string name, params int[] shape) => new(name, Tensor.From<float>(new TensorShape(shape), [.. Enumerable.Range(0, shape.Aggregate((a, b) => a * b)).Select(_ => 0.3f * random.Gaussian())]));
    }

    private static Variable Random(RandomSource random, params int[] shape)
    {
        float[] data = new float[shape.Aggregate((a, b) => a * b)];
        foreach (ref float v in data.AsSpan()) v = random.Gaussian();
        return new Variable("v", new TensorShape(shape), data);
    }
}
