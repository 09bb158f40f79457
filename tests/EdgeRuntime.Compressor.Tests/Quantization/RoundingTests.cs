using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using static EdgeRuntime.Model.OperatorType;

namespace EdgeRuntime.Compressor.Tests;

public sealed class RoundingTests
{
    private readonly Random _random = new(11);

    [Fact]
    public void FeedbackAndLearningBeatNearestWhereInputsAreCorrelated()
    {
        RoundingProblem problem = Problem(rows: 20, columns: 45, correlated: true);
        double nearest = Loss(problem, Nearest(problem));
        sbyte[] feedback = new sbyte[20 * 45];
        ErrorFeedback.Round(problem, feedback, 1);
        sbyte[] learned = (sbyte[])feedback.Clone(), twice = (sbyte[])feedback.Clone();
        AdaRound.Round(problem, learned, 1);
        AdaRound.Round(problem, twice, 2);
        Assert.True(Loss(problem, feedback) < 0.5 * nearest, $"{Loss(problem, feedback)} with feedback, {nearest} nearest");
        Assert.True(Loss(problem, learned) < 0.95 * Loss(problem, feedback), $"{Loss(problem, learned)} learned, {Loss(problem, feedback)} with feedback");
        Assert.Equal(learned, twice);
        Assert.All(learned, q => Assert.InRange(q, -8, 7));
    }

    [Fact]
    public void WithoutCorrelationsNearestIsBest()
    {
        RoundingProblem problem = Problem(rows: 6, columns: 30, correlated: false);
        sbyte[] found = new sbyte[6 * 30];
        ErrorFeedback.Round(problem, found, 1);
        AdaRound.Round(problem, found, 1);
        Assert.Equal(Nearest(problem), found);
    }

    [Fact]
    public void TheBestOfAllRoundingsIsFound()
    {
        // Few enough weights to try all ways of rounding up or down.
        RoundingProblem problem = Problem(rows: 8, columns: 8, correlated: true);
        sbyte[] found = new sbyte[64];
        ErrorFeedback.Round(problem, found, 1);
        AdaRound.Round(problem, found, 1);
        double best = Enumerable.Range(0, 8).Sum(row => Enumerable.Range(0, 256).Min(mask => problem.Loss(row,
            [.. Enumerable.Range(0, 8).Select(k => problem.Nearest(MathF.Floor(problem.Targets(row)[k]) + (mask >> k & 1)))])));
        Assert.InRange(Loss(problem, found), 0, 1.1 * best);
    }

    [Fact]
    public void PrunedWeightsStayZero()
    {
        RoundingProblem problem = Problem(rows: 4, columns: 24, correlated: true, zeros: true);
        sbyte[] found = new sbyte[4 * 24];
        ErrorFeedback.Round(problem, found, 1);
        AdaRound.Round(problem, found, 1);
        for (int i = 0; i < found.Length; i += 2) Assert.Equal(0, found[i]);
    }

    [Theory]
    [InlineData("gptq", 0)]
    [InlineData("gptq", 32)]
    [InlineData("adaround", 0)]
    public void RoundingLowersTheNoiseOfNetworks(string method, int group)
    {
        PassReport nearest = Quantized(new QuantizeInt4Options { Rounding = "nearest", Group = group }), better = Quantized(new QuantizeInt4Options { Rounding = method, Group = group });
        Assert.Equal([8, 8, 4, 4, 8], better.Layers.Where(l => l.Bits is not null).Select(l => l.Bits));
        Assert.True(better.Layers[^1].SignalToNoise > nearest.Layers[^1].SignalToNoise + 1.5, $"{better.Layers[^1]}, nearest: {nearest.Layers[^1]}");
    }

    [Fact]
    public void DepthwiseAndFullConvolutionsLearnTheirBytes()
    {
        double Noise(string method)
        {
            Graph graph = Network(out PassContext context);
            return new QuantizeInt8(new QuantizeOptions { Rounding = method, PerChannel = false }).Apply(graph, context).Layers[^1].SignalToNoise;
        }
        Assert.True(Noise("adaround") > Noise("nearest"), $"{Noise("adaround")} dB learned, {Noise("nearest")} nearest");
    }

    [Fact]
    public void UnknownRoundingsAreNamed() =>
        Assert.Contains("gptq", Assert.Throws<ArgumentException>(() => new QuantizeInt8(new QuantizeOptions { Rounding = "up" })).Message, StringComparison.Ordinal);

    private static PassReport Quantized(QuantizeInt4Options options)
    {
        Graph graph = Network(out PassContext context);
        PassReport report = new QuantizeInt4(options).Apply(graph, context);
        GraphValidator.Validate(graph);
        return report;
    }

    // Smooth images, so that neighbours under a window are alike.
    internal static Graph Network(out PassContext context)
    {
        GraphBuilder b = new();
        ValueInfo input = b.Input("x", 1, 10, 10, 4);
        ValueInfo x = b.Clip(b.Convolution(input, b.Random(16, 3, 3, 4), b.Random(16), pad: 1), 0);
        x = b.Convolution(x, b.Random(16, 3, 3, 1), b.Random(16), group: 16);
        x = b.Clip(b.Convolution(x, b.Random(24, 3, 3, 16), b.Random(24)), 0);
        x = b.Clip(b.Convolution(x, b.Random(64, 1, 1, 24), b.Random(64)), 0);
        x = b.Node(ReduceMean, new AttributeSet().Set("axes", 1, 2).Set("keepdims", 0), x);
        Graph graph = b.Output(b.Node(FullyConnected, null, x, b.Random(10, 64), b.Random(10)));
        Random random = new(3);
        CalibrationData data = new();
        for (int s = 0; s < 24; s++)
        {
            double[] f = [.. Enumerable.Range(0, 12).Select(_ => random.NextDouble() * 2 - 1)];
            data.Add(Tensor.From<float>(input.Shape, [.. Enumerable.Range(0, 400).Select(i => (float)(f[i % 4] + Math.Sin(f[4 + i % 4] * (i / 40) + f[8 + i % 4] * (i / 4 % 10))))]));
        }
        context = new PassContext { Calibration = data };
        return graph;
    }

    private RoundingProblem Problem(int rows, int columns, bool correlated, bool zeros = false)
    {
        Matrix samples = new(4 * columns, columns), moments = new(columns, columns);
        for (int i = 0; i < samples.Rows; i++)
        {
            double common = 2 * Normal();
            for (int k = 0; k < columns; k++) samples[i, k] = (correlated ? common : 0) + Normal();
        }
        moments.AddGram(samples);
        for (int i = 0; i < columns; i++)
            for (int j = 0; j <= i; j++) moments[i, j] = moments[j, i] = correlated || i == j ? moments[i, j] / samples.Rows : 0;
        float[] targets = [.. Enumerable.Range(0, rows * columns).Select(i => zeros && i % 2 == 0 ? 0 : (float)Normal() * 3)];
        return new RoundingProblem(moments, [.. targets.Select(t => Math.Clamp(t, -8, 7))], [.. targets.Select((_, i) => 0.1f + 0.01f * (i / columns))], -8, 7);
    }

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private static sbyte[] Nearest(RoundingProblem problem) =>
        [.. Enumerable.Range(0, problem.Rows).SelectMany(r => problem.Targets(r).ToArray().Select(t => problem.Nearest(t)))];

    private static double Loss(RoundingProblem problem, sbyte[] integers) =>
        Enumerable.Range(0, problem.Rows).Sum(r => problem.Loss(r, integers.AsSpan(r * problem.Columns, problem.Columns)));
}
