using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>The recipe <c>lowrank</c> on the keyword network: its factors, and right answers on inputs not calibrated with.</summary>
public sealed class LowRankRecipeTests
{
    [SkippableFact]
    public void TheShippedRecipeSavesMultipliesAndKeepsTheAccuracy()
    {
        Graph network = NetworkImporter.Load(SharedFiles.Path("models", "mlperf-tiny", "kws_fp32.onnx"));
        byte[] bytes = File.ReadAllBytes(SharedFiles.Path("data", "mlperf-tiny-kws", "kws01_mfcc_int8_1000x49x10.bin"));
        Tensor[] inputs = [.. bytes.Chunk(490).Select(c => Tensor.From<float>(new TensorShape(1, 1, 49, 10), Array.ConvertAll(c, b => 0.5847029f * ((sbyte)b - 83))))];
        int[] labels = LabelFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "labels.csv"));
        CalibrationData data = new();
        for (int i = 0; i < inputs.Length; i += 10) data.Add(inputs[i]);
        PipelineReport report = CompressionPipeline.Run(network, Recipe.Load("lowrank"), new PassContext { Calibration = data });

        IReadOnlyList<FactorReport> factors = report.Passes[1].Factors;
        Assert.NotEmpty(factors);
        Assert.True(report.Passes[^1].MultiplyAccumulates < 0.96 * report.Source.MultiplyAccumulates);
        Assert.All(factors, f => Assert.True(f.RelativeError <= 0.12 && f.MacsAfter < f.MacsBefore));
        using InferenceSession session = new(network);
        Assert.True(session.Steps.Count(s => s.Nodes.Count > 1) > 0, "factors run as one step");
        int right = 0, all = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            if (i % 10 == 0) continue;
            inputs[i].Data.Span.CopyTo(session.InputBytes(0));
            session.Run();
            ReadOnlySpan<float> scores = session.Output<float>(0);
            int best = 0;
            for (int c = 1; c < scores.Length; c++)
                if (scores[c] > scores[best]) best = c;
            right += best == labels[i] ? 1 : 0;
            all++;
        }
        Assert.True(right >= 0.87 * all, $"{right} of {all} right; {string.Join("; ", factors)}");
    }
}
