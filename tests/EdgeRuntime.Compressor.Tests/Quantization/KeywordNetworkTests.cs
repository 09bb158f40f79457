using System.Runtime.InteropServices;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;
using Xunit.Abstractions;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Quantises the float keyword network with 100 of the 1,000 accuracy inputs, and counts right answers on all.</summary>
public sealed class KeywordNetworkTests(ITestOutputHelper output)
{
    private const int CalibrationSamples = 100;

    [SkippableTheory]
    [InlineData("min-max", true)]
    [InlineData("min-max", false)]
    [InlineData("percentile", true)]
    [InlineData("percentile", false)]
    [InlineData("entropy", true)]
    [InlineData("entropy", false)]
    [InlineData("mse", true)]
    [InlineData("mse", false)]
    public void QuantizedNetworkKeepsItsAccuracy(string method, bool correct)
    {
        Graph source = NetworkImporter.Load(SharedFiles.Path("models", "mlperf-tiny", "kws_fp32.onnx"));
        Tensor[] inputs = Inputs();
        int[] labels = LabelFile.Load(SharedFiles.Path("data", "mlperf-tiny-kws", "labels.csv"));
        bool[] floats = Evaluate(GraphOptimizer.Optimize(GraphCopy.Of(source)), inputs, labels);
        CalibrationData data = new();
        for (int i = 0; i < CalibrationSamples; i++) data.Add(inputs[i * 10]);
        PassReport report = new QuantizeInt8(new QuantizeOptions { Method = method, BiasCorrection = correct }).Apply(source, new PassContext { Calibration = data });
        bool[] integers = Evaluate(source, inputs, labels);
        output.WriteLine($"{method} {correct}: float {Share(floats, _ => true)}, int8 {Share(integers, _ => true)}, on the other 900: {Share(floats, IsUnseen)}, {Share(integers, IsUnseen)}");
        foreach (LayerReport layer in report.Layers) output.WriteLine($"{layer.Name} {layer.Operator} {layer.SignalToNoise:F1} dB");
        Assert.True(Share(integers, IsUnseen) >= Share(floats, IsUnseen) - 0.005, "lost more than half a point on inputs not calibrated with");
        Assert.True(Share(integers, _ => true) >= 0.9);
        Assert.All(report.Layers, layer => Assert.True(layer.SignalToNoise > 10, $"{layer}"));
    }

    private static bool IsUnseen(int sample) => sample % 10 != 0;

    private static double Share(bool[] right, Func<int, bool> counts) =>
        right.Where((_, i) => counts(i)).Count(r => r) / (double)right.Where((_, i) => counts(i)).Count();

    private static Tensor[] Inputs()
    {
        byte[] bytes = File.ReadAllBytes(SharedFiles.Path("data", "mlperf-tiny-kws", "kws01_mfcc_int8_1000x49x10.bin"));
        return [.. bytes.Chunk(490).Select(c => Tensor.From<float>(new TensorShape(1, 1, 49, 10), Array.ConvertAll(c, b => 0.5847029f * ((sbyte)b - 83))))];
    }

    private static bool[] Evaluate(Graph graph, Tensor[] inputs, int[] labels)
    {
        using InferenceSession session = new(graph);
        return [.. inputs.Select((input, i) =>
        {
            input.Data.Span.CopyTo(session.InputBytes(0));
            session.Run();
            ReadOnlySpan<float> scores = MemoryMarshal.Cast<byte, float>(session.OutputBytes(0));
            int best = 0;
            for (int c = 1; c < scores.Length; c++)
                if (scores[c] > scores[best]) best = c;
            return best == labels[i];
        })];
    }
}
