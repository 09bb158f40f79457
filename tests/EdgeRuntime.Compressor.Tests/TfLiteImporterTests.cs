using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

public sealed class TfLiteImporterTests
{
    /// <summary>Multiply-accumulates are those of the networks' READMEs.</summary>
    [SkippableTheory]
    [InlineData("mlperf-tiny/kws_ref_model", 2_656_768)]
    [InlineData("mlperf-tiny/kws_ref_model_float32", 2_656_768)]
    [InlineData("mlperf-tiny/vww_96_int8", 7_489_664)]
    [InlineData("mlperf-tiny/vww_96_float", 7_489_664)]
    [InlineData("mlperf-tiny/pretrainedResnet_quant", 12_501_632)]
    [InlineData("mlperf-tiny/pretrainedResnet", 12_501_632)]
    [InlineData("mlperf-tiny/ad01_int8", 264_192)]
    [InlineData("mlperf-tiny/ad01_fp32", 264_192)]
    [InlineData("mlperf-tiny/str_ww_ref_model", 826_368)]
    [InlineData("mobilenet/tf2_mobilenet_v2_1.0_224_ptq", 300_775_552)]
    [InlineData("mobilenet/mobilenet_v2_1.0_224_quant", 300_775_552)]
    [InlineData("mobilenet/mobilenet_v1_1.0_224_quant_embedding_extractor", 567_716_352)]
    [InlineData("mobilenet/mobilenet_v1_0.25_128_quant", 13_570_304)]
    public void ReferenceNetworksImport(string model, long macs) => Assert.Equal(macs, Macs(Load(model)));

    [SkippableTheory]
    [InlineData("anomaly-detection/fan-low-autoencoder")]
    [InlineData("anomaly-detection/fan-low-moving-autoencoder")]
    [InlineData("face-detection/blazeface-short-range-fp16")]
    [InlineData("gesture/hand-keypoint-classifier")]
    [InlineData("gesture/point-history-classifier")]
    [InlineData("gesture/hand-landmark-lite-fp16")]
    [InlineData("keyword-spotting/micro-speech-int8")]
    [InlineData("person-detection/person-detect-96-int8")]
    [InlineData("toy/sine-float")]
    [InlineData("toy/sine-int8")]
    public void OtherNetworksImport(string model)
    {
        Graph graph = Load(model);
        Assert.True(Macs(graph) > 0);
        // Binary16 constants have become floats, so that no Dequantize is left.
        Assert.DoesNotContain(graph.Nodes, n => n.Type == OperatorType.Dequantize && n.Input(0).IsConstant);
        Assert.DoesNotContain(graph.Values(), v => v.Type == ElementType.Float16);
    }

    [SkippableFact]
    public void IntegerNetworkKeepsTheFilesQuantisation()
    {
        Graph graph = Load("mlperf-tiny/kws_ref_model");
        ValueInfo input = Assert.Single(graph.Inputs);
        Assert.Equal("input_1", input.Name);
        Assert.Equal(ElementType.Int8, input.Type);
        Assert.Equal(new TensorShape(1, 49, 10, 1), input.Shape);
        Assert.Equal(83, input.Quantization!.ZeroPoint);
        Assert.Equal(0.5847029f, input.Quantization.Scale, 6);
        Assert.Equal("Identity", Assert.Single(graph.Outputs).Name);
        Assert.DoesNotContain(graph.Nodes, n => n.Type is OperatorType.Quantize or OperatorType.Dequantize);

        Node depthwise = graph.Nodes.First(n => n.Attributes.Int("group") > 1);
        Assert.Equal(new TensorShape(64, 3, 3, 1), depthwise.Input(1).Shape);
        Assert.Equal(0, depthwise.Input(1).Quantization!.Axis);
        Assert.Equal(64, depthwise.Input(2).Quantization!.Scales.Length);
        Assert.Equal(ElementType.Int32, depthwise.Input(2).Type);
        Assert.Equal(0f, depthwise.Attributes.Float("min", float.NaN));
    }

    [SkippableFact]
    public void AsymmetricWeightsStayUnsigned()
    {
        Node first = Load("mobilenet/mobilenet_v1_0.25_128_quant").Nodes[0];
        Assert.Equal(ElementType.UInt8, first.Input(1).Type);
        Assert.Equal(157, first.Input(1).Quantization!.ZeroPoint);
        Assert.Equal([0, 0, 1, 1], first.Attributes.Ints("pads").ToArray());
        Assert.Equal(6f, first.Attributes.Float("max"));
    }

    [SkippableFact]
    public void WrongBiasAxisIsReadAsTheOnlyOne()
    {
        Node first = Load("person-detection/person-detect-96-int8").Nodes[0];
        Assert.Equal(new TensorShape(8, 3, 3, 1), first.Input(1).Shape);
        Assert.Equal(0, first.Input(2).Quantization!.Axis);
    }

    [SkippableFact]
    public void IntegerWeightsOfAFloatOperatorBecomeFloats()
    {
        Node first = Load("mlperf-tiny/kws_ref_model_float32").Nodes[0];
        Assert.Equal(ElementType.Float32, first.Input(1).Type);
        float[] weights = first.Input(1).Constant!.ToFloats();
        Assert.Equal(127 * 0.0020228f, weights.Max(MathF.Abs), 1e-4f);
    }

    [SkippableFact]
    public void TypeConversionsBecomeRequantize()
    {
        Graph graph = Load("mobilenet/tf2_mobilenet_v2_1.0_224_ptq");
        Assert.Equal(OperatorType.Requantize, graph.Nodes[0].Type);
        Assert.Equal(OperatorType.Requantize, graph.Nodes[^1].Type);
        Assert.Equal(ElementType.UInt8, graph.Inputs[0].Type);
        Assert.Equal(ElementType.UInt8, graph.Outputs[0].Type);
    }

    private static Graph Load(string model) => TfLiteImporter.Load(SharedFiles.Path("models", model + ".tflite"));

    private static long Macs(Graph graph) => graph.Nodes.Sum(n => n.Type switch
    {
        OperatorType.Convolution => n.Output.Shape.ElementCount * n.Input(1).Shape.CountOf(1, 4),
        OperatorType.FullyConnected => n.Output.Shape.ElementCount * n.Input(1).Shape[1],
        _ => 0,
    });
}
