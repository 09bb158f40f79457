using System.Text.RegularExpressions;
using EdgeRuntime.Inference;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Compressor.Tests;

/// <summary>Real networks: those that must import, with the counts that their READMEs give, and those that use more than there is.</summary>
public sealed class OnnxNetworkTests
{
    [SkippableTheory]
    [InlineData("mlperf-tiny/kws", 9, 2_656_768)]
    [InlineData("mlperf-tiny/vww", 27, 7_489_664)]
    [InlineData("mlperf-tiny/resnet8", 9, 12_501_632)]
    [InlineData("mlperf-tiny/ad", 0, 264_192)]
    [InlineData("mlperf-tiny/sww", 8, 826_368)]
    [InlineData("mobilenet/mobilenet_v2_224", 53, 300_775_552)]
    [InlineData("mobilenet/mobilenet_v1_224", 27, 567_716_352)]
    [InlineData("mobilenet/mobilenet_v1_025_128", 28, 13_570_304)]
    public void ReferenceNetworksHaveTheirConvolutionsAndMultiplications(string network, int convolutions, long macs)
    {
        string folder = SharedFiles.Path("models", network.Split('/')[0]);
        string[] files = Directory.GetFiles(folder, network.Split('/')[1] + "_*.onnx");
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            Graph graph = NetworkImporter.Load(file);
            Assert.Equal(convolutions, graph.Nodes.Count(n => n.Type == OperatorType.Convolution));
            Assert.Equal(macs, graph.Nodes.Sum(MultiplyAccumulates));
            CheckEnds(graph, integers: !file.Contains("fp32", StringComparison.Ordinal));
            Assert.Equal(64, graph.Metadata[MetadataKeys.SourceHash].Length);
        }
    }

    /// <summary>Detectors, faces, features of speech: outputs as ONNX Runtime recorded them.</summary>
    [SkippableTheory]
    [InlineData("face-detection/blazeface-front-128")]
    [InlineData("face-detection/ultraface-RFB-320")]
    [InlineData("face-detection/ultraface-RFB-320_simplified")]
    [InlineData("image-classification/mnist-cnn")]
    [InlineData("keyword-spotting/speech-embedding")]
    [InlineData("object-detection/fastestdet-352")]
    [InlineData("object-detection/yolox-nano-416")]
    public void OtherNetworksGiveTheRecordedOutputs(string network)
    {
        using InferenceSession session = new(GraphOptimizer.Optimize(NetworkImporter.Load(SharedFiles.Path("models", network + ".onnx"))));
        string golden = SharedFiles.Path("models", "golden", Path.GetFileName(network));
        Tensor inputs = NumpyFile.Load(Directory.GetFiles(golden, "in_*.npy").Single());
        inputs.Data.Span[..session.InputBytes(0).Length].CopyTo(session.InputBytes(0));
        session.Run();
        for (int i = 0; i < session.Outputs.Count; i++)
        {
            float[] expected = NumpyFile.Load(Path.Combine(golden, $"out_{Regex.Replace(session.Outputs[i].Name, "[^A-Za-z0-9._-]", "_")}.npy")).ToFloats();
            ReadOnlySpan<float> actual = session.Output<float>(i);
            float largest = expected.Max(MathF.Abs);
            for (int k = 0; k < actual.Length; k++) Assert.Equal(expected[k], actual[k], 2e-4f * largest);
        }
    }

    [SkippableFact]
    public void OpenInputsAreNamed()
    {
        ImportException e = Assert.Throws<ImportException>(() => NetworkImporter.Load(SharedFiles.Path("models", "speech/silero-vad-16k.onnx")));
        Assert.Equal((ModelErrorKind.Unsupported, "graph input"), (e.Kind, e.Unsupported.Select(u => u.Type).Distinct().Single()));
        Assert.All(e.Unsupported, u => Assert.Contains(u.Node, e.Message, StringComparison.Ordinal));
    }

    /// <summary>Quantised networks keep integers at their ends, with the parameters that the file's metadata state.</summary>
    private static void CheckEnds(Graph graph, bool integers)
    {
        foreach ((string key, ValueInfo value) in new[] { ("onnx.input.quant", graph.Inputs.Single()), ("onnx.output.quant", graph.Outputs.Single()) })
        {
            Assert.Equal(integers, value.Type != ElementType.Float32);
            if (integers) Assert.True(value.Quantization is { IsPerTensor: true } && graph.Metadata.ContainsKey(key), graph.Metadata.GetValueOrDefault(key));
        }
    }

    private static long MultiplyAccumulates(Node node) => node.Type is OperatorType.Convolution or OperatorType.FullyConnected
        ? node.Output.Shape.ElementCount * node.Input(1).Shape.CountOf(1, node.Input(1).Shape.Rank) : 0;
}
