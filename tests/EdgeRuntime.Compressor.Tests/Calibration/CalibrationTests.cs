using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class CalibrationTests
{
    [Fact]
    public void MinMaxKeepsTheOutlierThatPercentileAndEntropyCut()
    {
        ValueStatistics s = Gaussian(outlier: 40);
        Assert.Equal((s.Min, 40), RangeFinder.Find(s, CalibrationMethod.MinMax, 0));
        double percentile = RangeFinder.Find(s, CalibrationMethod.Percentile, 99.9).High;
        double entropy = RangeFinder.Find(s, CalibrationMethod.Entropy, 0).High;
        Assert.InRange(percentile, 2.5, 4.5);
        Assert.InRange(entropy, 2, 20);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void SamplesMustBeFinite(float value)
    {
        GraphBuilder b = new();
        Graph graph = b.Output(b.Clip(b.Input("x", 2, 3), 0));
        CalibrationData data = new();
        data.Add(Tensor.From<float>(new TensorShape(2, 3), [1, 2, value, 4, 5, 6]));
        ModelException e = Assert.Throws<ModelException>(() => new QuantizeInt8(new QuantizeOptions()).Apply(graph, new PassContext { Calibration = data }));
        Assert.Equal((ModelErrorKind.InvalidData, "x"), (e.Kind, e.Place));
        Assert.Contains("not finite", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void WeightsMustBeFinite(float value)
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 2, 3), weights = b.Random(2, 3);
        weights.Constant = Tensor.From<float>(weights.Shape, [1, 2, value, 4, 5, 6]);
        Graph graph = b.Output(b.Node(OperatorType.FullyConnected, null, x, weights));
        CalibrationData data = new();
        data.Add(b.Sample(x));
        ModelException e = Assert.Throws<ModelException>(() => CompressionPipeline.Run(graph, Recipe.Load("int8"), new PassContext { Calibration = data }));
        Assert.Contains($"{weights.Name} holds numbers that are not finite", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LeastSquaredErrorIsNoWorseThanAnyOtherRange()
    {
        float[] values = GaussianValues(12);
        ValueStatistics s = Statistics(values);
        double best = Error(values, RangeFinder.Find(s, CalibrationMethod.MeanSquaredError, 0));
        foreach (CalibrationMethod method in Enum.GetValues<CalibrationMethod>())
            Assert.True(best <= Error(values, RangeFinder.Find(s, method, 99.99)) * 1.02, method.ToString());
    }

    [Theory]
    [InlineData(0, 6, -128)]
    [InlineData(-1, 1, 0)]
    [InlineData(-6, 0, 127)]
    public void ParametersRepresentZeroExactlyAndTheEndsNearly(double low, double high, int zeroPoint)
    {
        QuantizationParameters p = RangeFinder.Parameters(low, high);
        Assert.InRange(p.ZeroPoint, zeroPoint - 1, zeroPoint + 1);
        Assert.InRange(Requantize.Dequantize(-128, p.Scale, p.ZeroPoint), low - p.Scale, low + p.Scale);
        Assert.InRange(Requantize.Dequantize(127, p.Scale, p.ZeroPoint), high - p.Scale, high + p.Scale);
    }

    [Fact]
    public void AnEmptyRangeStillGivesParameters() => Assert.Equal(1f, RangeFinder.Parameters(0, 0).Scale);

    [Fact]
    public void SamplesThatDoNotFitAreTypedErrors()
    {
        GraphBuilder b = new();
        ValueInfo x = b.Input("x", 1, 1, 2, 3);
        CalibrationData data = new();
        data.Add(Tensor.Vector<byte>(1, 2, 3, 4, 5, 6));
        data.Add(Tensor.Vector<float>(1, 2));
        data.Add();
        Assert.Equal([1f, 2, 3, 4, 5, 6], data.Sample(0, 0, x).AsSpan<float>().ToArray());
        Assert.Equal(ModelErrorKind.InvalidData, Assert.Throws<ModelException>(() => data.Sample(1, 0, x)).Kind);
        Assert.Equal(ModelErrorKind.InvalidData, Assert.Throws<ModelException>(() => data.Sample(2, 0, x)).Kind);
    }

    private static double Error(float[] values, (double Low, double High) range)
    {
        QuantizationParameters p = RangeFinder.Parameters(range.Low, range.High);
        return values.Sum(v => Math.Pow(v - Requantize.Dequantize(Requantize.Quantize(v, p.Scale, p.ZeroPoint, -128, 127), p.Scale, p.ZeroPoint), 2));
    }

    private static ValueStatistics Gaussian(float outlier) => Statistics([.. GaussianValues(outlier)]);

    private static float[] GaussianValues(float outlier)
    {
        Random random = new(5);
        float[] values = new float[20_000];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        values[0] = outlier;
        return values;
    }

    private static ValueStatistics Statistics(float[] values)
    {
        ValueStatistics s = new();
        s.Widen(values);
        s.Count(values);
        return s;
    }
}
