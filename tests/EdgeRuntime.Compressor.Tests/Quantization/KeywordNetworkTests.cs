using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Quantises the float keyword network with 100 of the 1,000 accuracy inputs, and counts right answers on all.</summary>
public sealed class KeywordNetworkTests
{
    [SkippableFact]
    public void TheShippedRecipeKeepsTheAccuracy()
    {
        Graph source = Load();
        Tensor[] inputs = Inputs();
        int[] labels = LabelFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "labels.csv"));
        bool[] floats = Right(Classify(GraphOptimizer.Optimize(GraphCopy.Of(source)), inputs), labels);
        PipelineReport report = CompressionPipeline.Run(source, Recipe.Load("int8"), Context(inputs));
        bool[] integers = Right(Classify(source, inputs), labels);
        Assert.True(Share(integers, IsUnseen) >= Share(floats, IsUnseen) - 0.005, "lost more than half a point on inputs not calibrated with");
        Assert.True(Share(integers, _ => true) >= 0.9);
        Assert.Equal(12, report.Passes[^1].Layers.Count);
        Assert.All(report.Passes[^1].Layers, layer => Assert.True(layer.SignalToNoise > 20, $"{layer}"));
        Assert.Equal(2_656_768, report.Passes[^1].MultiplyAccumulates);
        Assert.InRange(report.Passes[^1].ConstantBytes, 22_016, 30_000);
        Assert.Equal(("input", ElementType.Float32), (source.Inputs[0].Name, source.Inputs[0].Type));
    }

    [SkippableTheory]
    [InlineData("int4", 0.02, 16_500)]
    [InlineData("fp16", 0.002, 47_000)]
    public void SmallerWeightsCostLittle(string recipe, double loss, long bytes)
    {
        Graph source = Load();
        Tensor[] inputs = Inputs();
        int[] labels = LabelFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "labels.csv"));
        double floats = Share(Right(Classify(GraphOptimizer.Optimize(GraphCopy.Of(source)), inputs), labels), IsUnseen);
        PipelineReport report = CompressionPipeline.Run(source, Recipe.Load(recipe), Context(inputs));
        double found = Share(Right(Classify(source, inputs), labels), IsUnseen);
        Assert.True(found >= floats - loss, $"{found:P1} right, {floats:P1} in float");
        Assert.True(report.Passes[^1].ConstantBytes < bytes, $"{report.Passes[^1].ConstantBytes} bytes");
    }

    [SkippableTheory]
    [InlineData("min-max", true, true)]
    [InlineData("min-max", false, false)]
    [InlineData("percentile", true, true)]
    [InlineData("entropy", true, false)]
    [InlineData("mse", true, false)]
    public void EveryMethodAgreesWithTheFloatNetwork(string method, bool perChannel, bool correct)
    {
        Graph source = Load();
        Tensor[] inputs = Inputs();
        QuantizeInt8 pass = new(new QuantizeOptions { Method = method, PerChannel = perChannel, BiasCorrection = correct });
        Tensor[] few = [.. inputs.Where((_, i) => i % 10 == 5)];
        int[] floats = Classify(GraphOptimizer.Optimize(GraphCopy.Of(source)), few);
        pass.Apply(source, Context(inputs));
        Assert.InRange(Right(Classify(source, few), floats).Count(r => r), 90, 100);
    }

    private static Graph Load() => NetworkImporter.Load(SharedFiles.Path("models", "mlperf-tiny", "kws_fp32.onnx"));

    private static PassContext Context(Tensor[] inputs)
    {
        CalibrationData data = new();
        for (int i = 0; i < inputs.Length; i++)
            if (!IsUnseen(i)) data.Add(inputs[i]);
        return new PassContext { Calibration = data };
    }

    private static bool IsUnseen(int sample) => sample % 10 != 0;

    private static double Share(bool[] right, Func<int, bool> counts) =>
        right.Where((_, i) => counts(i)).Count(r => r) / (double)right.Where((_, i) => counts(i)).Count();

    private static Tensor[] Inputs()
    {
        byte[] bytes = File.ReadAllBytes(SharedFiles.Path("data", "mlperf-tiny-kws", "kws01_mfcc_int8_1000x49x10.bin"));
        return [.. bytes.Chunk(490).Select(c => Tensor.From<float>(new TensorShape(1, 1, 49, 10), Array.ConvertAll(c, b => 0.5847029f * ((sbyte)b - 83))))];
    }

    private static bool[] Right(int[] answers, int[] expected) => [.. answers.Zip(expected, (a, e) => a == e)];

    private static int[] Classify(Graph graph, Tensor[] inputs)
    {
        using InferenceSession session = new(graph);
        return [.. inputs.Select(input =>
        {
            input.Data.Span.CopyTo(session.InputBytes(0));
            session.Run();
            ReadOnlySpan<float> scores = session.Output<float>(0);
            int best = 0;
            for (int c = 1; c < scores.Length; c++)
                if (scores[c] > scores[best]) best = c;
            return best;
        })];
    }
}
