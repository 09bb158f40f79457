using EdgeRuntime.Kernels;
using EdgeRuntime.Model;
using EdgeRuntime.Tensors;
using Xunit;

namespace EdgeRuntime.Inference.Tests;

/// <summary>Weights that a packed file holds in kernels' layouts are used where they fit, and only there.</summary>
public sealed class PrepackingTests
{
    [Fact]
    public void Weights_of_the_file_give_the_outputs_of_packed_ones_and_take_no_memory()
    {
        foreach (bool isInt8 in new[] { true, false })
            for (int seed = 0; seed < 20; seed++)
            {
                using PackedModel file = Packed(RandomGraphs.Create(seed, isInt8), CpuFeatures.Detect());
                using InferenceSession mapped = new(file.Graph, new SessionOptions { Packed = file }), packed = new(file.Graph);
                Assert.Equal(packed.WeightBytes == 0, file.Prepacked.Count == 0);
                Assert.Equal(0, mapped.WeightBytes);
                Assert.Equal(Outputs(packed, seed), Outputs(mapped, seed));
            }
    }

    [Fact]
    public void Panels_of_another_instruction_set_are_left_alone()
    {
        CpuFeature other = CpuFeatures.Detect().Has(CpuFeature.Neon) ? CpuFeature.Avx2 : CpuFeature.Neon;
        using PackedModel file = Packed(RandomGraphs.Create(2, isInt8: true), new CpuFeatures(other));
        Assert.NotEmpty(file.Prepacked);
        using InferenceSession session = new(file.Graph, new SessionOptions { Packed = file }), plain = new(file.Graph);
        Assert.Equal(plain.WeightBytes, session.WeightBytes);
        Assert.Equal(Outputs(plain, 1), Outputs(session, 1));
    }

    [Theory]
    [InlineData("weights")]
    [InlineData("scale of the weights")]
    [InlineData("scale of the output")]
    [InlineData("clamp")]
    public void Panels_of_a_layer_that_was_changed_are_not_used(string what)
    {
        using PackedModel file = Packed(RandomGraphs.Create(0, isInt8: true), CpuFeatures.Detect());
        Node node = file.Graph.Nodes.First(n => n.Type is OperatorType.Convolution or OperatorType.FullyConnected);
        ValueInfo w = node.Input(1);
        switch (what)
        {
            case "weights":
                byte[] bytes = w.Constant!.Data.ToArray();
                bytes[^1] ^= 1;
                w.Constant = new Tensor(w.Constant.Type, w.Constant.Shape, bytes);
                break;
            case "scale of the weights":
                w.Quantization = new QuantizationParameters([.. w.Quantization!.Scales.ToArray().Select(s => s * 1.5f)], w.Quantization.ZeroPoints, w.Quantization.Axis);
                break;
            case "scale of the output":
                node.Output.Quantization = new QuantizationParameters(node.Output.Quantization!.Scale * 1.25f, node.Output.Quantization.ZeroPoint);
                break;
            default:
                node.Attributes.Set("min", -1.25f);
                break;
        }
        using InferenceSession session = new(file.Graph, new SessionOptions { Packed = file }), plain = new(file.Graph);
        Assert.InRange(session.WeightBytes, 1, plain.WeightBytes);
        Assert.Equal(Outputs(plain, 3), Outputs(session, 3));
    }

    private static PackedModel Packed(Graph graph, CpuFeatures cpu)
    {
        using MemoryStream stream = new();
        ModelWriter.Write(graph, stream, new ModelWriterOptions { Prepacked = InferenceSession.Prepack(graph, new SessionOptions { Cpu = cpu }).Panels });
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, stream.ToArray());
            return ModelReader.Open(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static byte[] Outputs(InferenceSession session, int seed)
    {
        RandomGraphs.FillInputs(session, seed);
        session.Run();
        return [.. Enumerable.Range(0, session.Outputs.Count).SelectMany(i => session.OutputBytes(i).ToArray())];
    }
}
