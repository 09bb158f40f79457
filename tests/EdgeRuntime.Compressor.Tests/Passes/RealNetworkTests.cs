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
