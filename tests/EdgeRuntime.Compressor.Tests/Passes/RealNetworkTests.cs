using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Every network of the folder beside the repository reaches the form that the runtime executes.</summary>
public sealed class RealNetworkTests
{
    public static TheoryData<string> TfLite => new(
        "mlperf-tiny/ad01_fp32", "mlperf-tiny/ad01_int8", "mlperf-tiny/kws_ref_model", "mlperf-tiny/kws_ref_model_float32",
        "mlperf-tiny/pretrainedResnet", "mlperf-tiny/pretrainedResnet_quant", "mlperf-tiny/str_ww_ref_model", "mlperf-tiny/vww_96_float",
        "mlperf-tiny/vww_96_int8", "mobilenet/mobilenet_v1_0.25_128_quant", "mobilenet/mobilenet_v1_1.0_224_quant_embedding_extractor",
        "mobilenet/mobilenet_v2_1.0_224_quant", "mobilenet/tf2_mobilenet_v2_1.0_224_ptq");

    [SkippableTheory]
    [MemberData(nameof(TfLite))]
    public void TfLiteNetworksReachTheCanonicalForm(string name) =>
        Check(TfLiteImporter.Load(SharedFiles.Path("models", name + ".tflite")), 0);

    public static TheoryData<string, int> Onnx => new()
    {
        { "mlperf-tiny/ad_fp32", 0 }, { "mlperf-tiny/ad_int8", 0 }, { "mlperf-tiny/ad_int8_u8", 0 },
        { "mlperf-tiny/kws_fp32", 0 }, { "mlperf-tiny/kws_int8", 0 }, { "mlperf-tiny/kws_int8_u8", 0 },
        { "mlperf-tiny/resnet8_fp32", 1 }, { "mlperf-tiny/resnet8_int8", 1 }, { "mlperf-tiny/resnet8_int8_u8", 1 },
        { "mlperf-tiny/sww_fp32", 1 }, { "mlperf-tiny/sww_int8", 1 }, { "mlperf-tiny/sww_int8_u8", 1 },
        { "mlperf-tiny/vww_fp32", 1 }, { "mlperf-tiny/vww_int8", 1 }, { "mlperf-tiny/vww_int8_u8", 1 },
        { "mobilenet/mobilenet_v1_025_128_fp32", 1 }, { "mobilenet/mobilenet_v1_025_128_uint8", 1 }, { "mobilenet/mobilenet_v1_224_uint8", 1 },
        { "mobilenet/mobilenet_v2_224_fp32", 1 }, { "mobilenet/mobilenet_v2_224_int8", 1 }, { "mobilenet/mobilenet_v2_224_int8_u8", 1 },
        { "mobilenet/mobilenet_v2_224_uint8_tf1", 1 },
    };

    [SkippableTheory]
    [MemberData(nameof(Onnx))]
    public void OnnxNetworksReachTheCanonicalForm(string name, int transposes) =>
        Check(NetworkImporter.Load(SharedFiles.Path("models", name + ".onnx")), transposes);

    [SkippableTheory]
    [InlineData("mlperf-tiny/ad_fp32.onnx", 1e-4)]
    [InlineData("mlperf-tiny/ad_int8.onnx", 1)]
    [InlineData("mlperf-tiny/kws_fp32.onnx", 1e-4)]
    [InlineData("mlperf-tiny/kws_int8.onnx", 1)]
    [InlineData("mlperf-tiny/kws_int8_u8.onnx", 1)]
    [InlineData("mlperf-tiny/kws_ref_model.tflite", 1)]
    [InlineData("mlperf-tiny/kws_ref_model_float32.tflite", 1e-4)]
    [InlineData("mlperf-tiny/sww_fp32.onnx", 1e-4)]
    [InlineData("mlperf-tiny/sww_int8_u8.onnx", 1)]
    public void OptimizedNetworksRunToTheSameResults(string name, double steps)
    {
        string path = SharedFiles.Path(["models", .. name.Split('/')]);
        Graph source = NetworkImporter.Load(path), graph = GraphOptimizer.Optimize(NetworkImporter.Load(path));
        using InferenceSession session = new(graph);
        Random random = new(3);
        double[] reals = new double[source.Inputs[0].Shape.ElementCount];
        float scale = source.Inputs[0].Quantization?.Scale * 100 ?? 1;
        for (int i = 0; i < reals.Length; i++) reals[i] = (random.NextDouble() * 2 - 1) * scale;
        Tensor input = HostEvaluator.FromReals(reals, source.Inputs[0]);
        input.Data.Span.CopyTo(session.InputBytes(0));
        session.Run();
        ValueInfo output = source.Outputs[0];
        double[] expected = HostEvaluator.ToReals(HostEvaluator.Run(source, input)[output.Name], output.Quantization);
        double[] actual = HostEvaluator.ToReals(new Tensor(output.Type, output.Shape, session.OutputBytes(0).ToArray()), output.Quantization);
        double tolerance = 1.01 * steps * (output.Quantization?.Scale ?? Math.Max(1, expected.Max(Math.Abs)));
        for (int i = 0; i < expected.Length; i++) Assert.InRange(actual[i] - expected[i], -tolerance, tolerance);
    }

    private static void Check(Graph graph, int transposes)
    {
        string[] names = [.. graph.Inputs.Concat(graph.Outputs).Select(v => $"{v.Name} {v.Type} {v.Shape}")];
        bool quantized = graph.Values().Any(v => v.Quantization is not null && !v.IsConstant);
        GraphOptimizer.Optimize(graph);
        Assert.Equal(names, graph.Inputs.Concat(graph.Outputs).Select(v => $"{v.Name} {v.Type} {v.Shape}"));
        Assert.Equal(transposes, graph.Nodes.Count(n => n.Type == OperatorType.Transpose));
        Assert.DoesNotContain(graph.Nodes, n => n.Type is OperatorType.BatchNormalization or OperatorType.Clip or OperatorType.Pad);
        foreach (Node node in graph.Nodes)
        {
            bool boundary = graph.Outputs.Contains(node.Output) || graph.Inputs.Contains(node.Input(0));
            if (!boundary) Assert.False(node.Type is OperatorType.Quantize or OperatorType.Dequantize or OperatorType.Requantize, node.ToString());
            if (!boundary) Assert.Equal(quantized ? ElementType.Int8 : ElementType.Float32, node.Output.Type);
        }
    }
}
