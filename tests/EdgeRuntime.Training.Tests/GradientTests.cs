using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Training.Tests;

/// <summary>Every operator's gradients against finite differences, along random directions, for one worker and for two.</summary>
public sealed class GradientTests
{
    /// <summary>An expression over variables, made anew on each tape; its loss is the distance to a fixed target.</summary>
    private sealed record Case(Func<Tape, Variable[], Variable> Expression, params TensorShape[] Shapes)
    {
        /// <summary>Moves values away from kinks, where finite differences see neither side.</summary>
        public Func<float, float>? Prepare { get; init; }
    }

    private static readonly Window2D Odd = new(2, 1, 1, 0, 0, 2);

    private static readonly Dictionary<string, Case> Cases = new()
    {
        ["dense"] = new((t, v) => t.Dense(v[0], v[1], v[2]), S(3, 7, 5), S(4, 5), S(4)),
        ["dense, wide"] = new((t, v) => t.Dense(v[0], v[1]), S(40, 300), S(33, 300)),
        ["convolution 1x1"] = new((t, v) => t.Convolution(v[0], v[1], v[2], new Window2D(1)), S(3, 4, 5, 6), S(7, 1, 1, 6), S(7)),
        ["convolution 3x2, padded"] = new((t, v) => t.Convolution(v[0], v[1], v[2], Odd), S(3, 6, 5, 3), S(4, 3, 2, 3), S(4)),
        ["convolution, dilated"] = new((t, v) => t.Convolution(v[0], v[1], null, new Window2D(1, DilationY: 2, DilationX: 3, PadLeft: 2)), S(2, 7, 9, 2), S(3, 3, 2, 2)),
        ["convolution, groups"] = new((t, v) => t.Convolution(v[0], v[1], v[2], Odd, 2), S(2, 6, 5, 4), S(6, 3, 2, 2), S(6)),
        ["convolution 1-D"] = new((t, v) => t.Convolution(v[0], v[1], v[2], new Window2D(1, 2, 0, 2, 0, 2)), S(2, 1, 17, 3), S(5, 1, 5, 3), S(5)),
        ["depthwise"] = new((t, v) => t.Convolution(v[0], v[1], v[2], Odd, 11), S(3, 6, 5, 11), S(11, 3, 3, 1), S(11)),
        ["depthwise, dilated"] = new((t, v) => t.Convolution(v[0], v[1], null, new Window2D(1, PadTop: 3, DilationY: 2, DilationX: 2), 8), S(2, 6, 7, 8), S(8, 3, 3, 1)),
        ["depthwise, two outputs a channel"] = new((t, v) => t.Convolution(v[0], v[1], v[2], Odd, 3), S(2, 6, 5, 3), S(6, 3, 2, 1), S(6)),
        ["batch normalisation"] = new((t, v) => t.BatchNormalization(v[0], v[1], v[2], Fixed(0, 10), Fixed(1, 10)), S(4, 3, 2, 10), S(10), S(10)),
        ["average pool"] = new((t, v) => t.AveragePool(v[0], 3, 2, new Window2D(2, 1, 1, 0, 1, 1)), S(2, 6, 5, 3)),
        ["average pool, padding counted"] = new((t, v) => t.AveragePool(v[0], 3, 2, new Window2D(2, 1, 1, 0, 1, 1), true), S(2, 6, 5, 3)),
        ["max pool"] = new((t, v) => t.MaxPool(v[0], 2, 3, new Window2D(2, 2, 0, 1, 0, 1)), S(2, 6, 5, 3)),
        ["mean"] = new((t, v) => t.Mean(v[0], [1, -2]), S(3, 4, 5, 2)),
        ["mean, axes kept"] = new((t, v) => t.Mean(v[0], [2], true), S(3, 4, 5)),
        ["add"] = new((t, v) => t.Add(v[0], v[1]), S(3, 4), S(3, 4)),
        ["add, broadcast"] = new((t, v) => t.Add(v[0], v[1]), S(2, 3, 4), S(3, 1)),
        ["sub"] = new((t, v) => t.Sub(v[0], v[1]), S(4), S(2, 3, 4)),
        ["mul"] = new((t, v) => t.Mul(v[0], v[1]), S(3, 1, 4), S(2, 1)),
        ["div"] = new((t, v) => t.Div(v[0], v[1]), S(3, 4), S(4)) { Prepare = x => x + MathF.CopySign(0.5f, x) },
        ["scale"] = new((t, v) => t.Scale(v[0], -0.7f), S(9)),
        ["clip"] = new((t, v) => t.Clip(v[0], -0.5f, 0.75f), S(5, 7)) { Prepare = x => MathF.Round(x, 1) + 0.03f },
        ["relu"] = new((t, v) => t.Relu(v[0]), S(70)) { Prepare = x => x + MathF.CopySign(0.1f, x) },
        ["leaky relu"] = new((t, v) => t.LeakyRelu(v[0], 0.1f), S(70)) { Prepare = x => x + MathF.CopySign(0.1f, x) },
        ["sigmoid"] = new((t, v) => t.Sigmoid(v[0]), S(20)),
        ["tanh"] = new((t, v) => t.Tanh(v[0]), S(20)),
        ["softmax"] = new((t, v) => t.Softmax(v[0]), S(4, 6)),
        ["log softmax"] = new((t, v) => t.LogSoftmax(v[0]), S(4, 6)),
        ["reshape, used twice"] = new((t, v) => t.Dense(t.Reshape(v[0], S(4, 3)), t.Reshape(v[0], S(4, 3))), S(2, 6)),
        ["transpose"] = new((t, v) => t.Transpose(v[0], 2, 0, 1), S(2, 3, 4)),
        ["pad"] = new((t, v) => t.Pad(v[0], [1, 0, 2], [0, 3, 1]), S(2, 3, 4)),
        ["slice"] = new((t, v) => t.Slice(v[0], 1, 1, 4), S(2, 5, 3)),
        ["slice with steps"] = new((t, v) => t.Slice(v[0], [0, 1, 0], [2, 6, 3], [1, 2, 3]), S(2, 6, 3)),
        ["sqrt"] = new((t, v) => t.Sqrt(v[0]), S(9)) { Prepare = x => 0.5f + x * x },
        ["abs"] = new((t, v) => t.Abs(v[0]), S(70)) { Prepare = x => x + MathF.CopySign(0.1f, x) },
        ["exp"] = new((t, v) => t.Exp(v[0]), S(9)),
        ["log"] = new((t, v) => t.Log(v[0]), S(9)) { Prepare = x => 0.5f + x * x },
        ["hard swish"] = new((t, v) => t.HardSwish(v[0]), S(70)) { Prepare = x => 2 * MathF.Round(x, 1) + 0.05f },
        ["maximum"] = new((t, v) => t.Maximum(v[0], v[1]), S(3, 4), S(4)),
        ["minimum, broadcast"] = new((t, v) => t.Minimum(v[0], v[1]), S(2, 3, 4), S(3, 1)),
        ["gather"] = new((t, v) => t.Gather(v[0], 1, [2, 0, 2, 4]), S(2, 5, 3)),
        ["concat"] = new((t, v) => t.Concat(1, v[0], v[1], v[0]), S(2, 3, 2), S(2, 1, 2)),
        ["embedding"] = new((t, v) => t.Embedding(v[0], [2, 0, 2, 4]), S(5, 3)),
        ["lstm"] = new((t, v) => t.Lstm(v[0], v[1], v[2], v[3]).Y, S(5, 3, 4), S(24, 4), S(24, 6), S(24)),
        ["lstm, reverse, with states, clipped"] = new((t, v) =>
        {
            var (y, h, c) = t.Lstm(v[0], v[1], v[2], v[3], v[4], v[5], true, 0.9f);
            return t.Concat(0, t.Reshape(y, S(15, 6)), h, c);
        }, S(5, 3, 4), S(24, 4), S(24, 6), S(24), S(3, 6), S(3, 6)),
        ["lstm, last cell only"] = new((t, v) => t.Lstm(v[0], v[1], v[2], v[3]).C, S(5, 3, 4), S(24, 4), S(24, 6), S(24)),
        ["gru"] = new((t, v) => t.Gru(v[0], v[1], v[2], v[3], v[4]).Y, S(5, 3, 4), S(18, 4), S(18, 6), S(18), S(18)),
        ["gru, reverse, with state"] = new((t, v) => Ends(t, t.Gru(v[0], v[1], v[2], v[3], v[4], v[5], true)), S(5, 3, 4), S(18, 4), S(18, 6), S(18), S(18), S(3, 6)),
        ["gru, reset before"] = new((t, v) => t.GruResetBefore(v[0], v[1], v[2], v[3]).Y, S(5, 3, 4), S(18, 4), S(18, 6), S(18)),
        ["gru, reset before, reverse, with state"] = new((t, v) => Ends(t, t.GruResetBefore(v[0], v[1], v[2], v[3], v[4], true)), S(5, 3, 4), S(18, 4), S(18, 6), S(18), S(3, 6)),
        ["cross-entropy"] = new((t, v) => t.CrossEntropy(v[0], [3, 0, -1, 2]), S(4, 5)),
        ["cross-entropy, smoothed"] = new((t, v) => t.CrossEntropy(v[0], [3, 0, 1, 2], 0.1f), S(4, 5)),
        ["Kullback-Leibler"] = new((t, v) => t.KullbackLeibler(v[0], Fixed(0.2f, S(4, 5)), 3), S(4, 5)),
        ["mean squared error"] = new((t, v) => t.MeanSquaredError(v[0], Fixed(0.2f, S(4, 5))), S(4, 5)),
        ["relative squared error"] = new((t, v) => t.RelativeSquaredError(v[0], Fixed(0.2f, S(4, 5))), S(4, 5)),
        ["attention transfer"] = new((t, v) => t.AttentionTransfer(v[0], Fixed(0.2f, S(3, 4, 2, 7))), S(3, 4, 2, 5)),
        ["ctc"] = new((t, v) => t.Ctc(v[0], [[1, 2, 2], [3]]), S(7, 2, 4)),
        ["ctc, lengths"] = new((t, v) => t.Ctc(v[0], [[1, 2], []], [5, 3]), S(7, 2, 4)),
        ["normalise"] = new((t, v) => t.Normalize(v[0]), S(4, 6)),
        ["triplet"] = new((t, v) => t.Triplet(v[0], [0, 1, 0, 1, 2, 0], 3), S(6, 4)),
        ["ArcFace"] = new((t, v) => t.ArcFace(v[0], v[1], [0, 2, 1], scale: 4), S(3, 6), S(4, 6)),
        ["focal"] = new((t, v) => t.Focal(v[0], [1, 0, 0, -1, 1, 0]), S(6)),
        ["smooth L1"] = new((t, v) => t.SmoothL1(v[0], [0, 1, 2, 3, 0, 0, 0, 0, 3, 3, -3, -3], [true, false, true], 0.7f), S(3, 4)),
        ["dropout"] = new((t, v) => t.Dropout(v[0], 0.4f), S(50)),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory, MemberData(nameof(Names))]
    public void AgreesWithFiniteDifferences(string name)
    {
        Case c = Cases[name];
        RandomSource random = new(7);
        Variable[] variables = [.. c.Shapes.Select((s, i) => Random(random, $"v{i}", s, c.Prepare))];
        double Loss() => Evaluate(c, variables, 1).Loss;
        float[][] gradients = Evaluate(c, variables, 2).Gradients;
        for (int p = 0; p < variables.Length; p++)
            for (int direction = 0; direction < 4; direction++)
            {
                float[] d = [.. variables[p].Data.Select(_ => random.Gaussian())], start = [.. variables[p].Data];
                const float Step = 2e-3f;
                double expected = 0, measured = 0;
                for (int i = 0; i < d.Length; i++) expected += d[i] * (double)gradients[p][i];
                foreach (int sign in (int[])[1, -1])
                {
                    for (int i = 0; i < d.Length; i++) variables[p].Data[i] = start[i] + sign * Step * d[i];
                    measured += sign * Loss() / (2 * Step);
                }
                start.CopyTo(variables[p].Data, 0);
                double scale = Math.Sqrt(gradients[p].Sum(g => (double)g * g));
                Assert.True(Math.Abs(expected - measured) <= 0.01 * scale + 2e-3, $"{name}, variable {p}: {expected} by the tape, {measured} by differences, scale {scale}");
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void AnyNumberOfWorkersGivesTheSameBits(string name)
    {
        Case c = Cases[name];
        RandomSource random = new(8);
        Variable[] variables = [.. c.Shapes.Select((s, i) => Random(random, $"v{i}", s, c.Prepare))];
        var one = Evaluate(c, variables, 1);
        var three = Evaluate(c, variables, 3);
        Assert.Equal(one.Loss, three.Loss);
        for (int p = 0; p < variables.Length; p++) Assert.Equal(one.Gradients[p], three.Gradients[p]);
    }

    private static (double Loss, float[][] Gradients) Evaluate(Case c, Variable[] variables, int workers)
    {
        Tape tape = new(workers);
        Variable y = c.Expression(tape, variables), loss = y;
        double precise = y.Data[0];
        if (y.Count != 1)
        {
            // In double precision: the difference of two losses is small.
            RandomSource random = new(3);
            float[] target = [.. y.Data.Select(_ => random.Gaussian())];
            precise = y.Data.Zip(target, (a, b) => ((double)a - b) * ((double)a - b)).Sum() / y.Count;
            loss = tape.MeanSquaredError(y, new Variable("target", y.Shape, target, false));
        }
        tape.Backward(loss);
        float[][] gradients = [.. variables.Select(v => v.Gradient!.ToArray())];
        tape.Reset();
        Assert.All(variables, v => Assert.Null(v.Gradient));
        return (precise, gradients);
    }

    private static Variable Ends(Tape tape, (Variable Y, Variable H) sequence) => tape.Concat(0, tape.Reshape(sequence.Y, S(15, 6)), sequence.H);

    private static TensorShape S(params int[] dims) => new(dims);

    private static Variable Fixed(float value, int count) => Fixed(value, S(count));

    private static Variable Fixed(float value, TensorShape shape) => new("fixed", shape, [.. Enumerable.Range(0, (int)shape.ElementCount).Select(i => value + 0.1f * MathF.Sin(i))], false);

    private static Variable Random(RandomSource random, string name, TensorShape shape, Func<float, float>? prepare)
    {
        float[] data = new float[shape.ElementCount];
        foreach (ref float v in data.AsSpan()) v = prepare is null ? random.Gaussian() : prepare(random.Gaussian());
        return new Variable(name, shape, data);
    }
}
