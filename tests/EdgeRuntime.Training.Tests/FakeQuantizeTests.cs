using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Training.Tests;

/// <summary>Fake quantisation against the formulae of its papers, written out once more, and against differences where it is smooth.</summary>
public sealed class FakeQuantizeTests
{
    public static TheoryData<int, int, int> Forms => new()
    {
        { 8, 1, 0 }, { 8, 6, 0 }, { 4, 1, 0 }, { 4, 6, 0 }, { 4, 6, 5 }, { 2, 6, 0 }, { 2, 6, 4 }, { 1, 1, 0 }, { 1, 6, 0 },
    };

    [Theory, MemberData(nameof(Forms))]
    public void SymmetricGradientsAreThoseOfLearnedStepSizes(int bits, int channels, int group)
    {
        TensorShape shape = new(6, 3, 4);
        int depth = 72 / channels, size = group == 0 ? depth : group, groups = (depth + size - 1) / size;
        (int min, int max) = bits switch { 8 => (-127, 127), 4 => (-8, 7), 2 => (-2, 1), _ => (-1, 1) };
        RandomSource random = new(3);
        Variable x = Random(shape, random);
        float[] steps = [.. Enumerable.Range(0, channels * groups).Select(i => (0.3f + 0.1f * i % 0.4f) * (bits == 8 ? 0.02f : 1) / (bits == 4 ? 3 : 1))];
        QuantizationSteps q = QuantizationSteps.Symmetric("w", shape, steps, bits, channels, group);
        (float[] y, float[] dy) = Run(t => t.FakeQuantize(x, q), shape, random);
        double[] ratios = new double[channels];
        for (int i = 0; i < 72; i++)
        {
            int c = i / depth, step = c * groups + i % depth / size;
            float s = steps[step], v = x.Data[i] / s;
            double n = bits == 1 ? (v >= 0 ? 1 : -1) : Math.Clamp(Math.Round(v), min, max);
            bool inside = bits == 1 ? Math.Abs(v) <= q.SignLimit : v >= min && v <= max;
            Assert.Equal((float)(s * n), y[i], 6);
            Assert.Equal(inside ? dy[i] : 0, x.Gradient![i]);
            ratios[c] += s * dy[i] * (inside && bits > 1 ? n - v : n) / Math.Sqrt((double)depth * max);
        }
        for (int c = 0; c < channels; c++) Assert.Equal(ratios[c], q.Ratios.Gradient![c], 4);
    }

    [Fact]
    public void AsymmetricGradientsAreThoseOfLearnedEnds()
    {
        TensorShape shape = new(200);
        RandomSource random = new(4);
        Variable x = Random(shape, random);
        QuantizationParameters first = new(0.01f, -60);
        QuantizationSteps q = QuantizationSteps.Activation("x", first);
        (float[] y, float[] dy) = Run(t => t.FakeQuantize(x, q), shape, random);
        double step = 0, low = 0, scale = 1 / Math.Sqrt(200.0 * 255);
        for (int i = 0; i < 200; i++)
        {
            int integer = Requantize.Quantize(x.Data[i], 0.01f, -60, -128, 127);
            Assert.Equal(Requantize.Dequantize(integer, 0.01f, -60), y[i]);
            float v = x.Data[i] / 0.01f;
            bool below = v < -68, above = v > 187;
            Assert.Equal(below || above ? 0 : dy[i], x.Gradient![i]);
            step += dy[i] * (below ? 0 : above ? 255 : integer + 60 - v);
            if (below || above) low += dy[i];
        }
        Assert.Equal(scale * 0.01 * step, q.Ratios.Gradient![0], 4);
        Assert.Equal(scale * 0.01 * 255 * low, q.Move!.Gradient![0], 4);
    }

    /// <summary>Where everything is clipped, the result is a smooth function of step and low end.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ClippedElementsAgreeWithFiniteDifferences(bool above)
    {
        TensorShape shape = new(4);
        Variable x = new("x", shape, above ? [9, 8, 7, 6] : [-9, -8, -7, -6]);
        float Sum(float ratio, float move)
        {
            QuantizationSteps q = QuantizationSteps.Activation("x", new QuantizationParameters(0.01f, -28));
            (q.Ratios.Data[0], q.Move!.Data[0]) = (ratio, move);
            return new Tape(1).FakeQuantize(x, q).Data.Sum();
        }
        QuantizationSteps steps = QuantizationSteps.Activation("x", new QuantizationParameters(0.01f, -28));
        Tape tape = new(1);
        Variable y = tape.FakeQuantize(x, steps);
        tape.Backward(tape.Scale(tape.Mean(y, [0]), 4));
        double scale = Math.Sqrt(4.0 * 255);
        // Zero points are integers, so that steps of a difference must be large ones.
        Assert.Equal((Sum(1.2f, 0) - Sum(0.8f, 0)) / 0.4, scale * steps.Ratios.Gradient![0], above ? 0.06 * 10.2 : 0.1);
        Assert.Equal((Sum(1, 0.1f) - Sum(1, -0.1f)) / 0.2, scale * steps.Move!.Gradient![0], 0.06 * 10.2);
    }

    [Fact]
    public void SignsHaveTheGradientOfTheirApproximation()
    {
        TensorShape shape = new(20, 5);
        RandomSource random = new(6);
        Variable x = Random(shape, random), moves = new("moves", new TensorShape(5), [0.1f, 0, -0.2f, 0.3f, 0]);
        float[] first = [0, 0.1f, -0.1f, 0.2f, 0];
        (float[] y, float[] dy) = Run(t => t.Sign(x, first, 0.5f, moves), shape, random);
        double reach = 2 * Enumerable.Range(0, 100).Average(i => Math.Abs(x.Data[i] - first[i % 5] - 0.5 * moves.Data[i % 5]));
        double[] sums = new double[5];
        for (int i = 0; i < 100; i++)
        {
            double d = x.Data[i] - first[i % 5] - 0.5 * moves.Data[i % 5], u = Math.Abs(d) / reach, g = u < 1 ? dy[i] * (2 - 2 * u) / reach : 0;
            Assert.Equal(d >= 0 ? 1 : -1, y[i]);
            Assert.Equal(g, x.Gradient![i], 4);
            sums[i % 5] -= 0.5 * g;
        }
        for (int c = 0; c < 5; c++) Assert.Equal(sums[c], moves.Gradient![c], 3);
    }

    private static (float[] Y, float[] Gradient) Run(Func<Tape, Variable> expression, TensorShape shape, RandomSource random)
    {
        Tape tape = new(2);
        Variable weights = Random(shape, random);
        Variable y = expression(tape);
        tape.Backward(tape.Scale(tape.Mean(tape.Mul(y, tape.Constant(shape, weights.Data)), [.. Enumerable.Range(0, shape.Rank)]), y.Count));
        return (y.Data, [.. weights.Data]);
    }

    private static Variable Random(TensorShape shape, RandomSource random) =>
        new("x", shape, [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => random.Gaussian())]);
}
